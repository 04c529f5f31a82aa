"""Which headers pass between a browser and an app, and what is said besides: nothing of ours in, no way
out.
"""

from collections.abc import Collection, Iterator

Raw = Collection[tuple[bytes, bytes]]

# RFC 9110, 7.6.1: what is between two neighbours, and what only a proxy may say.
_BETWEEN = {
    b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te",
    b"trailer", b"transfer-encoding", b"upgrade", b"http2-settings",
}  # fmt: skip
# Also with underscores: WSGI (PEP 3333) cannot tell `handrail_person` from `handrail-person`.
_OURS = (b"handrail-", b"x-forwarded-", b"forwarded", b"authorization", b"sec-websocket-")
_POLICED = {
    b"content-security-policy", b"content-security-policy-report-only", b"strict-transport-security",
    b"access-control-allow-origin", b"access-control-allow-credentials", b"server", b"x-frame-options",
    b"referrer-policy", b"x-content-type-options", b"permissions-policy", b"service-worker-allowed",
    b"cross-origin-opener-policy", b"cross-origin-resource-policy", b"set-cookie", b"report-to",
    b"reporting-endpoints", b"nel", b"clear-site-data", b"alt-svc", b"x-dns-prefetch-control",
    b"origin-agent-cluster",
}  # fmt: skip
SCHEME = "handrail-scheme"  # from host to host: what the browser spoke
ELSEWHERE = "handrail-elsewhere"  # from host to host: the app is not here
COOKIE = "handrail_visit"
KNOCKED = f"{COOKIE}_knock"  # what a browser is known by before anybody is signed in there
# A page may use whatever came from its own origin, and reach nothing else.
WEB = (
    "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; connect-src 'self' data: blob:; "
    "form-action 'self'; base-uri 'self'; frame-ancestors 'self'; object-src 'none'"
)
_SAID = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # without any, browsers call the origin of a form "null"
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Origin-Agent-Cluster": "?1",  # no two apps can agree on a document.domain
    "X-DNS-Prefetch-Control": "off",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def cookie_name(secure: bool, which: str = COOKIE) -> str:
    """The name of a cookie of ours; with this prefix a browser takes it from no other host (RFC 6265bis)."""
    return f"__Host-{which}" if secure else which


def cookie_of(headers: Raw, secure: bool, which: str = COOKIE) -> str:
    """The secret of the visit that a request belongs to, or of another cookie of ours; or nothing."""
    for key, value in headers:
        if key == b"cookie":
            for name, pair in _pairs(value):
                if name == cookie_name(secure, which):
                    return pair.partition("=")[2].strip()
    return ""


def set_cookie(value: str, secure: bool, seconds: int, which: str = COOKIE) -> str:
    """The header that keeps a visit's cookie: for this host alone, not for scripts."""
    kept = f"{cookie_name(secure, which)}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}"
    return kept + ("; Secure" if secure else "")


def to_app(headers: Raw, said: dict[str, str]) -> list[tuple[str, str]]:
    """What an app hears of a request, and what Handrail says of it; nobody else can say that."""
    # A body of untold length ends by itself; a length beside it is another one's chance to say where the
    # next request begins (RFC 9112, 6.3).
    untold = any(key == b"transfer-encoding" for key, _ in headers)
    passed = []
    for key, value in headers:
        if key in _BETWEEN or key.replace(b"_", b"-").startswith(_OURS):
            continue
        if untold and key == b"content-length":
            continue
        text = value.decode("latin-1")
        if key == b"cookie":
            text = "; ".join(pair for name, pair in _pairs(value) if COOKIE not in name.lower())
            if not text:
                continue
        passed.append((key.decode("latin-1"), text))
    return [*passed, *said.items()]


def to_browser(headers: Raw, policy: str, secure: bool) -> list[tuple[bytes, bytes]]:
    """What a browser hears of an answer: the app's own headers, and the rules that it cannot change."""
    passed = []
    for key, value in headers:
        low = key.lower()
        if low == b"set-cookie" and (cookie := _own_cookie(value)):
            passed.append((b"set-cookie", cookie))
        elif low not in _BETWEEN and low not in _POLICED and not low.startswith(_OURS[0]):
            passed.append((low, value))
    return [*passed, *policed(policy, secure)]


def between_hosts(headers: Raw, said: dict[str, str]) -> list[tuple[str, str]]:
    """What another host hears of a request: all that the browser said, and what only a host can say."""
    passed = [
        (key.decode("latin-1"), value.decode("latin-1"))
        for key, value in headers
        if key not in _BETWEEN and key != b"expect" and not key.startswith((_OURS[0], b"sec-websocket-"))
    ]
    return [*passed, *said.items()]


def from_host(headers: Raw) -> list[tuple[bytes, bytes]]:
    """What a browser hears of an answer that another host has made, which has held it to its rules there."""
    lowered = [(key.lower(), value) for key, value in headers]
    return [(key, value) for key, value in lowered if key not in _BETWEEN and not key.startswith(_OURS[0])]


def policed(policy: str, secure: bool) -> list[tuple[bytes, bytes]]:
    """The headers with which a browser holds an app to its origin."""
    said = {"Content-Security-Policy": policy, **_SAID}
    if secure:
        said["Strict-Transport-Security"] = "max-age=31536000"
    return [(key.lower().encode(), value.encode()) for key, value in said.items()]


def _own_cookie(value: bytes) -> bytes:
    """A cookie of the app's for its own host; nothing where it takes our name."""
    parts = [part.strip() for part in value.split(b";")]
    name, equals, rest = parts[0].partition(b"=")
    # One without a name comes back as its value alone, which may look like another's name and value.
    if COOKIE.encode() in (name.strip() if equals and name.strip() else rest or name).lower():
        return b""
    return b"; ".join(part for part in parts if not part.lower().startswith(b"domain"))


def _pairs(cookies: bytes) -> Iterator[tuple[str, str]]:
    """Each cookie's name and the whole of it, as the browser sent it.

    Not by `http.cookies`, which takes none of them once one is odd: pages put JSON into cookies, and one app
    could send viewers of all others away with a cookie for their domain.
    """
    for pair in cookies.decode("latin-1").split(";"):
        if whole := pair.strip():
            name = whole.partition("=")[0].strip()
            yield name, whole
