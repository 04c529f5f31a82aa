"""Sketches a small table whose rows are told as they are: their values, as bins that its children go by."""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from handrail.twins.columns import number_sql, quoted
from handrail.twins.descendants import Told, behind_row
from handrail.twins.models import Bin, ColumnSketch, LinkSketch, TableSketch
from handrail.twins.plane import Plane
from handrail.twins.values import scale

_WHOLE = frozenset(("date", "timestamp", "time", "boolean"))
_MOST = 2**53  # beyond it numbers are no longer exact in every reader of JSON


def told_columns(plane: Plane, table: str, told: Told, columns: Sequence[ColumnSketch]) -> list[ColumnSketch]:
    """The columns with what the told rows say; keys only where all rows are told, links by `told_links`.

    What cannot be looked through for personal data (binary and nested columns) is invented as ever.
    """
    return [_column(plane, table, told, one) for one in columns]


def told_links(plane: Plane, table: str, told: Told, links: Sequence[LinkSketch]) -> tuple[LinkSketch, ...]:
    """The links with the rows that the told rows point at, where these are told as well, all of them."""
    return tuple(_link(plane, table, told, one) for one in links)


def rare_told(plane: Plane, table: TableSketch) -> str | None:
    """A column of told rows behind which fewer than k stand, looked up again; it must stay None."""
    columns = [one for one in table.columns if one.kept]
    if not columns:
        return None
    asked = [_exact(one) for one in columns]
    for row in range(table.told):
        values = [one.kept[row] for one in columns]
        if behind_row(plane, table.name, asked, values) < plane.k_of(table.name):
            return columns[0].name
    return None


def _column(plane: Plane, table: str, told: Told, one: ColumnSketch) -> ColumnSketch:
    key = one.role == "key"
    if one.role not in ("model", "key") or one.kind in ("odd", "blob", "uuid") or (key and not told.whole):
        return one
    listed, place = ", ".join(map(str, told.rows)), plane.place(table)
    found = plane.con.execute(
        f"SELECT {_exact(one)}, {quoted(one.name)} IS NULL FROM {plane.views[table]} "
        f"WHERE {place} IN ({listed}) ORDER BY {place}"
    ).fetchall()
    kept = tuple(value for value, _ in found)
    endless = any(value is None and not empty for value, empty in found)
    if endless or any(isinstance(value, int | float) and abs(value) > _MOST for value in kept):
        return one
    return replace(one, kept=kept) if key else _binned(replace(one, kept=kept), told)


def _binned(one: ColumnSketch, told: Told) -> ColumnSketch:
    """Each value a bin of its own, with the share of rows that have it; of texts also one for other rows."""
    counts = Counter(one.kept)
    text, left = one.kind == "text", told.of - len(told.rows)
    there = [value for value in counts if value is not None]
    values = sorted(there, key=str if text else float)
    bins = [Bin("null"), *(Bin("value", value=v if text else float(v)) for v in values)]
    held = [counts[None], *(counts[value] for value in values)]
    if text:
        bins.append(Bin("other"))
        held.append(left)
    shares = tuple(round(n / sum(held), 4) for n in held)
    return replace(one, bins=tuple(bins), shares=shares, words=(), sentences=0)


def _exact(one: ColumnSketch) -> str:
    """SQL for a value in the unit of the sketch's numbers, without loss; texts as they are."""
    name = quoted(one.name)
    if one.kind == "text":
        return f"{name}::VARCHAR"
    if one.kind == "integer":
        return f"{name}::HUGEINT"
    if one.kind == "decimal":
        return f"({name} * {10 ** scale(one.type)})::HUGEINT"
    number = number_sql(name, one.type, one.kind)
    return f"({number})::BIGINT" if one.kind in _WHOLE else number


def _link(plane: Plane, table: str, told: Told, link: LinkSketch) -> LinkSketch:
    parent = plane.told.get(link.to)
    if link.kind != "inside" or parent is None or not parent.whole:
        return link
    known = next(one for one in plane.links(table) if one.name == link.name)
    same, listed = plane.joined(table, known, "t", "p"), ", ".join(map(str, told.rows))
    own, theirs = f"t.{plane.place(table)}", f"p.{plane.place(link.to)}"
    found = plane.con.execute(
        f"SELECT coalesce({theirs}, -1) FROM {plane.views[table]} AS t LEFT JOIN {plane.views[link.to]} AS p "
        f"ON {same} WHERE {own} IN ({listed}) ORDER BY {own}"
    ).fetchall()
    return replace(link, kept=tuple(int(n) for (n,) in found))
