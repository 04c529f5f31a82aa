"""Pages of an app that load from, or send to, other servers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from handrail.review.models import Finding
from handrail.review.rules.around import GROUP

PAGES = (".html", ".htm", ".js", ".mjs", ".css")
OUTSIDE = re.compile(
    r"""<(?:script|link|iframe)\b[^>]{0,300}\b(?:src|href)=["']?(?:https?:)?//|\bfetch\(\s*["'`]https?://"""
    r"""|new\s+(?:WebSocket|EventSource)\(\s*["'`](?:wss?|https?)://|@import\s+(?:url\()?["']?https?://"""
    r"""|\bimport\b[^;\n]{0,200}\bfrom\s+["']https?://""",
    re.IGNORECASE,
)


def outside(files: Mapping[str, bytes]) -> Iterator[Finding]:
    """A blocking finding for each line of a page that reaches another server."""
    for file, content in files.items():
        if file.lower().endswith(PAGES):
            yield from _page(file, content)


def _page(file: str, content: bytes) -> Iterator[Finding]:
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        if found := OUTSIDE.search(line[:20_000]):
            yield Finding(
                rule="loads-from-outside",
                severity="blocks",
                title="The page loads something from another server",
                file=file,
                line=number,
                end_line=number,
                because=f"`{found[0][:60].strip()}…` reaches another server. A page of an app has "
                f"no network, so this "
                "part stays empty, and what it would send nobody could see.",
                fix="Put the script or style into the app's folder and load it from there.",
                group=GROUP,
            )
