"""What says on each page of the sandbox that its data is synthetic: a style sheet that no page brings."""

import re

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Scope, Send

PATH = "/.handrail/sandbox.css"
_SHEET = """\
html::after {
  content: "Sandbox: synthetic data";
  position: fixed; inset-block-end: 12px; inset-inline-end: 12px; z-index: 2147483647;
  padding: 6px 12px; border: 1px solid #b7791f; border-radius: 999px;
  background: #fdf3d8; color: #5f3b02; font: 600 13px/1.4 system-ui, sans-serif;
  pointer-events: none;
}
"""
_FIRST = 64 * 1024  # bytes in which a page has its head, if it has one
_LINK = f'<link rel="stylesheet" href="{PATH}">'.encode()
_HEAD = re.compile(rb"<(head|html|!doctype)(\s[^>]*)?>", re.IGNORECASE)


def sheet() -> ASGIApp:
    """The style sheet."""
    return Response(_SHEET, media_type="text/css", headers={"Cache-Control": "private, max-age=3600"})


def asked_plainly(scope: Scope) -> Scope:
    """The request of a page, so that it comes as it is and not compressed."""
    return {**scope, "headers": [one for one in scope["headers"] if one[0] != b"accept-encoding"]}


def marked(page: bytes) -> bytes:
    """The beginning of a page with the style sheet linked in its head, or as far up as it may stand."""
    at = {match[1].lower(): match.end() for match in reversed(list(_HEAD.finditer(page[:_FIRST])))}
    here = at.get(b"head", at.get(b"html", at.get(b"!doctype", 0)))
    return page[:here] + _LINK + page[here:]


def marking(send: Send) -> Send:
    """Send a whole page of HTML with the style sheet linked; anything else as it is."""
    begun: Message | None = None

    async def sent(message: Message) -> None:
        nonlocal begun
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            plain = "content-encoding" not in headers and "content-range" not in headers
            if message["status"] == 200 and plain and headers.get("content-type", "").startswith("text/html"):
                for name in ("content-length", "etag", "last-modified"):
                    del headers[name]
                begun = message
                return
        elif begun is not None:
            await send(begun)
            begun, message = None, {**message, "body": marked(message.get("body", b""))}
        await send(message)

    return sent
