"""Watching one started sandbox until it has ended: its output, its clock, its memory, its last process."""

import json
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from handrail.adapters.isolation.cgroups import Group
from handrail.kernel.sandbox import Ended, Limits, Outcome

_TICK = 0.05  # seconds between two looks at the clock, the stop signal and (without cgroups) the memory
_CHUNK = 1 << 16
_LAST_WORDS = 2000  # bytes of output kept to explain a sandbox that could not start


class Watch:
    """One sandbox, from the release of its first process to the death of its last."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        status: int,
        limits: Limits,
        group: Group | None,
        printed: Callable[[bytes], None],
        stop: threading.Event,
    ) -> None:
        assert process.stdout is not None
        self._process = process
        self._status = status
        self._output = process.stdout.fileno()
        self._limits = limits
        self._group = group
        self._printed = printed
        self._stop = stop
        self._started = time.monotonic()
        self._count = 0
        self._last = b""
        self._report = b""
        self._root: tuple[int, str] | None = None

    def wait(self) -> Outcome:
        """Wait for the end, forcing it at a limit; returns when no process of the sandbox is alive."""
        handle = os.pidfd_open(self._process.pid)
        try:
            with selectors.DefaultSelector() as selector:
                for descriptor in (handle, self._output, self._status):
                    selector.register(descriptor, selectors.EVENT_READ)
                forced = self._until_forced_or_ended(selector, handle)
        finally:
            os.close(handle)
            self._end()
        self._process.wait()
        self._read_rest()
        return self._outcome(forced)

    def _until_forced_or_ended(self, selector: selectors.BaseSelector, handle: int) -> Ended | None:
        while True:
            ready = {key.fd for key, _ in selector.select(_TICK)}
            if self._status in ready:
                self._read_status(selector)
            if self._output in ready:
                chunk = os.read(self._output, _CHUNK)
                if not chunk:
                    selector.unregister(self._output)
                elif not self._take(chunk):
                    return "output"
            elif handle in ready:
                return None
            if (forced := self._limit()) is not None:
                return forced

    def _take(self, chunk: bytes) -> bool:
        room = self._limits.printed - self._count
        self._count += len(chunk)
        self._last = (self._last + chunk)[-_LAST_WORDS:]
        self._printed(chunk[:room])
        return len(chunk) <= room

    def _limit(self) -> Ended | None:
        if self._stop.is_set():
            return "stopped"
        most = self._limits.seconds
        if most is not None and time.monotonic() - self._started > most:
            return "timeout"
        if self._group is None and tree_memory(self._process.pid) > self._limits.memory:
            return "memory"
        return None

    def _read_status(self, selector: selectors.BaseSelector) -> None:
        chunk = os.read(self._status, _CHUNK)
        if not chunk:
            selector.unregister(self._status)
        self._report += chunk
        pid = self._reported("child-pid")
        if pid is not None and self._root is None:
            self._root = (pid, started(pid))

    def _reported(self, key: str) -> int | None:
        for line in self._report.split(b"\n"):
            with suppress(json.JSONDecodeError):
                if key in (found := json.loads(line)):
                    return int(found[key])
        return None

    def _end(self) -> None:
        """Kill the launcher; the first process of the sandbox dies with it, and all others with that one.

        That first process asks to die with its launcher only after a moment of its life. A control group
        holds it from the start; without one it is killed by its own number.
        """
        begun = self._begun() if self._group is None and self._process.poll() is None else {}
        begun |= dict((self._root,) if self._root else ())
        for pid, birth in begun.items():
            if started(pid) == birth:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self._process.kill()
        if self._group is not None and not self._group.kill():
            raise RuntimeError("a sandbox has a process that cannot be killed")
        deadline = time.monotonic() + 5
        for pid, birth in begun.items():
            while started(pid) == birth and _state(pid) != "Z":
                if time.monotonic() > deadline:
                    raise RuntimeError("a sandbox has a process that cannot be killed")
                time.sleep(0.002)

    def _begun(self) -> dict[int, str]:
        """What the launcher has begun, by number, and when; the launcher is halted, so that it begins no more
        and their numbers stay theirs.
        """
        self._process.send_signal(signal.SIGSTOP)
        deadline = time.monotonic() + 5
        while _state(self._process.pid) not in "TtZX" and time.monotonic() < deadline:
            time.sleep(0.001)
        return {pid: started(pid) for pid in _children().get(self._process.pid, ())}

    def _read_rest(self) -> None:
        """What the launcher reported last; nobody holds the other end any more."""
        os.set_blocking(self._status, False)
        with suppress(BlockingIOError):
            while chunk := os.read(self._status, _CHUNK):
                self._report += chunk

    def _outcome(self, forced: Ended | None) -> Outcome:
        code = self._reported("exit-code")
        seconds = round(time.monotonic() - self._started, 3)
        peak = self._group.peak() if self._group else 0
        ended: Ended
        if forced is not None:
            ended = forced
        elif code is None and not (self._group and self._group.out_of_memory()):
            ended = "unstarted"
        elif code == 0:
            ended = "exited"
        elif self._group and self._group.out_of_memory():
            ended = "memory"
        elif self._group and self._group.out_of_processes():
            ended = "processes"
        elif code is not None and code > 128:
            ended = "signal"
        else:
            ended = "exited"
        number = code - 128 if code is not None and ended == "signal" else code or 0
        detail = self._last.decode(errors="replace").strip() if ended == "unstarted" else ""
        return Outcome(ended, number, seconds, peak, detail)


def tree_memory(root: int) -> int:
    """The memory in bytes that a process and all its descendants hold; pages they share count for each."""
    children = _children()
    total, waiting = 0, [root]
    while waiting:
        pid = waiting.pop()
        waiting += children.get(pid, [])
        with suppress(OSError, ValueError):
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith(("RssAnon:", "RssShmem:")):
                    total += int(line.split()[1]) * 1024
    return total


def _children() -> dict[int, list[int]]:
    """The processes of this machine by their parents."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, ValueError, IndexError):
                parent = int(entry.joinpath("stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    return children


def started(pid: int) -> str:
    """When a process started, in ticks: tells it from a later one of that number; '' when it is gone."""
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return ""


def _state(pid: int) -> str:
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return "Z"
