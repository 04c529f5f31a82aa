"""An instance that tells its lineage: certified orders and customers, a metric with totals, and a listener."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from handrail.kernel import Instance
from handrail.settings import LineageSettings
from tests.data import asking
from tests.openlineage.listener import Listener


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.close()


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Instance]:
    """Everything is told to the file lineage.jsonl of the instance."""
    instance = asking.opened(tmp_path)
    instance.settings = replace(
        instance.settings, lineage=LineageSettings(file="lineage.jsonl", namespace="shop")
    )
    asking.furnish(instance, tmp_path)
    yield instance
    instance.close()
