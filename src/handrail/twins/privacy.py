"""The gate before a twin is published: no copy of a real row beyond chance, and no rare value in the sketch.

A copy is a row of the twin whose modelled columns all equal those of a real row. All rows are compared. The
share of copies is held against the share of real rows that another real row equals (the hold-out rate, leave
one out), and against the share that rows put together by chance from the twin's own columns reach; that it is
more must be no coincidence, which in small tables much is. Of what is
invented, identifiers, addresses and free texts are looked up among the real ones, all of them: none should be
one, but for what chance does where a shape has little room.
"""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from handrail.twins.below import backed, rare_below
from handrail.twins.coincidence import most_at_rate, most_of_one_kind
from handrail.twins.columns import number_sql, quoted
from handrail.twins.models import ColumnSketch, HostileCell, Privacy, TableSketch
from handrail.twins.plane import Plane
from handrail.twins.rare_rules import rare_in_rules
from handrail.twins.semantics import meaning_of
from handrail.twins.shapes import MOST_ROOM, is_code, room_of
from handrail.twins.told_columns import rare_told

CHANCE_ROWS = 10_000, 100_000  # put together by chance, enough to know how often they meet a real one
TOLERATED = 1.2  # times the hold-out rate
_NOBODYS = ("email", "phone", "iban", "card", "national_id", "prose", "url")


def judge(
    plane: Plane, table: TableSketch, twin: pa.Table, hostile: Sequence[HostileCell], seed: int
) -> Privacy:
    """Compare every row, except those made hostile: their awkward values are known constants.

    Tables whose rows are real ones on purpose are not compared, and that is told; but what stands behind a
    row that is told as it is, is looked up again.
    """
    if table.verbatim:
        return Privacy((), 1.0, 0.0, 0.0, 1.0, real=table.real)
    columns = [one for one in table.columns if one.role == "model" and one.shares]
    names = tuple(one.name for one in columns)
    rare = rare_in_sketch(plane, table)
    if rare is not None:
        told = f"The sketch holds a value of {rare} that fewer than {plane.k_of(table.name)} share."
        return Privacy(names, 0, 0, 0, 0, rare, told)
    if table.told:
        share = round(table.told / max(table.rows, 1), 5)
        return Privacy((), share, 0.0, 0.0, share, real=table.real)
    plain = _plain(twin, hostile)
    reused = tuple(_reused(plane, table, plain)) if plain.num_rows else ()
    for column, share, most in reused:
        if share > most:
            told = f"{share:.2%} of its {column} are real ones, {most:.2%} would be chance."
            return Privacy(names, 0, 0, 0, 0, column, told, reused)
    if len(names) < 2 or not plain.num_rows or plane.rows[table.name] < 2:
        return Privacy(names, 0.0, 0.0, 0.0, 1.0, reused=reused)
    return replace(_copies(plane, plane.views[table.name], plain.select(list(names)), seed), reused=reused)


def _copies(plane: Plane, real: str, plain: pa.Table, seed: int) -> Privacy:
    """How many rows equal a real one, against how many do among the real ones and by chance.

    A copying twin has more of them than both: than the rate that is usual may bring, and than rows of one
    population have when it is dealt out anew which are the twin's. Of the first there is doubt in small
    tables, of whose real rows few tell what is usual; of the second where equal rows are forbidden.
    """
    names = tuple(plain.column_names)
    _fingerprint(plane, real, names)
    copies = _found(plane, plain, names)
    chance = _found(plane, _shuffled(plain, seed), names)
    (hold_out,) = plane.con.execute(
        "SELECT coalesce(sum(n) FILTER (n > 1) / sum(n), 0) FROM real_prints"
    ).fetchall()[0]
    usual = max(float(hold_out), chance)
    many = round(copies * plain.num_rows)
    most = most_at_rate(min(1.0, TOLERATED * usual), plain.num_rows)
    if many > most:
        sizes, count = _sizes(plane, plain, names)
        most = max(most, most_of_one_kind(sizes, count, plain.num_rows, seed))
    limit = most / plain.num_rows
    found = Privacy(names, round(copies, 5), round(float(hold_out), 5), round(chance, 5), round(limit, 5))
    if many <= most:
        return found
    column = _to_blame(plane, real, plain, names)
    reason = f"{copies:.1%} of its rows equal a real row, {limit:.1%} is usual; {column} betrays them most."
    return replace(found, column=column, reason=reason)


def _reused(plane: Plane, table: TableSketch, plain: pa.Table) -> Iterator[tuple[str, float, float]]:
    """Each invented column of identifiers or free text, what share of it is real, and what chance may do."""
    for column in table.columns:
        shapes = [shape for shape, _ in column.shapes if is_code(shape)]
        if column.kind != "text" or not _unlike_any(column, shapes):
            continue
        name, text = quoted(column.name), f"{quoted(column.name)}::VARCHAR"
        plane.con.register("twin_rows", plain.select([column.name]))
        same, rows = plane.con.execute(
            f"SELECT count(*) FILTER (r.v IS NOT NULL), count(*) FROM twin_rows AS t LEFT JOIN "
            f"(SELECT DISTINCT {text} AS v FROM {plane.views[table.name]}) AS r ON t.{name} = r.v "
            f"WHERE t.{name} IS NOT NULL"
        ).fetchall()[0]
        plane.con.unregister("twin_rows")
        if not rows:
            continue
        room = max((room_of(shape, column.check) for shape in shapes), default=MOST_ROOM)
        chance = min(1.0, plane.rows[table.name] / max(room, 1))
        most = min(1.0, 3 * chance + 3 * math.sqrt(chance / rows) + 3 / rows)
        yield column.name, round(same / rows, 5), round(most, 5)


