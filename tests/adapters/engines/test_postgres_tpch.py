"""The 22 questions of TPC-H, with row filters and masks: PostgreSQL answers as DuckDB does."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from handrail.kernel.ports import EngineLimits
from handrail_bench import tpch as bench
from tests.adapters.engines import tpch
from tests.adapters.engines.live import LiveHouse, fill
from tests.postgres import Server, postgres

__all__ = ["postgres"]
pytestmark = pytest.mark.postgres
LIMITS = EngineLimits(seconds=60, memory_mb=512, threads=2)
SCALE = 0.003


@pytest.fixture(scope="module")
def house(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> LiveHouse:
    folder = bench.generate(SCALE, tmp_path_factory.mktemp("tpch"))
    contracts = tpch.contracts(folder, bench.TABLES)
    made = LiveHouse(folder, postgres.database("tpch"), contracts)
    for name, one in contracts.items():
        fill(made.address, one, pq.read_table(folder / f"{name}.parquet"))
    return made


@pytest.mark.parametrize("name", bench.questions())
def test_a_governed_question_has_the_same_answer(house: LiveHouse, name: str) -> None:
    sql = bench.questions()[name]
    mine = house.ask(sql, tpch.VIEWER, limits=LIMITS)
    files = house.file.ask(sql, tpch.VIEWER, limits=LIMITS)
    assert mine.schema == files.schema
    assert tpch.comparable(mine) == tpch.comparable(files)


def test_the_policy_makes_a_difference_to_most_of_the_questions(house: LiveHouse, tmp_path: Path) -> None:
    """Otherwise the test above would show little."""
    steward = tpch.viewer("sales", "stewards", segment="", priority="", mode="", nations=())
    other = [
        name
        for name, sql in bench.questions().items()
        if tpch.comparable(house.file.ask(sql, tpch.VIEWER, limits=LIMITS))
        != tpch.comparable(house.file.ask(sql, steward, limits=LIMITS))
    ]
    assert len(other) >= 15
