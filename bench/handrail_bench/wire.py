"""The wire: a million rows by Arrow over HTTP against fetching them here, and memory while more leave."""

from typing import Any

import duckdb

from handrail_bench.measure import in_turn
from handrail_bench.serve import Served

COLUMNS = "l_orderkey, l_partkey, l_suppkey, l_quantity, l_extendedprice, l_shipdate"


def million(served: Served, peer: duckdb.DuckDBPyConnection, rows: int, turns: int) -> dict[str, Any]:
    """Six columns of so many rows: by a token from the server, and by DuckDB in this process."""
    sql = f"SELECT {COLUMNS} FROM lineitem LIMIT {rows}"

    def direct() -> object:  # a stream that is read out, which is faster here than a table at once
        return peer.sql(sql).to_arrow_reader().read_all()

    pair = in_turn(lambda: served.table(sql), direct, turns, lambda: None)
    return {"arrow_1m_ratio": pair.ratio, "arrow_1m_ms": [pair.ours_ms, pair.peer_ms]}


def stream(served: Served, rows: int) -> dict[str, Any]:
    """The server's peak memory while so many rows leave, and how many came."""
    sql = f"SELECT {COLUMNS} FROM lineitem CROSS JOIN range({max(4, -(-rows // 5_900_000))}) LIMIT {rows}"
    served.forget_peak()
    before = served.peak_mb()
    came = sum(batch.num_rows for batch in served.rows(sql))
    return {
        "stream_20m_peak_mb": served.peak_mb(),
        "stream_before_mb": before,
        "stream_rows": came,
    }
