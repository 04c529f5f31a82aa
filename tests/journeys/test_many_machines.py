"""Workers on several machines share one queue: they are killed, cut off and wrong about the time, and each run is
done once, as far as anybody outside can tell.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from handrail import runtime
from handrail.kernel import SYSTEM, Instance, audit, storage
from handrail.runtime import Run, store
from handrail.server import FIRST_DEFINITIONS, open_instance
from tests.conftest import populate
from tests.journeys import machines, whole
from tests.journeys.machines import Machine, two_machines
from tests.postgres import Server, postgres
from tests.runtime.shared import acting, queue

__all__ = ["postgres"]
pytestmark = pytest.mark.long

LEASE = 8
MARK = "handrail-machines-journey"
# Says at its end that it was done, after so many seconds as another program that can be found from outside.
WORKS = f"""
import subprocess, sys
import handrail_sdk
subprocess.run([sys.executable, "-c", "import time; time.sleep({{seconds}})", "{MARK}"], check=True)
handrail_sdk.text("done")
"""


@pytest.fixture
def database(postgres: Server) -> str:
    return postgres.database(f"machines_{os.urandom(4).hex()}")  # those of a test before may still be in use


@pytest.fixture
def instance(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Instance]:
    """What all machines share; nobody here takes runs."""
    if reason := machines.why_not():
        pytest.skip(reason)
    home = tmp_path / "home"
    Instance.create(home, files=FIRST_DEFINITIONS)
    monkeypatch.setenv("SHARED_DATABASE", database)
    said = f'[storage]\nurl_env = "SHARED_DATABASE"\n[runtime]\nlease_seconds = {LEASE}\n'
    (home / "handrail.toml").write_text(said)
    opened = open_instance(home)
    populate(opened)
    yield opened
    opened.close()


@pytest.fixture
def two(instance: Instance, postgres: Server) -> Iterator[tuple[Machine, Machine]]:
    with two_machines(postgres.port) as both:
        yield both


def beyond(one: Machine, database: str) -> str:
    """The address of the database as this machine knows it."""
    return database.replace("127.0.0.1", one.gateway)


def until(true: Callable[[], bool], what: str, seconds: float = 240) -> None:
    assert whole.until(true, seconds), what


def states(instance: Instance, runs: list[Run]) -> Counter[str]:
    with instance.context(SYSTEM) as ctx:
        return Counter(found.state for run in runs if (found := store.find_run(ctx, run.id)))


def doing(instance: Instance) -> dict[str, list[str]]:
    """The runs that go on, by the machine that is said to do them."""
    with acting(instance, "compliance") as ctx:
        return {host.name: [one.run for one in host.runs] for host in runtime.workers(ctx).hosts}


def host(instance: Instance, one: Machine) -> runtime.Host | None:
    with acting(instance, "compliance") as ctx:
        return next((host for host in runtime.workers(ctx).hosts if host.name == one.name), None)


def takes_runs(instance: Instance, one: Machine) -> bool:
    found = host(instance, one)
    return found is not None and found.state == "taking"


def entries(instance: Instance, verb: str) -> Counter[str]:
    with instance.context(SYSTEM) as ctx:
        return Counter(one.subject for one in audit.recent(ctx.db, verb=verb, limit=1000))


def check_done_once(instance: Instance, runs: list[Run]) -> None:
    """Each run has succeeded, said so once, and is on a trail that is whole."""
    assert states(instance, runs) == {"succeeded": len(runs)}
    assert entries(instance, "run.finished") == {f"run:{run.id}": 1 for run in runs}
    for run in runs:
        with acting(instance, run.person) as ctx:
            assert [one.kind for one in runtime.outputs(ctx, run.id)] == ["text"]
    with storage.snapshot(instance.engine) as db:
        assert audit.verify(db, instance.log.verifier_key, instance.witness).ok


def test_a_worker_that_is_killed_loses_no_run_and_none_is_done_twice(
    instance: Instance, database: str, two: tuple[Machine, Machine]
) -> None:
    one, other = two
    victim = one.worker(instance.settings.home, beyond(one, database))
    other.worker(instance.settings.home, beyond(other, database), ahead=3 * 3600)
    until(lambda: takes_runs(instance, one) and takes_runs(instance, other), "the workers are not there")
    clock = host(instance, other)
    assert clock is not None
    assert clock.clock.endswith("s ahead")
    runs = [queue(instance, WORKS.format(seconds=2)) for _ in range(5)]

    def held() -> bool:
        """Whether it stands still in the middle of a run: what it was about to say is said no more."""
        victim.send_signal(signal.SIGSTOP)
        if doing(instance)[one.name]:
            return True
        victim.send_signal(signal.SIGCONT)
        return False

    until(held, "the first worker took no run")
    killed = doing(instance)[one.name]  # until somebody takes it back
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    assert killed
    until(lambda: states(instance, runs)["succeeded"] == len(runs), f"not all done: {states(instance, runs)}")
    check_done_once(instance, runs)
    assert entries(instance, "run.taken_back") == {f"run:{run}": 1 for run in killed}
    until(lambda: host(instance, one).state == "gone", "nobody noticed")  # type: ignore[union-attr]


def test_a_worker_that_is_cut_off_ends_its_run_which_another_does_and_is_back_when_it_is_mended(
    instance: Instance, database: str, two: tuple[Machine, Machine]
) -> None:
    one, other = two
    one.worker(instance.settings.home, beyond(one, database))
    until(lambda: takes_runs(instance, one), "the worker is not there")
    run = queue(instance, WORKS.format(seconds=2 * LEASE))
    until(lambda: bool(whole.survivors(MARK)), "the run did not begin")
    first = set(whole.survivors(MARK))
    one.cut()
    until(lambda: not first & set(whole.survivors(MARK)), "its sandbox went on", 60)
    assert states(instance, [run]) == {"running": 1}, (
        "its sandbox ended before anybody else could take the run"
    )
    relief = other.worker(instance.settings.home, beyond(other, database))
    until(lambda: states(instance, [run])["succeeded"] == 1, "nobody did it in its place")
    relief.send_signal(signal.SIGTERM)
    relief.wait(60)
    one.mend()
    again = queue(instance, WORKS.format(seconds=1))
    until(lambda: states(instance, [again])["succeeded"] == 1, "it does not come back")
    check_done_once(instance, [run, again])
    assert entries(instance, "run.taken_back") == {f"run:{run.id}": 1}


@pytest.mark.release
def test_a_link_that_is_mended_in_time_disturbs_no_run(
    instance: Instance, database: str, two: tuple[Machine, Machine]
) -> None:
    one, _ = two
    one.worker(instance.settings.home, beyond(one, database))
    until(lambda: takes_runs(instance, one), "the worker is not there")
    run = queue(instance, WORKS.format(seconds=12))
    until(lambda: bool(whole.survivors(MARK)), "the run did not begin")
    first = set(whole.survivors(MARK))
    one.cut()
    time.sleep(1.5)
    one.mend()
    until(lambda: states(instance, [run])["succeeded"] == 1, "the run was lost")
    assert entries(instance, "run.taken_back") == {}
    assert first
    check_done_once(instance, [run])


def test_a_worker_that_is_told_to_stop_ends_its_runs_first_and_told_twice_gives_them_back(
    instance: Instance, database: str, two: tuple[Machine, Machine]
) -> None:
    one, _ = two
    worker = one.worker(instance.settings.home, beyond(one, database))
    until(lambda: takes_runs(instance, one), "the worker is not there")
    short, long = queue(instance, WORKS.format(seconds=5)), queue(instance, WORKS.format(seconds=600))
    until(lambda: bool(whole.survivors(MARK)), "the run did not begin")
    worker.send_signal(signal.SIGTERM)
    worker.wait(120)
    assert states(instance, [short]) == {"succeeded": 1}
    assert states(instance, [long]) == {"queued": 1}
    hasty = one.worker(instance.settings.home, beyond(one, database))
    until(lambda: bool(whole.survivors(MARK)), "the run did not begin")
    for _ in range(2):
        hasty.send_signal(signal.SIGTERM)
        time.sleep(1)
    hasty.wait(60)
    assert states(instance, [long]) == {"queued": 1}
    assert whole.survivors(MARK) == []
    assert entries(instance, "run.taken_back") == {f"run:{long.id}": 1}
