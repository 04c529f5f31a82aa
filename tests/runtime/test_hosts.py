"""What a host does for its web apps while others are away: the server that lends, the database, itself."""

import threading
from dataclasses import replace

import pytest

from handrail import runtime
from handrail.kernel import Instance, NotReady, Upstream
from handrail.runtime import Elsewhere, Hosts, Seat
from tests.runtime.shared import acting, postgres, shared
from tests.runtime.test_place import MANIFEST, SEAT

__all__ = ["postgres", "shared"]

STATIC = replace(MANIFEST, kind="static", entrypoint="index.html")


class Begun(Exception):
    """A run was about to begin."""


def begins() -> runtime.Run:
    raise Begun


def test_a_lender_that_does_not_answer_keeps_nobody_waiting_but_who_wakes_an_app(shared: Instance) -> None:
    asked, answers = threading.Event(), threading.Event()

    def prepare() -> None:
        asked.set()
        answers.wait(60)
        raise Upstream("The server does not lend its files.", next_step="Try again.")

    hosts, refused = Hosts(shared, prepare), list[str]()

    def come() -> None:
        try:
            hosts.wake(SEAT, begins)
        except Upstream as refusal:
            refused.append(refusal.message)

    waits = threading.Thread(target=come)
    looks = threading.Thread(target=hosts.awake)
    waits.start()
    try:
        assert asked.wait(60)
        looks.start()
        looks.join(20)
        assert not looks.is_alive()
    finally:
        answers.set()
        waits.join()
        looks.join()
    assert refused == ["The server does not lend its files."]


def test_many_who_come_at_once_are_prepared_for_once(
    shared: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them would ask the lender for its list, one after the other, and the last would wait for all."""
    prepared, found, ready = list[int](), list[object](), threading.Barrier(8)
    monkeypatch.setattr("handrail.runtime.hosts.carry_out", lambda *given: given[3].asleep.wait(60))
    hosts = Hosts(shared, lambda: prepared.append(1))

    def begin() -> runtime.Run:
        with acting(shared, "maker.sales") as ctx:
            return runtime.host(ctx, SEAT.app, SEAT.commit, {"app.py": b""}, MANIFEST, "sandbox")

    def come() -> None:
        ready.wait()
        found.append(hosts.wake(SEAT, begin))

    threads = [threading.Thread(target=come) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (one,) = hosts.awake()
    assert found == [one] * 8
    assert prepared == [1]
    one.hosting.asleep.set()
    assert one.thread is not None
    one.thread.join(60)


@pytest.mark.parametrize("placed", [False, True], ids=["alone", "among others"])
def test_what_has_stopped_begins_nothing_more(shared: Instance, placed: bool) -> None:
    """A thread may come late, and nobody would end what it begins."""
    shared.settings = replace(
        shared.settings, hosts=replace(shared.settings.hosts, apps="127.0.0.1:0" if placed else "")
    )
    hosts = Hosts(shared)
    with pytest.raises(Begun):
        hosts.wake(SEAT, begins)
    hosts.start()
    hosts.stop()
    for come in (hosts.wake, hosts.sit):
        with pytest.raises(Elsewhere if placed else NotReady):
            come(SEAT, begins)


def test_an_app_whose_end_cannot_be_written_is_gone_all_the_same(
    shared: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = list[object]()
    monkeypatch.setattr(threading, "excepthook", broken.append)

    def away(*_: object) -> None:
        raise Upstream("The database does not answer.", next_step="Try again.")

    def begin() -> runtime.Run:
        with acting(shared, "maker.sales") as ctx:
            return runtime.host(ctx, SEAT.app, SEAT.commit, {"app.py": b""}, MANIFEST, "sandbox")

    monkeypatch.setattr("handrail.runtime.hosts.carry_out", away)
    hosts = Hosts(shared)
    hosted = hosts.wake(SEAT, begin)
    assert hosted.thread is not None
    hosted.thread.join(60)
    assert hosts.awake() == ()
    assert broken == []


def test_it_stops_though_the_database_is_away(shared: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is to stop after it would go on, and with it the process."""
    hosts = Hosts(shared)

    def begin() -> runtime.Run:
        with acting(shared, "maker.sales") as ctx:
            return runtime.host(ctx, "shown", "c0ffee", {"index.html": b""}, STATIC, "sandbox")

    hosts.sit(Seat("shown", "sandbox", "maker.sales", "c0ffee"), begin)
    hosts.start()

    def away(*_: object) -> None:
        raise Upstream("The database does not answer.", next_step="Try again.")

    monkeypatch.setattr(shared, "context", away)
    hosts.stop()
    monkeypatch.undo()
