"""Schema drift: which columns an import finds renamed, dropped, retyped or new, with a guess at renames."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from handrail.data.models import Contract
from handrail.data.profile import relation
from handrail.data.promises import Result
from handrail.data.sources.table import first, quote
from handrail.data.words import words

_LIKELY = 0.6  # of 1: half by the name, half by the values that both have
_TELLING = 10  # distinct values; fewer are shared by chance
_COMPARED = 5_000  # distinct values of a column
_PAIRS = 400  # whose values are compared


@dataclass(frozen=True)
class Rename:
    """A column that is gone and a new one that looks like it; a guess, with its reason."""

    old: str
    new: str
    because: str


@dataclass(frozen=True)
class Drift:
    """How the columns of the data differ from those of its contract."""

    renamed: tuple[Rename, ...] = ()
    dropped: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    retyped: tuple[tuple[str, str, str], ...] = ()  # name, type in the contract, type now

    def __bool__(self) -> bool:
        return bool(self.renamed or self.dropped or self.new or self.retyped)

    @property
    def lost(self) -> tuple[str, ...]:
        """The columns, by their names in the contract, without which what reads them fails or differs."""
        return (*(one.old for one in self.renamed), *self.dropped, *(name for name, _, _ in self.retyped))

    def sentences(self) -> tuple[str, ...]:
        """The drift in words."""
        return (
            *(f"{one.old} seems to be called {one.new} now: {one.because}." for one in self.renamed),
            *(f"{name} is gone." for name in self.dropped),
            *(f"{name} is {now} now, and was {before}." for name, before, now in self.retyped),
            *(f"{name} is new." for name in self.new),
        )


def drift(stated: Contract, fresh: Contract, before: Path | None, now: Path) -> Drift:
    """How `fresh`, which describes the data as it is, differs from the contract as stated.

    A rename is guessed between columns of one type: by how alike their names are, and how many distinct
    values of the one in the extract `before` are in the other `now`. No value is kept or told.
    """
    gone = [column for column in stated.columns if fresh.column(column.name) is None]
    came = [column for column in fresh.columns if stated.column(column.name) is None]
    pairs = [(old.name, new.name) for old in gone for new in came if old.type == new.type]
    renamed = _renames(pairs, before if before and before.is_file() else None, now)
    old_names, new_names = {one.old for one in renamed}, {one.new for one in renamed}
    both = [(column, fresh.column(column.name)) for column in stated.columns]
    return Drift(
        renamed=renamed,
        dropped=tuple(column.name for column in gone if column.name not in old_names),
        new=tuple(column.name for column in came if column.name not in new_names),
        retyped=tuple((old.name, old.type, new.type) for old, new in both if new and new.type != old.type),
    )


def read_drift(kept: Mapping[str, Any] | None) -> Drift:
    """A drift as the history of checks keeps it."""
    kept = kept or {}
    return Drift(
        renamed=tuple(Rename(**one) for one in kept.get("renamed", ())),
        dropped=tuple(kept.get("dropped", ())),
        new=tuple(kept.get("new", ())),
        retyped=tuple((name, before, now) for name, before, now in kept.get("retyped", ())),
    )


def as_result(found: Drift | None) -> Result:
    """The check of the schema itself: kept, or broken by so many columns."""
    promise = "The data has the columns and types that the contract states"
    if not found:
        return Result(promise, "kept", 0, about="its columns")
    return Result(
        promise, "broken", float(len(found.sentences())), " ".join(found.sentences()), about="its columns"
    )


def _renames(pairs: Sequence[tuple[str, str]], before: Path | None, now: Path) -> tuple[Rename, ...]:
    """The best guesses, each column in one of them."""
    overlaps: Mapping[tuple[str, str], float | None] = {}
    if before and len(pairs) <= _PAIRS:
        with duckdb.connect() as con:
            overlaps = {pair: _overlap(con, before, pair[0], now, pair[1]) for pair in pairs}
    scored = sorted(((_score(pair, overlaps.get(pair)), pair) for pair in pairs), reverse=True)
    found: dict[str, Rename] = {}
    taken: set[str] = set()
    for score, (old, new) in scored:
        if score >= _LIKELY and old not in found and new not in taken:
            taken.add(new)
            found[old] = Rename(old, new, _because(old, new, overlaps.get((old, new))))
    return tuple(found.values())


def _score(pair: tuple[str, str], overlap: float | None) -> float:
    alike = _alike(*pair)
    if overlap is None:  # nothing to be seen in the values
        return alike * 0.9
    return max((alike + overlap) / 2, 0.7 * overlap if overlap > 0.95 else 0)


def _alike(old: str, new: str) -> float:
    mine, theirs = words(old), words(new)
    shared = len(set(mine) & set(theirs)) / max(len(set(mine) | set(theirs)), 1)
    return max(shared, difflib.SequenceMatcher(None, "".join(mine), "".join(theirs)).ratio())


def _overlap(con: duckdb.DuckDBPyConnection, before: Path, old: str, now: Path, new: str) -> float | None:
    """The share of the old column's distinct values that the new one has too; None when too few tell."""
    sql = (
        f"WITH was AS (SELECT DISTINCT {quote(old)} AS v FROM {relation(before)}"  # noqa: S608
        f" WHERE {quote(old)} IS NOT NULL ORDER BY 1 LIMIT {_COMPARED})"
        f" SELECT count(*), count(*) FILTER (WHERE v IN (SELECT {quote(new)} FROM {relation(now)})) FROM was"
    )
    try:
        distinct, both = first(con, sql)
    except duckdb.Error:  # the extract is of an older shape than the contract
        return None
    return both / distinct if distinct >= _TELLING else None


def _because(old: str, new: str, overlap: float | None) -> str:
    name = "their names are alike" if _alike(old, new) >= 0.5 else ""
    values = f"{overlap:.0%} of its values are there" if overlap is not None else ""
    return " and ".join(part for part in (name, values, "they have one type") if part)
