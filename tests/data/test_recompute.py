"""Metrics are recomputed by the server when their data or the day has changed, and only what a steward began."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from handrail import data
from handrail.data.recompute import recompute_what_is_due
from handrail.kernel import Instance, trail
from tests.data import asking
from tests.data.test_reconcile import TIES, TOTALS, certified, model, reconciled, sales, totals, write


class Later:
    """The system's clock, some time ahead of it."""

    ahead = dt.timedelta()

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + self.ahead


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Instance]:
    instance = asking.furnished(tmp_path)
    write(instance, model())
    totals(instance, tmp_path)
    yield instance
    instance.close()


def test_what_no_steward_has_reconciled_is_left_alone(shop: Instance) -> None:
    assert recompute_what_is_due(shop) == ()
    assert sales(shop).state == "draft"


def test_newer_data_is_reconciled_by_itself_once_and_a_miss_takes_the_badge(
    shop: Instance, tmp_path: Path
) -> None:
    reconciled(shop)
    certified(shop)
    assert recompute_what_is_due(shop) == ()
    totals(shop, tmp_path, TOTALS.replace("220", "230"))
    assert sales(shop).state == "due"
    assert recompute_what_is_due(shop) == ("sales",)
    assert recompute_what_is_due(shop) == ()
    assert sales(shop).state == "missed"
    totals(shop, tmp_path)
    assert recompute_what_is_due(shop) == ("sales",)
    assert sales(shop).state == "certified"
    with asking.actors(shop)("compliance") as ctx:
        noted = [e for e in trail.entries(ctx, limit=50) if e.verb == "metric.reconciled"]
    assert [entry.person for entry in noted] == ["handrail", "handrail", "steward.sales"]


def test_once_a_day_it_is_looked_at_again_and_totals_that_are_late_make_it_due(
    shop: Instance, tmp_path: Path
) -> None:
    late = (asking.TODAY - dt.date(2026, 4, 1)).days + 1  # March's total is late from tomorrow on
    write(shop, model({**TIES, "due": f"{late} day"}))
    reconciled(shop)
    certified(shop)
    shop.clock = Later()
    shop.clock.ahead = dt.timedelta(days=2)
    assert recompute_what_is_due(shop) == ("sales",)
    assert recompute_what_is_due(shop) == ()
    assert sales(shop).state == "due"
    totals(shop, tmp_path, TOTALS + "2026-03-01,260,0.001,Pack 3\n")
    assert recompute_what_is_due(shop) == ("sales",)
    assert sales(shop).state == "certified"


def test_handrail_itself_proposes_nothing(shop: Instance, tmp_path: Path) -> None:
    totals(shop, tmp_path, TOTALS.replace("220", "230"))
    reconciled(shop)
    totals(shop, tmp_path)
    assert recompute_what_is_due(shop) == ("sales",)
    assert (sales(shop).state, sales(shop).proposed_by) == ("draft", None)
    reconciled(shop)
    assert (sales(shop).state, sales(shop).proposed_by) == ("proposed", "steward.sales")


def test_what_cannot_be_recomputed_keeps_its_state_and_stops_nothing(shop: Instance, tmp_path: Path) -> None:
    reconciled(shop)
    certified(shop)
    totals(shop, tmp_path, "month,eur,allowed,pack\n2026-01-01,,0.001,Pack 1\n")
    assert recompute_what_is_due(shop) == ()
    assert sales(shop).state == "due"


def test_a_miss_is_told_to_those_who_answer_for_the_data_until_it_ties_again(
    shop: Instance, tmp_path: Path
) -> None:
    def told(person: str) -> list[str]:
        with asking.actors(shop)(person) as ctx:
            return [one.text for one in data.notices(ctx)]

    reconciled(shop)
    assert told("steward.hr") == []
    totals(shop, tmp_path, TOTALS.replace("220", "230"))
    recompute_what_is_due(shop)
    [said] = told("steward.hr")  # the deputy of orders
    assert said == told("steward.sales")[0]
    assert "sales misses totals by 4.35% at worst (the period from 2026-02-01)" in said
    assert "220" not in said
    assert told("viewer.emea") == []
    totals(shop, tmp_path)
    recompute_what_is_due(shop)
    assert told("steward.hr") == []
