"""The same driver started by a user without rights."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import handrail
from handrail.kernel.sandbox import Layer
from handrail.runtime.interpreter import reachable

SOURCE = Path(handrail.__file__).parents[1]
PACKAGES = Path(pytest.__file__).parents[1]
PLAIN = 64322

PROGRAM = """
import json, sys, threading
from pathlib import Path
from handrail.adapters.isolation import Bubblewrap
from handrail.kernel.sandbox import Layer, Limits, Sandbox
python = Layer("d", sys.argv[1], {k: Path(v) for k, v in json.loads(sys.argv[2]).items()})
driver = Bubblewrap(0)
def run(code):
    printed = bytearray()
    limits = Limits(seconds=20, memory=256 << 20, processes=24)
    sandbox = Sandbox((python.python, "-c", code), {}, python, limits)
    outcome = driver.run(sandbox, printed.extend, threading.Event())
    print(outcome.ended, outcome.code, printed.decode().strip().splitlines()[-1:], driver.walls["memory"])
run("print(1)")
run("import os, time\\nfor _ in range(100):\\n    if os.fork() == 0: time.sleep(9)")
run("import os\\nx = [os.urandom(1 << 20) * 8 for _ in range(400)]")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="everybody else is a plain user in all the other tests")
def test_a_plain_user_gets_the_same_walls(python: Layer) -> None:
    system = Path("/usr/bin/python3")
    told = subprocess.run(
        [system, "-c", "import sys; print(sys.version_info[:2])"], capture_output=True, text=True
    )
    if told.stdout.strip() != str(sys.version_info[:2]) or not (reachable(SOURCE) and reachable(PACKAGES)):
        pytest.skip("a plain user cannot reach this Python and these packages")
    binds = "{" + ", ".join(f'"{inside}": "{outside}"' for inside, outside in python.binds.items()) + "}"
    done = subprocess.run(
        [system, "-c", PROGRAM, python.python, binds],
        user=PLAIN,
        group=PLAIN,
        extra_groups=[],
        env={"PYTHONPATH": f"{SOURCE}:{PACKAGES}", "PYTHONDONTWRITEBYTECODE": "1"},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    ran, forked, hoarded = done.stdout.splitlines()
    assert ran.startswith("exited 0 ['1']")
    assert forked.startswith(("processes", "exited 1 ['BlockingIOError"))
    assert hoarded.startswith(("memory", "exited 1 ['MemoryError"))
