"""Stopping runs."""

import threading
import time

import pytest

from handrail import runtime
from handrail.kernel import Conflict, Instance, NotFound
from tests.conftest import Acting
from tests.runtime.conftest import Start


def test_a_queued_run_that_is_stopped_never_runs(instance: Instance, start: Start, acting: Acting) -> None:
    run = start("print('ran')")
    with acting("maker.sales") as ctx:
        assert runtime.stop(ctx, run.id).state == "stopped"
    assert runtime.execute(instance, run.id).state == "stopped"
    with acting("maker.sales") as ctx:
        assert runtime.log(ctx, run.id) == ""


def test_a_running_run_that_is_stopped_ends_and_keeps_its_log(
    instance: Instance, start: Start, acting: Acting
) -> None:
    run = start("import time\nprint('began')\nwhile True: time.sleep(0.1)")
    thread = threading.Thread(target=runtime.execute, args=(instance, run.id))
    thread.start()
    deadline = time.monotonic() + 30
    log = ""
    while "began" not in log and time.monotonic() < deadline:  # the log can be read while it runs
        with acting("maker.sales") as ctx:
            log = runtime.log(ctx, run.id)
        time.sleep(0.05)
    with acting("maker.sales") as ctx:
        assert runtime.run(ctx, run.id).state == "running"
        runtime.stop(ctx, run.id)
    thread.join()
    with acting("maker.sales") as ctx:
        over = runtime.run(ctx, run.id)
        assert (over.state, over.reason) == ("stopped", "It was stopped.")


def test_a_run_that_is_over_cannot_be_stopped(ended: Start, acting: Acting) -> None:
    run = ended("pass")
    with acting("maker.sales") as ctx, pytest.raises(Conflict):
        runtime.stop(ctx, run.id)


def test_somebody_elses_run_cannot_be_stopped_nor_seen(start: Start, acting: Acting) -> None:
    run = start("pass")
    with acting("viewer.emea") as ctx, pytest.raises(NotFound):
        runtime.stop(ctx, run.id)
