"""What Handrail itself says at an app's origin: short pages that need nothing else, and problems for
programs.
"""

import html

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from handrail import kit
from handrail.faces import rest
from handrail.faces.origins.headers import ELSEWHERE, policed
from handrail.kernel import NotAllowed, NotFound, Refusal

_AGAIN = 2  # seconds until the page of an app that wakes looks again
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
# Handrail's look (kit.css) in what a page without files of its own can have of it.
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.55 Inter, system-ui, sans-serif; }}
body {{ margin: 0; background: light-dark(#f5f3ee, #0e1618); color: light-dark(#17232a, #e8eeec); }}
main {{ box-sizing: border-box; max-width: 34rem; margin: 14vh auto 3rem; padding: 0 1rem; }}
article {{ padding: 1.5rem 1.6rem; border: 1px solid light-dark(#e2ddd2, #283a3e); border-radius: 10px;
  background: light-dark(#fffefb, #152023); overflow-wrap: anywhere; }}
h1 {{ font-size: 1.35rem; line-height: 1.3; margin: 0 0 .6rem; }}
p {{ margin: .5rem 0; }}
.next {{ border-inline-start: 3px solid light-dark(#b57f24, #d9a441); padding-inline-start: .75rem;
  color: light-dark(#535e63, #a4b3b3); }}
.wait {{ height: 3px; margin: 1.2rem 0; border-radius: 3px; overflow: hidden;
  background: light-dark(#f0ede6, #283a3e); }}
.wait::before {{ content: ""; display: block; width: 30%; height: 100%; border-radius: 3px;
  background: light-dark(#b57f24, #d9a441); animation: along 1.6s ease-in-out infinite alternate; }}
@keyframes along {{ to {{ transform: translateX(233%); }} }}
@media (prefers-reduced-motion: reduce) {{ .wait::before {{ animation: none; width: 100%; }} }}
</style>
<main role="{role}"><article>
<h1>{title}</h1><p>{message}</p>{wait}<p class="next">{next_step}</p>
</article></main>
</html>
"""
_WAIT = '<div class="wait" aria-hidden="true"></div>'


class _Answer:
    """An answer to a request; a WebSocket is refused before it begins (RFC 6455, 4.2.2)."""

    def __init__(self, refusal: Refusal, secure: bool, status: int | None = None) -> None:
        self._refusal, self._secure = refusal, secure
        self._status = status or refusal.status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": self._refusal.code})
            return
        if "text/html" in Request(scope).headers.get("accept", ""):
            said = {
                "title": kit.headline(self._refusal),
                "message": self._refusal.message,
                "next_step": self._refusal.next_step,
            }
            answer: Response = HTMLResponse(_page(said, "alert"), self._status)
        else:
            answer = rest.problem(self._refusal)
            answer.status_code = self._status
        await _held(answer, self._secure)(scope, receive, send)


def refused(refusal: Refusal, secure: bool) -> ASGIApp:
    """A refusal, as a page for people and as a problem for programs (RFC 9457)."""
    return _Answer(refusal, secure)


def foreign(secure: bool) -> ASGIApp:
    """The answer to what another website asked in a viewer's name."""
    said = NotAllowed(
        "This request came from another website and was not carried out.",
        next_step="Open the app itself and do it there.",
    )
    return _Answer(said, secure)


def unknown(secure: bool) -> ASGIApp:
    """The answer to a program that nobody is known of."""
    said = NotAllowed("Nobody is signed in here.", next_step="Open the app in a browser.")
    return _Answer(said, secure, 401)


def nothing(secure: bool) -> ASGIApp:
    """The answer where an app has nothing."""
    said = NotFound("There is nothing at this address of the app.", next_step="Go back to its first page.")
    return _Answer(said, secure)


def waking(app: str, secure: bool) -> ASGIApp:
    """The page of an app that is about to answer, which asks again by itself."""
    return _Waking(app, secure)


class _Waking:
    def __init__(self, app: str, secure: bool) -> None:
        self._app, self._secure = app, secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        said = {
            "title": f"{self._app} is waking up",
            "message": "It is being started, which takes a moment.",
            "next_step": "You need do nothing: this page looks again by itself.",
        }
        again = {"Refresh": str(_AGAIN), "Retry-After": str(_AGAIN)}
        await _held(HTMLResponse(_page(said, "status", _WAIT), 503, again), self._secure)(
            scope, receive, send
        )


def _page(said: dict[str, str], role: str, wait: str = "") -> str:
    return _PAGE.format(role=role, wait=wait, **{key: html.escape(value) for key, value in said.items()})


async def elsewhere(scope: Scope, receive: Receive, send: Send) -> None:
    """Tell a host that asks for an app that it is not here (421, RFC 9110, 15.5.20)."""
    kind, headers = "http", [(ELSEWHERE.encode(), b"1"), (b"content-length", b"0")]
    if scope["type"] == "websocket":
        await receive()
        kind = "websocket.http"
    await send({"type": f"{kind}.response.start", "status": 421, "headers": headers})
    await send({"type": f"{kind}.response.body", "body": b""})


def led(address: str, cookie: str, secure: bool) -> ASGIApp:
    """Lead a browser to Handrail, with a cookie by which it is known when it comes back."""
    return _held(RedirectResponse(address, 303, {"Set-Cookie": cookie}), secure)


def begun(onward: str, cookie: str, secure: bool) -> ASGIApp:
    """Begin a visit, and go on to the app without the ticket in the address."""
    return _held(RedirectResponse(onward, 303, {"Set-Cookie": cookie}), secure)


def _held(answer: Response, secure: bool) -> Response:
    for key, value in policed(_POLICY, secure):
        answer.headers[key.decode()] = value.decode()
    answer.headers["Cache-Control"] = "no-store"
    return answer
