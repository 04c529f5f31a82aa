"""The governed query: the only way to any dataset, for people, apps and metrics alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from handrail.data import store
from handrail.data.answer import CANCELLED, Answer, Budget
from handrail.data.asked import Asked, settled
from handrail.data.catalog import assemble, contract_of
from handrail.data.counted import Counting, counting
from handrail.data.current_store import Recorded, recorded
from handrail.data.govern import SCHEMA, Entitlement, Statement
from handrail.data.models import Contract, Dataset, Rendition, Request
from handrail.data.no_row import why_no_rows
from handrail.data.observe import observe
from handrail.data.places import place_of
from handrail.data.plans import Plan, named
from handrail.data.renditions import rendition
from handrail.data.resolve import Resolved
from handrail.data.slots import Slot, take_slot
from handrail.data.still import still
from handrail.kernel import (
    Context,
    Decision,
    Invalid,
    NotReady,
    Refusal,
    Resource,
    access,
    storage,
)
from handrail.kernel.ports import EngineLimits, Place, Rows

_ACTION = "query"
Found = TypeVar("Found")
# Denials that pass by themselves once somebody has done something: the answer is "not ready".
_NOT_YET = frozenset({"query-needs-certification", "query-needs-twin"})


@dataclass(frozen=True)
class _Read:
    """A dataset as this question reads it: its state, the place that answers, and the decision."""

    dataset: Dataset
    place: Place | None
    as_of: datetime
    decision: Decision


@dataclass(frozen=True)
class Question:
    """A question that was decided and is not asked yet."""

    name: str
    asked: Asked
    plan: Plan
    reads: tuple[_Read, ...]
    count: Counting
    viewer: Entitlement
    secret: Callable[[], bytes] = field(repr=False)  # read where a mask needs it

    def statement(self, of: Resolved | None = None) -> Statement:
        """What the engine runs; `of` is a question that counts whom this one shows, beside it."""
        question, given = of or self.count.question, self.asked.params
        if of is not None:
            every = {**given, **self.count.given}
            given = {key: value for key, value in every.items() if key in of.parameters}
        made = self.plan.rewritten(question, self.viewer, self.asked.environment)
        return made.bound(self.secret() if made.keyed else b"", given)


def query(ctx: Context, request: Request) -> Answer:
    """Answer a question from what the caller may see; the answer is streamed.

    Production answers from certified datasets, with the caller's rows and masks; the sandbox from their
    twins, with all masks. Each dataset is decided by the action "query", and the decision is on the trail,
    durably, before a row leaves; the counts follow when the answer is closed. From a run, the run says which
    app, purpose and environment; otherwise a purpose is needed. An app may read the datasets that it
    declares; in production only the columns that it declares too, while the sandbox records them, for the
    review to see.

    When the caller has left (`ctx.presence`), the statement is stopped, and the trail says so.

    Refuses Invalid and NotAllowed SQL (`parse.read`, `resolve`), NotReady without certification or twin,
    NotAllowed by a rule, LimitReached beyond the limits in settings, also while rows are being taken, and
    beyond the viewer's budget of entities (`reveal`), in production; and LimitReached while too many others
    are being answered (`slots`).
    """
    asked = settled(ctx, request)
    slot = take_slot(ctx, asked.app)  # before planning, which may take longer than answering
    try:
        question = _question(ctx, asked)
        statement = question.statement()
        return _run(ctx, question, statement, _record(ctx, question, statement), slot)
    except BaseException:
        slot.release()
        raise


def decided(ctx: Context, request: Request) -> Question:
    """Decide a question by everything that may refuse it before it is asked; puts nothing on the trail."""
    return _question(ctx, settled(ctx, request))


def _question(ctx: Context, asked: Asked) -> Question:
    plan, now = _planned(ctx, asked.sql)
    if not plan.resolved.reads:
        raise Invalid("The query reads no dataset.", next_step="Name one in FROM.", subject="query")
    reads = tuple(
        _decided(ctx, asked, plan.contracts[name], now[name], columns)
        for name, columns in plan.resolved.reads.items()
    )
    name = storage.new_id("query")
    count = counting(ctx, name, asked.app, asked.environment, plan, asked.groupings)
    viewer = Entitlement.of(ctx.caller.person, asked.environment)
    return Question(name, asked, plan, reads, count, viewer, partial(ctx.instance.secret, "mask"))


def observed_reads(
    ctx: Context, app: str, commit: str | None = None, environment: str | None = None
) -> Mapping[str, frozenset[str]]:
    """The datasets and columns that runs of an app have read: one version or all, one environment or both.

    Asks no rule: it holds names of columns only, for rooms that compare them with what was declared.
    """
    return store.observations(ctx, app, commit, environment)


def understood(ctx: Context, sql: str) -> tuple[Resolved, Mapping[str, Contract]]:
    """What `sql` reads, by the contracts of today, for verbs of this room; refuses as `query` does."""
    plan, _ = _planned(ctx, sql)
    return replace(plan.resolved, tree=plan.resolved.tree.copy()), plan.contracts


def _planned(ctx: Context, sql: str) -> tuple[Plan, Mapping[str, Recorded]]:
    """The plan of a question by today's contracts, and what is recorded now of each dataset that it names."""
    question = named(sql)
    now = recorded(ctx, question.tables)
    contracts = {name: contract_of(ctx, name) for name in sorted(now)}
    return Plan.of(question, contracts, _Known(ctx)), now


