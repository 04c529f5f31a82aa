"""Nothing tells of rows that the viewer may not see: no plan, no failure, and no work done over them.

HANDRAIL_EXAMPLES sets how many random questions are asked in two worlds; HANDRAIL_SEED where they begin.
"""

import os
import random
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from handrail.adapters.engines.duckdb import DuckDB, _same_tables
from handrail.data.govern import SCHEMA as GOVERNED
from handrail.data.govern import govern
from handrail.data.models import Column, RowFilter
from handrail.data.parse import read
from handrail.data.resolve import resolve
from handrail.kernel import NotAllowed
from tests.data.governing import LIMITS, SECRET, House, contract
from tests.data.worlds import FILTERS, WHO, Worlds, outcome, question

SEED = int(os.environ.get("HANDRAIL_SEED", "0"))
WORLDS = max(1, int(os.environ.get("HANDRAIL_EXAMPLES", "96")) // 8)
COLUMNS = (
    *(Column("k", "BIGINT"), Column("region", "VARCHAR"), Column("t", "VARCHAR"), Column("n", "BIGINT")),
    Column("l", "VARCHAR[]"),
)
LONG = 45_000

# Each fails, or not, by the least and greatest value of a column: what a plan may leave out for them.
BY_STATISTICS = """
SELECT x.k FROM a AS x JOIN (SELECT CAST(region AS INT) AS k, k AS j FROM a) AS y ON x.k = y.j WHERE x.n > 100
SELECT x.k FROM a AS x JOIN (SELECT CAST(region AS INT) AS k, k AS j FROM a) AS y ON x.k = y.j WHERE x.n > 5000
SELECT k FROM a WHERE k IN (SELECT k FROM a WHERE n IN (10000, 7)) AND CAST(region AS INT) = 1
SELECT x.k FROM a AS x RIGHT JOIN a AS y ON x.k = y.k WHERE x.n > 5000 AND CAST(y.region AS INT) = 1
SELECT k FROM (SELECT k, n, CAST(region AS INT) AS r FROM a ORDER BY k LIMIT 2) WHERE n > 5000
SELECT count(*) FROM a WHERE CAST(region AS INT) = 1 AND n > 5000
SELECT k, r FROM (SELECT k, n, CAST(region AS INT) AS r FROM a ORDER BY k LIMIT 2) WHERE n > 5000
SELECT r FROM (SELECT CAST(region AS INT) AS r, n, row_number() OVER () AS k FROM a) WHERE n > 5000 AND k < 3
"""

# Each works for seconds on a value that says “secret”, and on no other.
AT_LENGTH = [
    f"SELECT {what.format(value=value)}"
    for value in (
        f"levenshtein(replace(t, 'secret', '{'y' * LONG}'), '{'x' * LONG}')",
        f"levenshtein(replace(array_to_string(l, ''), 'secret', '{'y' * LONG}'), '{'x' * LONG}')",
        f"levenshtein(replace(CAST(n AS VARCHAR), '777', '{'y' * LONG}'), '{'x' * LONG}')",
    )
    for what in (
        "max({value}) FROM a",
        "count(*) FROM a WHERE {value} > 1",
        "count(*) FILTER (WHERE {value} > 1) FROM a",
        "max(d) FROM (SELECT {value} AS d FROM a) WHERE d > 1",
        "count(*) FROM (SELECT {value} AS d, k FROM a) AS x JOIN a AS y ON x.k = y.k WHERE x.d > 1",
        "x.k FROM a AS x, LATERAL (SELECT {value} AS d FROM a AS y WHERE y.k = x.k) AS z WHERE z.d > 1",
    )
]


def two(folder: Path, filter_: str, hidden: tuple[dict[str, object], dict[str, object]]) -> list[House]:
    """Ten rows to see and ten thousand not to, one of which is different in each house."""
    houses = []
    for number, one in enumerate(hidden):
        house = House(folder / str(number), {"a": contract("a", COLUMNS, RowFilter(filter_))})
        house.folder.mkdir()
        rows: list[dict[str, object]] = [
            {"k": k, "region": "EMEA", "t": "b", "n": 3, "l": ["b"]} for k in range(10)
        ]
        rows += [{"k": 1000 + k, "region": "APAC", "t": "b", "n": 5, "l": ["b"]} for k in range(10_000)]
        rows[777] = {"k": 1777, "region": "APAC", "t": "b", "n": 5, "l": ["b"]} | one
        house.put("a", pa.Table.from_pylist(rows))
        houses.append(house)
    return houses


def plan(house: House, sql: str) -> str:
    """How the engine would answer."""
    query = resolve(read(sql), sql, house.contracts)
    statement = govern(query, house.contracts, WHO, "production", SECRET, {})
    files = {name: house.folder / f"{name}.parquet" for name in statement.datasets}
    engine = DuckDB()
    alone = _same_tables(duckdb.connect(), statement.sql, GOVERNED, files)
    cursor = engine._database(GOVERNED, files, LIMITS, (), alone).connection.cursor()
    told: str = cursor.execute(f"EXPLAIN {statement.sql}", dict(statement.values) or None).fetchall()[0][1]
    return told


@pytest.mark.parametrize("sql", BY_STATISTICS.strip().splitlines())
def test_whether_a_query_fails_does_not_depend_on_the_greatest_hidden_value(tmp_path: Path, sql: str) -> None:
    houses = two(tmp_path, "region = viewer.region", ({"n": 5}, {"n": 10_000}))
    assert outcome(houses[0], sql) == outcome(houses[1], sql)
    assert plan(houses[0], sql) == plan(houses[1], sql)


@pytest.mark.parametrize("sql", AT_LENGTH, ids=range(len(AT_LENGTH)))
@pytest.mark.parametrize("filter_", ["region = viewer.region", "region IN viewer.regions", "k < 100"])
def test_no_function_is_run_over_a_hidden_value(tmp_path: Path, filter_: str, sql: str) -> None:
    houses = two(tmp_path, filter_, ({}, {"t": "secret", "n": 777, "l": ["secret"]}))
    told = [outcome(house, sql, seconds=60) for house in houses]  # what is right takes no time
    assert told[0] == told[1]
    assert "longer than" not in told[0]


def test_the_same_work_over_a_visible_value_meets_the_limit(tmp_path: Path) -> None:
    """So that the test above would see it."""
    house = House(tmp_path, {"a": contract("a", COLUMNS, RowFilter("region = viewer.region"))})
    house.put("a", pa.table({"k": [1], "region": ["EMEA"], "t": ["secret"], "n": [1], "l": [["b"]]}))
    assert "longer than 1 seconds" in outcome(house, AT_LENGTH[0], seconds=1)


@pytest.mark.parametrize("start", range(SEED, SEED + WORLDS, 25))
def test_random_questions_end_alike_whatever_the_hidden_rows_say(tmp_path: Path, start: int) -> None:
    for seed in range(start, min(start + 25, SEED + WORLDS)):
        worlds = Worlds(tmp_path, seed)
        for sql in worlds.questions:
            one, other = worlds.outcomes(sql)
            assert one == other, f"seed {seed}, filters {worlds.filters}: {sql}"


def test_random_questions_are_planned_alike_whatever_the_hidden_rows_say(tmp_path: Path) -> None:
    rnd = random.Random(SEED)
    for filter_ in FILTERS:
        folder = tmp_path / str(FILTERS.index(filter_))
        folder.mkdir()
        worlds = Worlds(folder, rnd.randrange(10**6))
        for sql in [question(rnd) for _ in range(4)]:
            try:
                read(sql)
            except NotAllowed:  # it would make too much in one go, in either house
                continue
            plans = [plan(house, sql) for house in worlds.houses]
            assert plans[0] == plans[1], f"{worlds.filters}: {sql}"
