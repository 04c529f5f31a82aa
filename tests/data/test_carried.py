"""What a run carries away: classes of what it read, and whom it showed, counted again on another day."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from handrail import data
from handrail.kernel import Instance, LimitReached, NotReady
from tests.data import budgeting
from tests.data.asking import Hands, actors, asking, run

FIVE = "SELECT region FROM orders WHERE amount BETWEEN 6.25 AND 11.25"
RUN = run("production")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Instance]:
    """Forty customers with a budget of twelve, and a clock whose hands a test moves."""
    instance = budgeting.furnished(tmp_path, 12)
    instance.clock = Hands()
    yield instance
    instance.close()


def tomorrow(shop: Instance) -> None:
    assert isinstance(shop.clock, Hands)
    shop.clock.shift += timedelta(days=1)


def seen_today(shop: Instance) -> int:
    with actors(shop)("viewer.emea") as ctx:
        [used] = data.my_budgets(ctx)
        return used.seen


def test_a_run_carries_the_columns_that_its_answers_were_made_of(shop: Instance) -> None:
    asking(shop)("viewer.emea", FIVE, RUN)
    with actors(shop)("viewer.emea") as ctx:
        assert data.carried(ctx, RUN.id) == data.Carried({"orders": ("amount", "region")})
        assert data.carried(ctx, "run_2") == data.Carried()


def test_the_highest_class_of_what_was_really_read_is_inherited_and_stays_when_the_contract_forgets_it(
    shop: Instance,
) -> None:
    budgeting.certify(shop, "orders", {"classifications": {"region": "personal", "id": "sensitive"}})
    asking(shop)("viewer.emea", FIVE, RUN)
    with actors(shop)("viewer.emea") as ctx:
        found = data.carried(ctx, RUN.id)
    assert (found.classification, found.because) == ("personal", ("orders.region",))
    budgeting.certify(shop, "orders", {"classifications": {"region": None, "amount": "sensitive"}})
    with actors(shop)("viewer.emea") as ctx:
        assert data.carried(ctx, RUN.id).because == ("orders.amount",)
    budgeting.certify(shop, "orders", {"classifications": {"amount": None}})
    with actors(shop)("viewer.emea") as ctx:
        assert data.carried(ctx, RUN.id).classification == "personal"


def test_whom_a_run_showed_counts_again_on_another_day_and_once(shop: Instance) -> None:
    asking(shop)("viewer.emea", FIVE, RUN)
    assert seen_today(shop) == 5
    tomorrow(shop)
    assert seen_today(shop) == 0
    for occasion in ("look_1", "look_2"):
        with actors(shop)("viewer.emea") as ctx:
            facts = data.count_again(ctx, RUN.id, RUN.app, occasion)
        assert len(facts["entities"]["customer"]) == 5  # type: ignore[index]
        assert seen_today(shop) == 5


def test_nobody_gets_around_a_budget_by_looking_at_earlier_runs(shop: Instance) -> None:
    """The attack: a list leaves over some days, and all of it is looked at on one."""
    asking(shop)("viewer.emea", FIVE, RUN)
    tomorrow(shop)
    asking(shop)("viewer.emea", "SELECT id FROM customers WHERE id >= 30")
    before = budgeting.seen(shop)
    with pytest.raises(LimitReached) as refused, actors(shop)("viewer.emea") as ctx:
        data.count_again(ctx, RUN.id, RUN.app, "look_1")
    assert "You have seen 10 of 12 customers today" in refused.value.message
    assert "midnight" in refused.value.next_step
    assert budgeting.seen(shop) == before


def test_an_app_too_has_shown_whom_its_earlier_runs_show_today(shop: Instance) -> None:
    budgeting.certify(shop, "orders", {"app_budget": 6})
    asking(shop)("viewer.emea", FIVE, RUN)
    tomorrow(shop)
    asking(shop)("viewer.apac", "SELECT region FROM orders WHERE amount BETWEEN 15 AND 20", RUN)
    with pytest.raises(LimitReached, match="The app report has shown"), actors(shop)("viewer.emea") as ctx:
        data.count_again(ctx, "run_1", RUN.app, "look_1")


def test_who_saw_finds_somebody_who_was_shown_by_an_old_output_alone(shop: Instance) -> None:
    asking(shop)("viewer.emea", FIVE, RUN)
    tomorrow(shop)
    with actors(shop)("viewer.emea") as ctx:
        data.count_again(ctx, RUN.id, RUN.app, "look_1")
    with actors(shop)("compliance") as ctx:
        found = data.who_saw(ctx, "customer", "5")
    assert [(one.query == "look_1", one.app) for one in found] == [(True, "report"), (False, "report")]


def test_what_nobody_counted_when_it_was_read_is_not_shown_where_it_counts_now(shop: Instance) -> None:
    budgeting.certify(shop, "orders", {"budget": 0})
    budgeting.certify(shop, "customers", {"budget": 0})
    asking(shop)("viewer.emea", FIVE, RUN)
    with actors(shop)("viewer.emea") as ctx:
        assert data.count_again(ctx, RUN.id, RUN.app, "look_1") == {}
    budgeting.certify(shop, "orders", {"budget": 12})
    with pytest.raises(NotReady, match="nobody counted"), actors(shop)("viewer.emea") as ctx:
        data.count_again(ctx, RUN.id, RUN.app, "look_2")
