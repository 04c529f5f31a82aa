"""An instance that tells its lineage: certified orders and customers, a metric with totals, and a listener."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from handrail.kernel import Instance
from handrail.server import open_instance
from handrail.settings import LineageSettings
from tests.data import asking
from tests.openlineage.listener import Listener
from tests.prepared import copied


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.close()


def shop(folder: Path) -> None:
    """Make an instance that tells everything to its file lineage.jsonl, from its first import on."""
    folder.mkdir()
    instance = telling(asking.opened(folder))
    asking.furnish(instance, folder)
    instance.close()


def telling(instance: Instance) -> Instance:
    """It, set to tell its lineage."""
    lineage = LineageSettings(file="lineage.jsonl", namespace="shop")
    instance.settings = replace(instance.settings, lineage=lineage)
    return instance


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Instance]:
    """Everything is told to the file lineage.jsonl of the instance."""
    copied(shop, tmp_path)
    instance = telling(open_instance(tmp_path / "home"))
    yield instance
    instance.close()
