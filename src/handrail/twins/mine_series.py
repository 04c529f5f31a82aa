"""Finds how rows that point at the same row follow each other: balances, meters, months, statuses.

The rows of some parents, all of each, are laid beside the row before them; whatever is kept is counted there,
and about k rows or parents each. Only tables in which most rows have one before them are looked at.
"""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from handrail.twins.columns import Source, carry, held, number_sql, quoted
from handrail.twins.means import leaning
from handrail.twins.mine import MOMENTS, NUMBERS
from handrail.twins.mine_pairs import MOST_VALUES, few
from handrail.twins.mine_turns import MOST_COLUMNS, rules_in_turn
from handrail.twins.models import Bin, ColumnSketch, First, Series
from handrail.twins.plane import Plane
from handrail.twins.ranges import number_bins
from handrail.twins.roles import Link
from handrail.twins.rule_sql import natural_sql
from handrail.twins.rules import Rule
from handrail.twins.spread import Spread, step_of
from handrail.twins.turn_sql import TURN, laid_out

MOST_STEPS = 12
MOST_ORDERS = 3  # columns that are tried to order rows by
MOST_ROWS = 50_000  # about: of larger tables so many, all of each of their parents
LONG = 3.0  # rows a parent, on average, below which they are no series
STEADY = 0.9  # share of steps that must be among those kept, for them to be taken
APART = 0.999  # share of rows whose place among their parent's nobody shares
SAFE_DAY = 28  # the last that every month has
CLOSE = 0.15  # correlation with the row before that is worth keeping


@dataclass(frozen=True)
class Mined:
    """A series and the rules that hold from row to row."""

    series: Series
    rules: tuple[Rule, ...]

    @property
    def weight(self) -> float:
        """How much would be lost without it."""
        clings = sum(close for _, close in self.series.clings)
        return 10 * len(self.rules) + 5 * bool(self.series.steps) + clings + self.series.near


def mine_series(plane: Plane, table: str, columns: Sequence[ColumnSketch]) -> Mined | None:
    """The series of a table that shows most, of each link and each column that may order its rows."""
    source = plane.whole(table)
    if source.rows < 10 * source.k:
        return None
    moments = [one for one in columns if one.kind in MOMENTS and one.role in ("model", "key")]
    counters = [one for one in columns if one.kind == "integer" and one.role == "key" and one.primary_key]
    may_order = [one for one in (*moments, *counters) if not one.unique][:MOST_ORDERS]
    found: list[Mined] = []
    for link in plane.links(table) if may_order else ():
        waits = link.to == table or plane.late(table, link)  # points when the rows are made already
        long = None if waits else _long(source, link, columns)
        made = [_mined(long, link, by, columns) for by in may_order] if long else []
        found += [one for one in made if one]
    return max(found, key=lambda one: one.weight, default=None)


