"""How a PostgreSQL column is read so that Parquet can hold every value, and what is said about it."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pyarrow as pa

from handrail.data.sources.table import quote

_NUMERIC = re.compile(r"^numeric\((\d+),(-?\d+)\)$")
_MAX_DIGITS = 38
_SIMPLE: dict[str, pa.DataType] = {
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "oid": pa.int64(),
    "boolean": pa.bool_(),
    "real": pa.float32(),
    "double precision": pa.float64(),
    "bytea": pa.binary(),
}
_TEXTUAL = ("text", "character", "name", '"char"', "citext", "uuid")
# PostgreSQL knows infinite dates and years past 9999 or before Christ; Python and most readers do not.
_USUAL = "{0} >= '0001-01-01' AND {0} < '10000-01-01'"


@dataclass(frozen=True)
class Reading:
    """The Arrow type of a column, the SQL that reads it, the SQL that counts values lost, and a note."""

    type: pa.DataType
    sql: str
    note: str = ""
    lost: str = ""


def reading(name: str, type_: str, digits: tuple[int, int] | None = None) -> Reading:
    """How to read one column; `digits` = (before, after the point) as measured, for an unbounded numeric."""
    column = quote(name)
    base = re.sub(r"\(\d+\)", "", type_)
    if base in _SIMPLE:
        return Reading(_SIMPLE[base], f"{column}::bigint" if base == "oid" else column)
    if type_.startswith("numeric"):
        return _numeric(column, type_, digits)
    if base == "date":
        return Reading(pa.date32(), *_bounded(column, column))
    if base.startswith("timestamp with time zone") or base == "timestamp with time zone":
        sql, note, lost = _bounded(column, f"({column} AT TIME ZONE 'UTC')")
        return Reading(pa.timestamp("us"), sql, "Has a time zone in the source, kept in UTC.", lost)
    if base.startswith("timestamp"):
        return Reading(pa.timestamp("us"), *_bounded(column, column))
    if base == "time without time zone":
        return Reading(pa.time64("us"), f"nullif({column}, '24:00')", "", f"{column} = '24:00'")
    if base == "money":
        return Reading(pa.decimal128(19, 2), f"{column}::numeric", "Money in the source.")
    note = "" if type_.startswith(_TEXTUAL) else f"{type_} in the source, kept as text."
    return Reading(pa.string(), f"{column}::text", note)


def measure(name: str) -> str:
    """SQL that measures an unbounded numeric: most digits before and after the point, and NaN or infinity."""
    column = quote(name)
    odd = f"{column} IN ('NaN', 'Infinity', '-Infinity')"
    finite = f"CASE WHEN NOT {odd} THEN {column} END"
    return (
        f"coalesce(max(length(trunc(abs({finite}))::text)), 1), coalesce(max(scale({finite})), 0),"
        f" count(*) FILTER (WHERE {odd})"
    )


def _numeric(column: str, type_: str, digits: tuple[int, int] | None) -> Reading:
    declared = _NUMERIC.match(type_)
    if declared and 0 <= int(declared[2]) <= int(declared[1]) <= _MAX_DIGITS:
        lost = f"{column} = 'NaN'"
        return Reading(
            pa.decimal128(int(declared[1]), int(declared[2])), f"nullif({column}, 'NaN')", "", lost
        )
    if digits and sum(digits) <= _MAX_DIGITS:
        return Reading(pa.decimal128(max(sum(digits), 18), digits[1]), column)
    return Reading(pa.float64(), f"{column}::float8", "Unbounded numeric, kept as DOUBLE (about 15 digits).")


def _bounded(column: str, sql: str) -> tuple[str, str, str]:
    usual = _USUAL.format(column)
    return f"CASE WHEN {usual} THEN {sql} END", "", f"NOT ({usual})"
