"""Runs wait until the sandboxes of their machine have been examined, once, and none begins where they do not hold."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from handrail import runtime
from handrail.kernel import Instance, NotReady
from handrail.runtime import Supervisor, diagnosis
from handrail.runtime import doctor as examination
from handrail.runtime.diagnosis import Diagnosis, Probe
from handrail.runtime.sound import examined, must_be_sound
from handrail.runtime.supervise import take_one
from tests.conftest import Acting
from tests.runtime.conftest import Start
from tests.runtime.test_supervise import wait_until_over

FAILED = (Probe("reads a file", False, "b'x'"),)


class Doctor:
    """An examination that takes as long as the test wants, and comes to what it wants."""

    def __init__(self, failed: tuple[Probe, ...] = ()) -> None:
        self.failed, self.begun, self.go_on, self.times = failed, threading.Event(), threading.Event(), 0

    def __call__(self, instance: Instance, *, stop: threading.Event) -> Diagnosis:
        self.times += 1
        self.begun.set()
        while not self.go_on.wait(0.01):
            if stop.is_set():
                raise NotReady("It was stopped.", next_step="Again.")
        found = made(instance, self.failed)
        diagnosis.keep(instance.settings, found)
        return found


def made(instance: Instance, failed: tuple[Probe, ...]) -> Diagnosis:
    fingerprint = diagnosis.fingerprint(instance.settings, instance.ports.isolation)
    return Diagnosis(9, 9 - len(failed), failed, failed, {}, fingerprint, "now")


@pytest.fixture(autouse=True)
def unknown(instance: Instance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody has examined this machine since the instance was made."""
    assert instance
    monkeypatch.setattr(diagnosis, "folder", lambda _settings: tmp_path / "diagnoses")


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Doctor]]:
    """Put an examination of the test's in place of the real one."""
    every: list[Doctor] = []

    def put(failed: tuple[Probe, ...] = ()) -> Doctor:
        every.append(Doctor(failed))
        monkeypatch.setattr(examination, "doctor", every[-1])
        return every[-1]

    yield put
    for one in every:
        one.go_on.set()


def test_what_is_queued_waits_until_the_sandboxes_have_been_examined(
    instance: Instance, start: Start, acting: Acting, doctor: Callable[..., Doctor]
) -> None:
    examiner, supervisor, run = doctor(), Supervisor(instance), start("print(1)")
    supervisor.start()
    try:
        assert examiner.begun.wait(120)
        time.sleep(1)
        with acting("maker.sales") as ctx:
            assert runtime.run(ctx, run.id).state == "queued"
        examiner.go_on.set()
        (over,) = wait_until_over(acting, [run])
        assert over.state == "succeeded"
        assert examiner.times == 1
    finally:
        supervisor.stop()


def test_after_an_upgrade_while_a_server_lives_the_next_run_waits_too(
    instance: Instance, start: Start, acting: Acting, doctor: Callable[..., Doctor]
) -> None:
    examiner, run = doctor(), start("print(1)")
    taking = threading.Thread(target=take_one, args=(instance, threading.Event()))
    taking.start()
    assert examiner.begun.wait(120)
    with acting("maker.sales") as ctx:
        assert runtime.run(ctx, run.id).state == "queued"
    examiner.go_on.set()
    taking.join()
    with acting("maker.sales") as ctx:
        assert runtime.run(ctx, run.id).state == "succeeded"


def test_a_server_examines_before_anybody_runs_anything_and_stops_when_it_is_told(
    instance: Instance, doctor: Callable[..., Doctor]
) -> None:
    examiner, supervisor = doctor(), Supervisor(instance)
    supervisor.start()
    assert examiner.begun.wait(120)
    supervisor.stop()
    assert diagnosis.known(instance.settings, instance.ports.isolation) is None


def test_where_an_attack_gets_out_what_was_queued_ends_with_that_reason(
    instance: Instance, start: Start, acting: Acting, doctor: Callable[..., Doctor]
) -> None:
    examiner, supervisor, run = doctor(FAILED), Supervisor(instance), start("print(1)")
    examiner.go_on.set()
    supervisor.start()
    try:
        (over,) = wait_until_over(acting, [run])
    finally:
        supervisor.stop()
    assert (over.state, over.ended) == ("failed", "refused")
    assert "1 of 9 attacks got out of a sandbox (reads a file)" in over.reason


def test_a_new_server_looks_again_at_sandboxes_that_did_not_hold(
    instance: Instance, start: Start, acting: Acting, doctor: Callable[..., Doctor]
) -> None:
    diagnosis.keep(instance.settings, made(instance, FAILED))
    with pytest.raises(NotReady, match="Nothing runs on this machine"):
        start("print(1)")
    examiner, supervisor = doctor(), Supervisor(instance)
    examiner.go_on.set()
    supervisor.start()
    try:
        for _ in range(600):
            found = diagnosis.known(instance.settings, instance.ports.isolation)
            if found is not None and found.green:
                break
            time.sleep(0.05)
        assert wait_until_over(acting, [start("print(1)")])[0].state == "succeeded"
    finally:
        supervisor.stop()


def test_who_comes_while_they_are_examined_waits_for_that_one_and_need_not(
    instance: Instance, doctor: Callable[..., Doctor]
) -> None:
    examiner, found = doctor(), list[Diagnosis]()
    waiting = [
        threading.Thread(target=lambda: found.append(examined(instance, threading.Event()))) for _ in range(3)
    ]
    for one in waiting:
        one.start()
    assert examiner.begun.wait(120)
    hurried = threading.Event()
    hurried.set()
    with pytest.raises(NotReady, match="being examined"):
        must_be_sound(instance, hurried)
    examiner.go_on.set()
    for one in waiting:
        one.join()
    assert examiner.times == 1
    assert [one.green for one in found] == [True] * 3


def test_an_older_diagnosis_without_attacks_is_not_green(instance: Instance) -> None:
    nothing = replace(made(instance, ()), probes=0, held=0)
    diagnosis.keep(instance.settings, nothing)
    with pytest.raises(NotReady):
        must_be_sound(instance, threading.Event())