def _long(source: Source, link: Link, columns: Sequence[ColumnSketch]) -> Source | None:
    """All rows of some parents, where these have enough of them on average to speak of a series."""
    keys = ", ".join(quoted(name) for name in link.columns)
    there = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in link.columns)
    every = max(1, source.rows // MOST_ROWS)
    some = f"{there} AND hash({keys}) % {every} = 0" if every > 1 else there
    rows, parents = source.one(
        f"SELECT count(*), count(DISTINCT ({keys})) FROM {source.relation} WHERE {some}"
    )
    if rows < LONG * parents or rows < 10 * source.k:  # before all columns are read
        return None
    names = dict.fromkeys((*link.columns, *(one.name for one in columns if one.role in ("model", "key"))))
    kept = [quoted(name) for name in names]
    kept += [source.entity] if source.entity and source.entity not in kept else []
    source.con.execute(
        f"CREATE OR REPLACE TEMP TABLE of_parents AS SELECT {', '.join(kept)} FROM {source.relation} "
        f"WHERE {some}"
    )
    (holders,) = source.one(f"SELECT {source.holders} FROM of_parents")
    if min(parents, holders) < source.k:
        return None
    return replace(source, relation="of_parents", rows=rows)


def _mined(long: Source, link: Link, by: ColumnSketch, columns: Sequence[ColumnSketch]) -> Mined | None:
    source = replace(long, relation=f"(SELECT * FROM of_parents WHERE {quoted(by.name)} IS NOT NULL)")
    keys = ", ".join(quoted(name) for name in link.columns)
    rows, holders, apart = source.one(
        f"SELECT count(*), {source.holders}, count(DISTINCT ({keys}, {quoted(by.name)})) "
        f"FROM {source.relation}"
    )
    if rows < 10 * source.k or holders < source.k:
        return None
    near = _near(source, keys, by)
    where = (link.name, by.name)
    if apart < APART * rows:  # nobody knows which of two at the same time came first
        return Mined(Series(*where, near), ()) if near else None
    by_name = {one.name: one for one in columns}
    free = [
        one
        for one in columns
        if one.role == "model" and one is not by and (few(one) or one.kind in (*NUMBERS, *MOMENTS))
    ]
    turns = laid_out(source, link.columns, by.name, [one.name for one in free])
    month, steps = _steps(source, by)
    rules = rules_in_turn(turns, where, by, free, _spaced(by, month, steps))
    begun = [by] if steps else []
    begun += [by_name[rule.columns[0]] for rule in rules if rule.kind in ("carried", "running", "turned")]
    first = [found for one in dict.fromkeys(begun) if (found := _first(source, one))]
    if steps and not any(one.column == by.name for one in first):
        month, steps = False, ()
    ruled = {name for rule in rules if rule.kind != "rising" for name in rule.columns}
    clings = _clings(source, [one for one in free if one.name not in ruled])
    day = _day(source, by) if month else 0
    series = Series(*where, 0.0 if steps else near, month, day, steps, tuple(first), clings)
    return Mined(series, tuple(rules)) if rules or steps or clings or series.near else None


def _spaced(by: ColumnSketch, month: bool, steps: Sequence[tuple[float, float]]) -> list[Rule]:
    return [Rule("spaced", (by.name,), how="month" if month else "", by=step) for step, _ in steps[:1]]


def _steps(source: Source, by: ColumnSketch) -> tuple[bool, tuple[tuple[float, float], ...]]:
    """How far rows are apart from the one before, where a few distances are nearly all there are."""
    own, old = quoted(by.name), quoted(f"y {by.name}")
    units = [natural_sql(by, own) + " - " + natural_sql(by, old)]
    if by.kind in MOMENTS:
        apart = f"date_diff('month', {old}, {own})"
        months = f"TRY({old} + to_months({apart}::INTEGER) = {own})"  # null beyond the last moment
        units.insert(0, f"CASE WHEN {months} THEN {apart}::DOUBLE END")
    for place, unit in enumerate(units):
        found = source.all(
            f"SELECT d, count(*) AS n, sum(count(*)) OVER () FROM (SELECT {unit} AS d{carry(source)} "
            f"FROM in_turn WHERE {TURN} > 1) GROUP BY d QUALIFY d > 0 AND {held(source)} >= ? "
            "ORDER BY n DESC, d LIMIT ?",
            [source.k, MOST_STEPS],
        )
        told = sum(n for _, n, _ in found)
        if found and told >= STEADY * found[0][2]:
            month = len(units) == 2 and place == 0
            return month, tuple((float(step), round(n / told, 4)) for step, n, _ in found)
    return False, ()


def _day(source: Source, by: ColumnSketch) -> int:
    """The day of the month on which nearly all rows fall; 0 where there is none."""
    day, share = source.one(
        f"WITH days AS (SELECT day({quoted(by.name)}) AS d FROM in_turn) "
        "SELECT any_value(m), avg((d = m)::INTEGER) FROM days, (SELECT mode(d) AS m FROM days)"
    )
    return int(day) if share >= APART and day <= SAFE_DAY else 0


def _first(source: Source, column: ColumnSketch) -> First | None:
    """The bins of a column in the first rows, of which each parent has one."""
    begun = replace(source, relation=f"(SELECT * FROM in_turn WHERE {TURN} = 1)")
    if column.kind == "text":
        return _first_texts(begun, column)
    value = number_sql(quoted(column.name), column.type, column.kind)
    spread = Spread(begun, value)
    bins = leaning(spread, number_bins(spread, step_of(spread, column.kind)))
    shares = []
    for one in bins:
        inside = f"{value} IS NULL"
        if one.kind == "value":
            inside = f"{value} = {float(one.value or 0)!r}"
        if one.kind == "range":
            others = [float(b.value or 0) for b in bins if b.kind == "value"]
            least = not any(b.kind == "range" and b.low < one.low for b in bins)
            most = not any(b.kind == "range" and b.low > one.low for b in bins)
            inside = f"{'true' if least else f'{value} >= {one.low!r}'} AND "
            inside += f"{'true' if most else f'{value} < {one.high!r}'} AND {value} IS NOT NULL"
            inside += "".join(f" AND {value} <> {other!r}" for other in others)
        rows, holders = source.one(f"SELECT count(*), {source.holders} FROM {begun.relation} WHERE {inside}")
        shares.append(rows if holders >= source.k else 0)
    if not sum(shares[1:]):
        return None
    known = tuple(
        one if n or one.kind == "null" else Bin("other") for one, n in zip(bins, shares, strict=True)
    )
    return First(column.name, known, tuple(round(n / sum(shares), 5) for n in shares))


def _first_texts(begun: Source, column: ColumnSketch) -> First | None:
    texts = f"(SELECT {quoted(column.name)} AS x{carry(begun)} FROM {begun.relation})"
    found = begun.all(
        f"SELECT x, count(*) AS n FROM {texts} "
        f"WHERE x IS NOT NULL GROUP BY x HAVING {held(begun)} >= ? ORDER BY n DESC, x LIMIT {MOST_VALUES}",
        [begun.k],
    )
    told = sum(n for _, n in found)
    bins = tuple(Bin("value", value=text) for text, _ in found)
    return First(column.name, bins, tuple(round(n / told, 5) for _, n in found)) if found else None


def _near(source: Source, keys: str, by: ColumnSketch) -> float:
    """How alike the places in time of one parent's rows are: the share of their spread that is its own."""
    x = natural_sql(by)
    rows, parents, within, whole = source.one(
        f"SELECT count(*), count(DISTINCT p), sum((r - m) * (r - m)), var_pop(r) * count(*) FROM "
        f"(SELECT p, r, avg(r) OVER (PARTITION BY p) AS m FROM (SELECT ({keys}) AS p, "
        f"percent_rank() OVER (ORDER BY {x}) AS r FROM {source.relation}))"
    )
    if rows <= parents or not whole:
        return 0.0
    share = 1 - (within / (rows - parents)) / (whole / rows)
    return round(share, 2) if share > CLOSE else 0.0


def _clings(source: Source, columns: Sequence[ColumnSketch]) -> tuple[tuple[str, float], ...]:
    """How closely columns follow the row before: numbers by the rank, others by how often they stay."""
    found = []
    for one in columns[: 2 * MOST_COLUMNS]:
        own, old = quoted(one.name), quoted(f"y {one.name}")
        by_chance = 0.0
        if one.kind in NUMBERS and any(b.kind == "range" for b in one.bins):
            asked = (
                f"SELECT corr(x, y), count(*), {held(source)} FROM (SELECT "
                f"percent_rank() OVER (ORDER BY {own}) AS x, "
                f"percent_rank() OVER (ORDER BY {old}) AS y{carry(source)} FROM in_turn "
                f"WHERE {TURN} > 1 AND {own} IS NOT NULL AND {old} IS NOT NULL)"
            )
        elif few(one):
            by_chance = sum(share * share for share in _shares(source, one))
            asked = (
                f"SELECT avg(({own} = {old})::INTEGER), count(*), {source.holders} FROM in_turn "
                f"WHERE {TURN} > 1 AND {own} IS NOT NULL AND {old} IS NOT NULL"
            )
        else:
            continue
        close, rows, holders = source.one(asked)
        if close is None or not math.isfinite(close) or rows < 10 * source.k or holders < source.k:
            continue
        if close - by_chance > CLOSE * (1 - by_chance):
            found.append((one.name, round(close, 2)))
    return tuple(found)


def _shares(source: Source, column: ColumnSketch) -> list[float]:
    """How the rows that have a value are shared by the values."""
    found = source.all(
        f"SELECT count(*) / sum(count(*)) OVER () FROM in_turn WHERE {quoted(column.name)} IS NOT NULL "
        f"GROUP BY {quoted(column.name)}"
    )
    return [float(share) for (share,) in found]
