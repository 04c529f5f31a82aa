"""The same driver started by a user without rights, its waiting sandboxes too."""

import json
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
binds, environment = json.loads(sys.argv[2])
python = Layer("d", sys.argv[1], {k: Path(v) for k, v in binds.items()}, environment=environment)
driver = Bubblewrap(0)
limits = Limits(seconds=20, memory=256 << 20, processes=24)
def run(code, *, parked=False):
    printed = bytearray()
    if parked:
        driver.park(Sandbox((python.python, "-P"), {}, python, limits), listens=False, stop=threading.Event())
        (waits,) = driver._lot._waiting
        folder = waits.folder
        print(folder.stat().st_uid, oct(folder.stat().st_mode & 0o777), sorted(folder.iterdir()))
    command = (python.python, "-P", "/app/app.py") if parked else (python.python, "-c", code)
    sandbox = Sandbox(command, {"app.py": code.encode()}, python, limits)
    outcome = driver.run(sandbox, printed.extend, threading.Event())
    assert outcome.parked == parked
    print(outcome.ended, outcome.code, printed.decode().strip().splitlines()[-1:], driver.walls["memory"])
    if parked:
        print(driver.waiting(), folder.exists())
if "parked" in sys.argv:
    run(sys.argv[4], parked=True)
    sys.exit()
run("print(1)")
run("import os, time\\nfor _ in range(100):\\n    if os.fork() == 0: time.sleep(9)")
run("import os\\nx = [os.urandom(1 << 20) * 8 for _ in range(400)]")
"""


LOOKS_AROUND = """
import glob, os, socket
out = []
for name, attempt in {
    'writes its code': lambda: open('/app/app.py', 'a'),
    'makes a file beside it': lambda: open('/app/new', 'w'),
    'reads of the host': lambda: open('/etc/shadow'),
    'sees the folders that wait': lambda: os.listdir('/run/handrail'),
    'connects': lambda: socket.create_connection(('127.0.0.1', 22), 1),
    'becomes somebody': lambda: os.setuid(0),
}.items():
    try:
        attempt()
        out.append(name)
    except OSError:
        pass
print(out, os.path.exists('/proc/self/fd/3'), [one for one in os.environ if one.startswith('HANDRAIL')])
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="everybody else is a plain user in all the other tests")
def test_a_plain_users_sandbox_that_waited_has_the_same_walls_and_leaves_nothing(python: Layer) -> None:
    before, ended, after = told(python, "parked", LOOKS_AROUND)
    assert before == f"{PLAIN} 0o700 []"
    assert ended.startswith("exited 0 ['[] False []']")
    assert after == "(0, 0) False"


@pytest.mark.skipif(os.geteuid() != 0, reason="everybody else is a plain user in all the other tests")
def test_a_plain_user_gets_the_same_walls(python: Layer) -> None:
    ran, forked, hoarded = told(python)
    assert ran.startswith("exited 0 ['1']")
    assert forked.startswith(("processes", "exited 1 ['BlockingIOError"))
    assert hoarded.startswith(("memory", "exited 1 ['MemoryError"))


def told(python: Layer, *more: str) -> list[str]:
    """What the program above says when somebody without rights runs it."""
    system = Path("/usr/bin/python3")
    version = subprocess.run(
        [system, "-c", "import sys; print(sys.version_info[:2])"], capture_output=True, text=True
    )
    if version.stdout.strip() != str(sys.version_info[:2]) or not (reachable(SOURCE) and reachable(PACKAGES)):
        pytest.skip("a plain user cannot reach this Python and these packages")
    binds = {inside: str(outside) for inside, outside in python.binds.items()}
    layer = json.dumps([binds, dict(python.environment)])
    done = subprocess.run(
        [system, "-c", PROGRAM, python.python, layer, *more],
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
    return done.stdout.splitlines()
