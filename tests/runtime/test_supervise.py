"""The server's supervisor, and what becomes of runs whose process is gone."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from handrail import runtime
from handrail.kernel import Instance, trail
from handrail.runtime import Run, Supervisor, lease, lease_store
from tests.conftest import Acting
from tests.runtime.conftest import Start


def wait_until_over(acting: Acting, runs: list[Run]) -> list[Run]:
    for _ in range(600):
        with acting("maker.sales") as ctx:
            found = [runtime.run(ctx, run.id) for run in runs]
        if all(run.over for run in found):
            return found
        time.sleep(0.05)
    raise AssertionError(f"not over: {found}")


def test_queued_runs_are_all_executed(instance: Instance, start: Start, acting: Acting) -> None:
    supervisor = Supervisor(instance)
    supervisor.start()
    try:
        runs = [start(f"print({n})") for n in range(5)]
        assert {run.state for run in wait_until_over(acting, runs)} == {"succeeded"}
    finally:
        supervisor.stop()


def test_a_server_that_stops_gives_its_runs_back_to_the_queue(
    instance: Instance, start: Start, acting: Acting
) -> None:
    supervisor = Supervisor(instance)
    run = start("import time\nprint('half', flush=True)\nwhile True: time.sleep(1)")
    supervisor.start()
    for _ in range(200):
        with acting("maker.sales") as ctx:
            if runtime.log(ctx, run.id):
                break
        time.sleep(0.05)
    supervisor.stop()
    with acting("maker.sales") as ctx:
        found = runtime.run(ctx, run.id)
        assert (found.state, found.started, runtime.log(ctx, run.id)) == ("queued", None, "")


def test_what_a_dead_process_left_running_is_closed_and_what_a_living_one_executes_is_not(
    instance: Instance, start: Start, acting: Acting
) -> None:
    dead, alive, elsewhere = start("pass"), start("pass"), start("pass")
    child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    other = lease.mine().replace(f" {os.getpid()} ", f" {child.pid} ").rsplit(" ", 1)[0] + " 1"
    with instance.context(instance.system()) as ctx:
        assert lease_store.claim(ctx, dead.id, other, 60, False)
        assert lease_store.claim(ctx, alive.id, lease.mine(), 60, False)
        assert lease_store.claim(ctx, elsewhere.id, f"another-host {'0' * 8} 1 1", 60, False)
    child.communicate()
    assert runtime.recover(instance) == 1
    with acting("maker.sales") as ctx:
        assert runtime.run(ctx, dead.id).ended == "interrupted"
        assert runtime.run(ctx, alive.id).state == "running"
        assert runtime.run(ctx, elsewhere.id).state == "running"


EXECUTES = """
import sys
from pathlib import Path
from handrail import runtime
from handrail.server import open_instance
runtime.execute(open_instance(Path(sys.argv[1])), sys.argv[2])
"""


def test_a_run_whose_server_is_killed_is_neither_lost_nor_left_running(
    instance: Instance, start: Start, acting: Acting
) -> None:
    run = start(
        "import os, sys, time\nprint('began')\nos.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(60)', 'the-orphan'])"
    )
    server = subprocess.Popen([sys.executable, "-c", EXECUTES, str(instance.settings.home), run.id])
    orphans: list[Path] = []
    for _ in range(600):
        orphans = [p for p in Path("/proc").glob("[0-9]*/cmdline") if b"the-orphan" in _read(p)]
        if orphans:
            break
        time.sleep(0.05)
    assert orphans
    server.send_signal(signal.SIGKILL)
    server.wait()
    for _ in range(100):
        if not any(b"the-orphan" in _read(path) for path in orphans):
            break
        time.sleep(0.05)
    assert not any(b"the-orphan" in _read(path) for path in orphans)
    assert runtime.recover(instance) == 1
    with acting("maker.sales") as ctx:
        over = runtime.run(ctx, run.id)
        assert (over.state, over.ended) == ("failed", "interrupted")
    with acting("compliance") as ctx:
        assert trail.verify(ctx).ok


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
