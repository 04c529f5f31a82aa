"""A host has so many places for web apps: what nobody uses gives way, and one that is full sends on whom it can."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail import runtime
from handrail.kernel import Instance, LimitReached
from handrail.runtime import Elsewhere, Hosts, room
from handrail.runtime.attend import Attendance
from handrail.runtime.seats import Hosted, Seat
from handrail.settings import RuntimeSettings
from tests.cases import cases
from tests.runtime.shared import postgres, shared
from tests.runtime.test_place import SEAT, appear, others, where
from tests.runtime.test_seats import caller, hosted

__all__ = ["others", "postgres", "shared"]

Be = Callable[[str], None]


def awake_for(whose: str, used: float, commit: str = "c0ffee") -> Hosted:
    app = hosted()
    app.seat, app.used = Seat(f"app-{whose}-{used}", "production", whose, commit), used
    return app


def never() -> runtime.Run:
    raise AssertionError("a run was begun")


def test_who_has_as_many_places_as_one_may_gives_up_one_of_their_own() -> None:
    limits = replace(RuntimeSettings(), hosted=5, hosted_each=2)
    awake = older, newer, common, theirs = (
        awake_for("viewer.emea", 2), awake_for("viewer.emea", 3), awake_for("", 1), awake_for("viewer.apac", 0)
    )  # fmt: skip
    wanted = Seat("one-more", "production", "viewer.emea", "c0ffee")
    with older.request(caller("viewer.emea")), newer.request(caller("viewer.emea")):
        with pytest.raises(LimitReached, match="2 apps are awake for you") as refused:
            room.make_room(awake, wanted, limits)
        assert not isinstance(refused.value, room.Full), "one person would take the places of all hosts"
        room.make_room(awake, replace(wanted, whose="viewer.apac"), limits)
        room.make_room(awake, replace(wanted, whose=""), limits)
    assert not any(one.going for one in (older, newer, common, theirs))
    older.used, newer.used = 2, 3
    room.make_room(awake, wanted, limits)
    assert [one.going for one in awake] == [True, False, False, False]


def test_what_is_in_use_never_gives_way_and_who_comes_then_finds_no_room() -> None:
    limits = replace(RuntimeSettings(), hosted=2)
    used, unused = awake_for("", 1), awake_for("", 2)
    with used.request(caller("viewer.emea")):
        assert room.is_left([used], limits) and room.is_left([used, unused], limits)
        room.make_room([used, unused], SEAT, limits)
        assert unused.going and not used.going
        with unused.request(caller("viewer.emea")):
            assert not room.is_left([used, unused], limits)
            with pytest.raises(room.Full, match="Every place"):
                room.make_room([used, unused], SEAT, limits)


@pytest.fixture
def full(shared: Instance, others: Be) -> Hosts:
    """The apps of the host `a`, to which others belong beside `b`: its only place is in use."""
    shared.settings = replace(
        shared.settings,
        hosts=replace(shared.settings.hosts, apps="127.0.0.1:0"),
        runtime=replace(shared.settings.runtime, hosted=1),
    )
    hosts, one = Hosts(shared), awake_for("", 1)
    one.requests = 1
    hosts._awake[one.seat] = one
    hosts.reached_at("a:8444", "a.hosts.handrail")
    appear(shared, "a")
    return hosts


def of_a(instance: Instance) -> Seat:
    """A seat that belongs to `a`, were it not full."""
    seats = (replace(SEAT, app=f"app-{n}") for n in range(1000))
    return next(seat for seat in seats if where(instance, seat)[1] == "a")


def test_a_full_host_sends_on_to_the_next_in_order_which_then_has_the_app_until_there_is_room_again(
    shared: Instance, others: Be, full: Hosts
) -> None:
    for name in ("b", "c"):
        others(name)
        appear(shared, name)
    others("a")
    seat = of_a(shared)
    with pytest.raises(Elsewhere):
        full.wake(seat, never)
    (_, second, held) = where(shared, seat)
    assert second in ("b", "c") and not held
    others(second)
    appear(shared, second, room=False)
    assert where(shared, seat)[1] == ({"b", "c"} - {second}).pop(), "the third in order"
    others("a")
    next(iter(full.awake())).requests = 0
    Attendance(shared, "worker", 1, full).tell()
    assert where(shared, seat)[0]


def test_where_no_host_has_room_the_one_that_it_belongs_to_refuses_and_says_what_to_do(
    shared: Instance, others: Be, full: Hosts
) -> None:
    others("b")
    appear(shared, "b")
    others("a")
    seat = of_a(shared)
    others("b")
    appear(shared, "b", room=False)
    others("a")
    for _ in range(2):
        with pytest.raises(room.Full, match="Every place"):
            full.wake(seat, never)
        assert where(shared, seat)[0], "it would be led in circles"


class Begun(Exception):
    """A run was about to begin: there was room for it."""


def begins() -> runtime.Run:
    raise Begun


def test_the_next_version_wakes_where_the_one_before_it_is_though_every_place_is_in_use(
    shared: Instance, others: Be, full: Hosts
) -> None:
    others("b")
    appear(shared, "b")
    others("a")
    (before,) = full.awake()
    with pytest.raises(Begun):  # and is not sent away to the other host, which has room
        full.wake(replace(before.seat, commit="decade"), begins)
    with pytest.raises(Elsewhere):
        full.wake(of_a(shared), never)


def test_one_version_at_a_time_wakes_without_a_place_and_until_then_the_one_before_answers_on(
    shared: Instance, others: Be, full: Hosts
) -> None:
    (before,) = full.awake()
    before.ready.set()
    waking = awake_for("", 1, "decade")
    waking.requests = 1
    full._awake[waking.seat] = waking
    third = replace(before.seat, commit="facade")
    used = before.used
    assert full.wake(third, never) is before
    assert before.used > used
    before.retired = 1.0
    with pytest.raises(room.Full):
        full.wake(third, never)
    before.hosting.asleep.set()
    waking.ready.set()
    with pytest.raises(Begun):
        full.wake(third, begins)


def test_a_version_that_takes_over_has_the_place_of_the_one_before_for_that_person_too() -> None:
    limits = replace(RuntimeSettings(), hosted=5, hosted_each=1)
    own = awake_for("viewer.emea", 1)
    with own.request(caller("viewer.emea")):
        room.make_room([own], replace(own.seat, commit="decade"), limits)
        assert not own.going
        with pytest.raises(LimitReached, match="1 apps are awake"):
            room.make_room([own], replace(own.seat, app="another"), limits)


APPS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), max_size=9, unique=True)


@settings(deadline=None, max_examples=cases(100))
@given(APPS, st.integers(1, 4))
def test_no_more_are_ever_awake_than_there_are_places_and_one(
    wanted: list[tuple[str, str]], places: int
) -> None:
    limits, awake = replace(RuntimeSettings(), hosted=places, hosted_each=99), list[Hosted]()
    for app, commit in wanted:
        seat = Seat(app, "production", "", commit)
        had_room = room.is_left(awake, limits)
        try:
            room.make_room(awake, seat, limits)
        except room.Full:
            assert not had_room
            continue
        made = hosted()
        made.seat, made.requests = seat, 1  # in use, so that nobody gives way
        awake.append(made)
    assert len({one.seat.app for one in awake}) <= places
    assert len(awake) <= places + 1
