"""Sketches foreign keys: how many rows point nowhere, and how many children each parent has."""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from handrail.twins.columns import Source, quoted
from handrail.twins.models import ColumnSketch, LinkSketch
from handrail.twins.nodes import Node
from handrail.twins.plane import Plane
from handrail.twins.ranges import number_bins
from handrail.twins.roles import Link, written
from handrail.twins.semantics import identifies
from handrail.twins.spread import Spread

FEW_PARENTS = 250


@dataclass(frozen=True)
class Degree:
    """The hidden column of a parent that counts its children through one link, and how to reach it in SQL."""

    column: ColumnSketch
    value: str  # the count, once `join` is part of a FROM whose parent is called t
    join: str


def link_sketch(plane: Plane, table: str, link: Link) -> LinkSketch:
    """What is kept of a link besides its degrees, which are a column of the parent."""
    own = plane.tables[table].fields
    source = plane.whole(table)
    pointed = " OR ".join(f"{quoted(column)} IS NULL" for column in link.columns)
    nulls, holders, rows, distinct = source.one(
        f"SELECT count(*) FILTER ({pointed}), {source.holders} FILTER ({pointed}), count(*), "
        f"count(DISTINCT ({_listed(link.columns)})) "
        f"FILTER (NOT ({pointed})) FROM {source.relation}"
    )
    fields = [one for one in own if one.name in link.columns]
    key = {one.name for one in own if one.primary_key}
    free = not all(one.required or one.primary_key for one in fields)
    ordered = _loads_in_order(plane, table, link)
    return LinkSketch(
        name=link.name,
        columns=link.columns,
        to=link.to,
        to_columns=link.to_columns,
        kind=_kind(plane, table, link),
        null_share=round(nulls / rows, 6) if holders >= source.k and free else 0.0,
        unique=(len(fields) == 1 and fields[0].unique) or set(link.columns) == key,
        degree=f"#{table}.{link.name}" if explains(plane, table, link) else None,
        distinct=_rough(distinct),
        loads=ordered or _loads(plane, table, link, rows - nulls, distinct),
        in_order=bool(ordered),
        spread=_spread(plane, table, link),
    )


def _loads(plane: Plane, table: str, link: Link, children: int, used: int) -> tuple[float, ...]:
    """The share of the `children` of each of a few parents that are `used`, largest first, not saying whose.

    Too few rows to learn degrees from as a column, but each share is about k children or more; parents with
    fewer share what is left. Nothing is kept of parents that are people or belong to one.
    """
    parent = plane.tables[link.to] if used <= FEW_PARENTS and explains(plane, table, link) else None
    if parent is None or parent.entity:
        return ()
    if any(one.personal or identifies(one.semantic) for one in parent.fields):
        return ()
    source, listed = plane.whole(table), _listed(link.columns)
    there = " AND ".join(f"{quoted(column)} IS NOT NULL" for column in link.columns)
    counted = source.all(
        f"SELECT count(*) AS n FROM {source.relation} WHERE {there} GROUP BY {listed} "
        f"HAVING {source.holders} >= ? ORDER BY n DESC",
        [source.k],
    )
    known = [n for (n,) in counted]
    left, others = children - sum(known), used - len(known)
    if not known:
        return ()
    rest = [0.0] * others
    if _enough_left(source, listed, there):
        rest = ramp(left / others, others, 1.0, math.inf if source.entity else source.k - 1.0)
    return tuple(round(n / children, 6) for n in sorted([*known, *rest], reverse=True))


def _loads_in_order(plane: Plane, table: str, link: Link) -> tuple[float, ...]:
    """The share of children of each row of a table whose rows are real ones: those that are told first, in
    their order. Rows with children of fewer than k share what is left."""
    real = link.to in plane.told or (link.to in plane.tables and plane.tables[link.to].verbatim)
    if not real or plane.rows[link.to] > FEW_PARENTS or not explains(plane, table, link):
        return ()
    source, listed = plane.whole(table), _listed(link.columns)
    n, holding, place = quoted("#n"), quoted("#holders"), plane.place(link.to)
    held = f"count(*) AS {n}, {source.holders} AS {holding}"
    of_each = f"SELECT {listed}, {held} FROM {source.relation} GROUP BY ALL"
    found = source.all(
        f"SELECT p.{place}, coalesce(c.{n}, 0), coalesce(c.{holding}, 0) FROM {plane.views[link.to]} AS p "
        f"LEFT JOIN ({of_each}) AS c ON {plane.joined(table, link, 'c', 'p')} ORDER BY 1"
    )
    told = plane.told[link.to].rows if link.to in plane.told else ()
    counted = [found[place] for place in (*told, *(row for row, *_ in found if row not in told))]
    children, known = (
        sum(n for _, n, _ in counted),
        sum(n for _, n, holders in counted if holders >= source.k),
    )
    others = sum(1 for *_, holders in counted if holders < source.k)
    if not known:
        return ()
    there = " AND ".join(f"{quoted(column)} IS NOT NULL" for column in link.columns)
    rest = [0.0] * others
    if others and _enough_left(source, listed, there):
        rest = ramp((children - known) / others, others, 0.0, math.inf if source.entity else source.k - 1.0)
    unknown = iter(rest)
    return tuple(
        round((n if holders >= source.k else next(unknown)) / children, 6) for _, n, holders in counted
    )


