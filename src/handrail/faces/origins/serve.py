"""What comes to an app's origin: who it is, whether they may, and on to the app."""

import re
import secrets
import threading
import time
from dataclasses import dataclass
from functools import partial
from urllib.parse import parse_qsl, quote, urlencode

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from handrail import apps, runtime
from handrail.apps import Version
from handrail.faces.origins import answers, banner, headers
from handrail.faces.origins.bundle import Bundles
from handrail.faces.origins.lead import Leading, Led, greeted
from handrail.faces.origins.where import Place, astray, place_of
from handrail.kernel import SYSTEM, Caller, Instance, Refusal
from handrail.kernel.people import Person

_STILL = 1.0  # seconds until it is decided again whether a visitor may be here
_MOST_KNOWN = 10_000
_KNOCKED = 600  # seconds that somebody may take to sign in
_OWN = "/.handrail/"
_CALLED = re.compile(r"/\.handrail/connectors/([a-z0-9-]{1,63})/call")
KNOCK = r"^[A-Za-z0-9_-]{43}$"  # a secret of 256 bits
_SAME = ("same-origin", "none")


@dataclass(frozen=True)
class Visitor:
    """Somebody who may be here at this moment, and what they are shown."""

    person: Person
    version: Version
    seat: runtime.Seat


class Origins:
    """ASGI: what is asked of an app's own origin goes to the app, all else to Handrail. `arrived`: for what
    another host has led here.
    """

    def __init__(
        self, app: ASGIApp, instance: Instance, hosts: runtime.Hosts, *, arrived: bool = False
    ) -> None:
        self._app = app
        self._instance = instance
        self._hosts = hosts
        self._bundles = Bundles(instance)
        self._known: dict[str, tuple[float, Visitor]] = {}
        self._lock = threading.Lock()
        self._leading = Leading(instance, hosts, arrived)
        self._arrived = arrived

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or one conversation over a WebSocket."""
        place, host = None, ""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, self._ending(send))
            return
        if scope["type"] in ("http", "websocket"):
            host = Headers(scope=scope).get("host", "")
            place = place_of(self._instance.settings.server, host)
        if place is None and astray(self._instance.settings.server, host):
            await answers.nothing(self._secure(scope))(scope, receive, send)
            return
        if place is None:
            await self._app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            receive, send = greeted(receive, send)
        try:
            await self._visit(place, scope, receive, send)
        except Refusal as refusal:
            await answers.refused(refusal, self._secure(scope))(scope, receive, send)

    def _ending(self, send: Send) -> Send:
        """Let go of the connections to apps before the server ends its loop."""

        async def sent(message: Message) -> None:
            if message["type"] == "lifespan.shutdown.complete":
                await self._leading.close()
            await send(message)

        return sent

    async def _visit(self, place: Place, scope: Scope, receive: Receive, send: Send) -> None:
        secure = self._secure(scope)
        if scope["type"] == "http" and scope["path"] == f"{_OWN}enter":
            await (await to_thread.run_sync(self._entered, place, scope))(scope, receive, send)
            return
        if scope["type"] == "http" and scope["path"] == f"{_OWN}knock":
            await self._stranger(place, scope)(scope, receive, send)
            return
        if not _from_here(scope):
            await answers.foreign(secure)(scope, receive, send)
            return
        if _stays(scope):
            await answers.nothing(secure)(scope, receive, send)
            return
        cookie = headers.cookie_of(scope["headers"], secure)
        visitor = self._just_seen(place, cookie)
        if visitor is None and cookie:
            visitor = await to_thread.run_sync(self._visitor, place, cookie)
        if visitor is None:
            await self._stranger(place, scope)(scope, receive, send)
            return
        if place.environment == "sandbox" and scope["type"] == "http" and not self._arrived:
            if scope["path"] == banner.PATH:
                await banner.sheet()(scope, receive, send)
                return
            if Headers(scope=scope).get("sec-fetch-dest") == "document":
                scope, send = banner.asked_plainly(scope), banner.marking(send)
        caller = Caller(visitor.person, "app")
        if visitor.version.manifest.kind == "static":
            await self._static(place, visitor, caller, scope, receive, send)
            return
        begin = partial(self._begin, place, visitor, caller)
        stays = partial(self._may_stay, place, cookie)
        led = Led(visitor.person, visitor.seat, begin, stays, secure)
        await self._leading.lead(led, scope, receive, send)

    def _may_stay(self, place: Place, cookie: str) -> bool:
        """Whether a WebSocket or a long answer may go on: rights may end while somebody looks."""
        try:
            return self._visitor(place, cookie) is not None
        except Refusal:
            return False

    async def _static(
        self, place: Place, visitor: Visitor, caller: Caller, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if scope["type"] != "http":
            await answers.nothing(self._secure(scope))(scope, receive, send)
            return
        sitting = await to_thread.run_sync(
            self._hosts.sit, visitor.seat, lambda: self._begin(place, visitor, caller)
        )
        asked = _verb(scope["path"])
        if asked is None:
            sitting.shown += 1
            answer = await to_thread.run_sync(self._bundles.answer, visitor.version, scope)
            await answer(scope, receive, send)
            return
        sitting.questions += 1
        asking = Caller(visitor.person, "app", run=sitting.run.ref)
        inner = {**scope, "path": asked, "raw_path": asked.encode(), "state": {"visitor": asking}}
        await self._app(inner, receive, send)

    def _begin(self, place: Place, visitor: Visitor, caller: Caller) -> runtime.Run:
        with self._instance.context(caller) as ctx:
            run = apps.host(ctx, visitor.version, place.environment)
            if self._hosts.placed and visitor.version.manifest.kind == "web":
                runtime.take_seat(ctx, visitor.seat, run)
            return run

    def _visitor(self, place: Place, cookie: str) -> Visitor | None:
        """Who holds this cookie, if they may be here; decided anew every second. Refuses as `shown` does."""
        if (known := self._just_seen(place, cookie)) is not None:
            return known
        with self._instance.context(SYSTEM) as ctx:
            found = apps.visitor(ctx, place.app, place.environment, cookie)
        if found is None:
            return None
        visit, person = found
        with self._instance.context(Caller(person, "app")) as ctx:
            version = apps.shown(ctx, place.app, place.environment, visit.n)
            whose = apps.whose(ctx, version, place.environment)
        seat = runtime.Seat(place.app, place.environment, whose, version.commit)
        if version.manifest.kind == "static":
            seat = runtime.Seat(place.app, place.environment, person.id, version.commit)
        visitor = Visitor(person, version, seat)
        with self._lock:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[f"{place.label} {cookie}"] = time.monotonic(), visitor
        return visitor

    def _just_seen(self, place: Place, cookie: str) -> Visitor | None:
        """Who was found to hold this cookie, and to be allowed here, within the last second."""
        known = self._known.get(f"{place.label} {cookie}")
        return known[1] if known and time.monotonic() - known[0] < _STILL else None

    def _entered(self, place: Place, scope: Scope) -> ASGIApp:
        asked = _asked(scope)
        secure = self._secure(scope)
        knock = headers.cookie_of(scope["headers"], secure, headers.KNOCKED)
        if not knock and "sec-fetch-site" in Headers(scope=scope):
            return self._stranger(place, scope)  # a browser that was sent here with a ticket of somebody's
        with self._instance.context(SYSTEM) as ctx:
            cookie = apps.begin(ctx, place.app, place.environment, asked.get("ticket", ""), knock)
        if cookie is None:
            return self._stranger(place, scope)
        hours = self._instance.settings.identity.session_hours
        kept = headers.set_cookie(cookie, secure, hours * 3600)
        return answers.begun(_local(asked.get("next", "/")), kept, secure)

    def _stranger(self, place: Place, scope: Scope) -> ASGIApp:
        """Lead a person to Handrail, which knows them or asks who they are; tell a program why not."""
        secure = self._secure(scope)
        said = Headers(scope=scope)
        if not (
            scope["type"] == "http" and scope["method"] == "GET" and "text/html" in said.get("accept", "")
        ):
            return answers.unknown(secure)
        knock = headers.cookie_of(scope["headers"], secure, headers.KNOCKED)
        if not re.fullmatch(KNOCK, knock):  # one that is known already may be going in by another tab
            knock = secrets.token_urlsafe(32)
        asked = {"next": _local(quote(scope["path"], safe="/")), "knock": knock}
        if scope["path"] == f"{_OWN}knock":
            asked |= {key: value for key, value in _asked(scope).items() if key in ("next", "n")}
        if place.environment == "sandbox":
            asked["environment"] = "sandbox"
        address = f"{self._main(scope)}/visit/{place.app}?{urlencode(asked, quote_via=quote, safe='')}"
        return answers.led(address, headers.set_cookie(knock, secure, _KNOCKED, headers.KNOCKED), secure)

    def _main(self, scope: Scope) -> str:
        """Handrail's own address."""
        server = self._instance.settings.server
        if server.public_url:
            return server.public_url.rstrip("/")
        port = Headers(scope=scope).get("host", "").rpartition(":")[2]
        return f"http://127.0.0.1:{port}" if port.isdigit() else "http://127.0.0.1"

    def _secure(self, scope: Scope) -> bool:
        return scope["scheme"] in ("https", "wss") or self._instance.settings.server.public_url.startswith(
            "https:"
        )


