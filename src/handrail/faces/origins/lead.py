"""Who may be at an app is led to it: on this host, or over to the one that has it.

While no host has it yet, or the one that had it is gone and nobody may take its place, a request is held;
a person who waits too long for a page sees one that looks again by itself.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from anyio import to_thread
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from handrail import runtime
from handrail.faces.origins import answers
from handrail.kernel import SYSTEM, Caller, Instance, Person, Refusal, Upstream

if TYPE_CHECKING:
    from handrail.faces.origins.clients import Clients
    from handrail.faces.origins.onward import Onward

_AGAIN = 5.0  # seconds until it is looked again whether somebody may stay, and an app is still there
_STILL = 0.5  # seconds for which it is known where an app is
_LOOK = 0.25  # seconds between two looks for a host that answers
_PAGE = 4.0  # seconds after which a person who waits for a page is shown one
_HELD = 120.0  # seconds that any other request waits
_MOST_KNOWN = 10_000
_logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Led:
    """Somebody who may be at an app at this moment: which sandbox is theirs, and how one is begun."""

    person: Person
    seat: runtime.Seat
    begin: Callable[[], runtime.Run]
    may_stay: Callable[[], bool]
    secure: bool


class Leading:
    """Of one event loop. `arrived`: for requests that another host has led here, which go no further."""

    def __init__(self, instance: Instance, hosts: runtime.Hosts, arrived: bool) -> None:
        self._instance, self._hosts, self._arrived = instance, hosts, arrived
        self._clients: Clients | None = None
        self._known: dict[runtime.Seat, tuple[float, runtime.Place]] = {}
        self._lock = threading.Lock()

    async def close(self) -> None:
        """Let go of the connections to apps and hosts."""
        if self._clients is not None:
            await self._clients.close()

    async def lead(self, led: Led, scope: Scope, receive: Receive, send: Send) -> None:
        """Have one request answered, or one WebSocket carried."""
        hosted = self._hosts.ready(led.seat)
        if hosted is None and not self._hosts.placed:
            hosted = await to_thread.run_sync(self._hosts.wake, led.seat, led.begin)
        if hosted is None:
            hosted = await self._found(led, scope, receive, send)
        if hosted is None:
            return
        asking = Caller(led.person, "socket", run=hosted.run.ref)
        from handrail.faces.origins.proxy import pass_on  # noqa: PLC0415 - not before the first visit

        clients = await self._client()
        await self._while(led.may_stay, pass_on(clients, hosted, asking, led.secure, scope, receive, send))

    async def _while(self, may: Callable[[], bool], carried: Coroutine[Any, Any, None]) -> bool:
        """Carry on as long as that may be; whether it came to its own end."""
        carrying = asyncio.ensure_future(carried)
        try:
            while not (await asyncio.wait({carrying}, timeout=_AGAIN))[0]:
                if not await to_thread.run_sync(may):
                    return False
            carrying.result()
            return True
        finally:
            carrying.cancel()
            await asyncio.wait({carrying})

    async def _found(self, led: Led, scope: Scope, receive: Receive, send: Send) -> runtime.Hosted | None:
        """The app on this host; None when another one has answered, or nobody could."""
        since = time.monotonic()
        while True:
            place = await to_thread.run_sync(self._place, led.seat)
            if place.here:
                try:
                    return await to_thread.run_sync(self._hosts.wake, led.seat, led.begin)
                except runtime.Elsewhere:
                    pass  # another one was first
            if self._arrived:
                await answers.elsewhere(scope, receive, send)
                return None
            there = None if place.here else place.neighbour
            if there and await self._answered(led, there, scope, receive, send):
                return None
            waited = time.monotonic() - since
            if _is_page(scope) and waited > _PAGE:
                await answers.waking(led.seat.app, led.secure)(scope, receive, send)
                return None
            if waited > _HELD:
                await _given_up(led, scope, receive, send)
                return None
            await asyncio.sleep(_LOOK)

    async def _answered(
        self, led: Led, there: runtime.Neighbour, scope: Scope, receive: Receive, send: Send
    ) -> bool:
        """Whether this host has answered, so that nobody else may be asked."""
        from handrail.faces.origins.onward import Onward, Unreached  # noqa: PLC0415 - where there are others

        onward = Onward(there, led.seat, led.secure, scope, receive, send)
        try:
            clients = await self._client()
            if await self._while(lambda: led.may_stay() and self._may_answer(there), onward.go(clients)):
                return True
        except Unreached as unreached:
            _logger.info("host.unreached", app=led.seat.app, host=there.name, why=str(unreached))
            return False
        return await self._lost(onward, led, scope, receive, send)

    async def _lost(self, onward: "Onward", led: Led, scope: Scope, receive: Receive, send: Send) -> bool:
        """A host was given a request and is gone, or who asked may not stay."""
        if onward.begun or not await to_thread.run_sync(led.may_stay):
            return True  # what was begun ends here
        if onward.repeatable:
            return False
        await answers.refused(onward.unknown(), led.secure)(scope, receive, send)
        return True

    def _place(self, seat: runtime.Seat) -> runtime.Place:
        known = self._known.get(seat)
        if known and time.monotonic() - known[0] < _STILL:
            return known[1]
        at = time.monotonic()
        with self._instance.context(SYSTEM) as ctx:
            place = runtime.place(ctx, seat)
        with self._lock:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[seat] = at, place
        return place

    def _may_answer(self, there: runtime.Neighbour) -> bool:
        """Whether a host may still answer what it was given; one that lives ends by itself what must end."""
        try:
            with self._instance.context(SYSTEM) as ctx:
                return runtime.may_answer(ctx, there)
        except Refusal:  # the database is away: nobody else can have the app by now
            return True

    async def _client(self) -> "Clients":
        if self._clients is None:
            from handrail.faces.origins.clients import Clients  # noqa: PLC0415 - an HTTP client

            calling = None
            if self._hosts.placed and not self._arrived:
                calling = (await to_thread.run_sync(runtime.papers, self._instance)).calling
            self._clients = self._clients or Clients(calling)
        return self._clients


def greeted(receive: Receive, send: Send) -> tuple[Receive, Send]:
    """Both ends of a WebSocket that says again that it is wanted until somebody accepts it: one host is asked
    after the other, and each wants to hear it.
    """
    greeting: Message | None = None
    accepted = False

    async def heard() -> Message:
        nonlocal greeting
        if not accepted:
            greeting = greeting or await receive()
            return greeting
        return await receive()

    async def said(message: Message) -> None:
        nonlocal accepted
        accepted = accepted or message["type"] == "websocket.accept"
        await send(message)

    return heard, said


def _is_page(scope: Scope) -> bool:
    """Whether a person waits for a whole page."""
    if scope["type"] != "http" or scope["method"] != "GET":
        return False
    asked = Headers(scope=scope)
    dest = asked.get("sec-fetch-dest", "document")
    return dest in ("document", "iframe") and "text/html" in asked.get("accept", "")


async def _given_up(led: Led, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1013})
        return
    refusal = Upstream(
        f"No host could be found that has {led.seat.app}.",
        next_step="Try again in a minute; if it stays so, an admin sees on the page Workers who is there.",
        subject=f"app:{led.seat.app}",
    )
    await answers.refused(refusal, led.secure)(scope, receive, send)
