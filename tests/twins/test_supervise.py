"""Builds that were asked for from a page: done, failed, or interrupted, and always said so."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest
from tests import forked

from handrail import data, twins
from handrail.kernel import SYSTEM, Conflict, Context, Instance, NotAllowed, NotReady, identity
from handrail.twins import files, store
from handrail.twins.supervise import INTERRUPTED, Supervisor, build_here, take_one, tidy

Acting = Callable[..., AbstractContextManager[Context]]


def state_of(instance: Instance, build: str) -> twins.Build:
    with instance.context(SYSTEM) as ctx:
        found = store.find_build(ctx, build)
    assert found is not None
    return found


def test_a_build_asked_for_is_done_in_the_name_of_who_asked(
    shop: Path, acting: Acting, instance: Instance
) -> None:
    with acting("steward.sales") as ctx:
        asked = twins.start(ctx, ["orders", "customers"], seed=2)
    supervisor = Supervisor(instance)
    supervisor.start()
    deadline = time.monotonic() + 60
    while state_of(instance, asked.id).state not in ("done", "failed") and time.monotonic() < deadline:
        time.sleep(0.05)
    supervisor.stop()
    assert state_of(instance, asked.id).state == "done"
    with acting("maker.sales") as ctx:
        report = twins.report(ctx, "customers")
    assert report is not None
    assert report.built_by == "steward.sales"


def test_who_may_not_build_may_not_ask_for_it(shop: Path, acting: Acting) -> None:
    with pytest.raises(NotAllowed), acting("maker.sales") as ctx:
        twins.start(ctx, ["orders"])
    with acting("steward.sales") as ctx:
        data.revoke(ctx, "orders", "wrong numbers")
    with pytest.raises(NotReady), acting("steward.sales") as ctx:
        twins.start(ctx, ["orders"])


def test_a_certification_that_ends_before_its_turn_fails_the_build(
    shop: Path, acting: Acting, instance: Instance
) -> None:
    with acting("steward.sales") as ctx:
        asked = twins.start(ctx, ["orders"])
        data.revoke(ctx, "orders", "wrong numbers")
    assert take_one(instance)
    failed = state_of(instance, asked.id)
    assert failed.state == "failed"
    assert failed.reason is not None
    assert "certified" in failed.reason
    with acting("steward.sales") as ctx:
        assert twins.report(ctx, "orders") is None


def test_whoever_loses_the_right_while_their_twin_is_built_publishes_nothing(
    shop: Path, acting: Acting, instance: Instance
) -> None:
    with acting("steward.sales") as ctx:
        asked = twins.start(ctx, ["orders"])

    def dismiss(_step: str, _done: int, _total: int) -> None:
        with acting("admin") as ctx:
            identity.change_person(ctx, replace(identity.found(ctx, "steward.sales"), active=False))

    with pytest.raises(NotAllowed):
        build_here(instance, asked.id, dismiss)
    with instance.context(SYSTEM) as ctx:
        assert data.rendition(ctx, "orders") is None
    assert state_of(instance, asked.id).state == "failed"
    assert files.builds(instance.settings.home) == frozenset()


def test_a_server_that_stops_closes_the_build_with_its_reason(
    shop: Path, acting: Acting, instance: Instance
) -> None:
    with acting("steward.sales") as ctx:
        asked = twins.start(ctx, ["orders"])
    stopping = threading.Event()
    stopping.set()
    assert take_one(instance, stopping)
    assert (state_of(instance, asked.id).state, state_of(instance, asked.id).reason) == (
        "failed",
        INTERRUPTED[0],
    )
    assert data_twin(acting) is None


def test_a_build_left_by_a_killed_server_is_closed_by_the_next(
    shop: Path, acting: Acting, instance: Instance
) -> None:
    with acting("steward.sales") as ctx:
        asked = twins.start(ctx, ["orders"])
    killed = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(instance.settings.home / "twins" / ".building")],
        stdout=subprocess.PIPE,
    )
    assert killed.stdout is not None
    assert killed.stdout.readline() == b"held\n"
    with instance.context(SYSTEM) as ctx:
        store.change_build(ctx, asked.id, "queued", state="running", step="sketching orders")
    assert not take_one(instance), "another process is building"
    assert state_of(instance, asked.id).state == "running"
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    take_one(instance)
    assert state_of(instance, asked.id).state == "failed"
    assert state_of(instance, asked.id).reason == INTERRUPTED[0]


_HOLD = """
import fcntl, os, sys, time
os.makedirs(os.path.dirname(sys.argv[1]), exist_ok=True)
held = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(held, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(60)
"""


def data_twin(acting: Acting) -> data.Rendition | None:
    with acting("steward.sales") as ctx:
        return data.rendition(ctx, "orders")


def test_a_build_that_is_cancelled_ends_and_publishes_nothing(
    shop: Path, acting: Acting, instance: Instance
) -> None:
    with acting("steward.sales") as ctx:
        waiting, going = (twins.start(ctx, [name]) for name in ("customers", "orders"))
        twins.cancel(ctx, waiting.id)

    def cancelled(step: str, done: int, total: int) -> None:
        if step.startswith("generating") and not state_of(instance, going.id).over:
            with acting("steward.sales") as ctx:
                twins.cancel(ctx, going.id)

    with pytest.raises(NotReady, match="cancelled"):
        build_here(instance, going.id, cancelled)
    assert {state_of(instance, one.id).state for one in (waiting, going)} == {"cancelled"}
    assert not take_one(instance)
    assert data_twin(acting) is None
    assert files.builds(instance.settings.home) == frozenset()
    with pytest.raises(Conflict), acting("steward.sales") as ctx:
        twins.cancel(ctx, going.id)
    with pytest.raises(NotAllowed), acting("maker.sales") as ctx:
        twins.cancel(ctx, going.id)


def test_a_refresh_that_the_servers_end_interrupts_waits_for_the_next_server(
    shop: Path, acting: Acting, instance: Instance
) -> None:
    with acting("steward.sales") as ctx:
        twins.build(ctx, ["orders"])
        data.import_source(ctx, str(shop), name="shop")
    with instance.context(SYSTEM) as ctx:
        (asked,) = store.in_state(ctx, "queued")
    stopping = threading.Event()
    stopping.set()
    assert take_one(instance, stopping)
    assert state_of(instance, asked.id).state == "queued"
    assert take_one(instance)
    assert state_of(instance, asked.id).state == "done"


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param("carry_out", marks=pytest.mark.release),
        pytest.param("write_tables", marks=pytest.mark.release),
        "put_manifest",
        "_end",
    ],
)
def test_kill_9_leaves_the_older_twin_and_no_litter(
    shop: Path, acting: Acting, instance: Instance, moment: str
) -> None:
    with acting("steward.sales") as ctx:
        twins.build(ctx, ["orders", "customers"])
    before = data_twin(acting)
    with acting("steward.sales") as ctx:
        asked = twins.start(ctx, ["orders", "customers"], seed=4)
    home = instance.settings.home
    killed = forked.run(_KILLED, str(home), moment)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    after = data_twin(acting)
    assert before is not None
    assert after is not None
    assert (after.path, after.path.read_bytes()) == (before.path, before.path.read_bytes())
    tidy(instance)
    assert state_of(instance, asked.id).reason == INTERRUPTED[0]
    left = {one.name for one in (home / "twins").iterdir()}
    assert left == {".building", str(before.facts["build"])}
    with acting("steward.sales") as ctx:
        again = twins.start(ctx, ["orders", "customers"], seed=4)
    assert take_one(instance)
    assert state_of(instance, again.id).state == "done"


_KILLED = """
import os, signal, sys
from pathlib import Path
from handrail.server import open_instance
from handrail.twins import files, supervise

def kill(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

where = files if hasattr(files, sys.argv[2]) else supervise
setattr(where, sys.argv[2], kill)
supervise.take_one(open_instance(Path(sys.argv[1])))
"""
