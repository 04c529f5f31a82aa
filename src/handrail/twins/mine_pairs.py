"""Finds which values of two columns go together, and where a column is always empty or never.

Zip code and city, code and name, country and currency: whatever is accepted is a list of pairs that k or more
share each. A list is a rule only where nearly all rows keep to it that would not by chance.
"""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from handrail.twins.columns import Source, quoted
from handrail.twins.count_rules import KEPT, as_counted
from handrail.twins.models import ColumnSketch, Kind
from handrail.twins.rule_sql import Count, natural_sql
from handrail.twins.rules import Listed, Rule

MOST_COLUMNS = 14
MOST_VALUES = 2000
MOST_PAIRS = 4000
LOOKED_AT = 5000  # rows among which pairs are looked for
CHANCE = 0.97  # of rows that would keep to the list if the columns had nothing to do with each other
UNLIKELY = -14.0  # log of how likely a group is empty, or full, by chance
KINDS: tuple[Kind, ...] = ("text", "integer", "boolean", "decimal", "date")


def mine_pairs(sample: Source, columns: Sequence[ColumnSketch]) -> list[Rule]:
    """Lists of accepted pairs and rules about empty values, counted over the sample."""
    if sample.rows < 10 * sample.k:
        return []
    free = [one for one in columns if one.role == "model"]
    grouped = [one for one in free if few(one)][:MOST_COLUMNS]
    pairs = list(_accepted(sample, grouped))
    explained = {frozenset(rule.columns) for rule in pairs}
    return [
        *pairs,
        *(rule for rule in _nulls(sample, free, grouped) if frozenset(rule.columns) not in explained),
    ]


def few(column: ColumnSketch) -> bool:
    """Whether its values are few enough, each shared by k, to be listed."""
    if column.kind not in KINDS or any(one.kind == "range" for one in column.bins):
        return False
    alone = sum(1 for one in column.bins if one.kind == "value")
    return alone + sum(len(one.values) for one in column.bins if one.kind == "pool") >= 2


def _value(column: ColumnSketch) -> str:
    return f"{quoted(column.name)}::VARCHAR" if column.kind == "text" else natural_sql(column)


def _accepted(source: Source, columns: Sequence[ColumnSketch]) -> Iterator[Rule]:
    for a, b in _promising(source, columns):
        found = source.all(
            f"WITH pairs AS (SELECT {_value(a)} AS a, {_value(b)} AS b, count(*) AS n, "
            f"{source.holders} AS held FROM {source.relation} GROUP BY 1, 2), "
            f"firsts AS (SELECT {_value(a)} AS a, count(*) AS n FROM {source.relation} GROUP BY 1 "
            f"HAVING {source.holders} >= {source.k}), "
            f"seconds AS (SELECT {_value(b)} AS b, count(*) AS n FROM {source.relation} GROUP BY 1 "
            f"HAVING {source.holders} >= {source.k}), "
            "judged AS (SELECT p.*, f.n AS of_a, s.n AS of_b FROM pairs AS p "
            "JOIN firsts AS f ON f.a IS NOT DISTINCT FROM p.a "
            "JOIN seconds AS s ON s.b IS NOT DISTINCT FROM p.b) "
            f"SELECT a, b, n, held >= {source.k}, of_a, of_b, sum(n) OVER () AS seen, "
            f"sum(n) FILTER (held < {source.k}) OVER () AS rare FROM judged "
            "ORDER BY held >= ? DESC, n DESC, a, b LIMIT ?",
            [source.k, MOST_PAIRS + 1],
        )
        rule = _listed(source, a, b, found)
        if rule is not None:
            yield rule


def _listed(source: Source, a: ColumnSketch, b: ColumnSketch, found: list[tuple[Any, ...]]) -> Rule | None:
    """The rule of what was found, unless too many pairs are needed or chance would do as well."""
    common = [row for row in found if row[3]]
    if len(common) > MOST_PAIRS or len(common) < 2:
        return None
    seen, rare = int(found[0][6]), int(found[0][7] or 0)
    firsts, seconds = {row[0]: row[4] for row in common}, {row[1]: row[5] for row in common}
    every = sum(firsts.values()) * sum(seconds.values())
    if sum(row[4] * row[5] for row in common) > CHANCE * every:
        return None
    told = sum(row[2] for row in common)  # how many are others, `kept` tells where k are
    pairs = tuple((row[0], row[1], round(row[2] / told, 6)) for row in common)
    coarse = len(firsts) <= len(seconds)  # the finer column is drawn again, given the coarser
    kept = pairs if coarse else tuple((second, first, share) for first, second, share in pairs)
    names = (a.name, b.name) if coarse else (b.name, a.name)
    return as_counted(
        Rule("accepted", names, pairs=kept), Count(seen, rare, seen, 0 if source.entity else rare), source.k
    )


