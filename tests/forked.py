"""Python processes of their own that begin at once: each is forked from one that has loaded the product before.

A process that starts from nothing takes longer to load the product than most tests take to use it. What is forked
is as much a process as that: it has its own memory, threads, locks and connections, and can be killed.
"""

import gc
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

_MOST = 100_000  # bytes of a message
_ROOT = Path(__file__).parents[1]


class Process:
    """Python code in a process of its own, with text pipes; the names are those of `subprocess.Popen`."""

    def __init__(self, code: str, *arguments: str) -> None:
        inside, outside = zip(*(_pipe(0), _pipe(1), _pipe(1)), strict=True)
        asked = {"code": code, "arguments": arguments, "environment": dict(os.environ)}
        self.pid = _nursery().start(asked, inside)
        self.stdin = os.fdopen(outside[0], "w")
        self.stdout = os.fdopen(outside[1])
        self.stderr = os.fdopen(outside[2])
        self.returncode: int | None = None

    def wait(self) -> int:
        """How it ended: its exit code, or the number of the signal that ended it, below zero."""
        if self.returncode is None:
            self.returncode = _nursery().end_of(self.pid)
        return self.returncode

    def kill(self) -> None:
        """End it as the kernel does when memory runs out, and wait for that."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.wait()

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """All that it still says, and what it complains of; it is told nothing more. Raises TimeoutExpired."""
        self.stdin.close()
        said = ["", ""]

        def listen(place: int, pipe: Any) -> None:
            with pipe:
                said[place] = pipe.read()

        listening = [
            threading.Thread(target=listen, args=one, daemon=True)
            for one in enumerate((self.stdout, self.stderr))
        ]
        for one in listening:
            one.start()
        for one in listening:
            one.join(timeout)
            if one.is_alive():
                self.kill()
                raise subprocess.TimeoutExpired("python", timeout or 0)
        self.wait()
        return said[0], said[1]


def run(code: str, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run Python code to its end. Raises TimeoutExpired."""
    process = Process(code, *arguments)
    said, complained = process.communicate(timeout)
    return subprocess.CompletedProcess(["python", "-c", code, *arguments], process.wait(), said, complained)


class _Nursery:
    """The process that has loaded the product, as this one sees it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ended: dict[int, int] = {}
        self._said, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its:
            subprocess.Popen(
                [sys.executable, "-m", "tests.forked", str(its.fileno())],
                cwd=_ROOT,
                # whoever forks must have no second thread
                env={
                    **os.environ,
                    "OPENBLAS_NUM_THREADS": "1",
                    "JE_ARROW_MALLOC_CONF": "background_thread:false",
                },
                stdin=subprocess.DEVNULL,
                pass_fds=[its.fileno()],
            )

    def start(self, asked: dict[str, Any], pipes: tuple[int, ...]) -> int:
        """Have it forked; its number. The ends of the pipes are its own then."""
        with self._lock:
            socket.send_fds(self._said, [json.dumps(asked).encode()], pipes)
            for pipe in pipes:
                os.close(pipe)
            while True:
                told = self._next()
                if "began" in told:
                    return told["began"]

    def end_of(self, pid: int) -> int:
        """Wait for the end of one; how it ended."""
        with self._lock:
            while pid not in self._ended:
                self._next()
            return self._ended.pop(pid)

    def _next(self) -> dict[str, int]:
        told: dict[str, int] = json.loads(self._said.recv(_MOST))
        if "ended" in told:
            self._ended[told["ended"]] = told["code"]
        return told


@cache
def _nursery() -> _Nursery:
    """One of them in this process, until it ends."""
    return _Nursery()


def _pipe(inside: int) -> tuple[int, int]:
    """A pipe: the end that the new process has, which is its `inside`, and ours."""
    ends = os.pipe()
    return ends[inside], ends[1 - inside]


def _rear(said: socket.socket) -> dict[str, Any]:
    """Fork whenever it is asked for, and tell of each end. Returns in what was forked, with what it is to do."""
    from handrail import (  # noqa: F401 - this is what takes long
        adapters,
        addresses,
        apps,
        data,
        faces,
        kernel,
        kit,
        openlineage,
        review,
        runtime,
        server,
        twins,
    )

    for room in (adapters, apps, data, faces, kernel, kit, openlineage, review, runtime, twins):
        for name in room.__all__:
            getattr(room, name)

    gc.freeze()  # what is loaded is not taken apart when one of them ends
    assert len(list(Path("/proc/self/task").iterdir())) == 1
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    ready = selectors.DefaultSelector()
    ready.register(said, selectors.EVENT_READ)
    ready.register(woken, selectors.EVENT_READ)
    while True:
        for key, _ in ready.select():
            if key.fileobj == woken:
                os.read(woken, 512)
                _tell_ends(said)
                continue
            asked, pipes, *_ = socket.recv_fds(said, _MOST, 3)
            if not asked:
                os._exit(0)
            pid = os.fork()
            if not pid:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for place, pipe in enumerate(pipes):
                    os.dup2(pipe, place)
                ready.close()
                said.close()
                for end in (woken, wake, *pipes):
                    os.close(end)
                found: dict[str, Any] = json.loads(asked)
                return found
            for pipe in pipes:
                os.close(pipe)
            said.send(json.dumps({"began": pid}).encode())


def _tell_ends(said: socket.socket) -> None:
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            code = os.waitstatus_to_exitcode(ended[1])
            said.send(json.dumps({"ended": ended[0], "code": code}).encode())


if __name__ == "__main__":
    task = _rear(socket.socket(fileno=int(sys.argv[1])))
    sys.argv[:] = ["-c", *task["arguments"]]
    os.environ.clear()
    os.environ.update(task["environment"])
    exec(compile(task["code"], "<string>", "exec"), {"__name__": "__main__"})
