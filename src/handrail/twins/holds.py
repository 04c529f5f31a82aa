"""Whether the rows of a twin keep a rule, asked of numpy arrays; `rule_sql` asks the same of tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from handrail.twins.calculator import arrow_type, calculator
from handrail.twins.models import ColumnSketch
from handrail.twins.rules import DERIVED, Listed, Rule
from handrail.twins.values import Ints, Mask, Values, scale, to_arrow

Columns = Mapping[str, ColumnSketch]
Rows = Mapping[str, Values]
NOWHERE = -1
Floats = NDArray[np.float64]
FORMULAS: Mapping[str, Callable[[Floats, Floats, Floats], Floats]] = {
    "b + c": lambda b, c, _: b + c,
    "b - c": lambda b, c, _: b - c,
    "b * c": lambda b, c, _: b * c,
    "b * (1 - c)": lambda b, c, _: b * (1 - c),
    "b * (1 + c)": lambda b, c, _: b * (1 + c),
    "b * (1 - c / 100)": lambda b, c, _: b * (1 - c / 100),
    "b * c * (1 - d)": lambda b, c, d: b * c * (1 - d),
    "b * c * (1 - d / 100)": lambda b, c, d: b * c * (1 - d / 100),
}


def broken(rule: Rule, columns: Columns, rows: Rows) -> Mask:
    """Which rows break the rule. Totals are asked by `repair`, for they are about two tables."""
    return np.asarray(_broken(rule, columns, rows), dtype=bool)


def _broken(rule: Rule, columns: Columns, rows: Rows) -> Any:
    a = rows[rule.columns[0]]
    b = rows[rule.columns[-1]]
    if rule.kind == "order":
        x, y = (natural(columns[name], rows[name]) for name in rule.columns)
        return a.valid & b.valid & (x > y)
    if rule.kind in ("offset", "formula"):
        target = rule.target or ""
        wanted = computed(rule, columns, rows)
        off = np.abs(natural(columns[target], rows[target]) - wanted.array)
        return rows[target].valid & wanted.valid & (off > slack(columns[target], wanted.array))
    if rule.kind == "derived":
        made = derived(rule, columns, a)
        return a.valid & b.valid & made.valid & (made.array != b.array)
    if rule.kind == "accepted":
        first, second = places_of(rule, columns, rows)
        width = len({pair[1] for pair in rule.pairs})
        judged = (first != NOWHERE) & (second != NOWHERE)
        return judged & ~np.isin(first * width + second, pair_codes(rule))
    if rule.kind == "nulls":
        empty, filled = (asked(rule, columns, a, listed) for listed in (rule.values, rule.filled))
        return (empty & b.valid) | (filled & ~b.valid)
    if rule.kind == "range":
        found = natural(columns[rule.columns[0]], a)
        low = -np.inf if rule.low is None else rule.low
        high = np.inf if rule.high is None else rule.high
        inside = (low < found) & (found < high) if rule.strict else (low <= found) & (found <= high)
        return a.valid & ~inside
    if rule.kind == "values":
        return a.valid & (within(columns[rule.columns[0]], a, rule.values) == rule.strict)
    if rule.kind == "pattern":
        return a.valid & ~_matches(rule.how, a)
    if rule.kind == "check":
        return _unchecked(rule, columns, rows)
    if rule.kind == "unique":
        return repeats([rows[name] for name in rule.columns])
    return np.zeros(len(a.valid), dtype=bool)


def natural(column: ColumnSketch, values: Values) -> NDArray[np.float64]:
    """The numbers as people write them: decimals with their point, dates in days, times in microseconds."""
    return np.asarray(values.array.astype(np.float64) / 10.0 ** scale(column.type))


def in_units(column: ColumnSketch, numbers: NDArray[np.float64]) -> NDArray[Any]:
    """Numbers as the column holds them, halves away from zero."""
    if column.kind == "float":
        return np.asarray(np.round(numbers / column.step) * column.step) if column.step else numbers
    units = numbers * 10.0 ** scale(column.type)
    return (np.sign(units) * np.floor(np.abs(units) + 0.5 + 1e-9)).astype(np.int64)


def slack(column: ColumnSketch, about: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far a computed number may be off: half of the last digit."""
    return last_digit(column) / 2 + 1e-9 * np.maximum(1.0, np.abs(about))


def last_digit(column: ColumnSketch) -> float:
    """The size of the last digit of a number of this column; 0 where it has none."""
    return column.step if column.kind == "float" else 10.0 ** -scale(column.type)


def computed(rule: Rule, columns: Columns, rows: Rows) -> Values:
    """What a formula or a distance makes of the other columns, as natural numbers."""
    if rule.kind == "offset":
        a = rule.columns[0]
        return Values(natural(columns[a], rows[a]) + rule.by, rows[a].valid)
    given = dict(zip("bcd", rule.columns[1:], strict=False))
    x = {letter: natural(columns[name], rows[name]) for letter, name in given.items()}
    valid = np.logical_and.reduce([rows[name].valid for name in given.values()])
    made = FORMULAS[rule.how](x["b"], x["c"], x.get("d", x["c"]))
    return Values(made, valid)


