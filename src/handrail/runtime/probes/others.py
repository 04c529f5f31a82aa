"""Attacks on others: processes of the host, of Handrail, and of another app that runs at the same time."""

import contextlib
import os
import socket
from pathlib import Path

from handrail.runtime.probes.attempts import CANARY, SECRET, attack, attacks, connects

_NEIGHBOUR: dict[str, str] = CANARY["neighbour"]


@attack("finds a secret in the environment of any process it sees")
def _environments() -> object:
    for process in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if SECRET.encode() in process.read_bytes():
                return str(process)
    return None


@attack("sees processes of the host")
def _processes() -> object:
    seen = [entry.name for entry in Path("/proc").glob("[0-9]*")]
    return seen if len(seen) > 4 else None


@attack("finds a process with more rights than its own, or without a filter")
def _privileges() -> object:
    for process in Path("/proc").glob("[0-9]*/status"):
        status = process.read_text()
        held = ("CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2")
        if not all(line in status for line in held):
            return str(process)
    return None


for name, number in CANARY["processes"].items():

    @attack(f"signals {name}")
    def _signal(number: int = number) -> object:
        os.kill(number, 0)
        return f"process {number} can be signalled"

    @attack(f"looks into {name} through /proc")
    def _look(number: int = number) -> object:
        return Path(f"/proc/{number}/status").read_bytes()[:80]


@attack("sees a process of another app")
def _neighbour() -> object:
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if _NEIGHBOUR["name"].encode() in process.read_bytes():
                return str(process)
    return None


for place in ("/work", "/tmp", "/dev/shm"):  # noqa: S108 - the sandbox's own

    @attack(f"finds in {place} what another app has written there")
    def _left(place: str = place) -> object:
        return Path(place, _NEIGHBOUR["name"]).read_bytes()


attacks.append(
    ("connects to an abstract socket of another app", connects(socket.AF_UNIX, "\0" + _NEIGHBOUR["name"]))
)


@attack("connects to the port of another app")
def _port() -> object:
    for port in (8501, 7860, 8050):  # as the other app does: no port is taken yet here
        with socket.socket() as s:
            s.settimeout(1)
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return port
    return None
