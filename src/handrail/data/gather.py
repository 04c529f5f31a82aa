"""Gather the facts that lineage is made of, each only as far as the caller may know of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from textwrap import dedent

from handrail.data import reads_store
from handrail.data.catalog import CATALOG, contract_of
from handrail.data.lineage_models import AppRead, Edge, EdgeKind, Node, Question
from handrail.data.metric_lineage import MadeOf, made_of
from handrail.data.metrics import definitions_of
from handrail.data.models import Contract
from handrail.data.outputs import traced
from handrail.data.query import understood
from handrail.data.stands import stands
from handrail.kernel import Context, Refusal, Resource, access
from handrail.kernel.ports import AppUse


class Gathering:
    """The facts of one question, each looked up once."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.catalog = access.decide(ctx, "see-datasets", CATALOG).allowed
        self.definitions = definitions_of(ctx)
        self.metrics = self.made() if access.decide(ctx, "see-metrics", CATALOG).allowed else {}
        self.apps: dict[str, AppUse] = {}  # those met so far that concern the caller
        self.edges: list[Edge] = []
        self.datasets: dict[str, Contract | None] = {}
        self.uses: dict[str, bool] = {}

    def made(self) -> dict[str, MadeOf]:
        """What each metric is made of; one that cannot be right is made of nothing, and its page says why."""
        found = {}
        for name, one in self.definitions.items():
            try:
                made = made_of(one)
            except Refusal:
                made = MadeOf()
            # what two models define is no metric for now
            parts = tuple(other for other in made.metrics if other in self.definitions)
            found[name] = replace(made, metrics=parts)
        return found

    def meet(self, about: Collection[str] = (), names: Collection[str] | None = ()) -> None:
        """Get to know the apps that declare one of these, and those of these names (None: all)."""
        self.apps |= {use.name: use for use in self.ctx.ports.apps.known(self.ctx, about, names)}

    def dataset(self, name: str) -> None:
        """What a dataset is copied from and refers to, the metrics on it, and the apps that read it."""
        self.above(name)
        self.refers(name)
        self.below([m for m, made in self.metrics.items() if any(d == name for d, _, _ in made.columns)])
        self.readers(name)

    def contract(self, dataset: str) -> Contract | None:
        if dataset not in self.datasets:
            try:
                self.datasets[dataset] = contract_of(self.ctx, dataset)
            except Refusal:
                self.datasets[dataset] = None
        return self.datasets[dataset]

    def above(self, dataset: str) -> None:
        """Where a dataset is copied from, or read."""
        contract = self.contract(dataset)
        if contract:
            pairs = tuple((column.name, column.name) for column in contract.columns)
            origin = f"source:{contract.source}/{contract.physical_name}"
            kind: EdgeKind = "live" if contract.engine else "copied"
            self.edges.append(Edge(origin, f"dataset:{dataset}", kind, pairs))

    def refers(self, name: str) -> None:
        """The datasets that its keys point to."""
        contract = self.contract(name)
        for column in contract.columns if contract else ():
            if column.references and self.contract(column.references[0]):
                dataset, other = column.references
                pair = ((other, column.name),)
                self.edges.append(Edge(f"dataset:{dataset}", f"dataset:{name}", "refers", pair))
        for link in contract.combined if contract else ():
            if self.contract(link.dataset):
                pairs = tuple((target, own) for own, target in link.pairs)
                self.edges.append(Edge(f"dataset:{link.dataset}", f"dataset:{name}", "refers", pairs))

    def metric(self, name: str) -> None:
        """What a metric is made of, down to the sources."""
        made = self.metrics[name]
        for other in made.metrics:
            self.edges.append(Edge(f"metric:{other}", f"metric:{name}", "made", (("", ""),)))
            self.metric(other)
        used = {dataset for dataset, _, _ in made.columns} | ({made.ties_to[0]} if made.ties_to else set())
        for dataset, kind, columns in made.columns if self.catalog else ():
            self.edges.append(Edge(f"dataset:{dataset}", f"metric:{name}", kind, _values(columns)))
        if made.ties_to and self.catalog:
            dataset, columns = made.ties_to
            self.edges.append(Edge(f"dataset:{dataset}", f"metric:{name}", "tied", _values(columns)))
        for dataset in used if self.catalog else ():
            self.above(dataset)

    def below(self, names: list[str]) -> None:
        """These metrics with what is made of them, and the apps that use any."""
        found: list[str] = []
        while names:
            found += names
            names = [
                m for m, made in self.metrics.items() if m not in found and set(made.metrics) & set(names)
            ]
        for name in found:
            self.metric(name)
        seen = {metric: self.may_see_use(metric) for metric in found}
        users = reads_store.users_of(self.ctx, found)
        self.meet(found, {app for _, app, _ in users})
        for metric, app, where in users:
            if seen[metric] or self.tried(app, where):
                self.used(app, f"metric:{metric}", "read", (("", ""),), where)
        for use in self.apps.values():
            for metric in found:
                if metric in use.manifest.metrics:
                    self.used(use.name, f"metric:{metric}", "declared", (("", ""),), use.environment)

    def readers(self, dataset: str) -> None:
        """The apps that read a dataset themselves."""
        all_use, reads = self.may_see_use_of(dataset), reads_store.reads_by_apps(self.ctx, dataset=dataset)
        self.meet([dataset], {one.app for one in reads})
        self.read(one for one in reads if all_use or self.tried(one.app, one.environment))
        for use in self.apps.values():
            if dataset in use.manifest.datasets:
                self.declares(use, dataset)

    def app(self, name: str) -> tuple[Question, ...]:
        """What an app declares and has read; and, for those who read its code, what it asked."""
        use = self.apps[name]
        reads = [
            one
            for one in reads_store.reads_by_apps(self.ctx, app=name)
            if self.tried(name, one.environment) or self.may_see_use_of(one.dataset)
        ]
        if self.catalog:
            self.read(reads)
            for dataset in use.manifest.datasets:
                self.declares(use, dataset)
        metrics = {one.metric for one in reads if one.metric} | set(use.manifest.metrics)
        for metric in sorted(metrics & self.metrics.keys()):
            self.metric(metric)
            for where in sorted({one.environment for one in reads if one.metric == metric}):
                self.used(name, f"metric:{metric}", "read", (("", ""),), where)
            if metric in use.manifest.metrics:
                self.used(name, f"metric:{metric}", "declared", (("", ""),), use.environment)
        for dataset in sorted({one.dataset for one in reads if not one.metric} | set(use.manifest.datasets)):
            if self.catalog:
                self.above(dataset)
        return self.questions(use) if use.code and self.catalog else ()

    def questions(self, use: AppUse) -> tuple[Question, ...]:
        found = []
        for sql in reads_store.questions_of(self.ctx, use.name, use.newest):
            try:
                resolved, contracts = understood(self.ctx, sql)
            except Refusal:  # a dataset that it named is gone, or has lost a column since
                found.append(Question(sql, (), {}))
                continue
            found.append(traced(dedent(sql).strip(), resolved, contracts))
        return tuple(found)

    def read(self, reads: Iterable[AppRead]) -> None:
        by: dict[tuple[str, str, str], list[str]] = {}
        for one in reads:
            if not one.metric:
                by.setdefault((one.app, one.dataset, one.environment), []).append(one.column)
        for (app, dataset, where), columns in by.items():
            named = [column for column in columns if column] or [""]
            self.used(app, f"dataset:{dataset}", "read", _values(named), where)

    def declares(self, use: AppUse, dataset: str) -> None:
        contract = self.contract(dataset)
        every = tuple(column.name for column in contract.columns) if contract else ("",)
        columns = use.manifest.datasets[dataset] or every
        self.used(use.name, f"dataset:{dataset}", "declared", _values(columns), use.environment)

    def used(
        self, app: str, origin: str, kind: EdgeKind, columns: tuple[tuple[str, str], ...], where: str
    ) -> None:
        self.edges.append(Edge(origin, f"app:{app}", kind, columns, (where,)))

    def tried(self, app: str, environment: str) -> bool:
        """Whether the caller reads the app's code, and so may know what it read in the sandbox."""
        return environment == "sandbox" and app in self.apps and self.apps[app].code

    def may_see_use(self, metric: str) -> bool:
        """Whether the caller may know of every use of what a metric is made of."""
        made = self.metrics[metric]
        return all(self.may_see_use_of(dataset) for dataset, _, _ in made.columns) and all(
            map(self.may_see_use, made.metrics)
        )

    def may_see_use_of(self, dataset: str) -> bool:
        """Whether the caller may know of every use of a dataset."""
        if dataset not in self.uses:
            self.uses[dataset] = access.decide(self.ctx, "see-use", Resource("Dataset", dataset)).allowed
        return self.uses[dataset]

    def nodes(self, of: str) -> Mapping[str, Node]:
        """Every node that an edge names, described."""
        names = {of, *(edge.origin for edge in self.edges), *(edge.target for edge in self.edges)}
        return {name: self.node(name) for name in sorted(names)}

    def node(self, name: str) -> Node:
        kind, _, plain = name.partition(":")
        if kind == "source":
            return Node("source", plain, "table of a source")
        if kind == "dataset":
            contract = self.contract(plain)
            columns = tuple(column.name for column in contract.columns) if contract else ()
            return Node("dataset", plain, "" if contract else "its contract cannot be read", columns)
        if kind == "metric":
            one = self.definitions.get(plain)
            return Node("metric", plain, stands(self.ctx, one).state if one else "")
        use = self.apps.get(plain)
        return Node("app", plain, use.environment if use else "")


def _values(columns: Iterable[str]) -> tuple[tuple[str, str], ...]:
    return tuple((column, "") for column in columns)
