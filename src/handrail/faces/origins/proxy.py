"""Requests and WebSockets on their way to a hosted app and back, as they are, over its Unix socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from urllib.parse import quote

import aiohttp
import structlog
from starlette.types import Message, Receive, Scope, Send
from yarl import URL

from handrail import runtime
from handrail.faces.origins import answers
from handrail.faces.origins.clients import Clients
from handrail.faces.origins.headers import WEB, to_app, to_browser
from handrail.kernel import Caller, Upstream

_PATIENCE = 120.0  # seconds until an app must have begun to answer; it may have to wake first
_STATUSES = range(200, 600)  # another one ends HTTP here (101), or is none
_PIECE = 64 * 1024
_LARGEST_MESSAGE = 64 << 20  # of a WebSocket, either way
_logger = structlog.get_logger(__name__)


async def pass_on(
    clients: Clients,
    hosted: runtime.Hosted,
    caller: Caller,
    secure: bool,
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """Answer one request as the app does, or carry one WebSocket; the app can ask as `caller` meanwhile."""
    with hosted.request(caller) as word:
        said = {
            "handrail-viewer": word,
            "handrail-person": quote(caller.person.id),
            "x-forwarded-proto": "https" if secure else "http",
        }
        async with clients.one(hosted, "" if _has_body(scope) else scope.get("method", "")) as session:
            carried = _Carried(session, hosted, said, secure, scope, receive, send)
            await (carried.websocket() if scope["type"] == "websocket" else carried.request())


class _Carried:
    """One request or WebSocket."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        hosted: runtime.Hosted,
        said: dict[str, str],
        secure: bool,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        self._session, self._hosted, self._secure = session, hosted, secure
        self._scope, self._receive, self._send = scope, receive, send
        self._headers = to_app(scope["headers"], said)
        raw = scope.get("raw_path") or quote(scope["path"]).encode()
        query = scope["query_string"].decode("latin-1")
        kind = "ws" if scope["type"] == "websocket" else "http"
        # Whom to ask is the socket; what the viewer's Host says is for the app alone, and is no part of an
        # address here.
        self._url = f"{kind}://localhost{raw.decode('latin-1')}" + (f"?{query}" if query else "")

    async def request(self) -> None:
        """Carry a request until it is answered or whoever asked has left; an app that ends before it has
        answered is told as such.
        """
        whole = asyncio.Event()
        gone = asyncio.create_task(self._until_gone(whole))
        carrying = asyncio.create_task(self._carry(whole))
        try:
            await asyncio.wait({carrying, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            carrying.cancel()
            await asyncio.wait({carrying, gone})
        if not carrying.cancelled():
            carrying.result()

    async def _carry(self, whole: asyncio.Event) -> None:
        begun = False
        try:
            async with asyncio.timeout(_PATIENCE):
                answer = await self._ask(whole)
            async with answer:
                if answer.status not in _STATUSES:
                    raise aiohttp.ClientPayloadError(f"an answer of status {answer.status}")
                if answer.status < 500:
                    self._hosted.answered()
                begun = True
                await self._answer(answer)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            _logger.info(
                "app.silent", app=self._hosted.seat.app, run=self._hosted.run.id, why=type(error).__name__
            )
            if not begun:
                await answers.refused(_silent(self._hosted), self._secure)(
                    self._scope, self._receive, self._send
                )

    async def _ask(self, whole: asyncio.Event) -> aiohttp.ClientResponse:
        body = self._body(whole) if _has_body(self._scope) else None
        if body is None:
            whole.set()
        return await self._session.request(
            self._scope["method"],
            URL(self._url, encoded=True),
            headers=self._headers,
            data=body,
            allow_redirects=False,
        )

    async def _body(self, whole: asyncio.Event) -> AsyncIterator[bytes]:
        more = True
        while more:
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
        passed = to_browser(answer.raw_headers, WEB, self._secure)
        await self._send({"type": "http.response.start", "status": answer.status, "headers": passed})
        async for piece in answer.content.iter_chunked(_PIECE):
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        await self._send({"type": "http.response.body", "body": b""})

    async def websocket(self) -> None:
        """Carry a WebSocket until either side ends it."""
        await self._receive()  # websocket.connect
        try:
            async with asyncio.timeout(_PATIENCE):
                there = await self._session.ws_connect(
                    URL(self._url, encoded=True),
                    headers=self._headers,
                    protocols=self._scope.get("subprotocols", ()),
                    max_msg_size=_LARGEST_MESSAGE,
                    autoping=True,
                )
        except (aiohttp.ClientError, OSError, TimeoutError):
            await self._send({"type": "websocket.close", "code": 1013})
            return
        self._hosted.answered()
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


def _silent(hosted: runtime.Hosted) -> Upstream:
    return Upstream(
        f"{hosted.seat.app} did not answer: it ended, or took too long.",
        next_step="Try again; if it stays so, tell the app's owner, who sees in its log what happened.",
        subject=f"app:{hosted.seat.app}",
    )
