"""Compare two contracts: which changes are compatible, and which can break what works today."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from handrail.data import spoken
from handrail.data.models import Column, Contract, Mask

_T = TypeVar("_T")
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")
_UNSIGNED = ("UTINYINT", "USMALLINT", "UINTEGER")
_FLOATS = ("FLOAT", "DOUBLE")
_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")


@dataclass(frozen=True)
class Change:
    """One difference, in words. Breaking: an app or metric that works today may stop or answer otherwise.

    `column` is the only column it is about; None means the dataset as a whole.
    """

    text: str
    breaking: bool
    column: str | None = None


def compare_contracts(old: Contract, new: Contract) -> tuple[Change, ...]:
    """Every difference from `old` to `new`, breaking ones first. Asks nothing but the two contracts."""
    parts = (_columns, _combined, _use, _promises, _about)
    found = [change for part in parts for change in part(old, new)]
    return tuple(sorted(found, key=lambda change: not change.breaking))


def widens(old: str, new: str) -> bool:
    """Whether every value of type `old` is the same value in type `new`."""
    for family in (_INTEGERS, _UNSIGNED, _FLOATS):
        if old in family and new in family:
            return family.index(old) <= family.index(new)
    before, after = _DECIMAL.fullmatch(old), _DECIMAL.fullmatch(new)
    if before and after:
        whole = int(after[1]) - int(after[2]) >= int(before[1]) - int(before[2])
        return whole and int(after[2]) >= int(before[2])
    return old == new


def _columns(old: Contract, new: Contract) -> Iterator[Change]:
    for column in old.columns:
        after = new.column(column.name)
        if after is None:
            yield Change(f"The column {column.name} is gone.", True, column.name)
        else:
            yield from _column(column, after)
    for column in new.columns:
        if old.column(column.name) is None:
            yield Change(f"The column {column.name} ({column.type}) is new.", False, column.name)


def _column(old: Column, new: Column) -> Iterator[Change]:
    name = old.name
    if old.type != new.type:
        yield Change(f"{name} is {new.type}, and was {old.type}.", not widens(old.type, new.type), name)
    for promise, said in (
        ("required", "always has a value"),
        ("unique", "is never repeated"),
        ("primary_key", "belongs to the primary key"),
    ):
        before, after = getattr(old, promise), getattr(new, promise)
        if before and not after:
            yield Change(f"It is no longer promised that {name} {said}.", True, name)
        elif after and not before:
            yield Change(f"{name} {said}.", False, name)
    if old.references != new.references:
        target = ".".join(new.references or ())
        said = f"points at {target}" if target else "points at no other dataset any more"
        yield Change(f"{name} {said}.", old.references is not None, name)
    if old.mask != new.mask:
        yield Change(_masked(name, new.mask), not _shows_as_much(old.mask, new.mask), name)
    if old.classification != new.classification:
        yield Change(f"{name} holds {new.classification or 'nothing personal'}.", False, name)


def _combined(old: Contract, new: Contract) -> Iterator[Change]:
    """What several columns point at together: that they do so no longer breaks joins that rely on it."""
    for text, breaking, these, those in (
        ("{} together point at no row of {} any more.", True, old.combined, new.combined),
        ("{} together point at a row of {}.", False, new.combined, old.combined),
    ):
        for link in these:
            if not any(link.same_as(other) for other in those):
                yield Change(text.format(", ".join(link.columns), spoken.target(link)), breaking)


def _masked(name: str, mask: Mask | None) -> str:
    return f"Readers see {name} as {spoken.mask(mask)}." if mask else f"Readers see {name} as it is."


def _shows_as_much(old: Mask | None, new: Mask | None) -> bool:
    """Whether everybody who saw the value, or a certain mask of it, sees that or the value."""
    if new is None:
        return True
    if old is None or replace(old, unless_groups=()) != replace(new, unless_groups=()):
        return False
    return set(old.unless_groups) <= set(new.unless_groups)


def _use(old: Contract, new: Contract) -> Iterator[Change]:
    for yes, no, before, after in (
        ("The purpose {} is allowed.", "The purpose {} is no longer allowed.", old.purposes, new.purposes),
        ("Members of {} may read it.", "Members of {} may no longer read it.", old.readers, new.readers),
    ):
        yield from (Change(no.format(gone), True) for gone in _without(before, after))
        yield from (Change(yes.format(more), False) for more in _without(after, before))
    if old.row_filters != new.row_filters:
        rows = "; ".join(f"{whom}: {which}" for whom, which in spoken.rows(new))
        yield Change(f"Who sees which rows is decided otherwise. {rows}.", True)
    for had, has, said in (
        (old.budget, new.budget, "a viewer may see {} in a day"),
        (old.app_budget, new.app_budget, "an app may show {} in a day"),
    ):
        if had != has:
            limit = f"{has:,}" if has else "as many as the instance allows" if has is None else "all"
            less = has is not None and has > 0 and not 0 < (had or 0) <= has
            yield Change(f"Of whom it is about, {said.format(limit)}.", less)


def _promises(old: Contract, new: Contract) -> Iterator[Change]:
    # When a rule is checked is no part of what it promises.
    mine, theirs = ([replace(rule, schedule="") for rule in c.quality] for c in (old, new))
    said = {rule: spoken.promise(rule, c) for c, rules in ((old, mine), (new, theirs)) for rule in rules}
    for rule in _without(mine, theirs):
        column = rule.columns[0] if len(rule.columns) == 1 else None
        yield Change(f"It is no longer promised: {said[rule]}.", rule.blocking, column)
    for rule in _without(theirs, mine):
        column = rule.columns[0] if len(rule.columns) == 1 else None
        yield Change(f"It is promised: {said[rule]}.", False, column)
    before, after = old.freshness, new.freshness
    if before != after:
        same = before and after and before.column == after.column
        kept = before is None or bool(same and after and after.age <= before.age)
        yield Change(f"{spoken.fresh(after)}." if after else "Its age is limited no longer.", not kept)
    if old.retention != new.retention:
        said_so = (
            f"Rows are kept for {spoken.kept(new.retention)}." if new.retention else "Rows are kept for good."
        )
        longer = old.retention is not None and (not new.retention or new.retention.age >= old.retention.age)
        yield Change(said_so, not longer)


def _about(old: Contract, new: Contract) -> Iterator[Change]:
    for what, before, after in (
        ("The owner", old.owner, new.owner),
        ("The deputy", old.deputy, new.deputy),
        ("The description", old.description, new.description),
        ("The last day", old.expires, new.expires),
        ("The column that says whom a row is about", old.entity_key, new.entity_key),
        ("What such a person is called", old.subject, new.subject),
        ("The domain", old.domain, new.domain),
        ("What its own queries may look up", ", ".join(old.looks_up), ", ".join(new.looks_up)),
        ("Its twin", old.twin.words, new.twin.words),
    ):
        if before != after:
            yield Change(f"{what} is {after or 'nothing'} now.", False)


def _without(these: Sequence[_T], those: Sequence[_T]) -> list[_T]:
    return [one for one in these if one not in those]
