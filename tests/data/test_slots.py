"""How many questions are answered at the same time: counted over threads and processes, fair, and given back."""

import multiprocessing
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from handrail import data
from handrail.data.slots import Most, Slot, Slots, slots_of
from handrail.kernel import Instance, Invalid, LimitReached, NotAllowed, NotFound, Upstream, identity
from handrail.kernel.audit import recent
from handrail.kernel.presence import Presence
from handrail.server import application
from tests.data.asking import actors, asking, furnished, run
from tests.web import Client

FEW = Most(viewer=2, app=3, in_all=4, wait=0)
HERE = Presence()


@pytest.fixture
def slots(tmp_path: Path) -> Slots:
    return Slots(tmp_path / "slots")


def take(slots: Slots, viewer: str, app: str = "", most: Most = FEW) -> Slot:
    return slots.take(viewer, app, most, HERE)


def test_each_limit_refuses_one_more_and_says_which_it_was(slots: Slots) -> None:
    held = [take(slots, "ana", "report"), take(slots, "ana", "report")]
    with pytest.raises(LimitReached, match="2 of your questions"):
        take(slots, "ana")
    held.append(take(slots, "bo", "report"))
    with pytest.raises(LimitReached, match="3 questions of report"):
        take(slots, "cy", "report")
    held.append(take(slots, "cy"))
    with pytest.raises(LimitReached, match="4 questions are being answered") as refused:
        take(slots, "di")
    assert refused.value.next_step
    assert refused.value.facts["retry_after"] >= 1
    held.pop(0).release()
    held[0].release()
    held[0].release()  # twice does no harm
    take(slots, "ana")
    assert slots.taken() == 3


def test_an_app_that_is_called_as_a_viewer_takes_none_of_the_viewers_places(slots: Slots) -> None:
    held = [take(slots, name, "ana") for name in ("bo", "cy")]
    held.append(take(slots, "ana"))
    assert len(held) == 3


def test_who_waits_is_served_when_a_place_is_given_back(slots: Slots) -> None:
    held = [take(slots, name) for name in ("ana", "ana", "bo", "bo")]
    patient = Most(2, 3, 4, wait=60)
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(take, slots, "ana", "", patient)
        other = pool.submit(take, slots, "cy", "", patient)
        held[2].release()  # of bo: ana's own limit does not let her have it, and does not hold up cy
        other.result().release()
        assert not waiting.done()
        held[0].release()
        waiting.result()


def test_one_viewer_cannot_fill_the_queue(slots: Slots) -> None:
    patient = Most(2, 3, 4, wait=60)
    held = [take(slots, "ana"), take(slots, "ana")]
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(take, slots, "ana", "", patient) for _ in range(2)]
        while len(slots._queue) < 2:
            time.sleep(0.01)
        with pytest.raises(LimitReached):
            slots.take("ana", "", patient, HERE)
        slots.take("bo", "", patient, HERE).release()
        for slot in held:
            slot.release()
        for one in waiting:
            one.result().release()


def test_who_has_left_waits_no_longer(slots: Slots) -> None:
    held = [take(slots, "ana"), take(slots, "ana")]
    presence = Presence()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(slots.take, "ana", "", Most(2, 3, 4, wait=3600), presence)
        presence.leave()
        with pytest.raises(LimitReached):
            waiting.result()
    assert len(held) == 2


def test_threads_never_hold_more_than_the_limits(slots: Slots) -> None:
    now: Counter[str] = Counter()
    most_seen: Counter[str] = Counter()
    counting = threading.Lock()

    def work(viewer: str) -> None:
        for number in range(40):
            names = [viewer, "all", *(["report"] if number % 3 else [])]
            slot = take(slots, viewer, "report" if number % 3 else "", Most(2, 3, 4, wait=60))
            with counting:
                now.update(names)
                most_seen.update(
                    {name: now[name] - most_seen[name] for name in now if now[name] > most_seen[name]}
                )
            time.sleep(0.001)
            with counting:
                now.subtract(names)
            slot.release()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, "abcd" * 2))
    assert most_seen["all"] <= 4
    assert most_seen["report"] <= 3
    assert max(most_seen[viewer] for viewer in "abcd") <= 2
    assert slots.taken() == 0


def _hold(file: Path, viewer: str, said: Any) -> None:
    take(Slots(file), viewer)
    said.send("taken")
    signal.pause()


def test_processes_share_the_count_and_a_killed_one_gives_back(slots: Slots) -> None:
    start = multiprocessing.get_context("fork")
    mine = take(slots, "ana")
    listening, said = start.Pipe()
    other: Any = start.Process(target=_hold, args=(slots.file, "ana", said))
    other.start()
    assert listening.recv() == "taken"
    with pytest.raises(LimitReached):
        take(slots, "ana")
    os.kill(other.pid, signal.SIGKILL)
    other.join()
    take(slots, "ana").release()
    mine.release()


def _ask_often(file: Path, now: Any, most_seen: Any) -> None:
    """Take and give back a place 150 times; the first keeps its place until a second is held beside it."""
    slots = Slots(file)
    latest = time.monotonic() + 30
    for _ in range(150):
        slot = take(slots, "ana", most=Most(2, 3, 4, wait=60))
        with now.get_lock():
            now.value += 1
            most_seen.value = max(most_seen.value, now.value)
        time.sleep(0.0005)
        while most_seen.value < 2 and time.monotonic() < latest:
            time.sleep(0.0005)
        with now.get_lock():
            now.value -= 1
        slot.release()