def _promising(source: Source, columns: Sequence[ColumnSketch]) -> list[tuple[ColumnSketch, ColumnSketch]]:
    """Pairs of columns that among a few thousand rows go together in few ways."""
    pairs = list(combinations(range(len(columns)), 2))
    if not pairs:
        return []
    listed = ", ".join(f"{_value(one)} AS c{place}" for place, one in enumerate(columns))
    names = ", ".join(f"c{place}" for place in range(len(columns)))
    sets = ", ".join(f"(c{a}, c{b})" for a, b in pairs)
    source.con.execute(
        f"CREATE OR REPLACE TEMP TABLE looked_at AS SELECT {listed} FROM "
        f"(SELECT * FROM {source.relation} ORDER BY hash(rowid) LIMIT {LOOKED_AT})"
    )
    sizes = source.one(
        f"SELECT {', '.join(f'count(DISTINCT c{place}) + 1' for place in range(len(columns)))} FROM looked_at"
    )
    ways = dict(
        source.all(
            f"SELECT g, count(*) FILTER (n > 1) FROM (SELECT grouping_id({names}) AS g, count(*) AS n "
            f"FROM looked_at GROUP BY GROUPING SETS ({sets})) GROUP BY g "
            "HAVING sum(n) FILTER (n > 1) >= 0.9 * sum(n)"
        )
    )
    last = len(columns) - 1
    found = []
    for a, b in pairs:
        every = (2 ** len(columns) - 1) - 2 ** (last - a) - 2 ** (last - b)
        possible = max(1, sizes[a] - 1) * max(1, sizes[b] - 1)
        if every in ways and min(sizes[a], sizes[b]) > 2 and ways[every] <= 0.8 * possible:
            found.append((columns[a], columns[b]))
    return found


@dataclass(frozen=True)
class _Group:
    """Rows with one value of a column, or with none or any of it; and how many have a value of another."""

    value: Listed
    rows: int
    filled: int


def _nulls(
    source: Source, columns: Sequence[ColumnSketch], grouped: Sequence[ColumnSketch]
) -> Iterator[Rule]:
    """For each column that is empty at times: the one other column that best says when."""
    found = source.one(
        f"SELECT {', '.join(f'count({quoted(one.name)})' for one in columns) or '0'} FROM {source.relation}"
    )
    filled = dict(zip((one.name for one in columns), found, strict=False))
    k, rows = source.k, source.rows
    empty_at_times = [one for one in columns if k <= filled[one.name] <= rows - k][:MOST_COLUMNS]
    best: dict[str, Rule] = {}
    for a in columns:
        for how in ("empty", ""):
            if (how and a not in empty_at_times) or (not how and a not in grouped):
                continue
            for b, groups in _by_group(source, a, how, [one for one in empty_at_times if one is not a]):
                rule = _when(source, Rule("nulls", (a.name, b.name), how=how), groups, filled[b.name] / rows)
                both = best.get(a.name)
                if rule and not (both and both.columns[0] == b.name):
                    best[b.name] = max(best.get(b.name, rule), rule, key=lambda one: one.seen)
    yield from best.values()


def _by_group(
    source: Source, a: ColumnSketch, how: str, others: Sequence[ColumnSketch]
) -> list[tuple[ColumnSketch, list[_Group]]]:
    if not others:
        return []
    key = f"({quoted(a.name)} IS NULL)::INTEGER::DOUBLE" if how else _value(a)
    found = source.all(
        f"SELECT {key} AS a, count(*), {', '.join(f'count({quoted(one.name)})' for one in others)} "
        f"FROM {source.relation} GROUP BY 1 HAVING {source.holders} >= ? ORDER BY count(*) DESC, 1 LIMIT ?",
        [source.k, MOST_VALUES],
    )
    return [
        (one, [_Group(row[0], row[1], row[2 + place]) for row in found]) for place, one in enumerate(others)
    ]


def _when(source: Source, rule: Rule, groups: list[_Group], share: float) -> Rule | None:
    """Where the second column is always empty and where never, if that is no chance."""
    empty = [one for one in groups if one.filled <= (1 - KEPT) * one.rows and _no_chance(one.rows, 1 - share)]
    full = [one for one in groups if one.filled >= KEPT * one.rows and _no_chance(one.rows, share)]
    if not empty:
        return None
    seen = sum(one.rows for one in (*empty, *full))
    broken = sum(one.filled for one in empty) + sum(one.rows - one.filled for one in full)
    made = Rule(
        "nulls",
        rule.columns,
        how=rule.how,
        values=tuple(one.value for one in empty),
        filled=tuple(one.value for one in full),
    )
    return as_counted(made, Count(seen, broken, seen, 0 if source.entity else broken), source.k)


def _no_chance(rows: int, share: float) -> bool:
    """Whether it is unlikely that so many rows are all alike when this share of all rows is."""
    return share < 1 and rows * math.log(max(share, 1e-9)) < UNLIKELY
