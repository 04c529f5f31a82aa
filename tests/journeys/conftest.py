"""The company's certified data in an instance of its own, and a server of it, for journeys in a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from handrail.kernel import Instance
from tests.journeys import company
from tests.journeys.served import Served


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return company.source(tmp_path_factory.mktemp("source") / "company.duckdb")


@pytest.fixture(scope="module")
def furnished(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    made = company.found(tmp_path_factory.mktemp("company"))
    company.furnish(made, source)
    yield made
    made.close()


@pytest.fixture(scope="module")
def server(furnished: Instance) -> Iterator[Served]:
    served = Served(furnished.settings.home).start()
    yield served
    served.stop()