def test_processes_that_ask_at_once_never_hold_more_than_the_limit(slots: Slots) -> None:
    start = multiprocessing.get_context("fork")
    now, most_seen = start.Value("i", 0), start.Value("i", 0)
    others = [start.Process(target=_ask_often, args=(slots.file, now, most_seen)) for _ in range(5)]
    for one in others:
        one.start()
    for one in others:
        one.join()
    assert [one.exitcode for one in others] == [0] * 5
    assert most_seen.value == 2
    assert slots.taken() == 0


def test_of_several_processes_that_do_not_wait_one_gets_the_last_place(slots: Slots) -> None:
    start = multiprocessing.get_context("fork")
    for _ in range(20):
        gate, got, done = start.Event(), start.Value("i", 0), start.Event()

        def reach(gate: Any = gate, got: Any = got, done: Any = done) -> None:
            gate.wait()
            try:
                take(Slots(slots.file), "ana", most=Most(1, 1, 1, wait=0))
            except LimitReached:
                return
            finally:
                with got.get_lock():
                    got.value += 1
            done.set()
            os._exit(7 if wait_for_all(got) else 8)

        others = [start.Process(target=reach) for _ in range(3)]
        for one in others:
            one.start()
        gate.set()
        for one in others:
            one.join()
        assert sorted(one.exitcode or 0 for one in others) == [0, 0, 7]


def wait_for_all(got: Any) -> bool:
    """Hold the place until the other two have tried."""
    until = time.monotonic() + 60
    while got.value < 3 and time.monotonic() < until:
        time.sleep(0.001)
    return bool(got.value == 3)


def test_a_child_that_came_by_fork_does_not_keep_its_parents_places(slots: Slots) -> None:
    held = [take(slots, "ana")]
    child = os.fork()
    if not child:
        held[0].release()  # not the child's to give back
        os._exit(slots.taken() - 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert slots.taken() == 1


def test_a_count_that_cannot_be_kept_answers_nothing(tmp_path: Path) -> None:
    blocked = Slots(tmp_path / "no such folder" / "slots")
    with pytest.raises(Upstream, match="cannot be counted"):
        take(blocked, "ana")
    (tmp_path / "no such folder").mkdir()
    take(blocked, "ana").release()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Instance]:
    instance = furnished(tmp_path)
    object.__setattr__(instance.settings.data, "viewer_questions", 1)
    object.__setattr__(instance.settings.data, "wait_seconds", 0)
    yield instance
    instance.close()


def test_a_question_too_many_is_refused_on_every_face_and_on_the_trail(shop: Instance) -> None:
    with actors(shop)("viewer.emea") as ctx:
        secret = identity.issue_token(ctx, "test", None)[1]
    with actors(shop)("viewer.emea") as ctx:
        held = data.query(ctx, data.Request("SELECT region FROM orders", purpose="sales-reporting"))
    client = Client(application(shop))
    asked = {"sql": "SELECT region FROM orders", "purpose": "sales-reporting"}
    headers = {"Authorization": f"Bearer {secret}"}
    response = client.post("/api/v1/query", json=asked, headers=headers)
    assert (response.status_code, response.json()["code"]) == (429, "limit_reached")
    assert int(response.headers["Retry-After"]) >= 1
    assert response.json()["next_step"]
    with pytest.raises(LimitReached, match="1 of your questions"):
        asking(shop)("viewer.emea", "SELECT region FROM orders")
    with shop.context(shop.system()) as ctx:
        assert [e.facts["limit"] for e in recent(ctx.db, verb="request.refused")] == ["viewer", "viewer"]
    held.close()
    assert client.post("/api/v1/query", json=asked, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT region FROM orders", None),
        ("SELECT nothing FROM orders", Invalid),
        ("SELECT '' + amount FROM orders", Invalid),
        ("SELECT FROM WHERE", Invalid),
        ("SELECT 1", Invalid),
        ("SELECT getenv('HOME') FROM orders", NotAllowed),
        ("SELECT 1 FROM nowhere", NotFound),
    ],
)
def test_every_ending_gives_the_place_back(shop: Instance, sql: str, kind: type[Exception] | None) -> None:
    ask = asking(shop)
    for _ in range(3):
        if kind is None:
            assert ask("viewer.emea", sql)
        else:
            with pytest.raises(kind):
                ask("viewer.emea", sql)
    with shop.context(shop.system()) as ctx:
        assert slots_of(ctx).taken() == 0


def test_nothing_is_planned_for_who_has_no_place(shop: Instance) -> None:
    ask = asking(shop)
    with actors(shop)("viewer.emea") as ctx:
        held = data.query(ctx, data.Request("SELECT region FROM orders", purpose="sales-reporting"))
    with pytest.raises(LimitReached, match="1 of your questions"):  # whatever else is wrong with it
        ask("viewer.emea", "SELECT nothing FROM orders")
    held.close()
    with pytest.raises(Invalid, match="nothing"):
        ask("viewer.emea", "SELECT nothing FROM orders")


def test_an_app_has_a_limit_of_its_own(shop: Instance) -> None:
    object.__setattr__(shop.settings.data, "viewer_questions", 9)
    object.__setattr__(shop.settings.data, "app_questions", 1)
    act = actors(shop)
    with act("maker.sales", via="socket", run=run("sandbox")) as ctx:
        held = data.query(ctx, data.Request("SELECT region FROM orders"))
        with pytest.raises(LimitReached, match="1 questions of report"):
            data.query(ctx, data.Request("SELECT region FROM orders"))
        held.close()
