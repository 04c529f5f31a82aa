"""The same interpreter and packages with a sandbox around them, and without."""

import os
import subprocess
import threading
from pathlib import PurePosixPath

from handrail.kernel.sandbox import Isolation, Layer, Limits, Sandbox


class Bare:
    """A layer's Python as a plain process: what a sandbox costs is counted against it."""

    def __init__(self, layer: Layer) -> None:
        self.python = self._outside(layer, layer.python)
        path = ":".join(self._outside(layer, one) for one in layer.environment["PYTHONPATH"].split(":"))
        self.environment = {**layer.environment, "PYTHONPATH": path, "PATH": os.environ["PATH"]}
        if library := layer.environment.get("LD_LIBRARY_PATH"):
            self.environment["LD_LIBRARY_PATH"] = self._outside(layer, library)

    def run(self, code: str, *, passed: tuple[int, ...] = (), **variables: str) -> bytes:
        """Run a program to its end; gives what it printed. Raises when it fails."""
        environment = {**self.environment, **variables}
        command = [self.python, "-P", "-c", code]
        return subprocess.run(
            command, env=environment, pass_fds=passed, check=True, stdout=subprocess.PIPE
        ).stdout

    @staticmethod
    def _outside(layer: Layer, inside: str) -> str:
        """Where a path of the sandbox is on this machine."""
        for bound, outside in layer.binds.items():
            if PurePosixPath(inside).is_relative_to(bound):
                return str(outside / PurePosixPath(inside).relative_to(bound))
        return inside


def sandboxed(isolation: Isolation, layer: Layer, code: str) -> bytes:
    """Run a program to its end in a sandbox with the limits of a job; gives what it printed."""
    printed = bytearray()
    sandbox = Sandbox((layer.python, "-P", "-c", code), {"app.py": b""}, layer, Limits(), app="bench")
    outcome = isolation.run(sandbox, printed.extend, threading.Event())
    if outcome.ended != "exited" or outcome.code:
        raise RuntimeError(f"{outcome.ended} {outcome.code} {outcome.detail} {printed[-500:]!r}")
    return bytes(printed)
