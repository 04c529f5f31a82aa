"""Finds columns that say one thing in all rows that point at one row, as an order names whom it is sent to.

Where the parent's own row says it, the column is a copy (`following.py`). Here it does not, or in another
spelling. That each parent has one value is told, and no value: those stand in the column's bins, where k
share them, as of any other column.
"""

# ruff: noqa: S608 - every name in the SQL is quoted or our own
from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from handrail.twins.columns import Source, quoted
from handrail.twins.links import explains
from handrail.twins.models import ColumnSketch, Table
from handrail.twins.plane import Plane
from handrail.twins.roles import Link
from handrail.twins.semantics import identifies

MOST_COLUMNS = 60  # that are compared for one link
ALIKE = 0.98  # share of the parents of several rows whose rows are all alike
SOME = 0.01  # share of pairs of rows that differ below which a column has one value for everybody
NOT_BY_CHANCE = 0.1  # the rest of them, by the share of pairs of rows that differ in the whole table


@dataclass(frozen=True)
class _Told:
    """A link and the parents, with several rows each, of which it says something."""

    link: Link
    parents: int
    columns: tuple[str, ...]


def alike(
    plane: Plane, table: str, columns: Sequence[ColumnSketch], but: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Columns, other than these, with the link whose parents have one value each.

    k or more parents, and k of whom the rows are about, stand behind it. Of several links, that with fewest
    parents is taken: it says most.
    """
    names = [
        one.name
        for one in columns
        if one.role == "model" and len(one.bins) > 1 and not (one.unique or one.kept or one.below)
        if one.name not in but
    ][:MOST_COLUMNS]
    source = plane.source(table)
    if not names or source.rows < 10 * source.k:
        return
    told = [
        one
        for link in plane.links(table)
        if explains(plane, table, link) and _may_be_told(plane.tables[table], plane.tables[link.to], link)
        if (one := _looked_at(source, link, names))
    ]
    found: set[str] = set()
    for one in sorted(told, key=lambda one: one.parents):
        for name in (name for name in one.columns if name not in found):
            found.add(name)
            yield name, one.link.name


def _may_be_told(own: Table, parent: Table, link: Link) -> bool:
    """Whether what one parent's rows say is counted by parents, where these are people or belong to some.

    Else k rows of one clerk would tell what only this clerk has.
    """
    if parent.verbatim or (own.entity and own.entity in link.columns):
        return True
    named = any(one.personal or identifies(one.semantic) for one in parent.fields)
    return parent.entity is None and (not named or bool(parent.company))


def _looked_at(source: Source, link: Link, names: Sequence[str]) -> _Told | None:
    """The columns that are alike by this link; None where fewer than k stand behind that."""
    key = ", ".join(quoted(name) for name in link.columns)
    there = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in link.columns)
    one_value = ", ".join(
        f"min({x}) IS NOT DISTINCT FROM max({x}) AND count({x}) IN (0, count(*)) AS same_{place}"
        for place, x in enumerate(map(quoted, names))
    )
    several = f"FROM {source.relation} WHERE {there} GROUP BY {key} HAVING count(*) > 1"
    counted = ", ".join(f"count(*) FILTER (same_{place})" for place in range(len(names)))
    parents, *same = source.one(f"SELECT count(*), {counted} FROM (SELECT {one_value} {several})")
    if parents < source.k or not any(of >= ALIKE * parents for of in same):
        return None
    rows = f"{source.relation} WHERE ({key}) IN (SELECT ({key}) {several})"
    (holders,) = source.one(f"SELECT {source.holders} FROM {rows}")
    if holders < source.k:
        return None
    columns = [
        name
        for name, of in zip(names, same, strict=True)
        if of >= ALIKE * parents and 1 - of / parents < NOT_BY_CHANCE * _differing(source, name, rows)
    ]
    return _Told(link, parents, tuple(columns))


def _differing(source: Source, name: str, rows: str) -> float:
    """The share of pairs of rows that differ in a column; 0 where it has hardly more than one value."""
    (equal,) = source.one(
        f"SELECT sum(n * n) / pow(sum(n), 2) FROM (SELECT count(*) AS n FROM {rows} GROUP BY {quoted(name)})"
    )
    different = 1 - float(equal or 1)
    return different if different > SOME else 0.0
