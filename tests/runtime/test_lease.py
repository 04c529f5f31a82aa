"""A run is one process's at a time: who has lost it writes nothing, and no clock of a host has a say."""

import threading
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from handrail import runtime
from handrail.kernel import (
    SYSTEM,
    Caller,
    Context,
    Environment,
    Instance,
    Manifest,
    NotFound,
    Upstream,
    audit,
    identity,
    storage,
)
from handrail.kernel.held import Lost
from handrail.runtime import Run, lease, lease_store, store, take_back
from handrail.runtime.close import End, close
from handrail.runtime.execute import claim
from handrail.runtime.handed_over import HandedOver
from handrail.runtime.printed import Printed
from handrail.runtime.reasons import Verdict
from handrail.runtime.take_back import MOST_ATTEMPTS, recover
from tests.runtime.shared import acting, postgres, queue, shared

__all__ = ["postgres", "shared"]

ELSEWHERE = f"another-host {'0' * 8} 1 1"


def taken(instance: Instance) -> Run:
    run = claim(instance)
    assert run is not None
    return run


def run_out(instance: Instance, run: Run) -> None:
    """Let a run's lease end, as time does when its host is silent."""
    with instance.context(SYSTEM) as ctx:
        past = storage.database_now(-1)
        ctx.db.execute(sa.update(store.runs).where(store.runs.c.id == run.id).values(until=past))


def state(instance: Instance, run: Run) -> str:
    with instance.context(SYSTEM) as ctx:
        found = store.find_run(ctx, run.id)
    assert found is not None
    return found.state


def entries(instance: Instance, verb: str) -> list[str]:
    with instance.context(SYSTEM) as ctx:
        instance.log.settle()
        return [one.subject for one in audit.recent(ctx.db, verb=verb, limit=1000)]


def whole(instance: Instance) -> bool:
    with storage.snapshot(instance.engine) as db:
        return audit.verify(db, instance.log.verifier_key, instance.witness).ok


def test_of_many_who_claim_at_once_each_run_has_exactly_one(shared: Instance) -> None:
    runs = {queue(shared, person=person).id for person in ("maker.sales", "maker.ops") for _ in range(6)}
    got: list[str] = []
    begin = threading.Barrier(4)

    def take() -> None:
        begin.wait()
        while len(got) < len(runs):
            with suppress(Upstream):  # where too many wait for SQLite's one lock; asked again
                run = claim(shared)
                if run is None:
                    return
                got.append(run.id)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(got) == Counter(runs)


def test_of_two_who_claim_one_run_by_name_one_gets_it(shared: Instance) -> None:
    run = queue(shared)
    got = []
    begin = threading.Barrier(2)

    def take() -> None:
        begin.wait()
        got.append(claim(shared, run.id))

    threads = [threading.Thread(target=take) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one is not None for one in got) == [False, True]


def test_people_take_turns_whoever_queued_first(shared: Instance) -> None:
    mine = [queue(shared, person="maker.sales").id for _ in range(3)]
    theirs = [queue(shared, person="maker.ops").id for _ in range(2)]
    order = []
    while run := claim(shared):
        order.append(run.id)
        close(shared, run, End(Verdict("succeeded", "exited")))
    assert order == [mine[0], theirs[0], mine[1], theirs[1], mine[2]]


