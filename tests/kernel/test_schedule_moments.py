"""When a schedule was last due: against a count of every minute, and across changes of the clocks."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.kernel.schedule import Schedule
from tests.cases import cases

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)  # a Friday


@pytest.mark.parametrize(
    ("cron", "timezone", "moment"),
    [
        ("* * * * *", "UTC", "2026-11-27T12:00"),
        ("0 4 * * *", "UTC", "2026-11-27T04:00"),
        ("1 12 * * *", "UTC", "2026-11-26T12:01"),
        ("*/20 9-11 * * MON-FRI", "UTC", "2026-11-27T11:40"),
        ("0 6 * * MON", "Europe/Berlin", "2026-11-23T05:00"),
        ("0 0 * * 7", "UTC", "2026-11-22T00:00"),
        ("0 0 31 * *", "UTC", "2026-10-31T00:00"),
        ("0 0 29 FEB *", "UTC", "2024-02-29T00:00"),
        ("0 0 13 * FRI", "UTC", "2026-11-27T00:00"),  # either day suffices
        ("0 9/2 * * *", "UTC", "2026-11-27T11:00"),
        ("0 1,3,5 * * *", "Asia/Tokyo", "2026-11-26T20:00"),
    ],
)
def test_the_latest_moment_is_the_one_that_a_calendar_shows(cron: str, timezone: str, moment: str) -> None:
    assert Schedule.parse(cron, timezone).latest(NOW) == datetime.fromisoformat(moment).replace(tzinfo=UTC)


def test_a_day_that_never_comes_has_no_latest_moment() -> None:
    assert Schedule.parse("0 0 31 2 *", "UTC").latest(NOW) is None


def test_an_hour_that_is_skipped_counts_once_and_one_that_comes_twice_counts_once() -> None:
    daily = Schedule.parse("30 2 * * *", "Europe/Berlin")
    zone = ZoneInfo("Europe/Berlin")
    for day in (datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)):
        minutes = [day - timedelta(hours=3) + timedelta(minutes=n) for n in range(24 * 60)]
        found = {daily.latest(minute) for minute in minutes}
        assert len(found & set(minutes)) == 1
        assert {moment.astimezone(zone).date() for moment in found if moment in minutes} == {day.date()}


part = st.sampled_from(["*", "*/7", "3", "0", "2-5", "1,4", "1-6/2"])
fields = st.tuples(
    st.sampled_from(["*", "0", "*/13", "59"]), st.sampled_from(["*", "5", "*/6"]), part.filter(lambda p: p != "0"), part.filter(lambda p: p != "0"), part
)  # fmt: skip


@settings(max_examples=cases(60), deadline=None)
@given(fields, st.integers(0, 40 * 24 * 60))
def test_no_moment_lies_between_the_latest_and_now(chosen: tuple[str, str, str, str, str], back: int) -> None:
    schedule = Schedule.parse(" ".join(chosen), "UTC")
    now = NOW - timedelta(minutes=back)
    latest = schedule.latest(now)
    assert latest is None or latest <= now
    if latest is not None:
        assert schedule.latest(latest) == latest
        assert schedule.latest(latest - timedelta(minutes=1)) != latest
        step = max((now - latest) // 200, timedelta(minutes=1))
        moment = latest
        while moment <= now:
            assert schedule.latest(moment) == latest
            moment += step


# Zones and days in which clocks change: by an hour, by half of one, at midnight, by two, and not at all.
CHANGES = [
    ("Europe/Berlin", datetime(2026, 3, 29, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 8, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2026, 4, 24, tzinfo=UTC)),
    ("Asia/Beirut", datetime(2026, 3, 29, tzinfo=UTC)),
    ("Antarctica/Troll", datetime(2026, 3, 29, tzinfo=UTC)),
    ("Asia/Kolkata", datetime(2026, 3, 29, tzinfo=UTC)),
]


def by_hand(schedule: Schedule, begin: datetime, end: datetime) -> list[datetime]:
    """The moments in a span: every minute of local time that the line names, as the zone database places it."""
    minute, hour, *_ = schedule.cron.split()
    local = begin.astimezone(schedule.zone).replace(tzinfo=None) - timedelta(days=1)
    last = end.astimezone(schedule.zone).replace(tzinfo=None) + timedelta(days=1)
    found = set()
    while local <= last:
        if named(minute, local.minute) and named(hour, local.hour):
            found.add(local.replace(tzinfo=schedule.zone).astimezone(UTC))
        local += timedelta(minutes=1)
    return sorted(moment for moment in found if begin <= moment <= end)


def named(text: str, number: int) -> bool:
    """Whether a field of commas, steps and stars names a number."""
    return any(
        number % int(part[2:]) == 0 if part.startswith("*/") else part in ("*", str(number))
        for part in text.split(",")
    )


@settings(max_examples=cases(80), deadline=None)
@given(
    st.sampled_from(CHANGES),
    st.sampled_from(["0", "30", "15,30", "0,45", "*/20", "59"]),
    st.sampled_from(["*", "0", "1,2", "2", "2,3", "0,23", "*/3"]),
    st.integers(-600, 2400),
)
def test_around_a_change_of_the_clocks_no_moment_is_lost_or_comes_twice(
    change: tuple[str, datetime], minute: str, hour: str, minutes: int
) -> None:
    zone, day = change
    schedule = Schedule.parse(f"{minute} {hour} * * *", zone)
    now = day + timedelta(minutes=minutes, seconds=30)
    moments = by_hand(schedule, day - timedelta(days=3), day + timedelta(days=6))
    past = [moment for moment in moments if moment <= now]
    assert schedule.latest(now) == past[-1]
    coming = [moment for moment in moments if moment > now]
    assert list(schedule.after(now, 3)) == coming[:3]


def test_the_next_moments_are_those_that_the_latest_will_be() -> None:
    weekly = Schedule.parse("0 6 * * MON", "Europe/Berlin")
    coming = weekly.after(NOW, 3)
    assert [moment.isoformat() for moment in coming] == [
        "2026-11-30T05:00:00+00:00",
        "2026-12-07T05:00:00+00:00",
        "2026-12-14T05:00:00+00:00",
    ]
    assert [weekly.latest(moment) for moment in coming] == list(coming)
    assert Schedule.parse("0 0 31 2 *", "UTC").after(NOW, 3) == ()
