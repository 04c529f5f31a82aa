"""Check the quality of a dataset: hold everything that its contract promises against its extract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from handrail.data import quality_store, spoken, store
from handrail.data.catalog import CATALOG, contract_of
from handrail.data.events import QualityBroken, QualityChecked, QualityMended, WorkFailed
from handrail.data.govern import SCHEMA
from handrail.data.models import Contract, Extract
from handrail.data.places import there
from handrail.data.promises import Freshness, QualityCheck, Result, Rule
from handrail.data.pushdown import Question, alone, promises_of, scan, scans_with_others
from handrail.data.sources.table import quote
from handrail.data.store import all_extracts
from handrail.data.tell_counts import checks_told, told
from handrail.kernel import Context, NotReady, Refusal, Resource, access, storage
from handrail.kernel.ports import EngineLimits

SHOWN = 60  # checks of a dataset's history


def check_quality(ctx: Context, name: str) -> QualityCheck:
    """Hold the contract's promises against the extract now, and keep what came of it in the history.

    All rules that one scan can answer are counted in one; keys of several columns, references and custom SQL
    in a question each, in the locked engine. Counts are kept, never values, and told as `tell_counts.sight`
    says. Refuses anybody but stewards and what has no data. A rule that cannot be counted is `unchecked`, and
    says why.
    """
    access.require(ctx, "check-quality", Resource("Dataset", name))
    made = checked(ctx, name, "asked")
    return replace(made, results=told(ctx, name, made.results))


def quality_history(ctx: Context, name: str, limit: int = SHOWN) -> tuple[QualityCheck, ...]:
    """The newest checks of a dataset, newest first.

    What was counted, and the promises in words, are told as `tell_counts.sight` says.
    """
    access.require(ctx, "see-datasets", CATALOG)
    how, found = checks_told(ctx, name, quality_store.checks_of(ctx, name, limit))
    if how == "outcome":
        return tuple(found)
    hidden = _hidden(ctx, name)
    return tuple(
        replace(one, results=tuple(_without_values(r, hidden) for r in one.results)) for one in found
    )


def _hidden(ctx: Context, name: str) -> tuple[str, ...]:
    """The columns whose values are hidden from somebody, or of which the contract does not tell."""
    try:
        columns = contract_of(ctx, name).columns
    except Refusal:
        return ("",)
    return tuple(column.name for column in columns if column.mask or column.classification)


def _without_values(one: Result, hidden: Sequence[str]) -> Result:
    """The result; accepted values of a column that has been hidden since are not told any more."""
    column, said, _ = one.promise.partition(" is one of ")
    if not said or (column not in hidden and "" not in hidden):
        return one
    return replace(one, promise=f"{column} is one of its accepted values")


def checked(
    ctx: Context, name: str, cause: str, first: Sequence[Result] = (), drift: Mapping[str, Any] | None = None
) -> QualityCheck:
    """Check and record, for verbs that asked their own rule; `first` are results that they bring along."""
    ctx.events.if_refused(lambda refusal: WorkFailed("check", name, refusal.code))
    contract, extracts = contract_of(ctx, name), all_extracts(ctx)
    if name not in extracts:
        raise NotReady(f"{name} has no data yet.", next_step=f"Import its source ({contract.source}).")
    extract = _looked_at(ctx, contract, extracts[name]) if contract.engine else extracts[name]
    extracts[name] = extract
    made = QualityCheck(
        id=storage.new_id("check"),
        dataset=name,
        digest=contract.digest,
        as_of=extract.as_of,
        rows=extract.rows,
        at=quality_store.moment_of(ctx, name),
        by=ctx.caller.person.id,
        cause=cause,
        results=(*first, *results(ctx, contract, extracts)),
        drift=drift,
    )
    before = next(iter(quality_store.checks_of(ctx, name, 1)), None)
    quality_store.add_check(ctx, made)
    broken, were = (tuple(one.promise for one in check.broken) if check else () for check in (made, before))
    ctx.audit.note(
        "quality.checked",
        f"dataset:{name}",
        outcome=made.outcome,
        promises=len(made.results),
        broken=len(broken),
        contract=contract.digest,
    )
    ctx.events.publish(QualityChecked(name, made.id))
    if broken:
        ctx.events.publish(QualityBroken(name, broken, made.id, since=broken == were))
    elif were:
        ctx.events.publish(QualityMended(name))
    return made


def _looked_at(ctx: Context, contract: Contract, before: Extract) -> Extract:
    """What is known of a table that stays at its source, as of now: how many rows it has.

    Per cents are of these, and whatever rests on older data (a reconciliation) is due again.
    """
    sql = f"SELECT count(*) FROM {quote(SCHEMA)}.{quote(contract.name)}"  # noqa: S608
    try:
        found = _ask(ctx, Question(sql, {}, frozenset({contract.name})), {contract.name: before})
    except Refusal:  # each promise says why it cannot be counted
        return before
    now = replace(before, rows=int(found[0]), as_of=ctx.clock.now())
    store.put_extract(ctx, now)
    return now


def results(ctx: Context, contract: Contract, extracts: Mapping[str, Extract]) -> tuple[Result, ...]:
    """What comes of each promise of `contract`, which need not be the one that is in force."""
    return tuple(_results(ctx, contract, extracts))


def _results(ctx: Context, contract: Contract, extracts: Mapping[str, Extract]) -> Iterator[Result]:
    rules = promises_of(contract)
    together = [rule for rule in rules if scans_with_others(rule)]
    counts = _together(ctx, contract, together, extracts)
    rows = extracts[contract.name].rows
    for rule in rules:
        shared = rule in together
        found = counts[together.index(rule)] if shared else _one(ctx, contract, rule, extracts)
        yield _result(contract, rule, found, rows)
    if contract.freshness:
        age = counts[-1]
        if contract.freshness.column is None:
            age = (ctx.clock.now() - extracts[contract.name].as_of).total_seconds()
        yield _aged(contract.freshness, age)


Found = float | Refusal | None


def _together(
    ctx: Context, contract: Contract, rules: Sequence[Rule], extracts: Mapping[str, Extract]
) -> list[Found]:
    """The counts of these rules, and the age last. When one spoils the scan, each is counted by itself."""
    fresh = contract.freshness if contract.freshness and contract.freshness.column else None
    now = ctx.clock.now()
    try:
        row = list(_ask(ctx, scan(contract, rules, fresh, now), extracts)[1:])
    except Refusal as refusal:
        if len(rules) + bool(fresh) == 1:
            return [refusal, refusal]
        row = [_together(ctx, replace(contract, freshness=None), [rule], extracts)[0] for rule in rules]
        row += [_together(ctx, contract, [], extracts)[0]] if fresh else []
    return row if fresh else [*row, None]


def _one(ctx: Context, contract: Contract, rule: Rule, extracts: Mapping[str, Extract]) -> Found:
    try:
        others = {name: contract_of(ctx, name) for name in contract.looks_up if rule.counted == "sql"}
        found = _ask(ctx, alone(contract, rule, others), extracts)
    except Refusal as refusal:
        return refusal
    return found[0] if found else None


def _ask(ctx: Context, question: Question, extracts: Mapping[str, Extract]) -> tuple[Any, ...]:
    """The one row of a question, each value as a number; empty when it has none or several."""
    for other in sorted(question.datasets - set(extracts)):
        raise NotReady(f"There is no dataset {other}.", next_step="Import its source.")
    limits = ctx.settings.data
    rows = ctx.ports.engine.run(
        question.sql,
        question.values,
        SCHEMA,
        {name: there(ctx, contract_of(ctx, name)) for name in question.datasets},
        EngineLimits(limits.seconds, limits.memory_mb, limits.threads),
    )
    found: list[tuple[Any, ...]] = []
    for batch in rows.batches():
        found += zip(*(column.to_pylist() for column in batch.columns), strict=True)
        if len(found) > 1:
            rows.close()
            return ()
    return tuple(None if value is None else float(value) for value in found[0]) if found else ()


def _result(contract: Contract, rule: Rule, found: Found, rows: int) -> Result:
    promise, about = spoken.promise(rule, contract), spoken.KINDS_OF.get(rule.counted, "")
    if isinstance(found, Refusal) or found is None:
        why = found.message if found else "It answered with no number, or with more than one row."
        return Result(promise, "unchecked", None, why, rule.blocking, about)
    if rule.bound.holds(found, rows):
        return Result(promise, "kept", found, "", rule.blocking, about)
    return Result(promise, "broken", found, spoken.counted(rule, found, rows), rule.blocking, about)


def _aged(freshness: Freshness, age: Found) -> Result:
    promise, about = spoken.fresh(freshness), spoken.KINDS_OF["age"]
    if isinstance(age, Refusal) or age is None:
        return Result(
            promise, "unchecked", None, age.message if age else "It holds no date at all.", about=about
        )
    kept = age <= freshness.age.total_seconds()
    return Result(promise, "kept" if kept else "broken", age, "" if kept else spoken.age(age), about=about)
