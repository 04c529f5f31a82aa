"""Sandboxes wait for what apps asked for of late, on a machine that holds and has memory to spare."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from handrail import runtime
from handrail.kernel import Instance
from handrail.kernel.sandbox import Outcome
from handrail.runtime import diagnosis, parking
from handrail.runtime.diagnosis import Diagnosis, Probe
from handrail.settings import RuntimeSettings
from tests.runtime.conftest import Start

NOBODY = threading.Event()


@pytest.fixture
def light(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> Iterator[Instance]:
    """An instance whose waiting sandboxes have imported nothing, on a machine with much memory."""
    monkeypatch.setattr(runtime.layer, "imports_of", lambda _name: ())
    monkeypatch.setattr(parking, "spare", lambda: 1 << 50)
    yield instance
    instance.ports.isolation.leave_none()


def test_after_the_first_run_one_waits_for_the_second(
    light: Instance, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, ended, run_one = runtime.Parking(light), [], light.ports.isolation.run

    def noted(*given: Any) -> Outcome:
        ended.append(run_one(*given))
        return ended[-1]

    monkeypatch.setattr(light.ports.isolation, "run", noted)
    runtime.execute(light, start("print(1)").id)
    worker.start()
    until = time.monotonic() + 60
    while not light.ports.isolation.waiting()[0]:
        assert time.monotonic() < until
        time.sleep(0.05)
    held = light.ports.isolation.waiting()[1]
    run = runtime.execute(light, start("print(2)").id)
    assert run.state == "succeeded"
    assert [one.parked for one in ended] == [False, True]
    assert held > 1 << 20
    worker.stop()
    assert light.ports.isolation.waiting() == (0, 0)


def test_none_wait_where_memory_is_scarce_and_those_that_do_make_room(
    light: Instance, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = runtime.Parking(light)
    runtime.execute(light, start("print(1)").id)
    settings = light.settings.runtime
    monkeypatch.setattr(parking, "spare", lambda: parking.wanted(settings))
    assert not worker._round(NOBODY)
    monkeypatch.setattr(parking, "spare", lambda: parking.wanted(settings) + 1)
    assert worker._round(NOBODY)
    assert light.ports.isolation.waiting()[0] == 1
    monkeypatch.setattr(parking, "spare", lambda: 0)
    worker._round(NOBODY)
    assert light.ports.isolation.waiting()[0] == 0


def test_none_wait_where_the_operator_wants_none(light: Instance, start: Start) -> None:
    runtime.execute(light, start("print(1)").id)
    light.settings = replace(light.settings, runtime=replace(light.settings.runtime, parked=0))
    assert not runtime.Parking(light)._round(NOBODY)


def test_none_wait_on_a_machine_whose_sandboxes_do_not_hold_or_of_which_nobody_knows(
    light: Instance, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime.execute(light, start("print(1)").id)
    failed = (Probe("reads a file", False, ""),)
    for found in (None, Diagnosis(1, 0, failed, failed)):
        monkeypatch.setattr(diagnosis, "known", lambda *_, found=found: found)
        assert not runtime.Parking(light)._round(NOBODY)


def test_every_layer_says_what_waits_has_imported(instance: Instance) -> None:
    for name in runtime.layer.LAYERS:
        found = runtime.layer.imports_of(name)
        assert found
        assert {one.partition(".")[0] for one in found} <= runtime.importable(name)


def test_what_must_be_free_is_what_the_runs_may_take_and_one_more() -> None:
    assert parking.wanted(RuntimeSettings(concurrent=2, memory_mb=100)) == 300 << 20
    assert parking.spare() > 1 << 20