def ramp(mean: float, count: int, least: float, most: float) -> list[float]:
    """So many numbers at even distances around their mean, as far apart as the least and most allow.

    Of parents with fewer than k children each only the mean is told: that all have as many is least likely.
    """
    half = max(0.0, min(mean - least, most - mean))
    return [mean - half + half * (2 * place + 1) / count for place in range(count)]


def _enough_left(source: Source, listed: str, there: str) -> bool:
    """Whether k stand behind the children of all parents together behind whose children fewer than k do."""
    (holders,) = source.one(
        f"SELECT {source.holders} FROM {source.relation} WHERE ({listed}) IN (SELECT ({listed}) "
        f"FROM {source.relation} WHERE {there} GROUP BY {listed} HAVING {source.holders} < ?)",
        [source.k],
    )
    return bool(holders >= source.k)


def _spread(plane: Plane, table: str, link: Link) -> float:
    """How unequally parents, of whom there are too few to learn from, share many children: one number."""
    parents, source = plane.rows.get(link.to, 0), plane.whole(table)
    if not 1 < parents < source.k or source.rows < 10 * source.k or not explains(plane, table, link):
        return 0.0
    there = " AND ".join(f"{quoted(column)} IS NOT NULL" for column in link.columns)
    (holders,) = source.one(f"SELECT {source.holders} FROM {source.relation} WHERE {there}")
    if holders < source.k:
        return 0.0
    (pairs,) = source.one(
        f"SELECT sum(n * n) / pow(sum(n), 2) FROM (SELECT count(*) AS n FROM {source.relation} "
        f"WHERE {there} GROUP BY {_listed(link.columns)})"
    )
    return round(math.sqrt(max(0.0, parents * float(pairs or 0.0) - 1)), 1)


def towards(source: Source, nodes: Sequence[Node], link: str) -> tuple[tuple[str, tuple[float, ...]], ...]:
    """What the parents of children are like: by column, the shares of children whose parent is in a bin."""
    found = []
    for node in (one for one in nodes if one.link == link):
        counted = source.all(
            f"SELECT {node.code}, count(*) FROM {source.relation} WHERE {node.code} IS NOT NULL "
            f"GROUP BY 1 HAVING {source.holders} >= ?",
            [source.k],
        )
        shares = [0.0] * node.bins
        for code, n in counted:
            shares[code] = round(n / max(1, sum(n for _, n in counted)), 4)
        if any(shares):
            found.append((node.column, tuple(shares)))
    return tuple(found)


def explains(plane: Plane, table: str, link: Link) -> bool:
    """Whether each row points at no more than one row that is made before it."""
    return _kind(plane, table, link) == "inside" and plane.is_key(link.to, link.to_columns)


def degrees(plane: Plane, parent: str) -> list[Degree]:
    """For each link that points at `parent`: the number of children as a binned column of the parent.

    Of a table that is told row by row only where all rows are told, and for links by which no row has k
    children: what is told of each row's share is not told again of several rows together.
    """
    told, found = plane.told.get(parent), list[Degree]()
    if told and not told.whole:
        return found
    for child in plane.layout.order:
        for link in plane.links(child):
            counted = link.to == parent and explains(plane, child, link)
            if counted and not (told and _loads_in_order(plane, child, link)):
                found.append(_degree(plane, parent, child, link, len(found)))
    return found


def _degree(plane: Plane, parent: str, child: str, link: Link, number: int) -> Degree:
    counted = f"degree_{plane.views[parent]}_{number}"
    plane.con.execute(
        f"CREATE TABLE {counted} AS SELECT {_listed(link.columns)}, count(*) AS {quoted('#n')} "
        f"FROM {plane.views[child]} GROUP BY {_listed(link.columns)}"
    )
    join = f"LEFT JOIN {counted} AS d{number} ON {plane.joined(child, link, f'd{number}', 't')}"
    value = f"coalesce(d{number}.{quoted('#n')}, 0)"
    relation = f"(SELECT t.*, {value} AS {quoted('#n')} FROM {plane.samples[parent]} AS t {join})"
    source = plane.source(parent, relation)
    # Many ranks reach into the body of counts that fall like a power.
    bins = number_bins(Spread(source, f"{quoted('#n')}::DOUBLE"), 1.0, ranks=3)
    column = ColumnSketch(f"#{child}.{link.name}", "BIGINT", "integer", "degree", bins=bins)
    return Degree(column, value, join)


def _kind(plane: Plane, table: str, link: Link) -> Literal["inside", "self", "late", "outside"]:
    target = plane.tables.get(link.to)
    if target is None or not set(link.to_columns) <= {one.name for one in target.fields}:
        return "outside"
    if link.to == table:
        return "self"
    return "late" if plane.late(table, link) else "inside"


def linked(plane: Plane, table: str) -> set[str]:
    """The columns that hold what some link points at, and nothing of their own."""
    own = {one.name for one in plane.tables[table].fields if one.primary_key or one.unique}
    later = {link: _kind(plane, table, link) in ("self", "late") for link in plane.links(table)}
    taken = own | {column for link in later if not later[link] for column in link.columns}
    return {column for link in later for column in written(link, later[link], taken)}


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(quoted(column) for column in columns)


def _rough(count: int) -> int:
    """Two significant digits."""
    if count < 100:
        return int(count)
    unit = 10 ** (int(math.log10(count)) - 1)
    return int(round(count / unit) * unit)
