"""Sketches tables that point at themselves: how many rows are on each level, how many children they have."""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

from dataclasses import replace
from typing import Any

from handrail.twins.columns import Source, code_sql, quoted
from handrail.twins.models import Bin, First
from handrail.twins.plane import Plane
from handrail.twins.ranges import number_bins
from handrail.twins.roles import Link
from handrail.twins.spread import Spread

MOST_LEVELS = 32
_LEVEL = quoted("#level")


def tree(plane: Plane, table: str, link: Link) -> dict[str, Any]:
    """Of a link to the same table, what a `LinkSketch` keeps of its shape; nothing of other links.

    Levels with fewer than k rows are left out, but for the first, which has one row then. What stands in a
    circle is on no level.
    """
    source = plane.whole(table)
    if link.to != table or not plane.is_key(table, link.to_columns) or source.rows < 10 * source.k:
        return {}
    con = source.con
    nowhere = " OR ".join(f"{quoted(column)} IS NULL" for column in link.columns)
    itself = plane.joined(table, link, "t", "t")
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE on_levels AS SELECT *, 0 AS {_LEVEL} FROM {source.relation} AS t "
        f"WHERE {nowhere} OR ({itself})"
    )
    joined = plane.joined(table, link, "t", "p")
    for level in range(1, MOST_LEVELS):
        con.execute(
            f"INSERT INTO on_levels SELECT t.*, {level} FROM {source.relation} AS t JOIN on_levels AS p "
            f"ON {joined} WHERE p.{_LEVEL} = {level - 1} AND NOT coalesce({itself}, false)"
        )
        (new,) = source.one(f"SELECT count(*) FROM on_levels WHERE {_LEVEL} = {level}")
        if not new:
            break
    held = source.all(f"SELECT {_LEVEL}, count(*), {source.holders} FROM on_levels GROUP BY 1 ORDER BY 1")
    if not held:
        return {}
    heads = held[0][1] if held[0][2] >= source.k else 1
    counts = [heads, *(rows for _, rows, holders in held[1:] if holders >= source.k)]
    if len(counts) < 2:
        return {}
    total = sum(counts)
    return {"levels": tuple(round(n / total, 5) for n in counts), "children": _children(source, link)}


def _children(source: Source, link: Link) -> First | None:
    """How many children those have that have some: bins of k or more parents each."""
    keys = ", ".join(quoted(column) for column in link.columns)
    entity = "holder" if source.entity else None
    holder = f", min({source.entity}) AS holder" if source.entity else ""
    counted = f"(SELECT count(*) AS n{holder} FROM on_levels WHERE {_LEVEL} > 0 GROUP BY {keys})"
    (parents,) = source.one(f"SELECT count(*) FROM {counted}")
    if parents < source.k:
        return None
    asked = replace(source, relation=counted, rows=parents, entity=entity)
    bins = number_bins(Spread(asked, "n::DOUBLE"), 1.0)
    code, given = code_sql(bins, "n::DOUBLE", True, "")
    found = dict(
        source.all(
            f"SELECT {code} AS c, count(*) FROM {counted} GROUP BY 1 HAVING {asked.holders} >= ?",
            [*given, source.k],
        )
    )
    if not found:
        return None
    told = sum(found.values())
    kept = tuple(one if place in found else Bin("other") for place, one in enumerate(bins))
    return First("", kept, tuple(round(found.get(place, 0) / told, 5) for place in range(len(bins))))