def _no_row(ctx: Context, question: Question) -> tuple[str, ...]:
    """Why the caller sees no row of some datasets; the sandbox filters none."""
    if question.asked.environment == "sandbox":
        return ()
    return why_no_rows((read.dataset.contract for read in question.reads), ctx.caller.person)


class _Known(Iterable[str]):
    """The names of all datasets, looked up only when one is to be suggested."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    def __iter__(self) -> Iterator[str]:
        return iter(store.all_extracts(self._ctx))


def _decided(
    ctx: Context, asked: Asked, contract: Contract, recorded: Recorded, columns: tuple[str, ...]
) -> _Read:
    name, proposals, certifications = contract.name, _some(recorded.proposal), _some(recorded.certification)
    now = assemble(ctx, contract, recorded.extract, proposals, certifications, ())
    twin = _twin(ctx, name) if asked.environment == "sandbox" else None
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
    return _Read(now, place_of(contract, recorded.extract), as_of, decision)


def _twin(ctx: Context, name: str) -> Rendition | None:
    """The twin that answers; a run is answered by the same one to its end."""
    run = ctx.caller.run
    build = run.twins.get(name) if run else None
    found = rendition(ctx, name, build, run.variant) if run and build else rendition(ctx, name)
    return replace(found, path=run.instead[name]) if run and found and name in run.instead else found


def _some(one: Found | None) -> tuple[Found, ...]:
    return () if one is None else (one,)


def _against_manifest(asked: Asked, name: str, columns: tuple[str, ...]) -> dict[str, Any]:
    """What the app declared about this dataset: whether it did, and the columns it reads beyond that."""
    if asked.manifest is None or asked.metric:
        return {"declared": True, "undeclared": ()}
    if name not in asked.manifest.datasets:
        return {"declared": False, "undeclared": ()}
    stated = asked.manifest.datasets[name]
    return {"declared": True, "undeclared": tuple(c for c in columns if stated and c not in stated)}


def _record(ctx: Context, question: Question, statement: Statement) -> list[Future[int]]:
    """Put the decisions on the trail, and count what a run reads. No row may leave before they are there."""
    name, asked, columns = question.name, question.asked, question.plan.resolved.reads
    facts: dict[str, Any] = {"query": name, "purpose": asked.purpose, "environment": asked.environment}
    facts |= {"metric": asked.metric, "metric_certified": asked.certified} if asked.metric else {}
    facts |= {"app": asked.app} if asked.app else {}
    notes = [
        (
            f"dataset:{read.dataset.name}",
            {
                **facts,
                "columns": list(columns[read.dataset.name]),
                "masked": list(statement.masked.get(read.dataset.name, ())),
                "contract": read.dataset.hash,
                "rule": read.decision.rule,
                "policy_version": read.decision.policy_version,
            },
        )
        for read in question.reads
    ]
    run = ctx.caller.run
    if run is None:
        return [ctx.audit.soon("query.allowed", subject, **about) for subject, about in notes]
    with ctx.instance.context(ctx.caller) as own:  # a transaction of its own, committed before a row leaves
        for subject, about in notes:
            own.audit.note("query.allowed", subject, **about)
        counted = question.count.subjects
        observe(own, run, columns, asked.metric, asked.sql, question.plan.contracts, counted)
    return []


def _run(
    ctx: Context, question: Question, statement: Statement, entries: list[Future[int]], slot: Slot
) -> Answer:
    asked, count = question.asked, question.count
    limits = ctx.settings.data
    began = ctx.clock.now()
    trail, clock = ctx.audit, ctx.clock

    def closing(rows: int, size: int, ended: str) -> None:
        taken = round((clock.now() - began).total_seconds() * 1000)
        about = {"rows": rows, "bytes": size, "ended": ended, "milliseconds": taken}
        trail.later("query.answered", f"query:{question.name}", **about, **count.facts())

    def recorded() -> None:
        for entry in entries:
            entry.result()

    def started(one: Statement) -> Rows:
        places = {read.dataset.name: read.place for read in question.reads if read.place}
        most = EngineLimits(limits.seconds, limits.memory_mb, limits.threads, ctx.presence)
        return ctx.ports.engine.run(one.sql, one.values, SCHEMA, places, most, question.plan.keys)

    try:
        count.beside(lambda beside: started(question.statement(beside)))
        rows = count.rows(started(statement))
    except (KeyboardInterrupt, Refusal) as error:
        if ctx.presence.gone or isinstance(error, KeyboardInterrupt):
            closing(0, 0, CANCELLED)
        raise
    return Answer(
        id=question.name,
        environment=asked.environment,
        columns_read=question.plan.resolved.reads,
        masked=statement.masked,
        as_of=min((read.as_of for read in question.reads), default=None),
        certified=asked.certified,
        ties_to=asked.ties_to,
        _rows=rows,
        _budget=Budget(limits.max_rows, limits.max_mb),
        _recorded=recorded,
        _slot=slot,
        _presence=ctx.presence,
        _closing=closing,
        _still=still(ctx, question, lambda own: _question(own, asked)),
        currency=asked.currency,
        rates=asked.rates,
        no_row=_no_row(ctx, question),
    )
