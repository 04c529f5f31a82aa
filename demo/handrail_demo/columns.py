"""Typed columns from numpy arrays, without a Python loop per row."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Rng = np.random.Generator


def pick(rng: Rng, words: Sequence[str], size: int, weights: Sequence[float] | None = None) -> pa.Array:
    """`size` draws from `words`, as text; `weights` need not sum to one."""
    return pa.array(list(words)).take(pa.array(draw(rng, len(words), size, weights)))


def draw(rng: Rng, choices: int, size: int, weights: Sequence[float] | None = None) -> Ints:
    """`size` indexes below `choices`, by weight."""
    if weights is None:
        return rng.integers(0, choices, size)
    edges = np.cumsum(np.asarray(weights, dtype=float))
    found: Ints = np.searchsorted(edges, rng.random(size) * edges[-1], side="right").astype(np.int64)
    return found


def join(*parts: Any) -> pa.Array:
    """Element-wise concatenation of text columns, integer columns and constants."""
    texts = [p if isinstance(p, str) else pc.cast(pa.array(p), pa.string()) for p in parts]
    return pc.binary_join_element_wise(*texts, "")


def decimals(scaled: Ints, precision: int, scale: int) -> pa.Array:
    """Exact decimals from integers that count units of 10^-scale (cents, for money)."""
    words = np.stack([scaled, scaled >> 63], axis=1).astype("<i8")  # 128-bit little endian, sign extended
    return pa.Array.from_buffers(
        pa.decimal128(precision, scale), len(scaled), [None, pa.py_buffer(words.tobytes())]
    )


def blank(column: pa.Array, where: Bools) -> pa.Array:
    """The column with nulls where `where` is true."""
    return pc.if_else(pa.array(~where), column, pa.scalar(None, column.type))


def replace(column: pa.Array, where: Bools, value: pa.Array | str) -> pa.Array:
    """The column with `value` where `where` is true."""
    return pc.if_else(pa.array(where), value, column)


def dates(days: Ints) -> pa.Array:
    """Dates from days since 1970-01-01."""
    return pa.array(days.astype(np.int32), type=pa.int32()).cast(pa.date32())


def instants(seconds: Ints) -> pa.Array:
    """Timestamps from seconds since 1970-01-01 00:00 UTC."""
    return pa.array(seconds, type=pa.int64()).cast(pa.timestamp("s")).cast(pa.timestamp("us"))


def day(iso: str) -> int:
    """Days since 1970-01-01 of an ISO date."""
    return int(np.datetime64(iso, "D").astype(np.int64))
