"""Watching a sandbox to its end: nothing that its launcher began outlives it."""

import os
import secrets
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from handrail.adapters.isolation.watching import Watch
from handrail.kernel.sandbox import Limits

LIMITS = Limits(seconds=60, memory=1 << 30, processes=32, printed=1 << 20, file=1 << 20)
SLEEPS = "import time; time.sleep(60)"
LAUNCHER = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEPS!r}, sys.argv[1]])"


def alive(marker: str) -> list[int]:
    """The processes that have the marker among their arguments, and are no remains of one."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if marker in entry.read_bytes().decode(errors="replace").split("\0"):
                found.append(int(entry.parent.name))
    return found


def test_without_a_control_group_what_does_not_die_with_its_launcher_is_killed_all_the_same() -> None:
    marker, stop = f"begun-{secrets.token_hex(6)}", threading.Event()
    stop.set()
    reads, writes = os.pipe()
    launcher = subprocess.Popen([sys.executable, "-c", LAUNCHER, marker], stdout=subprocess.PIPE)
    os.close(writes)
    try:
        until = time.monotonic() + 60
        while len(alive(marker)) < 2:
            assert time.monotonic() < until
            time.sleep(0.01)
        assert Watch(launcher, reads, LIMITS, None, lambda _: None, stop).wait().ended == "stopped"
        assert alive(marker) == []
    finally:
        os.close(reads)
        assert launcher.stdout is not None
        launcher.stdout.close()
        for left in alive(marker):
            os.kill(left, 9)