def test_who_has_lost_a_run_writes_nothing_for_it(shared: Instance) -> None:
    queue(shared)
    mine = taken(shared)
    with shared.context(SYSTEM) as ctx:
        caller = Caller(identity.found(ctx, mine.person), "socket", run=mine.ref)
    run_out(shared, mine)
    assert recover(shared) == 1
    with pytest.raises(Lost):
        HandedOver(shared, mine).deliver("text", "t", "", b"late")
    with pytest.raises(Lost), Printed(shared, mine) as printed:
        printed.write(b"late")
    with pytest.raises(Lost):
        close(shared, mine, End(Verdict("succeeded", "exited")))
    with pytest.raises(Lost), shared.context(caller) as ctx:
        ctx.audit.note("late.said", "late")
    with shared.context(caller) as ctx:
        for say in (ctx.audit.soon, lambda *a: ctx.audit._log.soon(ctx.audit._note(*a, {}), urgent=False)):
            with pytest.raises(Lost):
                say("late.said", "late").result()
    with pytest.raises(Lost), shared.context(caller):
        raise NotFound("It asked too late.", next_step="None.")
    assert entries(shared, "late.") == []
    assert [one for one in entries(shared, "request.refused") if "late" in one] == []
    assert entries(shared, "run.finished") == []
    with acting(shared, "maker.sales") as ctx:
        assert (runtime.log(ctx, mine.id), runtime.outputs(ctx, mine.id)) == ("", ())
    assert state(shared, mine) == "queued"
    assert whole(shared)


def test_a_lost_run_in_a_group_of_entries_keeps_none_of_the_others_from_the_trail(shared: Instance) -> None:
    queue(shared)
    mine = taken(shared)
    run_out(shared, mine)
    recover(shared)
    note = audit.Note(datetime.now(UTC), "p", "system", "said.together", "one", {})
    group = [note, replace(note, subject="late", lease=mine.lease), replace(note, subject="two")]
    numbers, _ = shared.log._commit(group)
    assert [isinstance(one, Lost) for one in numbers] == [False, True, False]
    assert entries(shared, "said.together") == ["two", "one"]
    assert numbers[2] == numbers[0] + 1  # type: ignore[operator]
    assert whole(shared)


def test_a_run_that_begins_anew_has_nothing_of_its_first_attempt(shared: Instance) -> None:
    run = queue(shared)
    first = taken(shared)
    HandedOver(shared, first).deliver("text", "t", "", b"half")
    with Printed(shared, first) as printed:
        printed.write(b"half")
    run_out(shared, first)
    assert recover(shared) == 1
    second = taken(shared)
    HandedOver(shared, second).deliver("text", "t", "", b"whole")
    close(shared, second, End(Verdict("succeeded", "exited")))
    with acting(shared, "maker.sales") as ctx:
        assert [runtime.output(ctx, run.id, one.n)[1] for one in runtime.outputs(ctx, run.id)] == [b"whole"]
        assert runtime.log(ctx, run.id) == ""
    assert entries(shared, "run.finished") == [f"run:{run.id}"]
    assert entries(shared, "run.taken_back") == [f"run:{run.id}"]


def test_a_run_that_ends_each_of_its_hosts_is_given_up(shared: Instance) -> None:
    run = queue(shared)
    for _ in range(MOST_ATTEMPTS):
        run_out(shared, taken(shared))
        assert recover(shared) == 1
    assert claim(shared) is None
    with acting(shared, "maker.sales") as ctx:
        over = runtime.run(ctx, run.id)
    assert (over.state, over.ended) == ("failed", "interrupted")
    assert f"{MOST_ATTEMPTS} times" in over.reason


@pytest.mark.parametrize(
    ("environment", "declared", "changes"),
    [
        ("production", 'writes = ["POST /tickets"]', True),
        ("production", 'reads = ["GET /customers"]', False),
        ("sandbox", 'writes = ["POST /tickets"]', False),
    ],
)
def test_what_changes_something_elsewhere_is_what_declares_so_in_production(
    environment: Environment, declared: str, changes: bool
) -> None:
    told = Manifest.parse(f"{Manifest.render('tried')}\n[connectors.crm]\n{declared}\n")
    run = Run("run_1", "tried", "c0ffee", environment, "p", told, "l", "running", datetime.now(UTC))
    assert take_back._changes_elsewhere(run) == changes


