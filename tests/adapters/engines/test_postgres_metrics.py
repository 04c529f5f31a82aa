"""Metrics of every kind have the same answer from PostgreSQL as from files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from handrail.data.compile_metric import compile_metric
from handrail.data.models import Column, MetricRequest
from tests.adapters.engines.live import LiveHouse
from tests.data.governing import contract
from tests.oracles import shop
from tests.oracles.answers import DEFINITIONS, comparable
from tests.oracles.requests import REQUESTS
from tests.postgres import Server, postgres

__all__ = ["postgres"]
pytestmark = pytest.mark.postgres
CONTRACTS = {
    name: contract(
        name,
        [Column(*column.split(" ", 1)) for column in columns.replace(", 2)", ",2)").split(", ")],
    )
    for name, columns in shop.TABLES.items()
}


@pytest.fixture(scope="module")
def house(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveHouse]:
    """The shop of the oracles, in both places."""
    made = LiveHouse(tmp_path_factory.mktemp("live"), postgres.database("metrics"), CONTRACTS)
    with shop.filled() as db:
        for name in CONTRACTS:
            made.put(name, db.sql(f"SELECT * FROM {name}").to_arrow_table())
    yield made


@pytest.mark.parametrize(("name", "request_"), REQUESTS, ids=[f"{name} {more}" for name, more in REQUESTS])
def test_a_metric_has_the_same_answer(house: LiveHouse, name: str, request_: dict[str, Any]) -> None:
    question = compile_metric(DEFINITIONS[name], MetricRequest(name, **request_))

    def rows(table: pa.Table) -> list[Any]:
        return comparable(list(zip(*(column.to_pylist() for column in table.columns), strict=True)))

    assert rows(house.ask(question.sql, **question.params)) == rows(
        house.file.ask(question.sql, **question.params)
    )
