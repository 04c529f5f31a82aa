"""Strews the awkward values of the catalogue: a few rows carry them, of which each is written down.

Keys, unique columns, columns that others point at, required columns and declared rules keep what the contract
promises; everything else that the contract allows may come. Most failures need one or two conditions to meet
(Kuhn, Wallace, Gallo 2004, https://doi.org/10.1109/TSE.2004.24), so nulls are put where they meet every
common value of every other column, in turn: a null that a usual filter leaves out finds nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from handrail.twins.cases import Case
from handrail.twins.catalogue import BY_ID, CELLS
from handrail.twins.holds import broken
from handrail.twins.hostile_places import Cells, Places
from handrail.twins.hostile_rows import bound, entangle
from handrail.twins.models import ColumnSketch, HostileCell, LinkSketch, TableSketch
from handrail.twins.rules import Rule
from handrail.twins.values import Values, limits

SHARE = 0.01  # of the rows
FEWEST = 60  # rows, in tables that have ten times as many
MOST = 5_000  # rows: more of them find nothing new
PER_ROW = 3  # awkward values in such a row, on average; a quarter more where a table has few rows
OUTLIER = "number.large"
OUTLIERS = 2  # of a column: one more breaks nothing else, and moves whatever is added up once more
HEAVIEST = 1 / 300  # of what a column adds up to, that one outlier may come to


def strew(
    table: TableSketch,
    values: dict[str, Values],
    targeted: frozenset[str],
    rows: int,
    rng: np.random.Generator,
    parents: Mapping[str, int] | None = None,
) -> tuple[dict[str, Values], tuple[HostileCell, ...]]:
    """Put awkward values into a few rows; `targeted` are the columns that other rows point at.

    `parents` is how many rows the table of each link has. Every column that may be null gets nulls before
    anything else comes, and each case comes once into each column before any comes twice. Returns the columns
    and a list of what was put where, without the rows' keys (see `keyed`).
    """
    wanted = _row_count(rows)
    if not wanted:
        return values, ()
    fixed = targeted | {
        name for rule in table.rules if rule.kind == "unique" and _binds(rule) for name in rule.columns
    }
    changed, found = entangle(table, values, fixed, rows, wanted, parents or {}, rng)
    cells = _plan(table, changed, fixed, rows, wanted, rng)
    linked = {link.columns[0]: link.columns for link in _apart(table)}
    for name in {column for _, column in cells}:
        own = {row: case for (row, column), case in cells.items() if column == name}
        for other in linked.get(name, (name,)):
            changed[other] = _changed(table.column(other), changed[other], own)
    _keep_rules(table, values, changed)
    placed = found | {
        (row, other): case.id
        for (row, column), case in cells.items()
        for other in linked.get(column, (column,))
    }
    return changed, tuple(
        HostileCell(row, column, case)
        for (row, column), case in sorted(placed.items())
        if _differs(values[column], changed[column], row)
    )


def _binds(rule: Rule) -> bool:
    return rule.declared and not rule.hint and rule.kind != "total"


def _keep_rules(table: TableSketch, values: Mapping[str, Values], changed: dict[str, Values]) -> None:
    """Take back what breaks a rule that the contract declares, where more rows would than it allows."""
    columns = {column.name: column for column in table.columns}
    linked = bound(table)
    for _ in range(2):  # what is taken back for one rule may break another
        for rule in table.rules:
            if not _binds(rule) or not all(name in changed for name in rule.columns):
                continue
            wrong = broken(rule, columns, changed)
            if wrong.mean() <= rule.allowed:
                continue
            back = wrong & ~broken(rule, columns, values)
            for name in {mate for one in rule.columns for mate in linked.get(one, (one,))}:
                there, before = changed[name], values[name]
                changed[name] = Values(
                    np.where(back, before.array, there.array), np.where(back, before.valid, there.valid)
                )


def keyed(table: TableSketch, cells: Sequence[HostileCell], written: pa.Table) -> tuple[HostileCell, ...]:
    """The cells with the key of their row as people would say it; "row 17", from 1, where there is no key."""
    names = [column.name for column in table.columns if column.primary_key]
    rows = sorted({cell.row for cell in cells})
    if not names:
        return tuple(replace(cell, key=f"row {cell.row + 1}") for cell in cells)
    keys = written.select(names).take(pa.array(rows, pa.int64())).to_pylist()
    if len(names) == 1:
        told = {row: str(key[names[0]]) for row, key in zip(rows, keys, strict=True)}
    else:
        told = {
            row: ", ".join(f"{name} {key[name]}" for name in names)
            for row, key in zip(rows, keys, strict=True)
        }
    return tuple(replace(cell, key=told[cell.row]) for cell in cells)


def _row_count(rows: int) -> int:
    return min(max(math.ceil(rows * SHARE), min(FEWEST, rows // 10), 1), MOST) if rows > 1 else 0


def _plan(
    table: TableSketch,
    values: Mapping[str, Values],
    targeted: frozenset[str],
    rows: int,
    wanted: int,
    rng: np.random.Generator,
) -> Cells:
    """Which case comes into which cell."""
    nulls, others = _open(table, targeted)
    places = Places(table, values, rows, wanted, rng)
    for column in nulls:
        places.nulls(column)
    pairs = _in_turn([(column, case) for column in others for case in CELLS if _fits(case, column)], rng)
    budget = max(wanted * PER_ROW - len(places.cells), min(len(pairs), wanted * (PER_ROW + 1)))
    again = [*pairs, *((column, BY_ID["null"]) for column in nulls)]
    for number in range(budget if pairs else 0):
        column, case = again[number % len(again)]
        if case.id != OUTLIER:
            places.put(column, case)
        elif number // len(again) < OUTLIERS:
            places.outlier(column, case)
    return places.cells


def _open(table: TableSketch, targeted: frozenset[str]) -> tuple[list[ColumnSketch], list[ColumnSketch]]:
    """The columns that may be null, and those that may take other values too."""
    later = {column for link in _apart(table) for column in link.columns[1:]}
    keyed = {column for link in _apart(table) for column in link.columns if _fixed(table, link.columns)}
    linked = {column for link in table.links for column in link.columns}
    free = [
        column
        for column in table.columns
        if column.role not in ("degree", "key")
        and not column.unique
        and column.name not in targeted | later | keyed
    ]
    nulls = [column for column in free if not column.required and column.kind != "odd"]
    return nulls, [column for column in free if column.name not in linked and column.role != "fill"]


def _apart(table: TableSketch) -> list[LinkSketch]:
    """The links whose columns are null together; of others a column that may be null is so by itself."""
    together, found = bound(table), []
    for link in table.links:
        needed = {table.column(name).required for name in link.columns}
        if set(together[link.columns[0]]) == set(link.columns) and len(needed) == 1:
            found.append(link)
    return found


def _fixed(table: TableSketch, columns: Sequence[str]) -> bool:
    return any(table.column(name).required or table.column(name).primary_key for name in columns)


def _fits(case: Case, column: ColumnSketch) -> bool:
    if not case.kinds or column.kind not in case.kinds:
        return False
    made = case.make(column, None)
    if made is None or column.kind in ("text", "float"):
        return True
    low, high = limits(column.kind, column.type)
    return low <= float(made) <= high


def _in_turn(
    pairs: list[tuple[ColumnSketch, Case]], rng: np.random.Generator
) -> list[tuple[ColumnSketch, Case]]:
    """The first case of every column, then the second of every column, and so on."""
    seen: dict[str, int] = {}
    ranked = []
    for column, case in pairs:
        seen[column.name] = seen.get(column.name, 0) + 1
        ranked.append((seen[column.name], float(rng.random()), column, case))
    return [(column, case) for _, _, column, case in sorted(ranked, key=lambda one: one[:2])]


def _changed(column: ColumnSketch, values: Values, cases: Mapping[int, Case]) -> Values:
    array, valid = values.array.copy(), values.valid.copy()
    for row, case in cases.items():
        made = case.make(column, array[row] if valid[row] else None)
        if case.id == OUTLIER:
            made = _bounded(made, values)
        valid[row] = made is not None
        if made is not None:
            array[row] = made if column.kind in ("text", "float") else int(made)
    return Values(array, valid)


def _bounded(outlier: float, values: Values) -> float:
    """An outlier that leaves totals what they are: at most a share of the column's, or twice its highest."""
    known = np.abs(values.array[values.valid].astype(np.float64))
    return min(outlier, max(2 * known.max(), known.sum() * HEAVIEST)) if len(known) else outlier


def _differs(before: Values, after: Values, row: int) -> bool:
    if before.valid[row] != after.valid[row]:
        return True
    one, other = before.array[row], after.array[row]
    return bool(before.valid[row]) and (
        bool(one != other) or (one == 0 and math.copysign(1, one) != math.copysign(1, other))
    )
