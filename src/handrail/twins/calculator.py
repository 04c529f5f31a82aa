"""An empty DuckDB that computes on given values what rules say, and tells its types as Arrow calls them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import duckdb
import pyarrow as pa


@lru_cache(maxsize=1)
def _database() -> duckdb.DuckDBPyConnection:
    """It reads no files, and is there once: to open one takes as long as fifty questions."""
    return duckdb.connect(config={"threads": 1, "enable_external_access": "false"})


@contextmanager
def calculator() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection of its own, which sees nothing of others, for one thread and the time of the block."""
    with _database().cursor() as con:
        con.execute("SET TimeZone = 'UTC'")
        yield con


@lru_cache(maxsize=512)
def arrow_type(sql_type: str) -> pa.DataType:
    """The Arrow type DuckDB gives to one of its types; enums become plain text."""
    if sql_type.upper().startswith("ENUM("):
        return pa.string()
    with calculator() as con:
        asked = con.sql(f"SELECT CAST(NULL AS {sql_type}) AS v LIMIT 0")
        return asked.to_arrow_table().schema.field("v").type
