"""Columns as numpy arrays in the unit of their bins, and how these become Arrow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from handrail.twins.models import ColumnSketch, Kind

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
DAY_US = 86_400_000_000
YEAR_1, YEAR_9999 = -719_162, 2_932_896  # days since 1970
NUMBERS: tuple[Kind, ...] = ("integer", "decimal", "float")
LIMITS = {
    "TINYINT": (-(2**7), 2**7 - 1),
    "SMALLINT": (-(2**15), 2**15 - 1),
    "INTEGER": (-(2**31), 2**31 - 1),
    "BIGINT": (-(2**63), 2**63 - 1),
    "UTINYINT": (0, 2**8 - 1),
    "USMALLINT": (0, 2**16 - 1),
    "UINTEGER": (0, 2**32 - 1),
    "UBIGINT": (0, 2**63 - 1),
}


@dataclass(frozen=True)
class Values:
    """One column: the values (numbers in the unit of `Bin`, or objects) and which of them are there."""

    array: NDArray[Any]
    valid: Mask

    def take(self, rows: NDArray[Any]) -> Values:
        """The values of some rows; row -1 is null."""
        if not len(self.array):
            empty = np.zeros(len(rows), dtype=self.array.dtype)
            return Values(empty, np.zeros(len(rows), dtype=bool))
        return Values(self.array[rows], self.valid[rows] & (rows >= 0))


Outside = Mapping[tuple[str, str], Values]  # (table, column) -> keys of a twin that exists already


def full(array: NDArray[Any]) -> Values:
    """A column without nulls."""
    return Values(array, np.ones(len(array), dtype=bool))


def limits(kind: Kind, sql_type: str) -> tuple[int, int]:
    """Least and greatest number of a type, in the unit of `Bin`."""
    if kind == "integer":
        return LIMITS[sql_type.upper()]
    if kind == "decimal":
        precision = int(sql_type.split("(")[1].split(",")[0])
        return (-(10 ** min(precision, 18)) + 1, 10 ** min(precision, 18) - 1)
    if kind == "date":
        return YEAR_1, YEAR_9999
    if kind == "timestamp":
        if sql_type.upper() == "TIMESTAMP_NS":
            return -9_223_372_036_854_775, 9_223_372_036_854_775
        return YEAR_1 * DAY_US, (YEAR_9999 + 1) * DAY_US - 1
    if kind == "time":
        return 0, DAY_US - 1
    return (0, 1) if kind == "boolean" else (-(2**53), 2**53)


def dtype_of(kind: Kind) -> Any:
    """The numpy type a kind is held in."""
    if kind == "float":
        return np.float64
    return np.int64 if kind in ("integer", "decimal", "date", "timestamp", "time", "boolean") else object


def as_kind(values: Values, given: ColumnSketch, wanted: ColumnSketch) -> Values:
    """The same keys in the unit of a column of another type, so that a text can point at a number."""
    if given.kind == wanted.kind and (given.kind != "decimal" or scale(given.type) == scale(wanted.type)):
        return values
    if wanted.kind == "text" or given.kind not in NUMBERS or wanted.kind not in NUMBERS:
        plain = [str(item) for item in values.array]
        if wanted.kind == "text":
            return Values(_objects(plain), values.valid)
        numbers = np.array([int("".join(c for c in text if c.isdigit())[-15:] or 0) for text in plain])
        return Values(numbers.astype(dtype_of(wanted.kind)), values.valid)
    units = values.array / 10 ** scale(given.type) * 10 ** scale(wanted.type)
    return Values(units.astype(dtype_of(wanted.kind)), values.valid)


def from_arrow(column: pa.ChunkedArray) -> Values | None:
    """The keys in a column of a twin; None for types that are not used as keys."""
    keys, valid = column.combine_chunks(), column.is_valid().to_numpy()
    if pa.types.is_integer(keys.type):
        return Values(keys.cast(pa.int64(), safe=False).fill_null(0).to_numpy(), valid)
    if pa.types.is_string(keys.type) or pa.types.is_large_string(keys.type):
        return Values(_objects(keys.fill_null("").to_pylist()), valid)
    return None


def scale(sql_type: str) -> int:
    """Digits after the point of a decimal type, 0 of any other."""
    return int(sql_type.rstrip(")").split(",")[1]) if sql_type.upper().startswith("DECIMAL(") else 0


def _objects(items: list[str]) -> NDArray[Any]:
    made = np.empty(len(items), dtype=object)
    made[:] = items
    return made


def to_arrow(column: ColumnSketch, values: Values, wanted: pa.DataType) -> pa.Array:
    """The column as Arrow; a nested type that must not be null becomes an empty value of it."""
    missing = ~values.valid
    if column.kind == "odd":
        blank = _blank(wanted) if column.required else None
        return pa.array([blank] * len(missing), type=wanted)
    if column.kind == "decimal":
        return _decimals(values, wanted)
    if column.kind in ("text", "uuid", "blob"):
        return pa.array(values.array, type=wanted, mask=missing)
    if column.role == "link" and pa.types.is_uint64(wanted):  # all 64 bits of a key that was copied
        return pa.array(values.array.view(np.uint64), mask=missing)
    clipped = values.array
    if column.kind != "float":
        low, high = limits(column.kind, column.type)
        clipped = np.clip(clipped, low, high)
    if column.kind == "boolean":
        return pa.array(clipped.astype(bool), mask=missing).cast(wanted)
    if column.kind == "date":
        return (
            pa.array(clipped.astype(np.int32), type=pa.int32(), mask=missing).cast(pa.date32()).cast(wanted)
        )
    if column.kind == "timestamp":
        zone = wanted.tz if pa.types.is_timestamp(wanted) else None
        micros = pa.array(clipped, type=pa.int64(), mask=missing).cast(pa.timestamp("us", tz=zone))
        return micros.cast(wanted, safe=False)
    if column.kind == "time":
        return pa.array(clipped, type=pa.int64(), mask=missing).cast(pa.time64("us")).cast(wanted)
    return pa.array(clipped, mask=missing).cast(wanted)


def _decimals(values: Values, wanted: pa.DataType) -> pa.Array:
    """128-bit decimals from whole numbers of the last digit: little-endian halves, sign extended."""
    low = np.where(values.valid, values.array, 0).astype(np.int64)
    halves = np.column_stack([low, np.where(low < 0, -1, 0)]).astype("<i8")
    validity = pa.py_buffer(np.packbits(values.valid, bitorder="little").tobytes())
    return pa.Array.from_buffers(wanted, len(low), [validity, pa.py_buffer(halves.tobytes())])


def _blank(wanted: pa.DataType) -> Any:
    if pa.types.is_list(wanted) or pa.types.is_large_list(wanted) or pa.types.is_map(wanted):
        return []
    if pa.types.is_fixed_size_list(wanted):
        return [_blank(wanted.value_type)] * wanted.list_size
    if pa.types.is_struct(wanted):
        return {field.name: _blank(field.type) for field in wanted}
    if pa.types.is_binary(wanted):
        return b""
    if pa.types.is_string(wanted) or pa.types.is_large_string(wanted):
        return ""
    if pa.types.is_interval(wanted):
        return pa.MonthDayNano([0, 0, 0])
    return 0