def test_a_run_that_changes_something_elsewhere_is_not_done_twice(
    shared: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(take_back, "_changes_elsewhere", lambda _: True)
    run = queue(shared)
    mine = taken(shared)
    assert not take_back.may_begin_anew(shared, mine)
    run_out(shared, mine)
    assert recover(shared) == 1
    assert claim(shared) is None
    with acting(shared, "maker.sales") as ctx:
        assert runtime.run(ctx, run.id).ended == "interrupted"


def test_two_who_take_back_one_run_do_so_once(shared: Instance) -> None:
    queue(shared)
    run_out(shared, taken(shared))
    begin, counts = threading.Barrier(4), list[int]()

    def take_back() -> None:
        begin.wait()
        counts.append(recover(shared))

    threads = [threading.Thread(target=take_back) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 1
    assert len(entries(shared, "run.taken_back")) == 1


class Wrong:
    """A clock that is days off."""

    def __init__(self, days: float) -> None:
        self.shift = timedelta(days=days)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.shift


@pytest.mark.parametrize("days", [-2.0, 2.0])
def test_a_host_whose_clock_is_wrong_neither_takes_nor_loses_a_run(shared: Instance, days: float) -> None:
    queue(shared)
    shared.clock = Wrong(days)
    mine = taken(shared)
    with shared.context(SYSTEM) as ctx:
        ctx.db.execute(sa.update(store.runs).values(holder=ELSEWHERE))
        assert recover(shared) == 0
        assert lease_store.renew(ctx, mine.id, mine.lease.token, 4) is False  # type: ignore[union-attr]
    run_out(shared, mine)
    assert recover(shared) == 1


def test_a_lease_that_was_renewed_in_between_is_not_taken_away(shared: Instance) -> None:
    queue(shared)
    mine = taken(shared)
    run_out(shared, mine)
    with shared.context(SYSTEM) as ctx:
        (seen,) = lease_store.held(ctx)
        assert seen.overdue
        lease_store.renew(ctx, mine.id, seen.token, 4)
        assert not lease_store.take_away(ctx, seen)


def test_two_who_queue_the_same_code_at_once_both_do(shared: Instance) -> None:
    """The second waits for the first to commit, where it finds the code kept already."""
    again = replace(queue(shared), id="run_again")
    files = {"app.py": b"print('of both')"}
    other = threading.Thread(target=lambda: _add(shared, replace(again, id="run_other"), files))
    with shared.context(SYSTEM) as ctx:
        store.add_run(ctx, again, files)
        other.start()
        other.join(0.5)
    other.join()
    assert {state(shared, replace(again, id=one)) for one in ("run_again", "run_other")} == {"queued"}


def test_a_run_that_cannot_be_taken_back_keeps_no_other_one_waiting(
    shared: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor the start of a server, which takes back what is left from before."""
    runs = [queue(shared, person=person) for person in ("maker.sales", "maker.ops", "maker.sales")]
    for run in [taken(shared) for _ in runs]:
        run_out(shared, run)
    again = take_back._queue_again

    def refuses(ctx: Context, run: Run, *, counts: bool) -> None:
        if run.id == runs[0].id:
            raise NotFound("Its app is there no longer.", next_step="None.")
        again(ctx, run, counts=counts)

    with monkeypatch.context() as patched:
        patched.setattr(take_back, "_queue_again", refuses)
        assert recover(shared) == 2
    assert [state(shared, run) for run in runs] == ["running", "queued", "queued"]
    assert recover(shared) == 1
    assert state(shared, runs[0]) == "queued"


def _add(instance: Instance, run: Run, files: dict[str, bytes]) -> None:
    with instance.context(SYSTEM) as ctx:
        store.add_run(ctx, run, files)


def test_a_process_of_another_machine_is_never_taken_for_gone() -> None:
    assert not lease.is_gone(ELSEWHERE)
    assert not lease.is_gone(lease.mine())
    machine, pid, _ = lease.mine().rsplit(" ", 2)
    assert lease.is_gone(f"{machine} {pid} 1")
    name, _ = machine.split(" ")
    assert not lease.is_gone(f"{name} {'0' * 8} {pid} 1"), "another machine may be called as this one is"
