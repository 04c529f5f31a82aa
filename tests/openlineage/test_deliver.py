"""Delivery: in order, at least once, through failures, hangs, crashes and full files, and in nobody's way."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from handrail import openlineage
from handrail.kernel import SYSTEM, Instance, Invalid
from handrail.openlineage import receivers, store
from handrail.openlineage.deliver import backoff, deliver
from handrail.openlineage.receivers import LinesFile, Unreachable, receiver
from handrail.server import open_instance
from handrail.settings import LineageSettings
from tests import forked
from tests.conftest import Acting
from tests.openlineage.listener import Listener
from tests.postgres import PASSWORD, Server, postgres

__all__ = ["postgres"]


def tell(instance: Instance, **settings: str) -> None:
    instance.settings = replace(instance.settings, lineage=LineageSettings(**settings))


def leave(instance: Instance, *numbers: int) -> None:
    """Leave events in the outbox, each in a transaction of its own."""
    for n in numbers:
        with instance.context(SYSTEM) as ctx:
            store.put(ctx, json.dumps({"n": n}))


def left(instance: Instance) -> list[int]:
    with instance.context(SYSTEM) as ctx:
        rows = ctx.db.execute(store.outbox.select().order_by(store.outbox.c.seq)).all()
    return [json.loads(row.event)["n"] for row in rows]


def numbers(events: list[dict[str, Any]]) -> list[int]:
    return [event["n"] for event in events]


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def address(instance: Instance, listener: Listener) -> receivers.Receiver:
    tell(instance, url=listener.url)
    found = receiver(instance.settings)
    assert found is not None
    return found


def test_events_arrive_in_their_order_and_are_forgotten(
    instance: Instance, listener: Listener, address: receivers.Receiver
) -> None:
    leave(instance, *range(7))
    assert deliver(instance, address, "me").delivered == 7
    assert numbers(listener.taken) == list(range(7))
    assert left(instance) == []


@pytest.mark.parametrize("mood", [500, 503, 429, 408, 401, 404, 302, "close"])
def test_what_may_pass_holds_the_queue_in_its_order_until_it_has(
    instance: Instance, listener: Listener, address: receivers.Receiver, mood: int | str
) -> None:
    leave(instance, 1, 2, 3)
    listener.mood = mood
    made = deliver(instance, address, "me")
    assert (made.delivered, left(instance)) == (0, [1, 2, 3])
    assert made.problem
    listener.mood = 201
    assert deliver(instance, address, "me").delivered == 3
    assert numbers(listener.taken) == [1, 2, 3]


@pytest.mark.parametrize("mood", ["hang", "drip"])
def test_a_receiver_that_hangs_or_drips_is_given_up_and_tried_again(
    instance: Instance,
    listener: Listener,
    address: receivers.Receiver,
    mood: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(receivers, "SECONDS", 0.6)
    leave(instance, 1)
    listener.mood = mood
    assert "took too long" in deliver(instance, address, "me").problem
    listener.release.set()
    listener.mood = 201
    assert deliver(instance, address, "me").delivered == 1


def test_nobody_listens_at_all(instance: Instance, listener: Listener, address: receivers.Receiver) -> None:
    leave(instance, 1)
    listener.close()
    assert "cannot be reached" in deliver(instance, address, "me").problem
    assert left(instance) == [1]


def test_an_event_that_is_refused_for_good_is_set_aside_and_can_be_tried_again(
    instance: Instance, acting: Acting, listener: Listener, address: receivers.Receiver
) -> None:
    leave(instance, 1)
    listener.mood = 422
    deliver(instance, address, "me")
    leave(instance, 2)
    listener.mood = 201
    assert deliver(instance, address, "me").delivered == 1
    assert numbers(listener.taken) == [2]
    with acting("admin") as ctx:
        found = openlineage.deliveries(ctx)
    assert (found.waiting, found.aside) == (0, 1)
    assert "answered 422" in (found.because or "")
    with acting("admin") as ctx:
        assert openlineage.retry(ctx) == 1
    assert deliver(instance, address, "me").delivered == 1
    assert numbers(listener.taken) == [2, 1]


def test_redirects_do_not_carry_the_key_elsewhere(
    instance: Instance, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEAGE_KEY", "a-secret-key")
    tell(instance, url=listener.url, key_env="LINEAGE_KEY")
    leave(instance, 1)
    listener.mood = 302
    found = receiver(instance.settings)
    assert found is not None
    deliver(instance, found, "me")
    assert (listener.asked, listener.keys) == (1, ["Bearer a-secret-key"])


def test_the_key_comes_from_a_file_or_the_environment_and_never_from_the_settings(
    instance: Instance, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    (instance.settings.home / "keys" / "lineage").write_text("filed\n")
    tell(instance, url=listener.url, key_file="keys/lineage")
    leave(instance, 1)
    found = receiver(instance.settings)
    assert found is not None
    deliver(instance, found, "me")
    assert listener.keys == ["Bearer filed"]
    for settings in (
        {"url": listener.url, "key_file": "keys/nothing"},
        {"url": listener.url, "key_env": "LINEAGE_KEY_THAT_IS_NOT_SET"},
        {"url": "http://user:password@127.0.0.1/"},
        {"url": "ftp://127.0.0.1/"},
        {"url": listener.url, "file": "lineage.jsonl"},
    ):
        tell(instance, **settings)
        with pytest.raises(Invalid):
            receiver(instance.settings)


def test_a_file_grows_by_a_line_an_event_and_what_a_crash_left_of_one_is_cut_off(instance: Instance) -> None:
    path = instance.settings.home / "told" / "lineage.jsonl"
    tell(instance, file="told/lineage.jsonl")
    found = receiver(instance.settings)
    assert found is not None
    leave(instance, 1)
    deliver(instance, found, "me")
    with path.open("a") as torn:
        torn.write('{"n": 2' + " " * 9000)
    leave(instance, 2, 3)
    deliver(instance, found, "me")
    assert [json.loads(line)["n"] for line in path.read_text().splitlines()] == [1, 2, 3]
    assert path.stat().st_mode & 0o077 == 0


def test_a_full_disk_leaves_whole_lines_and_the_event_in_the_outbox(instance: Instance) -> None:
    leave(instance, 1)
    assert "cannot be written" in deliver(instance, LinesFile(Path("/dev/full")), "me").problem
    assert left(instance) == [1]
    with pytest.raises(Unreachable):
        LinesFile(instance.settings.home / "handrail.toml" / "below-a-file").take("{}")


def test_one_of_two_servers_delivers_and_the_other_takes_over_when_it_ends(
    instance: Instance, listener: Listener, address: receivers.Receiver
) -> None:
    leave(instance, 1)
    with instance.context(SYSTEM) as ctx:
        assert store.take_turn(ctx, "other", 20)
    assert deliver(instance, address, "me").delivered == 0
    with instance.context(SYSTEM) as ctx:
        store.end_turn(ctx, "other")
    assert deliver(instance, address, "me").delivered == 1


def test_two_servers_together_deliver_each_event_once_and_in_order(
    instance: Instance, listener: Listener
) -> None:
    tell(instance, url=listener.url)
    both = (openlineage.Supervisor(instance), openlineage.Supervisor(instance))
    for one in both:
        one.start()
    leave(instance, *range(30))
    until(lambda: not left(instance))
    for one in both:
        one.stop()
    assert numbers(listener.taken) == list(range(30))


def test_a_turn_that_a_wrong_clock_took_for_years_is_over(instance: Instance) -> None:
    with instance.context(SYSTEM) as ctx:
        assert store.take_turn(ctx, "other", 10**9)
        assert store.take_turn(ctx, "me", 20)


def test_whoever_was_too_slow_removes_no_other_event(instance: Instance) -> None:
    leave(instance, 1)
    with instance.context(SYSTEM) as ctx:
        slow = store.next_waiting(ctx)
        assert slow is not None
        store.remove(ctx, slow)
    leave(instance, 2)  # SQLite gives it the number that is free again
    with instance.context(SYSTEM) as ctx:
        store.remove(ctx, slow)
    assert left(instance) == [2]


def test_attempts_come_further_apart_and_never_in_step() -> None:
    assert [1.5 <= backoff(1) <= 2.5, 6 <= backoff(3) <= 10.1] == [True, True]
    assert all(backoff(n) <= 300 for n in range(200))
    assert len({backoff(5) for _ in range(20)}) > 1


SERVER = """\
import sys, time
from pathlib import Path
from handrail import openlineage
from handrail.server import open_instance
sys.modules["handrail.openlineage.deliver"]._TURN = 1.0  # so that the next one need not wait
instance = open_instance(Path(sys.argv[1]))
openlineage.Supervisor(instance).start()
print("delivers", flush=True)
time.sleep(600)
"""


@pytest.fixture
def serve(instance: Instance, listener: Listener) -> Iterator[Callable[[], forked.Process]]:
    """Start a process that delivers the instance's events."""
    (instance.settings.home / "handrail.toml").write_text(f'[lineage]\nurl = "{listener.url}"\n')
    started: list[forked.Process] = []

    def start() -> forked.Process:
        process = forked.Process(SERVER, str(instance.settings.home))
        started.append(process)
        assert process.stdout.readline() == "delivers\n"
        return process

    yield start
    for process in started:
        process.kill()


