"""A short word after a redirect ("Pushed version 3"), carried once in a signed cookie that lives a minute."""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass

from fastapi import Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

COOKIE = "handrail_toast"
SECONDS = 60
FORM_HEADER = "x-handrail-form"


@dataclass(frozen=True)
class Toast:
    """What is said, and how it went: good, info, warn or bad."""

    text: str
    tone: str = "good"


def back(request: Request, url: str, toast: str = "", tone: str = "good") -> Response:
    """Lead the browser to `url` after a POST (303), where `toast` is shown once.

    Refuses (ValueError) an address outside this server. A form sent by our own script gets the address as
    JSON, because a script cannot see where a redirect leads without following it.
    """
    if not is_local(url):
        raise ValueError("kit.back leads only to addresses of this server")
    response: Response
    if request.headers.get(FORM_HEADER):
        response = JSONResponse({"location": url})
    else:
        response = RedirectResponse(url, status_code=303)
    if toast:
        value = seal(request, json.dumps([toast[:500], tone]))
        response.set_cookie(
            COOKIE, value, max_age=SECONDS, httponly=True, samesite="lax", secure=is_secure(request)
        )
    return response


def waiting(request: Request) -> tuple[Toast, ...]:
    """The toast that this request brought along, if it is ours and fresh."""
    opened = unseal(request, request.cookies.get(COOKIE, ""))
    if opened is None:
        return ()
    text, tone = json.loads(opened)
    return (Toast(text, tone),)


def is_local(url: str) -> bool:
    """Whether the address stays on this server (`//host`, `/\\host` and control characters do not)."""
    plain = all(character.isprintable() for character in url)
    return plain and url.startswith("/") and not url.startswith(("//", "/\\"))


def is_secure(request: Request) -> bool:
    """Whether the browser speaks TLS to us, so that cookies may be marked Secure."""
    return request.url.scheme == "https"


def seal(request: Request, text: str) -> str:
    """`text` with its time and our signature, fit for a cookie."""
    body = base64.urlsafe_b64encode(f"{int(time.time())} {text}".encode()).decode().rstrip("=")
    return f"{body}.{_signature(request, body)}"


def unseal(request: Request, value: str) -> str | None:
    """What `seal` was given, or None when the cookie is forged, damaged or older than a minute."""
    body, _, signature = value.partition(".")
    if not body or not hmac.compare_digest(signature.encode(), _signature(request, body).encode()):
        return None
    sealed, _, text = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode().partition(" ")
    return text if time.time() - int(sealed) <= SECONDS else None


def _signature(request: Request, body: str) -> str:
    key = request.app.state.instance.secret("toast")
    return hmac.new(key, body.encode(), hashlib.sha256).hexdigest()
