"""Bytes that an app chose, as answers that no browser will run."""

from urllib.parse import quote

from fastapi import Response

from handrail.runtime.download import Kept
from handrail.runtime.markup import inert_html
from handrail.runtime.models import Output

# An app chose these bytes: a browser shows them as what they claim to be, or keeps them in a file. `sandbox`
# gives them an origin that is nobody's, without scripts, forms and windows; nothing is fetched or looked up.
_HELD = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'self'"
)
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": f"sandbox; {_HELD}",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",
    "Referrer-Policy": "no-referrer",
    "X-DNS-Prefetch-Control": "off",
}
# A browser's own viewer shows a PDF, and none does in a sandbox; what a PDF holds is no page in any of them.
_SAFE_PDF = {**SAFE, "Content-Security-Policy": f"{_HELD}; object-src 'self'"}


def downloaded(kept: Kept) -> Response:
    """What somebody keeps, as an answer that no browser will run, whatever is in it."""
    plain = kept.name.encode("ascii", "replace").decode().replace("?", "_")
    named = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(kept.name)}"
    return Response(kept.content, media_type=kept.media, headers={**SAFE, "Content-Disposition": named})


def shown(output: Output, content: bytes) -> Response:
    """What stands in the page of a run, in a frame or as a picture; opened by itself it cannot run either."""
    if output.kind == "html":
        return Response(inert_html(content), media_type="text/html; charset=utf-8", headers=SAFE)
    headers = _SAFE_PDF if output.kind == "pdf" else SAFE
    return Response(content, media_type=output.media, headers={**headers, "Content-Disposition": "inline"})