def _unlike_any(column: ColumnSketch, shapes: Sequence[str]) -> bool:
    """Whether no invented value should be a real one: strangers share names and cities, not accounts."""
    if column.role == "key" and column.unique:
        return True
    meaning = meaning_of(column.semantic, column.name)
    return column.role == "fake" and (meaning in _NOBODYS or (meaning is None and not shapes))


def _plain(twin: pa.Table, hostile: Sequence[HostileCell]) -> pa.Table:
    """The rows that were not made hostile."""
    if not hostile:
        return twin
    kept = np.ones(twin.num_rows, dtype=bool)
    kept[[cell.row for cell in hostile]] = False
    return twin.filter(pa.array(kept))


def rare_in_sketch(plane: Plane, table: TableSketch) -> str | None:
    """The first column whose sketch names a value that fewer than k real rows (or entities) have.

    A second look with other SQL than the sketch was taken with: it must stay None.
    """
    source = plane.source(table.name)
    for column in table.columns:
        if column.role == "degree" or column.role not in ("model", "key", "fake") or column.kept:
            continue
        named = [*(one.value for one in column.bins if one.kind == "value"), *_pooled(column)]
        named = [value for value in named if value not in backed(column)] if column.below else named
        if not named:
            continue
        text = column.kind == "text"
        value = quoted(column.name)
        value = f"{value}::VARCHAR" if text else number_sql(value, column.type, column.kind)
        (fewest, found) = source.one(
            f"SELECT min(held), count(*) FROM (SELECT {source.holders} AS held "
            f"FROM {source.relation} WHERE {value} IN "
            f"(SELECT unnest(?::{'VARCHAR' if text else 'DOUBLE'}[])) GROUP BY {value})",
            [named],
        )
        if found < len(set(named)) or fewest < source.k:
            return column.name
    return rare_in_rules(plane, table) or rare_told(plane, table) or rare_below(plane, table)


def _pooled(column: ColumnSketch) -> list[str]:
    return [text for one in column.bins if one.kind == "pool" for text in one.values]


def _same(names: Sequence[str]) -> str:
    return " AND ".join(f"r.{quoted(name)} IS NOT DISTINCT FROM t.{quoted(name)}" for name in names)


def _print(names: Sequence[str]) -> str:
    """SQL for 64 bits that stand for a row: that two different rows of a billion share them is unlikely."""
    return f"hash({', '.join(quoted(name) for name in names)})"


def _fingerprint(plane: Plane, real: str, names: Sequence[str]) -> None:
    """Make the table of all real rows' fingerprints, each with how many rows have it."""
    plane.con.execute(
        f"CREATE OR REPLACE TEMP TABLE real_prints AS SELECT {_print(names)} AS p, count(*) AS n "
        f"FROM {real} GROUP BY 1"
    )


def _found(plane: Plane, twin: pa.Table, names: Sequence[str]) -> float:
    """The share of rows whose fingerprint a real row has."""
    plane.con.register("twin_rows", twin)
    (count,) = plane.con.execute(
        f"SELECT count(*) FROM (SELECT {_print(names)} AS p FROM twin_rows) SEMI JOIN real_prints USING (p)"
    ).fetchall()[0]
    plane.con.unregister("twin_rows")
    return int(count) / int(twin.num_rows)


def _sizes(plane: Plane, twin: pa.Table, names: Sequence[str]) -> tuple[dict[int, int], int]:
    """How many different rows there are so many times in both together, and how many rows are real."""
    plane.con.register("twin_rows", twin)
    found = plane.con.execute(
        f"WITH pooled AS (SELECT p, n, n AS own FROM real_prints UNION ALL "
        f"SELECT {_print(names)}, 1, 0 FROM twin_rows), "
        "counted AS (SELECT sum(n) AS size, sum(own) AS own FROM pooled GROUP BY p) "
        "SELECT size::BIGINT, count(*), sum(own)::BIGINT FROM counted GROUP BY 1 ORDER BY 1"
    ).fetchall()
    plane.con.unregister("twin_rows")
    return {size: count for size, count, _ in found}, sum(own for *_, own in found)


def _shuffled(twin: pa.Table, seed: int) -> pa.Table:
    """Each column's values from rows of its own: rows that keep nothing but the columns' own shares."""
    rng = np.random.default_rng([seed, 77])
    least, most = CHANCE_ROWS
    rows = min(max(twin.num_rows, least), most)
    columns = [column.take(pa.array(rng.integers(0, twin.num_rows, rows))) for column in twin.columns]
    return pa.Table.from_arrays(columns, names=twin.column_names)


def _to_blame(plane: Plane, real: str, twin: pa.Table, names: Sequence[str]) -> str:
    """The column whose values are rarest among the rows that were found."""
    plane.con.register("twin_rows", twin)
    rarest: list[tuple[float, str]] = []
    for name in names:
        column = quoted(name)
        (usual,) = plane.con.execute(
            f"WITH copied AS (SELECT t.* FROM twin_rows AS t SEMI JOIN {real} AS r ON {_same(names)}), "
            f"often AS (SELECT {column} AS v, count(*) AS n FROM {real} GROUP BY 1) "
            f"SELECT avg(often.n) FROM copied JOIN often ON often.v IS NOT DISTINCT FROM copied.{column}"
        ).fetchall()[0]
        rarest.append((float(usual or 0), name))
    plane.con.unregister("twin_rows")
    return min(rarest)[1]
