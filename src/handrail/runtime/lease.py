"""Who executes a run: a process that can be told from every other, before and after a restart."""

import os
import socket
from contextlib import suppress
from functools import cache
from pathlib import Path


@cache
def _machine() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{socket.gethostname()} {boot}"


def mine() -> str:
    """The name of this process: machine, boot, process number, and when that process started."""
    return f"{_machine()} {os.getpid()} {_started(os.getpid())}"


def is_gone(holder: str) -> bool:
    """Whether the process of that name has certainly ended; other machines' processes are not judged."""
    host, boot, pid, started = holder.split(" ")
    here, now = _machine().split(" ")
    if host != here:
        return False
    return boot != now or _started(int(pid)) != started


def _started(pid: int) -> str:
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return ""
