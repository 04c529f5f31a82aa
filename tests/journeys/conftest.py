"""The company's certified data in an instance of its own, and a server of it, for journeys in a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from handrail.kernel import Instance
from tests.journeys import company
from tests.journeys.served import Served


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    made = company.furnished(tmp_path_factory.mktemp("company") / "company")
    yield made
    made.close()


@pytest.fixture(scope="module")
def source(furnished: Instance) -> Path:
    """What it was imported from; it is the source `company` in another place."""
    return furnished.settings.home.parent / "company.duckdb"


@pytest.fixture(scope="module")
def server(furnished: Instance) -> Iterator[Served]:
    served = Served(furnished.settings.home).start()
    yield served
    served.stop()