def test_kill_9_in_the_middle_loses_nothing_and_keeps_the_order(
    instance: Instance, listener: Listener, serve: Callable[[], forked.Process]
) -> None:
    """Killed once between an event's arrival and its removal, and once wherever it happens to be."""
    leave(instance, *range(40))
    for stop_at in (3, 20):
        process = serve()
        until(lambda stop_at=stop_at: len(listener.taken) > stop_at)  # type: ignore[misc]
        if stop_at == 3:  # takes the next one, and never says so
            listener.mood = "hang"
            asked = listener.asked
            until(lambda asked=asked: listener.asked > asked)  # type: ignore[misc]
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        listener.mood = 201
    serve()
    until(lambda: not left(instance))
    arrived = numbers(listener.taken)
    assert list(dict.fromkeys(arrived)) == list(range(40))
    assert all(later >= earlier for earlier, later in pairwise(arrived))


@pytest.mark.postgres
def test_turns_and_outbox_hold_on_postgresql(
    postgres: Server, tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    home = tmp_path / "home"
    where = postgres.inhabited(home, "lineage").replace(f":{PASSWORD}@", "@")
    (home / "handrail.toml").write_text(f'[storage]\nurl = "{where}"\n[lineage]\nurl = "{listener.url}"\n')
    instance = open_instance(home)
    with instance.context(SYSTEM) as ctx:
        assert store.take_turn(ctx, "one", 20)
        assert store.take_turn(ctx, "one", 20)
        assert not store.take_turn(ctx, "other", 20)
        store.end_turn(ctx, "one")
    both = (openlineage.Supervisor(instance), openlineage.Supervisor(instance))
    for one in both:
        one.start()
    leave(instance, *range(30))
    until(lambda: not left(instance))
    for one in both:
        one.stop()
    instance.close()
    assert numbers(listener.taken) == list(range(30))
