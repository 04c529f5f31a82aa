"""Clients that ask an application in this process."""

import atexit
from contextlib import ExitStack
from functools import cache
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal
from starlette.testclient import TestClient


class Client(TestClient):
    """Starlette's client, but one event loop serves all of them in this process.

    Left to itself it starts a thread with a loop for every request, which costs more than most requests do.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.portal = _portal()


@cache
def _portal() -> BlockingPortal:
    """One event loop in a thread of its own, until the process ends."""
    kept = ExitStack()
    portal = kept.enter_context(start_blocking_portal())
    atexit.register(kept.close)
    return portal
