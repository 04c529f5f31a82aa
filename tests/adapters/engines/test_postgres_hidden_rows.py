"""Of rows that a viewer may not see, PostgreSQL tells nothing either: not by an answer, and not by a failure."""

import random
from pathlib import Path

import pytest

from tests.adapters.engines.live import LiveHouse
from tests.data import worlds
from tests.postgres import Server, postgres

__all__ = ["postgres"]
pytestmark = pytest.mark.postgres


@pytest.mark.parametrize("seed", range(8))
def test_what_comes_of_a_question_is_the_same_whatever_is_hidden(
    postgres: Server, tmp_path: Path, seed: int
) -> None:
    rnd = random.Random(seed)
    kinds = worlds.contracts(rnd)
    houses = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        houses.append(LiveHouse(tmp_path / name, postgres.database(f"hidden_{name}"), kinds))
    for name in kinds:
        for house, table in zip(houses, worlds.tables(rnd), strict=True):
            house.put(name, table)
    for sql in [worlds.question(rnd) for _ in range(8)]:
        one, other = (worlds.outcome(house, sql) for house in houses)
        assert one == other, sql
    for house in houses:
        house.engines.close()