def derived(rule: Rule, columns: Columns, values: Values) -> Values:
    """What the other column must be; each different value is asked of DuckDB once."""
    given, wanted = columns[rule.columns[0]], columns[rule.columns[1]]
    every, place = np.unique(values.array[values.valid], return_inverse=True)
    array = np.zeros(len(values.array), dtype=rows_dtype(wanted))
    valid = values.valid.copy()
    if len(every):
        with calculator() as con:
            whole = Values(every, np.ones(len(every), dtype=bool))
            con.register("given", pa.table({"x": to_arrow(given, whole, arrow_type(given.type))}))
            made = con.sql(f"SELECT {DERIVED[rule.how]} AS y FROM given").to_arrow_table()["y"]  # noqa: S608
        answers = [None if one is None else _unit(wanted, one) for one in made.to_pylist()]
        array[valid] = np.array([0 if one is None else one for one in answers], dtype=array.dtype)[place]
        valid[valid] = np.array([one is not None for one in answers])[place]
    return Values(array, valid)


def rows_dtype(column: ColumnSketch) -> Any:
    """The numpy type that values of a column are held in."""
    numbers = ("integer", "decimal", "date", "timestamp", "time", "boolean")
    return np.float64 if column.kind == "float" else np.int64 if column.kind in numbers else object


def _unit(column: ColumnSketch, value: Any) -> Any:
    if column.kind == "text":
        return str(value)
    if column.kind == "date":
        return int(np.datetime64(value, "D").astype(np.int64))
    if column.kind == "timestamp":
        return int(np.datetime64(value, "us").astype(np.int64))
    return int(value) * 10 ** scale(column.type)


def places(column: ColumnSketch, values: Values, listed: Sequence[Listed]) -> Ints:
    """The place of each value in the list, `NOWHERE` for others; no value is one where the list has None."""
    found = np.full(len(values.valid), NOWHERE, dtype=np.int64)
    known = [one for one in listed if one is not None]
    at = np.array([place for place, one in enumerate(listed) if one is not None], dtype=np.int64)
    if known and column.kind == "text":
        asked = pa.array(values.array, type=pa.string(), mask=~values.valid)
        index = pc.fill_null(pc.index_in(asked, pa.array(known, pa.string())), NOWHERE).to_numpy()
        found = np.where(index >= 0, at[index], NOWHERE)
    elif known:
        numbers = np.array(known, dtype=np.float64)
        order = np.argsort(numbers)
        asked = natural(column, values)
        near = np.minimum(np.searchsorted(numbers[order], asked - last_digit(column) / 4), len(order) - 1)
        hit = np.abs(numbers[order][near] - asked) <= max(last_digit(column) / 4, 1e-9)
        found = np.where(hit & values.valid, at[order[near]], NOWHERE)
    if None in listed:
        found = np.where(values.valid, found, listed.index(None))
    return found


def within(column: ColumnSketch, values: Values, listed: Sequence[Listed]) -> Mask:
    """Which values are in the list."""
    return np.asarray(places(column, values, listed) != NOWHERE)


def asked(rule: Rule, columns: Columns, values: Values, listed: Sequence[Listed]) -> Mask:
    """Which rows a list of a rule about empty values is about: by the value, or by whether there is one."""
    if rule.how == "empty":
        return np.isin((~values.valid).astype(float), np.array(listed, dtype=float))
    return within(columns[rule.columns[0]], values, listed)


@lru_cache(maxsize=64)
def listed_in(rule: Rule) -> tuple[list[Listed], list[Listed]]:
    """The different first and second values of the pairs."""
    return list(dict.fromkeys(p[0] for p in rule.pairs)), list(dict.fromkeys(p[1] for p in rule.pairs))


def places_of(rule: Rule, columns: Columns, rows: Rows) -> tuple[Ints, Ints]:
    """For each row the place of its first and of its second value among those that the pairs have."""
    a, b = rule.columns
    firsts, seconds = listed_in(rule)
    return places(columns[a], rows[a], firsts), places(columns[b], rows[b], seconds)


@lru_cache(maxsize=64)
def pair_codes(rule: Rule) -> Ints:
    """Each pair as one number: its first's place times how many seconds there are, plus its second's."""
    firsts, seconds = ({one: place for place, one in enumerate(found)} for found in listed_in(rule))
    return np.array([firsts[a] * len(seconds) + seconds[b] for a, b, _ in rule.pairs], dtype=np.int64)


def _matches(pattern: str, values: Values) -> Mask:
    asked = pa.array(values.array, type=pa.string(), mask=~values.valid)
    return np.asarray(pc.fill_null(pc.match_substring_regex(asked, pattern), False).to_numpy(False), bool)


def _unchecked(rule: Rule, columns: Columns, rows: Rows) -> Mask:
    """Rows of which the condition is false; where it has no answer it is kept, as in SQL's constraints."""
    with calculator() as con:
        arrays = {
            name: to_arrow(columns[name], rows[name], arrow_type(columns[name].type)) for name in rule.columns
        }
        con.register("given", pa.table(arrays))
        found = con.sql(f"SELECT coalesce(NOT ({rule.how}), false) AS y FROM given").fetchnumpy()["y"]  # noqa: S608
    return np.asarray(found, dtype=bool)


def repeats(columns: Sequence[Values]) -> Mask:
    """Every row whose values, all of them there, an earlier row has."""
    group = np.zeros(len(columns[0].valid), dtype=np.int64)
    there = np.logical_and.reduce([one.valid for one in columns])
    for one in columns:
        _, own = np.unique(one.array[there], return_inverse=True)
        _, group[there] = np.unique(group[there] * (len(own) + 1) + own, return_inverse=True)
    first = np.zeros(len(group), dtype=bool)
    rows = np.flatnonzero(there)
    first[rows[np.unique(group[there], return_index=True)[1]]] = True
    return np.asarray(there & ~first)
