"""Metrics of every kind have the same answer from Spark as from files."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from handrail.adapters.engines import Engines
from handrail.data.compile_metric import compile_metric
from handrail.data.models import MetricRequest
from handrail.settings import EngineSettings
from tests.adapters.engines.test_postgres_metrics import CONTRACTS
from tests.engines.house import SparkHouse
from tests.oracles import shop
from tests.oracles.answers import DEFINITIONS, comparable
from tests.oracles.requests import REQUESTS

if find_spec("pyspark") is None:
    pytest.skip("pyspark is not installed here; `make test-engines` installs it", allow_module_level=True)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkHouse]:
    """The shop of the oracles, in both places."""
    folder = tmp_path_factory.mktemp("metrics")
    engines = Engines(folder, {"spark": EngineSettings(kind="spark", url="local[2]")})
    made = SparkHouse(folder, engines, "metrics", CONTRACTS)
    with shop.filled() as db:
        for name in CONTRACTS:
            made.put(name, db.sql(f"SELECT * FROM {name}").to_arrow_table())
    yield made
    engines.close()


@pytest.mark.parametrize(("name", "request_"), REQUESTS, ids=[f"{name} {more}" for name, more in REQUESTS])
def test_a_metric_has_the_same_answer(house: SparkHouse, name: str, request_: dict[str, Any]) -> None:
    question = compile_metric(DEFINITIONS[name], MetricRequest(name, **request_))
    answers = []
    for ask in (house.ask, house.file.ask):
        table = ask(question.sql, **question.params)
        answers.append(comparable(list(zip(*(one.to_pylist() for one in table.columns), strict=True))))
    assert answers[0] == answers[1]
