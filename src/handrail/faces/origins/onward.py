"""The way to an app that is on another host: the request as it came, over TLS with two certificates.

The other host finds out by itself who comes and whether they may, by the cookie that is in the request, and
asks the app. What it has not begun to do may be asked of the next one; what it may have begun is asked of
nobody else unless it changes nothing.
"""

from typing import Any

import aiohttp
import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from handrail.faces.origins import answers
from handrail.faces.origins.carry import Carried
from handrail.faces.origins.clients import ASKING, Clients
from handrail.faces.origins.headers import ELSEWHERE, SCHEME, Raw, between_hosts, from_host
from handrail.kernel import Upstream
from handrail.runtime import Neighbour, Seat

_logger = structlog.get_logger(__name__)


class Unreached(Exception):
    """A host could not be asked, or answers no longer for that app; somebody else may be."""


class Onward(Carried):
    """One request or WebSocket to one host."""

    asks_first = True  # so that a host that refuses it has read nothing of it

    def __init__(
        self, there: Neighbour, seat: Seat, secure: bool, scope: Scope, receive: Receive, send: Send
    ) -> None:
        super().__init__(f"{'wss' if scope['type'] == 'websocket' else 'https'}://{there.address}",
                         scope, receive, send)  # fmt: skip
        self.known_as = there.known_as
        self.begun = False
        self._neighbour, self._seat, self._secure = there, seat, secure

    async def go(self, clients: Clients) -> None:
        """Have it answered there; raises Unreached when it was not, and somebody else may be asked."""
        method = "" if self.has_body else self._scope.get("method", "")
        async with clients.one(self._neighbour, method) as session:
            if self._scope["type"] == "websocket":
                await self._receive()  # websocket.connect
                await self.websocket(session)
            else:
                await self.request(session)

    def said(self) -> list[tuple[str, str]]:
        return between_hosts(self._scope["headers"], {SCHEME: "https" if self._secure else "http"})

    def passed(self, headers: Raw) -> list[tuple[bytes, bytes]]:
        return from_host(headers)

    def heard(self, status: int, headers: Any) -> None:
        if status == 421 and ELSEWHERE in headers:
            raise Unreached("elsewhere")
        self.begun = True

    def unheard(self, error: Exception) -> ASGIApp:
        self.broken(error)
        nothing_sent = isinstance(error, aiohttp.ClientConnectorError | aiohttp.ServerTimeoutError)
        if self.repeatable or (nothing_sent and not self.taken):
            raise Unreached(type(error).__name__) from error
        return answers.refused(self.unknown(), self._secure)

    def unconnected(self, error: Exception) -> int:
        self.broken(error)
        if isinstance(error, aiohttp.WSServerHandshakeError):
            self.heard(error.status, error.headers or {})
            return 1008
        raise Unreached(type(error).__name__) from error

    @property
    def repeatable(self) -> bool:
        """Whether another host may be asked after this one was given the request and has not answered."""
        if self._scope["type"] == "websocket":
            return True  # nobody has said anything yet
        return not self.taken and self._scope["method"] in ASKING

    def broken(self, error: Exception) -> None:
        about = {"app": self._seat.app, "host": self._neighbour.name}
        _logger.info("host.silent", **about, why=type(error).__name__)

    def unknown(self) -> Upstream:
        """What to say of a request that a host was given and did not answer."""
        return Upstream(
            f"The host that has {self._seat.app} was lost before it had answered.",
            next_step="See whether what you did is done before you do it again: it may be.",
            subject=f"app:{self._seat.app}",
        )
