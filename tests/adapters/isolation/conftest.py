"""Real sandboxes for these tests."""

import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from handrail.adapters.isolation import Bubblewrap
from handrail.kernel.sandbox import Layer, Limits, Outcome, Sandbox
from handrail.runtime import layer
from handrail.settings import RuntimeSettings, Settings

UID = RuntimeSettings().uid
LIMITS = Limits(seconds=20, memory=256 << 20, processes=24, printed=1 << 20, file=8 << 20)

Runs = Callable[..., tuple[Outcome, str]]


@pytest.fixture(scope="session")
def python() -> Layer:
    """The Python that apps get."""
    return layer.build(Settings(home=Path("/nowhere")))


@pytest.fixture
def driver() -> Bubblewrap:
    """A driver that has looked at nothing yet."""
    return Bubblewrap(UID)


@pytest.fixture
def runs(driver: Bubblewrap, python: Layer) -> Runs:
    """Run code in a sandbox: `runs("print(1)", files={...}, seconds=1)` gives how it ended and its output."""

    def run(
        code: str,
        files: Mapping[str, bytes] | None = None,
        stop: threading.Event | None = None,
        listener: socket.socket | None = None,
        **limits: float | None,
    ) -> tuple[Outcome, str]:
        printed = bytearray()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            sandbox = Sandbox(
                (python.python, "-P", "/app/app.py"),
                {"app.py": code.encode(), **(files or {})},
                python,
                replace(LIMITS, **limits),  # type: ignore[arg-type]
                theirs,
                listener,
            )
            outcome = driver.run(sandbox, printed.extend, stop or threading.Event())
        return outcome, printed.decode(errors="replace")

    return run
