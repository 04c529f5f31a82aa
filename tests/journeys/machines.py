"""Machines for tests: network namespaces whose links to the database can be cut and mended."""

from __future__ import annotations

import fcntl
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

# A worker that takes itself for a machine of its own, whose clock is so many seconds ahead.
WORKER = """
import datetime as dt, sys
from pathlib import Path
from handrail.kernel import clock
from handrail.runtime import attend, lease
from handrail.server import Composition
name, ahead, home = sys.argv[1], float(sys.argv[2]), Path(sys.argv[3])
lease._machine = lambda: f"{name} boot"
attend.socket.gethostname = lambda: name
clock.SystemClock.now = lambda _self: dt.datetime.now(dt.UTC) + dt.timedelta(seconds=ahead)
Composition().work(home, 1)
"""


def why_not() -> str:
    """Why this machine cannot hold others; "" when it can."""
    if os.geteuid() != 0:
        return "network namespaces are made by root"
    if shutil.which("ip") is None:
        return "there is no ip (Debian: iproute2)"
    name = f"handrail-try-{os.getpid()}"
    tried = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False)
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    return "" if tried.returncode == 0 else "this machine makes no network namespaces"


@dataclass
class Machine:
    """One of them, with a link of its own; `number` tells them apart on one machine."""

    number: int
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"handrail-{self.number}"

    @property
    def gateway(self) -> str:
        return f"10.213.{self.number}.1"

    @property
    def link(self) -> str:
        return f"hr{self.number}out"

    def cut(self) -> None:
        _run("ip", "link", "set", self.link, "down")

    def mend(self) -> None:
        _run("ip", "link", "set", self.link, "up")

    def worker(self, home: Path, database: str, ahead: float = 0) -> subprocess.Popen[bytes]:
        """Start one, whose database is beyond this machine's link."""
        program = [sys.executable, "-c", WORKER, self.name, str(ahead), str(home)]
        process = subprocess.Popen(
            ["ip", "netns", "exec", self.name, *program],
            env={**os.environ, "SHARED_DATABASE": database},
            stdout=(home / f"{self.name}.log").open("ab"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.processes.append(process)
        return process


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


@contextmanager
def two_machines(port: int) -> Iterator[tuple[Machine, Machine]]:
    """Two of them, by numbers that no other test on this computer has meanwhile."""
    with _numbered() as first, machine(first, port) as one, machine(first + 1, port) as other:
        yield one, other


@contextmanager
def _numbered() -> Iterator[int]:
    """The first of two numbers that nobody else has; the kernel gives them back when this process ends."""
    for first in range(1, 240, 2):
        with (Path(tempfile.gettempdir()) / f"handrail-machines-{first}").open("w") as lock:
            if _locked(lock.fileno()):
                yield first
                return
    raise RuntimeError("120 tests on this computer have machines of their own")


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def machine(number: int, port: int) -> Iterator[Machine]:
    """A machine that reaches this one's loopback port by its gateway, and nothing else."""
    made = Machine(number)
    inside = f"hr{number}in"
    _remove(made)
    _run("ip", "netns", "add", made.name)
    try:
        _run("ip", "link", "add", made.link, "type", "veth", "peer", "name", inside, "netns", made.name)
        _run("ip", "addr", "add", f"{made.gateway}/24", "dev", made.link)
        _run("ip", "link", "set", made.link, "up")
        within = ("ip", "-n", made.name)
        _run(*within, "addr", "add", f"10.213.{number}.2/24", "dev", inside)
        _run(*within, "link", "set", inside, "up")
        _run(*within, "link", "set", "lo", "up")
        with _relay(made.gateway, port):
            yield made
    finally:
        for process in made.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()
        _remove(made)


def _remove(made: Machine) -> None:
    for command in (["link", "del", made.link], ["netns", "del", made.name]):
        subprocess.run(["ip", *command], capture_output=True, check=False)


@contextmanager
def _relay(address: str, port: int) -> Iterator[None]:
    """Pass on what comes to this address to the loopback; the far end of a cut link is simply silent."""
    with socket.create_server((address, port)) as listener:
        over = threading.Event()

        def accept() -> None:
            while not over.is_set():
                if select.select([listener], [], [], 0.2)[0]:
                    came, _ = listener.accept()
                    to = socket.create_connection(("127.0.0.1", port))
                    for one, other in ((came, to), (to, came)):
                        threading.Thread(target=_carry, args=(one, other), daemon=True).start()

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def _carry(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while piece := one.recv(1 << 16):
            other.sendall(piece)
    with suppress(OSError):
        other.shutdown(socket.SHUT_RDWR)
    one.close()
