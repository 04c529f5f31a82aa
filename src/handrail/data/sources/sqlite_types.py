"""Decide the type of an SQLite column from the types its values really have.

SQLite types values, not columns (https://sqlite.org/datatype3.html), so a declared type is only a hint.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from handrail.data.sources.table import SourceColumn, quote

_COLUMNS_AT_ONCE = 100  # 12 aggregates each; SQLite allows 2,000 result columns
_DATE = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
_DECIMAL = re.compile(r"(?:DECIMAL|NUMERIC)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)", re.IGNORECASE)
_MAX_DECIMAL_DIGITS = 15  # what a REAL holds exactly


@dataclass(frozen=True)
class Observed:
    """How many values of a column have which SQLite type, and how many look like something narrower."""

    integers: int
    reals: int
    texts: int
    blobs: int
    zero_or_one: int
    dates: int
    timestamps: int
    as_decimal: int

    @property
    def values(self) -> int:
        return self.integers + self.reals + self.texts + self.blobs


@dataclass(frozen=True)
class Decision:
    """The Arrow type of a column, the SQL that reads it, and what a reader should know ('' if nothing)."""

    type: pa.DataType
    sql: str
    note: str = ""


def observe(db: sqlite3.Connection, table: str, columns: Sequence[SourceColumn]) -> list[Observed]:
    """Count the value types of every column, in as few scans as SQLite's limits allow."""
    result = []
    for start in range(0, len(columns), _COLUMNS_AT_ONCE):
        part = columns[start : start + _COLUMNS_AT_ONCE]
        counts = ", ".join(sql for column in part for sql in _counts(column))
        # The only values put into this text are quoted identifiers and our own constants.
        row = db.execute(f"SELECT {counts} FROM {quote(table)}").fetchone()  # noqa: S608
        numbers = [int(value or 0) for value in row]
        result += [Observed(*numbers[i : i + 8]) for i in range(0, len(numbers), 8)]
    return result


def _counts(column: SourceColumn) -> list[str]:
    """Eight counts of one column; CASE keeps SQLite from computing what the value's type rules out."""
    name = quote(column.name)
    kinds = [f"sum(typeof({name}) = '{kind}')" for kind in ("integer", "real", "text", "blob")]
    # '+0 days' makes SQLite compute: without it some versions give back a 30 February as it is.
    date = f"date({name}, '+0 days') = {name} AND {name} >= '0001'"
    moment = (
        f"{name} >= '0001' AND length({name}) <= 26"
        f" AND (length({name}) = 19 OR {name} GLOB '*:[0-9][0-9].[0-9]*' OR {name} GLOB '*:[0-9][0-9]Z')"
        f" AND {name} NOT GLOB '*[+]*' AND substr({name}, 20) NOT GLOB '*-*'"
        f" AND strftime('%Y-%m-%d %H:%M:%S', substr({name}, 1, 19), '+0 days')"
        f" = replace(substr({name}, 1, 19), 'T', ' ')"
    )
    texts = [
        f"sum(CASE WHEN typeof({name}) = 'text' THEN CASE WHEN {name} GLOB '{shape}' THEN {test} END END)"
        for shape, test in ((_DATE, date), (f"{_DATE}[ T]*", moment))
    ]
    return [*kinds, _truths(column, name), *texts, _decimals(column, name)]


def _truths(column: SourceColumn, name: str) -> str:
    """How many values are 0 or 1, where that may mean false and true."""
    declared = "BOOL" in column.declared.upper()
    return f"sum(typeof({name}) = 'integer' AND {name} IN (0, 1))" if declared else "0"


def _decimals(column: SourceColumn, name: str) -> str:
    """How many values have no more digits than declared, where any are declared."""
    declared = _decimal(column.declared)
    if not declared:
        return "0"
    digits, decimals = declared
    fits = f"abs({name} - round({name}, {decimals})) < 1e-9 AND abs({name}) < {10 ** (digits - decimals)}"
    return f"sum(CASE WHEN typeof({name}) IN ('integer', 'real') THEN {fits} END)"


