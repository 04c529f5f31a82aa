"""What stands before every request: who asks, no forged or endless writes, headers for the browser."""

import base64
import binascii
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from handrail.faces.web import errors
from handrail.kernel import (
    SYSTEM,
    Caller,
    Instance,
    LimitReached,
    NotAllowed,
    Refusal,
    Resource,
    Via,
    access,
    identity,
)

SESSION = "handrail_session"  # with the prefix __Host- where there is TLS
SIGNED_OUT = 1 << 20  # bytes that somebody unknown may send: a sign-in form is a few hundred
SIGNED_IN = 16 << 20  # bytes that others may send: what is not an upload is read into memory as a whole
# Where more may be sent, by those who may do this there; it is decided before the body is read.
UPLOADS = {"/import": "import", "/api/v1/apps": "push", "/apps/new/zip": "push", "/apps/new/folder": "push"}
SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}
# No inline script or style anywhere, nothing from other hosts, nobody may frame a page. A route that serves
# what an app made sets a stricter policy of its own, which is left alone.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class Guard:
    """ASGI middleware: puts the caller on the request, renews the session, refuses what must not pass."""

    def __init__(self, app: ASGIApp, instance: Instance) -> None:
        self.app = app
        self.instance = instance
        settings = instance.settings
        self._longest = (
            max(settings.data.upload_mb, settings.apps.max_mb) + 8
        ) << 20  # 8: the form around it

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Guard one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        # Who visits an app at its own origin was found out there, in this process: nothing outside can say
        # it.
        visitor: Caller | None = scope.get("state", {}).get("visitor")
        caller: Caller | None = visitor
        renewed: str | None = None
        if visitor is None and not (scope["path"].startswith("/static/") or scope["path"] == "/healthz"):
            caller, renewed = await to_thread.run_sync(self._who, scope, headers)
        scope.setdefault("state", {})["caller"] = caller

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._dress(MutableHeaders(scope=message), scope, renewed)
            await send(message)

        limit = SIGNED_IN if caller else SIGNED_OUT
        action = UPLOADS.get(scope["path"]) if scope["method"] not in SAFE else None
        if caller and action:
            may = await to_thread.run_sync(self._may, caller, action)
            limit = self._longest if may else limit
        refusal = self._refusal(scope, headers, limit)
        if refusal is not None:
            answer = await to_thread.run_sync(errors.refused, Request(scope), refusal)
            await answer(scope, receive, guarded)
            return
        await self.app(scope, _counted(receive, limit), guarded)

    def _refusal(self, scope: Scope, headers: Headers, limit: int) -> Refusal | None:
        if scope["state"].get("visitor") is None and not self._from_us(scope, headers):
            return NotAllowed(
                "This request came from another website and was not carried out.",
                next_step="Open Handrail itself and do it there.",
            )
        length = headers.get("content-length", "0")
        if length.isascii() and length.isdigit() and int(length) <= limit:
            return None
        return LimitReached(
            f"This request is longer than the {limit >> 20:,} MB that it may have.",
            next_step="Send less at once, or ask an admin whether you may send more here."
            if limit > SIGNED_OUT
            else "Sign in first.",
        )

    def _may(self, caller: Caller, action: str) -> bool:
        """Whether the caller may import something new, or push an app of their own."""
        mine = {
            "owner": caller.person.id,
            **dict.fromkeys(("coowners", "groups", "people"), frozenset[str]()),
        }
        resource = Resource("App", "new", mine) if action == "push" else Resource("Source", "new")
        with self.instance.context(caller) as ctx:
            return access.decide(ctx, action, resource).allowed

    def _who(self, scope: Scope, headers: Headers) -> tuple[Caller | None, str | None]:
        """The caller by token (REST, git) or session cookie, and a new cookie when its time has come."""
        authorization, path = headers.get("authorization", ""), scope["path"]
        cookie = session_cookie(headers, is_secure(self.instance, scope["scheme"]))
        if not authorization and not cookie:
            return None, None
        via: Via = "git" if path.startswith("/git/") else "rest" if path.startswith("/api/") else "web"
        with self.instance.context(SYSTEM) as ctx:
            if authorization:  # a bad token is not mended by a good cookie
                return identity.by_token(ctx, _secret(authorization), via), None
            return identity.session(ctx, cookie, via) or (None, None)

    def _from_us(self, scope: Scope, headers: Headers) -> bool:
        """Whether a write comes from our own pages or from no browser at all.

        After Go's net/http CrossOriginProtection: browsers mark where a request comes from (Sec-Fetch-Site,
        and Origin in older ones) and no page can change that; programs send neither and carry no ambient
        cookie. Only what no browser adds by itself proves anything: a Bearer token does, a name and password
        that somebody once typed into the browser's own dialog do not.
        """
        if scope["method"] in SAFE or headers.get("authorization", "").lower().startswith("bearer "):
            return True
        site = headers.get("sec-fetch-site")
        if site is not None:
            return site in ("same-origin", "none")
        origin = headers.get("origin")
        if origin is None:
            return True
        public = urlsplit(self.instance.settings.server.public_url).netloc
        return urlsplit(origin).netloc in {headers.get("host", ""), public} - {""}

    def _dress(self, headers: MutableHeaders, scope: Scope, renewed: str | None) -> None:
        for name, value in HEADERS.items():
            headers.setdefault(name, value)
        if scope["scheme"] == "https":
            headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        if renewed and not _sets_session(headers):
            secure = is_secure(self.instance, scope["scheme"])
            headers.append("Set-Cookie", cookie_header(self.instance, renewed, secure))


def _counted(receive: Receive, limit: int) -> Receive:
    """A body of untold length ends like a broken connection once it is longer than `limit` bytes."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        return message if seen <= limit else {"type": "http.disconnect"}

    return counted


def is_secure(instance: Instance, scheme: str) -> bool:
    """Whether browsers reach Handrail over TLS: by this request, or as its settings say of all."""
    return scheme == "https" or instance.settings.server.public_url.startswith("https:")


def session_cookie(headers: Headers, secure: bool) -> str:
    """The session cookie of a request, or nothing.

    Where there is TLS, the one that only this very host can have set: a host beside it, such as an app's,
    could otherwise put a browser into somebody else's session.
    """
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(_name(secure))
    except CookieError:
        return ""
    return morsel.value if morsel else ""


def cookie_header(instance: Instance, value: str, secure: bool) -> str:
    """The Set-Cookie header of a session: not for scripts, not for other sites, and where there is TLS
    Secure and of this host alone (RFC 6265bis, 4.1.3.2).
    """
    cookie: SimpleCookie = SimpleCookie()
    name = _name(secure)
    cookie[name] = value
    age = instance.settings.identity.session_hours * 3600 if value else 0
    for key, setting in {"path": "/", "httponly": True, "samesite": "Lax", "max-age": age}.items():
        cookie[name][key] = setting
    if secure:
        cookie[name]["secure"] = True
    return cookie[name].OutputString()


def _name(secure: bool) -> str:
    return f"__Host-{SESSION}" if secure else SESSION


def _sets_session(headers: MutableHeaders) -> bool:
    names = tuple(f"{_name(secure)}=" for secure in (True, False))
    return any(value.startswith(names) for value in headers.getlist("set-cookie"))


def _secret(authorization: str) -> str:
    """The token in an Authorization header: Bearer, or the password of Basic, which git and curl send."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
