"""Bins are called by what they hold, however far that is."""

from __future__ import annotations

import pytest

from handrail.twins.labels import label
from handrail.twins.models import Bin, ColumnSketch, Kind
from handrail.twins.values import DAY_US


@pytest.mark.parametrize(
    ("kind", "step", "value", "said"),
    [
        ("date", 1.0, 19_723.0, "2024-01-01"),
        ("date", 1.0, 2.0**31 - 800, "5881578-05-04"),
        ("timestamp", 1.0, 19_723.5 * DAY_US, "2024-01-01 12:00"),
        ("timestamp", float(DAY_US), 19_723.0 * DAY_US, "2024-01-01"),
        ("timestamp", float(DAY_US), 2_932_900.0 * DAY_US, "10000-01-04"),
    ],
)
def test_a_date_is_written_out(kind: Kind, step: float, value: float, said: str) -> None:
    column = ColumnSketch("at", kind.upper(), kind, "model", step=step, bins=(Bin("value", value=value),))
    assert label(column, 0) == said