def decide(column: SourceColumn, seen: Observed) -> Decision:
    """The type that holds every value seen without loss; text when the values do not agree."""
    name = quote(column.name)
    if not seen.values:
        return _declared(column, name)
    if seen.texts == seen.values:
        return _text(seen, name)
    if seen.blobs == seen.values:
        return Decision(pa.binary(), name)
    if seen.integers + seen.reals == seen.values:
        return _number(column, seen, name)
    counted = {"integer": seen.integers, "real": seen.reals, "text": seen.texts, "blob": seen.blobs}
    mixture = ", ".join(f"{count} {kind}" for kind, count in counted.items() if count)
    if seen.blobs:
        return Decision(pa.binary(), f"CAST({name} AS BLOB)", f"Mixed types ({mixture}), kept as binary.")
    return Decision(pa.string(), f"CAST({name} AS TEXT)", f"Mixed types ({mixture}), kept as text.")


def _number(column: SourceColumn, seen: Observed, name: str) -> Decision:
    declared = column.declared.upper()
    if "BOOL" in declared and seen.zero_or_one == seen.values:
        return Decision(pa.bool_(), name)
    digits = _decimal(declared)
    if digits and seen.as_decimal == seen.values:
        # As text with exactly the declared decimals: no binary rounding shows. To printf null would be 0.
        written = f"CASE WHEN {name} IS NOT NULL THEN printf('%.{digits[1]}f', {name}) END"
        return Decision(pa.decimal128(*digits), written)
    if seen.reals:
        return Decision(pa.float64(), f"CAST({name} AS REAL)")
    note = "Declared as a date but stored as numbers; kept as numbers." if _is_dated(declared) else ""
    return Decision(pa.int64(), name, note)


def _text(seen: Observed, name: str) -> Decision:
    if seen.dates == seen.values:
        return Decision(pa.date32(), name, "Stored as text in the source; every value is an ISO date.")
    if seen.dates + seen.timestamps == seen.values:
        sql = f"replace(replace({name}, 'T', ' '), 'Z', '')"
        note = "Stored as text in the source; every value is an ISO date and time."
        return Decision(pa.timestamp("us"), sql, note)
    return Decision(pa.string(), name)


def _declared(column: SourceColumn, name: str) -> Decision:
    """SQLite's own affinity rules, for a column without a value."""
    declared = column.declared.upper()
    digits = _decimal(declared)
    rules: tuple[tuple[Callable[[], bool], pa.DataType], ...] = (
        (lambda: "BOOL" in declared, pa.bool_()),
        (lambda: "DATETIME" in declared or "TIMESTAMP" in declared, pa.timestamp("us")),
        (lambda: "DATE" in declared, pa.date32()),
        (lambda: "INT" in declared, pa.int64()),
        (lambda: any(word in declared for word in ("CHAR", "CLOB", "TEXT")), pa.string()),
        (lambda: "BLOB" in declared, pa.binary()),
        (lambda: digits is not None, pa.decimal128(*(digits or (18, 3)))),
        (lambda: any(word in declared for word in ("REAL", "FLOA", "DOUB", "NUM", "DEC")), pa.float64()),
    )
    type_ = next((type_ for applies, type_ in rules if applies()), pa.string())
    return Decision(type_, name, "" if declared else "No value and no declared type; taken as text.")


def _decimal(declared: str) -> tuple[int, int] | None:
    match = _DECIMAL.search(declared)
    if not match:
        return None
    digits, decimals = int(match[1]), int(match[2] or 0)
    return (digits, decimals) if 0 < digits <= _MAX_DECIMAL_DIGITS and decimals <= digits else None


def _is_dated(declared: str) -> bool:
    return "DATE" in declared or "TIME" in declared
