"""Cells of an answer as JSON and CSV can hold them, exactly: nothing is rounded, nothing is lost.

Whole numbers are numbers as far as every reader of JSON keeps them (±2⁵³, RFC 7493) and texts beyond;
decimals are texts; NaN and the infinities are texts, and null is only null. Dates and times are
ISO 8601, also those that Python's calendar does not have. Bytes are hexadecimal, intervals are ISO 8601
durations.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from handrail import kit

_EXACT = 1 << 53
_PLAIN_SCALE = 6  # beyond, Arrow writes small decimals as 1E-7
# DuckDB's ±infinity of dates and timestamps, as the numbers that stand for them.
_ENDLESS = {
    size: {(1 << (size - 1)) - 1: "infinity", 1 - (1 << (size - 1)): "-infinity"} for size in (32, 64)
}


def plain(column: pa.Array) -> list[Any]:
    """A column as values that JSON has."""
    if pa.types.is_dictionary(column.type):
        return plain(column.dictionary_decode())
    values: list[Any]
    if _is_plain(column):
        values = column.to_pylist()
    elif _has_plain_text(column):
        values = column.cast(pa.string()).to_pylist()
    else:
        values = [_value(value) for value in _values(column)]
    return values


def _is_plain(column: pa.Array) -> bool:
    """Whether JSON has every one of its values; asked of the column as a whole, which is fast."""
    kind = column.type
    if pa.types.is_integer(kind):
        ends = pc.min_max(column).as_py() if kind.bit_width == 64 else {}
        return all(end is None or -_EXACT < end < _EXACT for end in ends.values())
    if pa.types.is_floating(kind):
        return bool(pc.all(pc.is_finite(column), min_count=0).as_py())
    return bool(pa.types.is_string(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind))


def _has_plain_text(column: pa.Array) -> bool:
    """Whether Arrow writes its values as they are to be written here."""
    kind = column.type
    if pa.types.is_decimal(kind):
        return bool(0 < kind.scale <= _PLAIN_SCALE)
    return bool(pa.types.is_date32(kind)) and not _is_far(column)


def speakable(column: pa.Array) -> pa.Array:
    """A column as CSV can write it: bytes, intervals and times without a text there become texts."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return speakable(column.dictionary_decode())
    numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    if numeric or pa.types.is_string(kind) or pa.types.is_null(kind):
        return column
    if pa.types.is_decimal(kind) and kind.scale <= _PLAIN_SCALE:
        return column
    if pa.types.is_temporal(kind) and not pa.types.is_interval(kind) and not _is_far(column):
        return column
    return pa.array([None if v is None else str(_value(v)) for v in _values(column)], pa.string())


def _values(column: pa.Array) -> list[Any]:
    """The values as Python has them; those that it has not, as texts."""
    if pa.types.is_temporal(column.type) and (_is_fine(column.type) or _is_far(column)):
        return _times(column)
    values: list[Any] = column.to_pylist()
    return values


def _is_fine(kind: pa.DataType) -> bool:
    """Whether it has nanoseconds, which Python's times have not."""
    return kind in (pa.time64("ns"), pa.duration("ns")) or (pa.types.is_timestamp(kind) and kind.unit == "ns")


def _is_far(column: pa.Array) -> bool:
    """Whether it holds a date or timestamp outside the years 1 to 9999."""
    kind = column.type
    if not (pa.types.is_date(kind) or pa.types.is_timestamp(kind)) or len(column) == column.null_count:
        return False
    unit = _unit(kind)
    if unit == "ns":  # which reach from 1677 to 2262
        return False
    numbers = column.cast(_number(kind)).drop_null().to_numpy()
    first, last = (np.datetime64(day, unit).astype(np.int64) for day in ("0001-01-02", "9999-12-31"))
    return bool(numbers.min() < first or numbers.max() > last)


def _times(column: pa.Array) -> list[Any]:
    kind = column.type
    if not (pa.types.is_date(kind) or pa.types.is_timestamp(kind)):
        texts: list[Any] = column.cast(pa.string()).to_pylist()
        return texts
    unit, endless = _unit(kind), _ENDLESS[kind.bit_width]
    zone = "+00:00" if pa.types.is_timestamp(kind) and kind.tz else ""  # Arrow keeps instants in UTC
    return [
        None if n is None else endless.get(n) or str(np.datetime64(n, unit)) + zone
        for n in column.cast(_number(kind)).to_pylist()
    ]


def _number(kind: pa.DataType) -> pa.DataType:
    return pa.int32() if kind.bit_width == 32 else pa.int64()


def _unit(kind: pa.DataType) -> Any:
    return kind.unit if pa.types.is_timestamp(kind) else "D" if pa.types.is_date32(kind) else "ms"


def _value(value: Any) -> Any:
    """One value, also within lists and records."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return value if -_EXACT < value < _EXACT else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else _UNBOUNDED.get(value, "NaN")
    if isinstance(value, Decimal):
        whole = value.as_tuple().exponent == 0
        return _value(int(value)) if whole else format(value, "f")
    if isinstance(value, pa.MonthDayNano):
        return _duration(value)
    if isinstance(value, dict):
        return {str(key): _value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_value(item) for item in value]
    return kit.jsonable(value)


_UNBOUNDED = {math.inf: "Infinity", -math.inf: "-Infinity"}


def _duration(span: pa.MonthDayNano) -> str:
    """As ISO 8601 writes it; a negative part carries its own sign (ISO 8601-2)."""
    seconds = format(Decimal(span.nanoseconds).scaleb(-9).normalize(), "f")
    parts = [f"{span.months}M" if span.months else "", f"{span.days}D" if span.days else ""]
    clock = f"T{seconds}S" if span.nanoseconds else ""
    return f"P{''.join(parts)}{clock}" if any(parts) or clock else "PT0S"
