"""Requests and WebSockets on their way to somebody who answers them, and back, as they are."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import aiohttp
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from yarl import URL

from handrail.faces.origins.headers import Raw

PATIENCE = 120.0  # seconds until somebody must have begun to answer; an app may have to wake first
UNREACHED = (aiohttp.ClientError, OSError, TimeoutError)
_STATUSES = range(200, 600)  # another one ends HTTP here (101), or is none
_PIECE = 64 * 1024
_LARGEST_MESSAGE = 64 << 20  # of a WebSocket, either way


class Carried(ABC):
    """One request or WebSocket. What is special about a way is told by who inherits this."""

    known_as: str | None = None  # in the certificate of whoever is asked
    asks_first = False  # whether a body is sent before somebody wants it (Expect, RFC 9110, 10.1.1)

    def __init__(self, there: str, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        raw = scope.get("raw_path") or quote(scope["path"]).encode()
        query = scope["query_string"].decode("latin-1")
        # Whom to ask is known; what the viewer's Host says is no part of an address here.
        self._url = URL(there + raw.decode("latin-1") + (f"?{query}" if query else ""), encoded=True)
        self.taken = False  # a piece of the body, which nobody can read again
        self.has_body = scope["type"] == "http" and _has_body(scope)

    @abstractmethod
    def said(self) -> list[tuple[str, str]]:
        """The headers of the request."""

    @abstractmethod
    def passed(self, headers: Raw) -> list[tuple[bytes, bytes]]:
        """Which headers of an answer go to the browser."""

    @abstractmethod
    def heard(self, status: int, headers: Any) -> None:
        """Somebody begins to answer; raises what ends it."""

    @abstractmethod
    def unheard(self, error: Exception) -> ASGIApp:
        """What to answer when nobody did; or raises what ends it."""

    @abstractmethod
    def broken(self, error: Exception) -> None:
        """An answer has ended before its end."""

    async def request(self, session: aiohttp.ClientSession) -> None:
        """Carry a request until it is answered or whoever asked has left."""
        whole = asyncio.Event()
        gone = asyncio.create_task(self._until_gone(whole))
        carrying = asyncio.create_task(self._carry(session, whole))
        try:
            await asyncio.wait({carrying, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            carrying.cancel()
            await asyncio.wait({carrying, gone})
        if not carrying.cancelled():
            carrying.result()

    async def _carry(self, session: aiohttp.ClientSession, whole: asyncio.Event) -> None:
        begun = False
        try:
            async with asyncio.timeout(PATIENCE):
                answer = await self._ask(session, whole)
            async with answer:
                if answer.status not in _STATUSES:
                    raise aiohttp.ClientPayloadError(f"an answer of status {answer.status}")
                self.heard(answer.status, answer.headers)
                begun = True
                await self._answer(answer)
        except UNREACHED as error:
            if begun:
                self.broken(error)
            else:
                await self.unheard(error)(self._scope, self._receive, self._send)

    async def _ask(self, session: aiohttp.ClientSession, whole: asyncio.Event) -> aiohttp.ClientResponse:
        body = self._body(whole) if self.has_body else None
        if body is None:
            whole.set()
        return await session.request(
            self._scope["method"],
            self._url,
            headers=self.said(),
            data=body,
            allow_redirects=False,
            server_hostname=self.known_as,
            expect100=self.asks_first and body is not None,
        )

    async def _body(self, whole: asyncio.Event) -> AsyncIterator[bytes]:
        more = True
        while more:
            self.taken = True
            message = await self._receive()
            if message["type"] != "http.request":
                raise ConnectionResetError
            more = message.get("more_body", False)
            if piece := message.get("body", b""):
                yield piece
        whole.set()

    async def _until_gone(self, whole: asyncio.Event) -> None:
        """Wait until whoever asked has left; the body is read by others before."""
        await whole.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _answer(self, answer: aiohttp.ClientResponse) -> None:
        passed = self.passed(answer.raw_headers)
        await self._send({"type": "http.response.start", "status": answer.status, "headers": passed})
        async for piece in answer.content.iter_chunked(_PIECE):
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        await self._send({"type": "http.response.body", "body": b""})

    async def websocket(self, session: aiohttp.ClientSession) -> None:
        """Carry a WebSocket until either side ends it; whoever calls has heard that a browser wants one."""
        try:
            async with asyncio.timeout(PATIENCE):
                there = await session.ws_connect(
                    self._url,
                    headers=self.said(),
                    protocols=self._scope.get("subprotocols", ()),
                    max_msg_size=_LARGEST_MESSAGE,
                    autoping=True,
                    server_hostname=self.known_as,
                )
        except UNREACHED as error:
            await self._send({"type": "websocket.close", "code": self.unconnected(error)})
            return
        self.heard(200, {})
        await self._send({"type": "websocket.accept", "subprotocol": there.protocol})
        ways = [asyncio.create_task(self._there(there)), asyncio.create_task(self._back(there))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await there.close()
            with suppress(RuntimeError):  # the browser may have closed it
                await self._send({"type": "websocket.close", "code": _sayable(there.close_code)})

    def unconnected(self, error: Exception) -> int:
        """With which code to turn away who wants a WebSocket; or raises what ends it."""
        return 1013

    async def _there(self, there: "aiohttp.ClientWebSocketResponse") -> None:
        while True:
            message: Message = await self._receive()
            if message["type"] != "websocket.receive":
                return
            if (text := message.get("text")) is not None:
                await there.send_str(text)
            else:
                await there.send_bytes(message["bytes"])

    async def _back(self, there: "aiohttp.ClientWebSocketResponse") -> None:
        async for message in there:
            if message.type is aiohttp.WSMsgType.TEXT:
                await self._send({"type": "websocket.send", "text": message.data})
            elif message.type is aiohttp.WSMsgType.BINARY:
                await self._send({"type": "websocket.send", "bytes": message.data})


def _has_body(scope: Scope) -> bool:
    return any(key.lower() in (b"content-length", b"transfer-encoding") for key, _ in scope["headers"])


def _sayable(code: int | None) -> int:
    """A reason for an end that may be said to a browser; some only mean that none was heard (RFC 6455,
    7.4).
    """
    said = code or 1000
    return said if said in (1000, 1001, 1003, *range(1007, 1015)) or 3000 <= said < 5000 else 1000