def _verb(path: str) -> str | None:
    """Which address of Handrail's a static app asks by one of its own; None for its files."""
    if called := _CALLED.fullmatch(path):
        return f"/api/v1/connectors/{called[1]}/call"
    return {f"{_OWN}query": "/api/v1/query", f"{_OWN}me": "/api/v1/me"}.get(path)


def _from_here(scope: Scope) -> bool:
    """Whether the app's own pages ask, or a person goes there: what another app's page asks is not answered.

    Browsers say so in Sec-Fetch-Site, and in Origin, which WebSockets always have; no page can change either.
    """
    asked = Headers(scope=scope)
    origin = asked.get("origin")
    if origin is not None and origin.partition("://")[2].lower() != asked.get("host", "").lower():
        return False
    if asked.get("sec-fetch-site", "none") in _SAME:
        return True
    return (
        scope["type"] == "http"
        and scope["method"] in ("GET", "HEAD")
        and asked.get("sec-fetch-mode") == "navigate"
        and asked.get("sec-fetch-dest") == "document"
    )


def _stays(scope: Scope) -> bool:
    """Whether a page wants to install a service worker, as each request for the script of one says (Service
    Workers, 4.5 and 7).

    It would answer in the app's place from then on: after a version was withdrawn, and to whoever sits at
    that browser next.
    """
    return "service-worker" in Headers(scope=scope)


def _asked(scope: Scope) -> dict[str, str]:
    return dict(parse_qsl(scope["query_string"].decode("latin-1")))


def _local(onward: str) -> str:
    """Where to go on this origin; nowhere else."""
    plain = onward.startswith("/") and not onward.startswith(("//", "/\\")) and onward.isprintable()
    return quote(onward, safe="/?&=%#~:+,;@!$'()*-._") if plain and not onward.startswith(_OWN) else "/"
