"""The gate before a twin is published: no copy of a real row beyond chance, and no rare value in the sketch.

A copy is a row of the twin whose modelled columns all equal those of a real row. All rows are compared. The
share of copies is held against the share of real rows that another real row equals (the hold-out rate, leave
one out), and against the share that rows put together by chance from the twin's own columns reach.
"""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from handrail.twins.columns import number_sql, quoted
from handrail.twins.models import ColumnSketch, HostileCell, Privacy, TableSketch
from handrail.twins.plane import Plane

CHANCE_ROWS = 100_000  # rows put together by chance, enough to know how often they meet a real one
TOLERATED = 1.2  # times the hold-out rate


def judge(
    plane: Plane, table: TableSketch, twin: pa.Table, hostile: Sequence[HostileCell], seed: int
) -> Privacy:
    """Compare every row, except those made hostile: their awkward values are known constants."""
    rare = rare_in_sketch(plane, table)
    columns = [one for one in table.columns if one.role == "model" and one.shares]
    names = tuple(one.name for one in columns)
    if rare is not None:
        return Privacy(
            names, 0, 0, 0, 0, rare, f"The sketch holds a value of {rare} that fewer than {plane.k} share."
        )
    if len(names) < 2 or twin.num_rows <= len({cell.row for cell in hostile}) or plane.rows[table.name] < 2:
        return Privacy(names, 0.0, 0.0, 0.0, 1.0)
    plain = _plain(twin.select(list(names)), hostile)
    real = plane.views[table.name]
    _fingerprint(plane, real, names)
    copies = _found(plane, plain, names)
    chance = _found(plane, _shuffled(plain, seed), names)
    (hold_out,) = plane.con.execute(
        "SELECT coalesce(sum(n) FILTER (n > 1) / sum(n), 0) FROM real_prints"
    ).fetchall()[0]
    usual = max(float(hold_out), chance)
    spread = math.sqrt(usual * (1 - usual) / plain.num_rows)
    limit = min(1.0, TOLERATED * usual + 3 * spread + 3 / plain.num_rows)
    found = Privacy(names, round(copies, 5), round(float(hold_out), 5), round(chance, 5), round(limit, 5))
    if copies <= limit:
        return found
    column = _to_blame(plane, real, plain, names)
    reason = f"{copies:.1%} of its rows equal a real row, {limit:.1%} is usual; {column} betrays them most."
    return replace(found, column=column, reason=reason)


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
        if column.role == "degree" or column.role not in ("model", "key"):
            continue
        named = [*(one.value for one in column.bins if one.kind == "value"), *_pooled(column)]
        if not named:
            continue
        text = column.kind == "text"
        value = quoted(column.name)
        value = f"{value}::VARCHAR" if text else number_sql(value, column.type, column.kind)
        (fewest, found) = source.one(
            f"SELECT min(held), count(*) FROM (SELECT {value} AS x, {source.holders} AS held "
            f"FROM {source.relation} WHERE {value} IN "
            f"(SELECT unnest(?::{'VARCHAR' if text else 'DOUBLE'}[])) GROUP BY x)",
            [named],
        )
        if found < len(set(named)) or fewest < plane.k:
            return column.name
    return None


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
        f"FROM {real} GROUP BY p"
    )


def _found(plane: Plane, twin: pa.Table, names: Sequence[str]) -> float:
    """The share of rows whose fingerprint a real row has."""
    plane.con.register("twin_rows", twin)
    (count,) = plane.con.execute(
        f"SELECT count(*) FROM (SELECT {_print(names)} AS p FROM twin_rows) SEMI JOIN real_prints USING (p)"
    ).fetchall()[0]
    plane.con.unregister("twin_rows")
    return int(count) / int(twin.num_rows)


def _shuffled(twin: pa.Table, seed: int) -> pa.Table:
    """The twin's columns, each in another order: rows that keep nothing but the columns' own shares."""
    rng = np.random.default_rng([seed, 77])
    rows = min(twin.num_rows, CHANCE_ROWS)
    columns = [column.take(pa.array(rng.permutation(twin.num_rows)[:rows])) for column in twin.columns]
    return pa.Table.from_arrays(columns, names=twin.column_names)


def _to_blame(plane: Plane, real: str, twin: pa.Table, names: Sequence[str]) -> str:
    """The column whose values are rarest among the rows that were found."""
    plane.con.register("twin_rows", twin)
    rarest: list[tuple[float, str]] = []
    for name in names:
        column = quoted(name)
        (usual,) = plane.con.execute(
            f"WITH copied AS (SELECT t.* FROM twin_rows AS t SEMI JOIN {real} AS r ON {_same(names)}), "
            f"often AS (SELECT {column} AS v, count(*) AS n FROM {real} GROUP BY v) "
            f"SELECT avg(n) FROM copied JOIN often ON v IS NOT DISTINCT FROM copied.{column}"
        ).fetchall()[0]
        rarest.append((float(usual or 0), name))
    plane.con.unregister("twin_rows")
    return min(rarest)[1]
