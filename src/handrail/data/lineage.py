"""Lineage: what a dataset, metric or app comes from and leads to, column by column.

Nothing is drawn up by hand: contracts say which table of a source a dataset copies, models say which columns
a metric is made of, manifests say what apps declare, and runs show what they read.
"""

from __future__ import annotations

from handrail.data import store
from handrail.data.catalog import CATALOG, contract_of
from handrail.data.gather import Gathering
from handrail.data.lineage_models import Lineage, NodeKind, Question
from handrail.data.models import Contract
from handrail.data.parse import nearest
from handrail.data.trace import trace
from handrail.kernel import Context, Invalid, NotFound, access

KINDS: tuple[NodeKind, ...] = ("dataset", "metric", "app")


def lineage(ctx: Context, name: str, column: str | None = None) -> Lineage:
    """What `name` comes from and leads to: a dataset, metric or app, plain or with its kind (metric:revenue).

    With `column`, one of a dataset, only what that column goes through. Everybody sees what contracts and
    models say; an app is named to whom it concerns, by what it declares, and to those who read its code also
    by what it read in the sandbox. What apps really read in production is for whoever may see the use of the
    dataset. An app that the caller may not know of is NotFound, as one that does not exist.
    """
    facts = Gathering(ctx)
    kind, plain = _chosen(facts, name)
    questions: tuple[Question, ...] = ()
    if column is not None and kind != "dataset":
        raise Invalid(f"{plain} is no dataset, and has no columns.", next_step="Leave the column out.")
    if kind == "dataset":
        access.require(ctx, "see-datasets", CATALOG)
        column = column and _column(contract_of(ctx, plain), column)
        facts.dataset(plain)
    elif kind == "metric":
        access.require(ctx, "see-metrics", CATALOG)
        facts.metric(plain)
        facts.below([plain])
    else:
        questions = facts.app(plain)
    of = f"{kind}:{plain}"
    nodes, edges = trace(of, column, facts.nodes(of), facts.edges)
    return Lineage(of, column, nodes, edges, questions)


def _chosen(facts: Gathering, name: str) -> tuple[NodeKind, str]:
    """What a name means; refuses NotFound what is not there, or not for the caller, and a double meaning."""
    kind, colon, plain = name.partition(":")
    plain = plain if colon else name
    hits = [one for one in KINDS if (not colon or one == kind) and _known(facts, one, plain)]
    if len(hits) == 1:
        return hits[0], plain
    if hits:
        choices = " or ".join(f"{one}:{name}" for one in hits)
        raise Invalid(f"{name} is the name of more than one thing.", next_step=f"Say which: {choices}.")
    facts.meet(names=None)
    datasets = store.all_extracts(facts.ctx) if facts.catalog else {}
    raise NotFound(
        f"There is no dataset, metric or app {name[:80]!r} that you may see.",
        next_step=nearest(plain, [*datasets, *facts.metrics, *facts.apps]),
    )


def _known(facts: Gathering, kind: NodeKind, name: str) -> bool:
    if kind == "metric":
        return name in facts.metrics
    if kind == "app":
        facts.meet(names=[name])
        return name in facts.apps
    try:
        return facts.catalog and bool(contract_of(facts.ctx, name))
    except NotFound:
        return False


def _column(contract: Contract, name: str) -> str:
    """The column as its contract writes it; case does not matter, as in SQL."""
    known = {column.name.lower(): column.name for column in contract.columns}
    if name.lower() not in known:
        raise NotFound(
            f"{contract.name} has no column {name[:80]!r}.", next_step=nearest(name, known.values())
        )
    return known[name.lower()]
