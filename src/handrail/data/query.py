"""The governed query: the only way to any dataset, for people, apps and metrics alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from handrail.data import store
from handrail.data.answer import Answer, Budget
from handrail.data.catalog import contract_of, declared_purposes, found
from handrail.data.compile_metric import compile_metric, rates
from handrail.data.counted import Counting, counting
from handrail.data.govern import SCHEMA, Statement, govern
from handrail.data.metrics import definition
from handrail.data.models import Contract, Dataset, Request
from handrail.data.observe import observe
from handrail.data.parse import nearest, read
from handrail.data.places import place_of
from handrail.data.renditions import rendition
from handrail.data.resolve import Resolved, named_tables, resolve
from handrail.data.stands import stands
from handrail.kernel import (
    Context,
    Decision,
    Environment,
    Invalid,
    Manifest,
    NotAllowed,
    NotReady,
    Resource,
    access,
    storage,
)
from handrail.kernel.ports import EngineLimits, Place, Rows

_ACTION = "query"
_parsed = lru_cache(maxsize=256)(read)  # the tree is copied before anything is changed in it
# Denials that pass by themselves once somebody has done something: the answer is "not ready".
_NOT_YET = frozenset({"query-needs-certification", "query-needs-twin"})


@dataclass(frozen=True)
class _Asked:
    """A request with everything settled that decides about it."""

    sql: str
    params: Mapping[str, Any]
    purpose: str
    environment: Environment
    metric: str | None
    app: str = ""
    manifest: Manifest | None = None
    certified: bool | None = None  # of a metric: whether it carries the badge
    ties_to: str | None = None
    currency: str | None = None  # that amounts are converted into, at these rates
    rates: str | None = None


@dataclass(frozen=True)
class _Read:
    """A dataset as this question reads it: its state, the place that answers, and the decision."""

    dataset: Dataset
    place: Place | None
    as_of: datetime
    decision: Decision


def query(ctx: Context, request: Request) -> Answer:
    """Answer a question from what the caller may see; the answer is streamed.

    Production answers from certified datasets, with the caller's rows and masks; the sandbox from their
    twins, with all masks. Each dataset is decided by the action "query", and the decision is on the trail,
    durably, before a row leaves; the counts follow when the answer is closed. From a run, the run says which
    app, purpose and environment; otherwise a purpose is needed. An app may read the datasets that it
    declares; in production only the columns that it declares too, while the sandbox records them, for the
    review to see.

    Refuses Invalid and NotAllowed SQL (`parse.read`, `resolve`), NotReady without certification or twin,
    NotAllowed by a rule, LimitReached beyond the limits in settings, also while rows are being taken, and
    beyond the viewer's budget of entities (`reveal`), in production.
    """
    asked = _settled(ctx, request)
    resolved, contracts = understood(ctx, asked.sql)
    if not resolved.reads:
        raise Invalid("The query reads no dataset.", next_step="Name one in FROM.", subject="query")
    reads = [_decided(ctx, asked, name, columns) for name, columns in resolved.reads.items()]
    name = storage.new_id("query")
    count = counting(ctx, name, asked.app, asked.environment, resolved, contracts)
    person, secret = ctx.caller.person, ctx.instance.secret("mask")

    def governed(question: Resolved) -> Statement:
        wanted = question.parameters if question is not count.question else asked.params
        params = {key: value for key, value in asked.params.items() if key in wanted}
        return govern(question, contracts, person, asked.environment, secret, params)

    statement = governed(count.question)
    _record(ctx, name, asked, resolved, statement, reads)
    return _run(ctx, name, asked, resolved, statement, reads, count, governed)


def observed_reads(
    ctx: Context, app: str, commit: str | None = None, environment: str | None = None
) -> Mapping[str, frozenset[str]]:
    """The datasets and columns that runs of an app have read: one version or all, one environment or both.

    Asks no rule: it holds names of columns only, for rooms that compare them with what was declared.
    """
    return store.observations(ctx, app, commit, environment)


def _settled(ctx: Context, request: Request) -> _Asked:
    run = ctx.caller.run
    app, environment, manifest, purpose = request.app or "", request.environment, None, request.purpose
    if run:
        app, environment, manifest = run.app, run.environment, run.manifest
    elif app:
        _, manifest = ctx.ports.apps.declared(ctx, app, environment)
    if manifest:
        purpose = manifest.purpose
    purpose = _bound(ctx.caller.purposes, purpose)
    declared = declared_purposes(ctx)
    if not purpose or purpose not in declared:
        said = f"There is no purpose {purpose}." if purpose else "A query needs a purpose."
        raise Invalid(said, next_step=nearest(purpose or "", declared), subject="query")
    if (request.sql is None) == (request.metric is None):
        raise Invalid("Ask with SQL or for a metric, one of the two.", next_step="Leave one of them out.")
    if request.metric is None:
        return _Asked(request.sql or "", request.params, purpose, environment, None, app, manifest)
    metric = request.metric.name
    if manifest and metric not in manifest.metrics:
        raise NotAllowed(
            f"{app} does not declare the metric {metric}.",
            next_step=f'Add it to [metrics] in handrail.toml: use = ["{metric}"].',
            subject=f"metric:{metric}",
            rule="query-needs-declared-metric",
        )
    one = definition(ctx, metric)
    question, to = compile_metric(one, request.metric), one.settings.ties_to
    badge = stands(ctx, one).certified, to.dataset if to else None
    into = request.metric.currency
    money = (into, rates(one)) if into else ()
    return _Asked(question.sql, question.params, purpose, environment, metric, app, manifest, *badge, *money)


def _bound(to: frozenset[str] | None, purpose: str | None) -> str | None:
    """The purpose of a question by a token that is bound to some: the only one, or the one that was said."""
    if to is None or purpose in to:
        return purpose
    if purpose is None and len(to) == 1:
        return next(iter(to))
    raise NotAllowed(
        f"This token may ask for {', '.join(sorted(to))}, and not for {purpose or 'no purpose'}.",
        next_step="Ask for that, or make a token for your purpose on your page, under “Tokens”.",
        subject="query",
        rule="token-purpose",
    )


def understood(ctx: Context, sql: str) -> tuple[Resolved, Mapping[str, Contract]]:
    """What `sql` reads, by the contracts of today, for verbs of this room; refuses as `query` does."""
    tree = _parsed(sql).copy()
    known = store.all_extracts(ctx).keys()
    contracts = {name: contract_of(ctx, name) for name in sorted(named_tables(tree) & known)}
    return resolve(tree, sql, contracts, known), contracts


def _decided(ctx: Context, asked: _Asked, name: str, columns: tuple[str, ...]) -> _Read:
    now = found(ctx, name)
    twin = rendition(ctx, name) if asked.environment == "sandbox" else None
    contract = now.contract
    resource = Resource("Dataset", name)
    decision = access.decide(
        ctx,
        _ACTION,
        resource,
        environment=asked.environment,
        state=now.state,
        certified=now.certified,
        twin=twin is not None,
        owner=contract.owner or "its steward",
        readers=contract.readers,
        purpose=asked.purpose,
        purposes=contract.purposes,
        app=asked.app,
        **_against_manifest(asked, name, columns),
    )
    if not decision.allowed:
        denial = access.denial(decision, _ACTION, resource)
        if decision.rule in _NOT_YET:
            raise NotReady(denial.message, next_step=denial.next_step, **denial.facts)
        raise denial
    if twin is not None:
        return _Read(now, twin.path, twin.built_at, decision)
    as_of = ctx.clock.now() if contract.engine else now.as_of
    return _Read(now, place_of(contract, store.get_extract(ctx, name)), as_of, decision)


def _against_manifest(asked: _Asked, name: str, columns: tuple[str, ...]) -> dict[str, Any]:
    """What the app declared about this dataset: whether it did, and the columns it reads beyond that."""
    if asked.manifest is None or asked.metric:
        return {"declared": True, "undeclared": ()}
    if name not in asked.manifest.datasets:
        return {"declared": False, "undeclared": ()}
    stated = asked.manifest.datasets[name]
    return {"declared": True, "undeclared": tuple(c for c in columns if stated and c not in stated)}


def _record(
    ctx: Context,
    name: str,
    asked: _Asked,
    resolved: Resolved,
    statement: Statement,
    reads: list[_Read],
) -> None:
    """Put the decisions on the trail, durably, and count what a run reads; nothing has left yet."""
    facts: dict[str, Any] = {"query": name, "purpose": asked.purpose, "environment": asked.environment}
    facts |= {"metric": asked.metric, "metric_certified": asked.certified} if asked.metric else {}
    facts |= {"app": asked.app} if asked.app else {}
    notes = [
        (
            f"dataset:{read.dataset.name}",
            {
                **facts,
                "columns": list(resolved.reads[read.dataset.name]),
                "masked": list(statement.masked.get(read.dataset.name, ())),
                "contract": read.dataset.hash,
                "rule": read.decision.rule,
                "policy_version": read.decision.policy_version,
            },
        )
        for read in reads
    ]
    run = ctx.caller.run
    if run is None and len(notes) == 1:
        subject, about = notes[0]
        ctx.audit.now("query.allowed", subject, **about)
        return
    with ctx.instance.context(ctx.caller) as own:  # a transaction of its own, committed before a row leaves
        for subject, about in notes:
            own.audit.note("query.allowed", subject, **about)
        if run:
            observe(own, run, resolved.reads, asked.metric, asked.sql)


def _run(
    ctx: Context,
    name: str,
    asked: _Asked,
    resolved: Resolved,
    statement: Statement,
    reads: list[_Read],
    count: Counting,
    governed: Callable[[Resolved], Statement],
) -> Answer:
    limits = ctx.settings.data
    began = ctx.clock.now()
    trail, clock = ctx.audit, ctx.clock

    def closing(rows: int, size: int, ended: str) -> None:
        taken = round((clock.now() - began).total_seconds() * 1000)
        about = {"rows": rows, "bytes": size, "ended": ended, "milliseconds": taken}
        trail.now("query.answered", f"query:{name}", **about, **count.facts())

    def started(one: Statement) -> Rows:
        places = {read.dataset.name: read.place for read in reads if read.place}
        most = EngineLimits(limits.seconds, limits.memory_mb, limits.threads)
        return ctx.ports.engine.run(one.sql, one.values, SCHEMA, places, most)

    count.beside(lambda question: started(governed(question)))
    rows = count.rows(started(statement))
    return Answer(
        id=name,
        environment=asked.environment,
        columns_read=resolved.reads,
        masked=statement.masked,
        as_of=min((read.as_of for read in reads), default=None),
        certified=asked.certified,
        ties_to=asked.ties_to,
        _rows=rows,
        _budget=Budget(limits.max_rows, limits.max_mb),
        _closing=closing,
        currency=asked.currency,
        rates=asked.rates,
    )
