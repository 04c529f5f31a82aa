"""Attack: a budget is of a UTC day, so midnight is when somebody would try to see two days' people at once."""

import datetime as dt
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from handrail import data
from handrail.data.seen_store import entities
from handrail.kernel import Instance, LimitReached
from tests.data import budgeting
from tests.data.asking import actors, asking

SALES = "sales-reporting"
BUDGET = 12
# More batches than are taken ahead, each with the same twelve customers; whatever the engine's order is.
LONG = "SELECT c.id, t.n FROM range(8000) t(n), customers c WHERE c.id < 12"


class Moved:
    """A clock that stands still a second before midnight UTC, until it is moved."""

    def __init__(self) -> None:
        self.at = dt.datetime(2026, 3, 31, 23, 59, 59, tzinfo=dt.UTC)

    def now(self) -> dt.datetime:
        return self.at

    def on(self, seconds: int) -> None:
        self.at += dt.timedelta(seconds=seconds)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Instance]:
    instance = budgeting.furnished(tmp_path, BUDGET)
    yield instance
    instance.close()


@pytest.fixture
def clock(shop: Instance) -> Moved:
    shop.clock = moved = Moved()
    return moved


def seen_on(shop: Instance, day: dt.date) -> set[str]:
    with shop.engine.connect() as db:
        return {row.entity for row in db.execute(entities.select().where(entities.c.day == day))}


def test_an_answer_that_goes_on_over_midnight_counts_on_both_days(shop: Instance, clock: Moved) -> None:
    ask = asking(shop)
    with actors(shop)("viewer.emea") as ctx:
        rows = data.query(ctx, data.Request(sql=LONG, purpose=SALES)).batches()
        next(rows)
        clock.on(2)
        assert sum(batch.num_rows for batch in rows) > 20_000
    first, second = dt.date(2026, 3, 31), dt.date(2026, 4, 1)
    assert len(seen_on(shop, first)) == len(seen_on(shop, second)) == BUDGET
    with pytest.raises(LimitReached, match="12 of 12 customers today"):
        ask("viewer.emea", "SELECT name FROM customers WHERE id = 20")


def test_an_answer_that_meets_a_new_day_which_is_used_up_stops_there(shop: Instance, clock: Moved) -> None:
    ask = asking(shop)
    with actors(shop)("viewer.emea") as ctx:
        rows = data.query(ctx, data.Request(sql=LONG, purpose=SALES)).batches()
        next(rows)
        clock.on(2)
        assert len(ask("viewer.emea", "SELECT name FROM customers WHERE id >= 28")) == BUDGET
        with pytest.raises(LimitReached, match="12 of 12 customers today") as refused:
            list(rows)
    assert "midnight UTC" in refused.value.next_step


@pytest.fixture(params=["Pacific/Kiritimati", "Etc/GMT+12"])
def elsewhere(request: pytest.FixtureRequest) -> Iterator[None]:
    """The machine's own time is 14 hours ahead of UTC, or 12 behind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("elsewhere")
def test_the_day_is_that_of_utc_wherever_the_server_stands(shop: Instance, clock: Moved) -> None:
    ask = asking(shop)
    ask("viewer.emea", "SELECT name FROM customers WHERE id < 12")
    with pytest.raises(LimitReached):
        ask("viewer.emea", "SELECT name FROM customers WHERE id = 12")
    clock.on(1)
    assert len(ask("viewer.emea", "SELECT name FROM customers WHERE id = 12")) == 1
