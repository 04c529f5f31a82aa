"""Many rows for a table of DuckDB at once: each `executemany` row is a statement of its own, which takes longest."""

from collections.abc import Sequence
from typing import Any

import duckdb
import pyarrow as pa


def fill(con: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Sequence[Any]]) -> None:
    """Put rows into a table that is there, whose columns they have in its order; none are put nowhere."""
    if rows:
        columns = [pa.array(list(values)) for values in zip(*rows, strict=True)]
        con.register("given", pa.table(columns, names=[f"c{place}" for place in range(len(columns))]))
        con.execute(f'INSERT INTO "{table}" FROM given')
        con.unregister("given")
