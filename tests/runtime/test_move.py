"""Web apps go to the host that they belong to once it is there to stay, and leave one that is about to stop."""

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from handrail.kernel import SYSTEM, Instance
from handrail.runtime import Hosts, Moving, Seat, lease, lease_store, move, seats_store
from handrail.runtime.execute import Hosting
from handrail.runtime.rendezvous import order
from handrail.runtime.seats import Hosted
from tests.runtime.test_place import begin, others, shared

__all__ = ["others", "shared"]

pytestmark = pytest.mark.parametrize("shared", ["sqlite"], indirect=True)
SEAT = Seat("tried", "sandbox", "", "c0ffee")


@pytest.fixture
def awake(shared: Instance, others: object) -> Iterator[tuple[Hosts, Hosted]]:
    """An app that is awake on this host, `a`, and that somebody has just used."""
    settings = replace(shared.settings.hosts, apps="127.0.0.1:0", move_seconds=300)
    shared.settings = replace(shared.settings, hosts=settings)
    run = begin(shared, SEAT)

    def nobody(word: str) -> object:
        raise AssertionError(word)

    listener = socket.socket(socket.AF_UNIX)
    hosts, one = Hosts(shared), Hosted(SEAT, run, "", Hosting(listener, nobody), {})  # type: ignore[arg-type]
    one.ready.set()
    hosts._awake[SEAT] = one
    yield hosts, one
    listener.close()


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets seconds pass for who moves apps."""
    passed = [0.0]
    real = time.monotonic

    def more(seconds: float) -> None:
        passed[0] += seconds

    monkeypatch.setattr(move.time, "monotonic", lambda: real() + passed[0])
    return more


def appear(instance: Instance, name: str, address: str, state: str = "taking", *, room: bool = True) -> None:
    about = {
        "name": name, "kind": "worker", "version": "1", "capacity": 1, "ahead_ms": 0, "sound": True,
        "finding": "", "known_as": f"{name}.hosts.handrail", "state": state, "address": address, "room": room,
        "holder": lease.mine() if name == "a" else f"{name} boot 1 1",
    }  # fmt: skip
    with instance.context(SYSTEM) as ctx:
        lease_store.appear(ctx, about)


def seated(instance: Instance) -> bool:
    with instance.context(SYSTEM) as ctx:
        return seats_store.find(ctx, SEAT.across_versions) is not None


def theirs() -> str:
    """An address to which the app belongs rather than to `a`'s."""
    return next(f"b:{n}" for n in range(1000) if not belongs_to_a(f"b:{n}"))


def ours() -> str:
    """An address beside which the app belongs to `a`."""
    return next(f"b:{n}" for n in range(1000) if belongs_to_a(f"b:{n}"))


def belongs_to_a(other: str) -> bool:
    return order("\n".join(SEAT.across_versions), ("a:1", other))[0] == "a:1"


def test_it_goes_once_nobody_is_at_it_and_the_other_host_is_there_to_stay(
    shared: Instance, awake: tuple[Hosts, Hosted], pass_time: Callable[[float], None]
) -> None:
    hosts, one = awake
    moving = Moving(shared, hosts)
    appear(shared, "a", "a:1")
    appear(shared, "b", theirs())
    look(moving)
    pass_time(5)
    look(moving)
    assert not one.moved and seated(shared)
    pass_time(6)
    look(moving)
    assert one.moved and one.retired is not None and not seated(shared)
    assert hosts.ready(SEAT) is None, "somebody more was led to it"


def test_whoever_is_at_it_is_left_alone_for_a_while(
    shared: Instance, awake: tuple[Hosts, Hosted], pass_time: Callable[[float], None]
) -> None:
    hosts, one = awake
    moving = Moving(shared, hosts)
    one.requests = 1
    appear(shared, "a", "a:1")
    appear(shared, "b", theirs())
    for _ in range(9):
        look(moving)
        pass_time(30)
    assert not one.moved
    pass_time(60)
    look(moving)
    assert one.moved


def test_a_host_that_comes_and_goes_takes_nothing(
    shared: Instance, awake: tuple[Hosts, Hosted], pass_time: Callable[[float], None]
) -> None:
    hosts, one = awake
    moving = Moving(shared, hosts)
    appear(shared, "a", "a:1")
    for state in ("taking", "draining") * 4:
        appear(shared, "b", theirs(), state)
        look(moving)
        pass_time(8)
    assert not one.moved


def test_a_host_that_is_about_to_stop_lets_everything_go_at_once_if_there_is_another(
    shared: Instance, awake: tuple[Hosts, Hosted]
) -> None:
    hosts, one = awake
    moving = Moving(shared, hosts)
    one.requests = 1
    appear(shared, "a", "a:1", "draining")
    look(moving)
    assert not one.moved and seated(shared), "nobody else can have it"
    appear(shared, "b", "b:1")
    look(moving)
    assert one.moved and not seated(shared)


def test_a_host_that_is_full_keeps_what_is_its_own_and_a_full_one_is_sent_nothing(
    shared: Instance, awake: tuple[Hosts, Hosted], pass_time: Callable[[float], None]
) -> None:
    hosts, one = awake
    moving = Moving(shared, hosts)
    for a, b in (("a:1", ours()), ("a:1", theirs())):  # it belongs to the one, and then to the other
        appear(shared, "a", a, room=b == theirs())
        appear(shared, "b", b, room=b == ours())
        for _ in range(4):
            look(moving)
            pass_time(8)
        assert not one.moved


def look(moving: Moving) -> None:
    moving._round(moving._shutdown)
