"""The 22 questions of TPC-H, with row filters and masks: Spark answers as DuckDB does."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from handrail.adapters.engines import Engines
from handrail.settings import EngineSettings
from handrail_bench import tpch as bench
from tests.adapters.engines import tpch
from tests.engines.house import SparkHouse

if find_spec("pyspark") is None:
    pytest.skip("pyspark is not installed here; `make test-engines` installs it", allow_module_level=True)

SCALE = 0.01


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkHouse]:
    folder = bench.generate(SCALE, tmp_path_factory.mktemp("tpch"))
    for path in (folder, *folder.parents):
        if path.stat().st_uid == Path.home().stat().st_uid and path.name.startswith(("tpch", "pytest")):
            path.chmod(0o755)
    engines = Engines(folder, {"spark": EngineSettings(kind="spark", url="local[2]")})
    made = SparkHouse(folder, engines, "tpch", tpch.contracts(folder, bench.TABLES))
    for name in bench.TABLES:
        made.have(name)
    yield made
    engines.close()


@pytest.mark.parametrize("name", bench.questions())
def test_a_governed_question_has_the_same_answer(house: SparkHouse, name: str) -> None:
    sql = bench.questions()[name]
    mine, files = house.ask(sql, tpch.VIEWER), house.file.ask(sql, tpch.VIEWER)
    assert mine.schema == files.schema
    assert tpch.comparable(mine) == tpch.comparable(files)
