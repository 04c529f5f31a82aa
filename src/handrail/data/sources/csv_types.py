"""Decide the type of a CSV column from all of its values, never from a sample."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from handrail.data.sources.table import first, quote

# Words that stand for "no value" when everything else in the column is a number, date or truth value.
_NOTHING = "('NA', 'N/A', 'NaN', 'nan', 'NULL', 'null', 'None', '-', '?', '#N/A', '\\N')"
_INTEGER = r"^[+-]?(0|[1-9]\d{0,17})$"
_NUMBER = r"^[+-]?(0|[1-9]\d{0,17})?(\.\d+)?([eE](\+?\d{1,2}|-\d{1,3}))?$"
# Not with exactly three digits after the comma: that may be the thousands of an English number.
_COMMA = r"^[+-]?(0|[1-9]\d{0,17}|[1-9]\d{0,2}(\.\d{3})+)(,(\d{1,2}|\d{4,}))?$"
_DATE = r"^\d{4}-\d{2}-\d{2}$"
_MOMENT = r"^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?$"
_ZONED = r"^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}(:?\d{2})?)$"
_DOTTED = r"^\d{1,2}\.\d{1,2}\.\d{4}$"
_SLASHED = r"^\d{1,2}/\d{1,2}/\d{4}$"
_COLUMNS_AT_ONCE = 100
_FIRST_LOOK = 2000  # rows


@dataclass(frozen=True)
class _Kind:
    """A type that text may hold: how a value is recognised and read, and what to tell the reader."""

    pattern: str
    read: str  # SQL with {} for the column; NULL when the value does not hold after all
    note: str = ""


# In order of preference: the first that fits every value wins.
_KINDS: tuple[_Kind, ...] = (
    _Kind(r"^(?i:true|false)$", "TRY_CAST({} AS BOOLEAN)"),
    _Kind(_INTEGER, "TRY_CAST({} AS BIGINT)"),
    _Kind(_NUMBER, "TRY_CAST({} AS DOUBLE)"),
    _Kind(
        _COMMA, "TRY_CAST(replace(replace({}, '.', ''), ',', '.') AS DOUBLE)", "Written with a decimal comma."
    ),
    _Kind(_DATE, "TRY_CAST({} AS DATE)"),
    _Kind(_MOMENT, "TRY_CAST({} AS TIMESTAMP)"),
    _Kind(_ZONED, "TRY_CAST({} AS TIMESTAMPTZ) AT TIME ZONE 'UTC'", "Times are kept in UTC."),
    _Kind(_DOTTED, "TRY_STRPTIME({}, '%d.%m.%Y')::DATE", "Dates were written day.month.year."),
    _Kind(_SLASHED, "TRY_STRPTIME({}, '%d/%m/%Y')::DATE", "Dates were written day/month/year."),
    _Kind(_SLASHED, "TRY_STRPTIME({}, '%m/%d/%Y')::DATE", "Dates were written month/day/year."),
)
_DAY_FIRST, _MONTH_FIRST = len(_KINDS) - 2, len(_KINDS) - 1


@dataclass(frozen=True)
class Typed:
    """SQL that reads a text column in its real type, and what should be said about it ('' if nothing)."""

    sql: str
    note: str = ""


def decide(con: duckdb.DuckDBPyConnection, table: str, columns: list[str]) -> list[Typed]:
    """The narrowest type that holds every value of each text column without losing a character of meaning.

    Leading zeros (postcodes, account numbers) and integers past 18 digits stay text; so do dates that
    could be read day-first or month-first.
    """
    result = []
    for start in range(0, len(columns), _COLUMNS_AT_ONCE):
        part = [quote(column) for column in columns[start : start + _COLUMNS_AT_ONCE]]
        # What a few rows rule out need not be looked for in all of them.
        few = f"(SELECT * FROM {quote(table)} LIMIT {_FIRST_LOOK})"  # noqa: S608
        likely = [
            {kind for kind, fit in zip(_KINDS, counts[2:], strict=True) if fit == counts[0] - counts[1]}
            for counts in _count(con, few, part, [set(_KINDS)] * len(part))
        ]
        counted = _count(con, quote(table), part, likely)
        result += [_choose(column, counts) for column, counts in zip(part, counted, strict=True)]
    return result


def _count(
    con: duckdb.DuckDBPyConnection, relation: str, columns: list[str], kinds: list[set[_Kind]]
) -> list[list[int]]:
    """For each column: its values, its placeholders, and how many values fit each kind (-1: not asked)."""
    counts = ", ".join(
        sql for column, some in zip(columns, kinds, strict=True) for sql in _counts(column, some)
    )
    # Only quoted identifiers and our own constants are in this text.
    row = first(con, f"SELECT {counts} FROM {relation}")  # noqa: S608
    width = 2 + len(_KINDS)
    numbers = [int(value or 0) for value in row]
    return [numbers[start : start + width] for start in range(0, len(numbers), width)]


def _counts(column: str, kinds: set[_Kind]) -> list[str]:
    fits = [
        f"count(*) FILTER (regexp_matches({column}, '{kind.pattern}')"
        f" AND {column} <> '' AND {kind.read.format(column)} IS NOT NULL)"
        if kind in kinds
        else "-1"
        for kind in _KINDS
    ]
    return [f"count({column})", f"count(*) FILTER ({column} IN {_NOTHING})", *fits]


def _choose(column: str, counts: list[int]) -> Typed:
    values, nothing, fits = counts[0], counts[1], counts[2:]
    real = values - nothing
    if not real:
        return Typed(column)
    if fits[_DAY_FIRST] == fits[_MONTH_FIRST] == real:
        note = "Dates that could be read day-first or month-first; kept as text."
        return Typed(column, note)
    kind = next((kind for kind, fit in zip(_KINDS, fits, strict=True) if fit == real), None)
    if kind is None:
        return Typed(column)
    missing = f"{nothing} placeholders such as NA were read as missing." if nothing else ""
    source = f"CASE WHEN {column} NOT IN {_NOTHING} THEN {column} END" if nothing else column
    return Typed(kind.read.format(source), " ".join(part for part in (kind.note, missing) if part))
