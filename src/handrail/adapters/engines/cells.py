"""Rows of Python values as Arrow batches of a schema that was planned before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

import pyarrow as pa

_WIDE = Context(prec=76)


def batch(rows: Sequence[Sequence[Any]], schema: pa.Schema) -> pa.RecordBatch:
    """One batch; raises ValueError, TypeError or ArithmeticError for a value that its column cannot hold."""
    columns: Iterable[Sequence[Any]] = zip(*rows, strict=True) if rows else ((),) * len(schema)
    arrays = [_array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    convert = _conversion(kind)
    if convert is None:
        return pa.array(values, kind)
    return pa.array([None if value is None else convert(value) for value in values], kind)


def _conversion(kind: pa.DataType) -> Callable[[Any], Any] | None:
    """What brings a server's values to this type, where Arrow would not by itself."""
    if pa.types.is_integer(kind):
        return _whole
    if pa.types.is_floating(kind):
        return float
    if pa.types.is_decimal(kind):
        return _decimal(kind.scale)
    if pa.types.is_list(kind):
        return _flat
    return None


def _whole(value: Any) -> int:
    """A whole number; between two dates it is the days, where a server makes that a span of time."""
    return value.days if isinstance(value, timedelta) else int(value)


def _decimal(scale: int) -> Callable[[Any], Decimal | None]:
    step = Decimal(1).scaleb(-scale)

    def convert(value: Any) -> Decimal | None:
        number = value if isinstance(value, Decimal) else Decimal(str(value))
        return number.quantize(step, ROUND_HALF_UP, _WIDE) if number.is_finite() else None

    return convert


def _flat(value: Iterable[Any]) -> list[Any]:
    """A list of no lists: what hidden columns carry is flattened by whoever counts it anyway."""
    found: list[Any] = []
    for one in value:
        found += _flat(one) if isinstance(one, list) else [one]
    return found
