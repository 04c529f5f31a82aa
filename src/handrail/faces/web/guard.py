"""What stands before every request: who asks, no forged writes from other sites, headers for the browser."""

import base64
import binascii
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from handrail.kernel import SYSTEM, Caller, Instance, Via, identity

SESSION = "handrail_session"
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
    """ASGI middleware: puts the caller on the request, renews the session, refuses cross-site writes."""

    def __init__(self, app: ASGIApp, instance: Instance) -> None:
        self.app = app
        self.instance = instance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Guard one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        renewed: str | None = None
        public = scope["path"].startswith("/static/") or scope["path"] == "/healthz"
        if not public:
            caller, renewed = await to_thread.run_sync(self._who, scope["path"], headers)
            scope.setdefault("state", {})["caller"] = caller

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._dress(MutableHeaders(scope=message), scope, renewed)
            await send(message)

        app = self.app if self._from_us(scope, headers) else _CROSS_SITE
        await app(scope, receive, guarded)

    def _who(self, path: str, headers: Headers) -> tuple[Caller | None, str | None]:
        """The caller by token (REST, git) or session cookie, and a new cookie when its time has come."""
        authorization = headers.get("authorization", "")
        cookie = session_cookie(headers)
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
        cookie.
        """
        if scope["method"] in SAFE or headers.get("authorization"):
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
            headers.append("Set-Cookie", cookie_header(self.instance, renewed, scope["scheme"] == "https"))


_CROSS_SITE = PlainTextResponse(
    "This request came from another website and was not carried out. Open Handrail itself and try again.\n",
    403,
)


def session_cookie(headers: Headers) -> str:
    """The session cookie of a request, or nothing."""
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(SESSION)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


def cookie_header(instance: Instance, value: str, secure: bool) -> str:
    """The Set-Cookie header of a session: not for scripts, not for other sites, Secure where there is TLS."""
    cookie: SimpleCookie = SimpleCookie()
    cookie[SESSION] = value
    age = instance.settings.identity.session_hours * 3600 if value else 0
    for key, setting in {"path": "/", "httponly": True, "samesite": "Lax", "max-age": age}.items():
        cookie[SESSION][key] = setting
    if secure or instance.settings.server.public_url.startswith("https:"):
        cookie[SESSION]["secure"] = True
    return cookie[SESSION].OutputString()


def _sets_session(headers: MutableHeaders) -> bool:
    return any(value.startswith(f"{SESSION}=") for value in headers.getlist("set-cookie"))


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
