"""Control totals beside a metric's values: off, missing, late, or refused because they cannot be compared."""

import datetime as dt
from typing import Any

import pytest

from handrail.data.compare_totals import compare, missed
from handrail.data.extension import TiesTo
from handrail.data.measured import Difference, Reconciliation
from handrail.kernel import Invalid

MONTHLY = TiesTo(dataset="totals", period="month", value="eur")
TODAY = dt.date(2026, 6, 10)
OURS = {(f"2026-0{month}-01",): 100 * month for month in range(1, 7)}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "has no total yet"),
        ([{"period": None, "total": 1}], "without period or total"),
        ([{"period": "2026-01-01", "total": None}], "without period or total"),
        ([{"period": "2026-01-01", "total": "many"}], "without period or total"),
        ([{"period": "2026-01-01", "total": float("nan")}], "without period or total"),
        ([{"period": "soon", "total": 1}], "periods that are no days"),
        ([{"period": "2026-01-01", "total": 1}, {"period": "2026-01-01", "total": 1}], "two totals"),
    ],
)
def test_totals_that_cannot_be_compared_are_refused(rows: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(Invalid, match=message):
        compare(MONTHLY, {}, [{"source": "", **row} for row in rows], TODAY)


@pytest.mark.parametrize(
    ("ours", "total", "difference"),
    [(None, 5, 1.0), (5, 5, 0.0), (-4, -5, 0.2), (0, 0, 0.0), (1, 0, 1.0), ("180.09", "180", 0.0005)],
)
def test_how_far_a_figure_is_from_its_total(ours: Any, total: Any, difference: float) -> None:
    values = {} if ours is None else {("2026-01-01",): ours}
    [row] = compare(MONTHLY, values, [{"period": "2026-01-01", "total": total, "source": None}], TODAY)
    assert row.difference == pytest.approx(difference)
    assert row.within == (difference == 0.0)


def totals(*months: int, **more: Any) -> list[dict[str, Any]]:
    """A total for each of these months, equal to the metric's value."""
    return [
        {"period": f"2026-0{month}-01", "total": 100 * month, "source": "Pack", **more} for month in months
    ]


def reconciliation(rows: tuple[Difference, ...]) -> Reconciliation:
    within = all(row.within for row in rows)
    worst = max(row.difference for row in rows)
    at = dt.datetime(2026, 6, 10, tzinfo=dt.UTC)
    return Reconciliation(
        "rec_1", "sales", "sha256:0", "totals", "steward.sales", at, worst, within, rows, {}
    )


def test_a_period_between_two_totals_that_has_none_is_a_miss() -> None:
    rows = compare(MONTHLY, OURS, totals(1, 2, 4), TODAY)
    assert [(row.period, row.total, row.within) for row in rows] == [
        ("2026-01-01", "100", True),
        ("2026-02-01", "200", True),
        ("2026-03-01", None, False),
        ("2026-04-01", "400", True),
    ]
    assert missed(reconciliation(rows)) == (
        "sales has no total in totals for the period from 2026-03-01, which has them before and after; "
        "1 of 4 periods are off"
    )


@pytest.mark.parametrize(
    ("due", "late"),
    [
        (None, []),  # nobody said when totals have to be there
        ("10 day", ["2026-04-01"]),  # May's total has until the eleventh of June
        ("9 day", ["2026-04-01", "2026-05-01"]),
        ("1 month", ["2026-04-01"]),
        ("2 month", []),
    ],
)
def test_totals_after_the_last_are_late_once_they_were_due(due: str | None, late: list[str]) -> None:
    to = MONTHLY.model_copy(update={"due": due})
    rows = compare(to, OURS, totals(1, 2, 3), TODAY)
    assert [row.period for row in rows if row.late] == late
    assert all(row.within for row in rows)


def test_each_combination_of_dimensions_has_periods_of_its_own() -> None:
    to = MONTHLY.model_copy(update={"by": {"region": "area"}})
    ours = {(f"2026-0{month}-01", area): 1 for month in (1, 2, 3) for area in ("EMEA", "APAC", "None")}
    given = [
        {"period": f"2026-0{month}-01", "by_0": area, "total": 1, "source": ""}
        for month, area in ((1, "EMEA"), (3, "EMEA"), (2, "APAC"))
    ]
    off = [(row.period, row.by["region"]) for row in compare(to, ours, given, TODAY) if not row.within]
    assert off == [("2026-02-01", "EMEA")]  # nobody closes what has no region


@pytest.mark.parametrize(
    ("tolerance", "within"), [(5, True), (4.99, False), (0.05, False), (0, False), (1000, True)]
)
def test_an_absolute_tolerance_is_in_the_unit_of_the_totals(tolerance: float, within: bool) -> None:
    to = MONTHLY.model_copy(update={"tolerance": tolerance, "absolute": True})
    [row] = compare(to, {("2026-01-01",): 105}, totals(1), TODAY)
    assert (row.within, str(row.apart)) == (within, "5")
    assert row.difference == pytest.approx(0.05)
    if not within:
        assert f"by 5.00% at worst (the period from 2026-01-01), where {tolerance:,g} is allowed" in missed(
            reconciliation((row,))
        )


def test_an_absolute_tolerance_may_stand_beside_each_total() -> None:
    to = MONTHLY.model_copy(update={"tolerance": "allowed", "absolute": True})
    given = [*totals(1, tolerance=5), *totals(2, tolerance=4)]
    ours = {("2026-01-01",): 105, ("2026-02-01",): 205}
    assert [row.within for row in compare(to, ours, given, TODAY)] == [True, False]


def test_a_total_without_a_value_is_missed_whatever_is_allowed() -> None:
    to = MONTHLY.model_copy(update={"tolerance": 1e9, "absolute": True})
    rows = compare(to, {}, totals(1), TODAY)
    assert not rows[0].within
    assert missed(reconciliation(rows)).startswith("sales has no value for the period from 2026-01-01")
