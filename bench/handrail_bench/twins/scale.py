"""How time and memory grow: four tables of a million rows; one of ten thousand rows, and of ten million."""

import json
import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from handrail_bench.twins.run import build, timed_build

_COLUMNS = """
  (h(i, 1) % 1000) / 10.0 AS share, round(exp((h(i, 2) % 6000) / 1000.0), 2) AS amount,
  round(20 + (h(i, 1) % 1000) / 40.0 + (h(i, 3) % 100) / 50.0, 2) AS degrees,
  CAST(round(exp((h(i, 4) % 9000) / 1000.0), 2) AS DECIMAL(12, 2)) AS price,
  h(i, 5) % 7 AS grade, h(i, 6) % 250 AS minutes,
  CAST(sqrt(h(i, 7) % 10000) AS INTEGER) AS points,
  DATE '2020-01-01' + CAST(h(i, 8) % 2000 AS INTEGER) AS day,
  DATE '2020-01-01' + CAST(h(i, 8) % 2000 + h(i, 9) % 30 AS INTEGER) AS due,
  TIMESTAMP '2020-01-01' + to_seconds(h(i, 10) % 100000000) AS seen_at,
  ['north', 'east', 'south', 'west'][1 + h(i, 11) % 4] AS region,
  'kind ' || CAST(sqrt(h(i, 12) % 900) AS INTEGER) AS kind,
  CASE WHEN h(i, 13) % 10 > 0 THEN ['a', 'b', 'c'][1 + h(i, 11) % 3] END AS class,
  'city ' || (h(i, 14) % 400) AS place, h(i, 15) % 10 = 0 AS late,
  CASE WHEN h(i, 16) % 5 > 0 THEN (h(i, 17) % 100000) / 100.0 END AS score,
  'REF-' || lpad(CAST(h(i, 18) % 10000000 AS VARCHAR), 7, '0') AS reference,
  (h(i, 19) % 3) * 50 AS step"""
TABLES = ("regions", "customers", "orders", "lines")


def scale(rows: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Seconds and megabytes of the whole command on four tables of so many rows and twenty columns."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "real").mkdir()
        say(f"four tables of {rows:,} rows")
        for number, name in enumerate(TABLES):
            above = TABLES[number - 1] if number else None
            link = f"1 + h(i, 20) % {rows} AS {above[:-1]}_id," if above else "i % 97 AS cluster,"
            _table(place / "real" / f"{name}.parquet", rows, f"i + 1 AS {name[:-1]}_id, {link}")
        done = build(place / "real", place / "twin")
        return {
            "scale_seconds": round(done.seconds, 2) if done.code == 0 else None,
            "scale_peak_mb": round(done.peak_mb) if done.code == 0 else None,
            "details": {"scale_failed": (done.err or done.out)[-300:]} if done.code else {},
        }


def growth(most: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Seconds by rows of one table of twenty columns, and how much faster than n log n they grew at worst."""
    steps = [10**power for power in range(4, 9) if 10**power <= most]
    taken: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for rows in steps:
            say(f"one table of {rows:,} rows")
            place = Path(folder) / str(rows)
            (place / "real").mkdir(parents=True)
            _table(place / "real" / "things.parquet", rows, "i + 1 AS thing_id, i % 97 AS cluster,")
            done = timed_build(place / "real", place / "twin")
            if done.code == 0:
                taken[rows] = json.loads(done.out)["seconds"]
    pairs = list(zip(taken.items(), list(taken.items())[1:], strict=False))
    worse = [(t2 / t1) / (n2 * math.log(n2) / (n1 * math.log(n1))) for (n1, t1), (n2, t2) in pairs]
    return {
        "growth_seconds": {str(rows): round(seconds, 2) for rows, seconds in taken.items()},
        "growth_over_n_log_n": round(max(worse), 3) if worse else None,
        "growth_failed": [rows for rows in steps if rows not in taken],
    }


def _table(path: Path, rows: int, first: str) -> None:
    with duckdb.connect() as con:
        con.execute("SET memory_limit = '2GB'")
        con.execute("CREATE MACRO h(n, place) AS CAST(hash(n, place) % 1000000007 AS BIGINT)")
        con.execute("SET preserve_insertion_order = false")
        sql = f"SELECT {first} {_COLUMNS} FROM range({rows}) AS all_rows(i)"
        con.execute(f"COPY ({sql}) TO '{path}' (FORMAT parquet)")
