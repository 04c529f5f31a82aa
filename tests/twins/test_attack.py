"""The attack on a twin: who remembers its rows is found out, and shares alone give nobody away."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from handrail.twins.attack import CANARY, attack
from handrail.twins.generate import Twin, generate
from handrail.twins.make import make
from handrail.twins.models import Sketch, Table, TwinRefused
from handrail.twins.plane import Plane, open_plane

ROWS = 3000


@pytest.fixture
def visits(make_table: Any) -> Table:
    """Visits whose columns are drawn apart: no two rows need be alike."""
    rng = np.random.default_rng(6)
    numbers = {f"n{i}": rng.integers(0, 1000, ROWS) for i in range(6)}
    made: Table = make_table("visits", {**numbers, "city": rng.choice(["Bergen", "Lyon", "Graz"], ROWS)})
    return made


def remembering(monkeypatch: pytest.MonkeyPatch, canary: bool) -> None:
    """Let the generator inside the attack hand out the very rows that it was made from."""
    opened: list[Table] = []

    def opening(tables: list[Table], k: int) -> Plane:
        opened[:] = tables
        return open_plane(tables, k)

    def leaking(sketch: Sketch, *given: Any) -> dict[str, Twin]:
        rows = pq.read_table(opened[0].path)
        return {opened[0].name: Twin(rows if canary else rows.slice(0, rows.num_rows - 1), ())}

    monkeypatch.setattr("handrail.twins.attack.open_plane", opening)
    monkeypatch.setattr("handrail.twins.attack.generate", leaking)


def test_a_twin_of_shares_gives_nobody_away(visits: Table) -> None:
    found = attack(visits, 10, seed=1)
    assert found is not None and found.held and found.canaries == 0
    assert 0.4 < found.closer_to_train < 0.6 and 0.4 < found.membership_auc < 0.6


def test_a_twin_that_remembers_its_rows_is_found_out(visits: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    remembering(monkeypatch, canary=False)
    found = attack(visits, 10, seed=1)
    assert found is not None and not found.held
    assert found.closer_to_train > 0.9 and found.membership_auc > 0.6


def test_a_planted_row_that_comes_back_is_found(visits: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    remembering(monkeypatch, canary=True)
    found = attack(visits, 10, seed=1)
    assert found is not None and found.canaries == 1


def test_the_planted_row_is_in_what_the_attacked_twin_is_made_from(
    visits: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def looking(tables: list[Table], k: int) -> Plane:
        seen.append(pq.read_table(tables[0].path))
        return open_plane(tables, k)

    monkeypatch.setattr("handrail.twins.attack.open_plane", looking)
    attack(visits, 10, seed=1)
    assert CANARY in seen[0]["city"].to_pylist() and max(seen[0]["n0"].to_pylist()) > 900_000


def test_a_twin_that_gives_people_away_is_not_published(
    visits: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    remembering(monkeypatch, canary=False)
    with pytest.raises(TwinRefused, match="which rows it was made from"):
        make([visits], k=10)


def test_with_few_rows_nothing_is_claimed(make_table: Any) -> None:
    assert attack(make_table("few", {"a": list(range(50)), "b": list(range(50))}), 10, seed=1) is None
    assert generate is not None
