"""Where other hosts ask this one for the apps that it has: TLS 1.3, with a certificate on both sides."""

import asyncio
import socket
import threading
import time
from contextlib import suppress
from functools import partial
from typing import Any

import structlog
import uvicorn
from anyio import to_thread
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from handrail import runtime
from handrail.faces.origins import answers
from handrail.faces.origins.headers import SCHEME
from handrail.faces.origins.serve import Origins
from handrail.kernel import Conflict, Instance, Invalid, Refusal

_LARGEST_MESSAGE = 64 << 20  # of a WebSocket
_STILL = 2.0  # seconds for which it is known that a certificate was not revoked
_LEAVE = 10  # seconds that what goes on has to end
_logger = structlog.get_logger(__name__)


class Arrivals:
    """What other hosts ask of this one, as long as it serves; nothing where `hosts.apps` is not set."""

    def __init__(self, instance: Instance, hosts: runtime.Hosts) -> None:
        self._instance, self._hosts = instance, hosts
        self._server: uvicorn.Server | None = None
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Listen, and let others know where. Refuses Invalid an address that is none, Conflict one that is in
        use, and Upstream where this host has no certificate that can be used.
        """
        said = self._instance.settings.hosts.apps
        if not said:
            return
        papers = runtime.papers(self._instance)
        self._listener = _listening(said)
        config = uvicorn.Config(
            _Gate(self._instance, Origins(_nothing, self._instance, self._hosts, arrived=True)),
            http=_Http,
            ws=_WebSocket,
            ssl_context_factory=lambda _config, _default: papers.serving,
            lifespan="on",  # by its end the connections to apps are let go, in the loop that has them
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            ws_max_size=_LARGEST_MESSAGE,
            timeout_graceful_shutdown=_LEAVE,
        )
        self._server = uvicorn.Server(config)
        run = partial(self._server.run, sockets=[self._listener])
        self._thread = threading.Thread(target=run, name="arrivals")
        self._thread.start()
        address = runtime.announced(self._instance, self._listener.getsockname()[1])
        self._hosts.reached_at(address, papers.known_as)

    def stop(self) -> None:
        """Let every app go to another host, and wait a while for what goes on."""
        self._hosts.reached_at("", "")
        for one in self._hosts.awake() if self._server else ():
            with suppress(Refusal):  # the database is away: others learn it from the lease
                self._hosts.let_go(one)
        if self._server and self._thread and self._listener:
            self._server.should_exit = True
            self._thread.join()
            self._listener.close()


def _listening(said: str) -> socket.socket:
    host, _, port = said.rpartition(":")
    if not port.isdigit():
        raise Invalid(
            f"hosts.apps is “{said[:80]}”, which is no HOST:PORT.",
            next_step='Write it as "0.0.0.0:8444" in handrail.toml.',
            subject="hosts",
        )
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host.strip("[]"), int(port)), family=family)
    except (OSError, OverflowError) as error:
        raise Conflict(
            f"This host cannot answer others at {said[:80]}: {error}.",
            next_step="Stop what listens there, or name another address as hosts.apps in handrail.toml.",
            subject="hosts",
        ) from None


class _Http(HttpToolsProtocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app = _known(self.app, transport)


class _WebSocket(WebSocketsSansIOProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.app = _known(self.app, transport)


def _known(app: Any, transport: asyncio.BaseTransport) -> Any:
    """The application, told with each request by which certificate its connection came."""
    shown = transport.get_extra_info("peercert") or {}
    return partial(_with, app, str(shown.get("serialNumber", "")))


async def _with(app: ASGIApp, serial: str, scope: Scope, receive: Receive, send: Send) -> None:
    await app({**scope, "host_certificate": serial}, receive, send)


class _Gate:
    """Lets a host in whose certificate was not revoked, and takes its word for what the browser spoke."""

    def __init__(self, instance: Instance, app: ASGIApp) -> None:
        self._instance, self._app = instance, app
        self._good: dict[str, float] = {}  # when a certificate was found to be good

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        serial = scope.get("host_certificate", "")
        if not await self._may_ask(serial):
            _logger.warning("host.refused", serial=serial)
            await answers.elsewhere(scope, receive, send)
            return
        spoken = {key: value for key, value in scope["headers"] if key == SCHEME.encode()}
        secure = spoken.get(SCHEME.encode()) == b"https"
        scheme = {"http": ("http", "https"), "websocket": ("ws", "wss")}[scope["type"]][secure]
        headers = [one for one in scope["headers"] if one[0] != SCHEME.encode()]
        await self._app({**scope, "scheme": scheme, "headers": headers}, receive, send)

    async def _may_ask(self, serial: str) -> bool:
        if not serial:
            return False
        if time.monotonic() - self._good.get(serial, -_STILL) < _STILL:
            return True
        if not await to_thread.run_sync(runtime.may_ask, self._instance, serial):
            return False
        self._good[serial] = time.monotonic()
        return True


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """The answer to what is asked of no app: of Handrail itself nothing is here, to begin or to end."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    await answers.elsewhere(scope, receive, send)
