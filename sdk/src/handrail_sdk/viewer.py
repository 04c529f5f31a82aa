"""Who a hosted app answers at this moment: Handrail writes it on each request, and each question repeats it.

What is written is sealed by Handrail and good for that request alone. An app that repeats another one asks
with the rights of somebody who has the same, and only while that person is there.
"""

import sys
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextvars import ContextVar
from typing import Any

HEADER = "handrail-viewer"
_viewer: ContextVar[str] = ContextVar("handrail_viewer", default="")

Message = MutableMapping[str, Any]
Application = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def current() -> str:
    """The word of Handrail for whom a request is answered; empty where none is."""
    return _viewer.get() or _of_streamlit() or _of_gradio()


def asgi(app: Application) -> Application:
    """The ASGI application, in which questions are asked for whom the request came from."""

    async def named(scope: Message, receive: Any, send: Any) -> None:
        found = next((value for key, value in scope.get("headers", ()) if key == HEADER.encode()), b"")
        _viewer.set(found.decode("latin-1"))
        await app(scope, receive, send)

    return named


def wsgi(app: Wsgi) -> Wsgi:
    """The same for WSGI, whose servers answer each request in a thread of its own."""

    def named(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        _viewer.set(environ.get("HTTP_HANDRAIL_VIEWER", ""))
        return app(environ, start)

    return named


def _of_streamlit() -> str:
    """Streamlit runs a script in a thread of its own, and keeps the request that its session began with."""
    streamlit: Any = sys.modules.get("streamlit")
    if streamlit is None:
        return ""
    try:
        return str(streamlit.context.headers.get(HEADER, ""))
    except Exception:  # noqa: BLE001 - outside of a session there is nobody, whatever Streamlit makes of it
        return ""


def _of_gradio() -> str:
    """Gradio answers from a queue, and remembers the request that put an event into it."""
    gradio: Any = sys.modules.get("gradio.context")
    if gradio is None:
        return ""
    try:
        return str(gradio.LocalContext.request.get(None).headers.get(HEADER, ""))
    except Exception:  # noqa: BLE001 - as above
        return ""
