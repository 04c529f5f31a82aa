"""How long the smallest question of an app takes, in a sandbox and as a plain process on the same kind of
socket.
"""

import socket
import threading
from typing import Any

from handrail.kernel import Caller, Instance, Manifest, RunRef
from handrail.kernel.sandbox import Layer, Limits, Sandbox
from handrail_bench.runtime.bare import Bare
from handrail_bench.runtime.who import MAKER, manifest

_ASK = """
import time
from handrail_sdk import me
me()
best = 1e9
for _ in range(5):
    began = time.perf_counter()
    for _ in range(TRIPS):
        me()
    best = min(best, time.perf_counter() - began)
print(best / TRIPS * 1e6)
"""


class _Nothing:
    """Takes no outputs."""

    def admit(self, kind: str, name: str, title: str, size: int) -> None:
        """Never asked."""

    def deliver(self, kind: str, name: str, title: str, content: bytes) -> None:
        """Never asked."""


def round_trips(instance: Instance, layer: Layer, trips: int) -> tuple[float, float]:
    """Microseconds of a question: in a sandbox, and without one; the fastest of five series of each."""
    code = _ASK.replace("TRIPS", str(trips // 5))
    return float(_inside(instance, layer, code)), float(_outside(instance, layer, code))


def _door(instance: Instance, ours: socket.socket) -> threading.Thread:
    declared = Manifest.parse(manifest("trips", "job", "report").decode())
    caller = Caller(MAKER, "socket", run=RunRef("run_bench", "trips", "0" * 40, "sandbox", declared))
    given: Any = (instance, caller, ours, _Nothing())
    door = threading.Thread(target=instance.ports.door.serve, args=given)
    door.start()
    return door


def _inside(instance: Instance, layer: Layer, code: str) -> bytes:
    ours, theirs = socket.socketpair()
    printed = bytearray()
    limits = Limits(seconds=600)
    with ours, theirs:
        door = _door(instance, ours)
        sandbox = Sandbox(
            (layer.python, "-P", "-c", code), {"app.py": b""}, layer, limits, theirs, app="bench"
        )
        instance.ports.isolation.run(sandbox, printed.extend, threading.Event())
        door.join()
    return bytes(printed)


def _outside(instance: Instance, layer: Layer, code: str) -> bytes:
    ours, theirs = socket.socketpair()
    with ours:
        door = _door(instance, ours)
        said = Bare(layer).run(code, passed=(theirs.fileno(),), HANDRAIL_FD=str(theirs.fileno()))
        theirs.close()
        door.join()
    return said
