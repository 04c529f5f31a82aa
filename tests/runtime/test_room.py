"""A host has so many places for web apps: what nobody uses gives way, and one that is full sends on whom it can."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from handrail import runtime
from handrail.kernel import SYSTEM, Instance, LimitReached
from handrail.runtime import Elsewhere, Hosts, lease, lease_store, room
from handrail.runtime.attend import Attendance
from handrail.runtime.seats import Hosted, Seat
from handrail.settings import RuntimeSettings
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


def test_a_version_is_not_sent_away_from_the_one_before_it(shared: Instance, others: Be, full: Hosts) -> None:
    others("b")
    appear(shared, "b")
    others("a")
    (before,) = full.awake()
    with pytest.raises(room.Full):
        full.wake(replace(before.seat, commit="decade"), never)


def test_a_host_says_how_many_places_it_has_and_whether_there_is_room(shared: Instance, full: Hosts) -> None:
    def told() -> tuple[int, bool]:
        with shared.context(SYSTEM) as ctx:
            (row,) = [one for one in lease_store.all_hosts(ctx) if one.holder == lease.mine()]
        return row.places, row.room

    attendance = Attendance(shared, "worker", 1, full)
    attendance.tell()
    assert told() == (1, False)
    next(iter(full.awake())).requests = 0
    attendance.tell()
    assert told() == (1, True)
    shared.settings = replace(shared.settings, hosts=replace(shared.settings.hosts, apps=""))
    attendance.tell()
    assert told()[0] == 0, "a worker that nobody asks for web apps has none"
    Attendance(shared, "server", 1, full).tell()
    assert told()[0] == 1
