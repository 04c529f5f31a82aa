"""Tells what runs for an HTTP request that its client has gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from handrail.kernel.presence import Presence


class Attending:
    """ASGI middleware: puts a `Presence` on each request; the client is watched once somebody asks for it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        client = _Client(receive)
        scope.setdefault("state", {})["presence"] = client
        try:
            await self._app(scope, client.receive, send)
        finally:
            client.end()


class _Client(Presence):
    """The client of one request. The body is read to its end before anything here is asked to watch."""

    def __init__(self, receive: Receive) -> None:
        super().__init__()
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._watching: asyncio.Task[None] | None = None
        self._ended = False

    def on_leave(self, call: Callable[[], None]) -> int:
        number = super().on_leave(call)
        if self._watching is None:
            self._loop.call_soon_threadsafe(self._watch)
        return number

    async def receive(self) -> Message:
        """What the application receives. Once the client is watched, all that can come is that it left."""
        if self._watching is None:
            return await self._receive()
        await asyncio.shield(self._watching)
        return {"type": "http.disconnect"}

    def end(self) -> None:
        """The request was answered."""
        self._ended = True
        if self._watching is not None:
            self._watching.cancel()

    def _watch(self) -> None:
        if self._watching is None and not self._ended:
            self._watching = self._loop.create_task(self._until_gone())

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if not self._ended:
            # What is stopped may take a moment to let go, and the loop serves others meanwhile.
            await asyncio.to_thread(self.leave)
