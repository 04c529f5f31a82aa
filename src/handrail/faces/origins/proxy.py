"""The way to an app that is awake on this host: its Unix socket, with the viewer's name on each request."""

from typing import Any
from urllib.parse import quote

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from handrail import runtime
from handrail.faces.origins import answers
from handrail.faces.origins.carry import Carried
from handrail.faces.origins.clients import Clients
from handrail.faces.origins.headers import WEB, Raw, to_app, to_browser
from handrail.kernel import Caller, Upstream

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
        carried = _ToApp(hosted, said, secure, scope, receive, send)
        async with clients.one(hosted, "" if carried.has_body else scope.get("method", "")) as session:
            if scope["type"] == "websocket":
                await receive()  # websocket.connect
                await carried.websocket(session)
            else:
                await carried.request(session)


class _ToApp(Carried):
    def __init__(
        self,
        hosted: runtime.Hosted,
        said: dict[str, str],
        secure: bool,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        super().__init__("ws://localhost" if scope["type"] == "websocket" else "http://localhost",
                         scope, receive, send)  # fmt: skip
        self._hosted, self._said, self._secure = hosted, said, secure

    def said(self) -> list[tuple[str, str]]:
        return to_app(self._scope["headers"], self._said)

    def passed(self, headers: Raw) -> list[tuple[bytes, bytes]]:
        return to_browser(headers, WEB, self._secure)

    def heard(self, status: int, headers: Any) -> None:
        if status < 500:
            self._hosted.answered()

    def unheard(self, error: Exception) -> ASGIApp:
        """An app that ends before it has answered is told as such."""
        self.broken(error)
        return answers.refused(_silent(self._hosted), self._secure)

    def broken(self, error: Exception) -> None:
        app, run = self._hosted.seat.app, self._hosted.run.id
        _logger.info("app.silent", app=app, run=run, why=type(error).__name__)


def _silent(hosted: runtime.Hosted) -> Upstream:
    return Upstream(
        f"{hosted.seat.app} did not answer: it ended, or took too long.",
        next_step="Try again; if it stays so, tell the app's owner, who sees that it ended and can try it.",
        subject=f"app:{hosted.seat.app}",
    )
