"""Ways out of a page that no content security policy closes: what stands in an address leaves with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from handrail.review.models import Finding, Severity
from handrail.review.rules.around import GROUP

PAGES = (".html", ".htm", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".vue", ".svelte", ".svg")
_LONGEST = 20_000  # characters of a line that are looked at


@dataclass(frozen=True)
class _Way:
    severity: Severity
    title: str
    sign: re.Pattern[str]
    because: str
    fix: str


# Names of XML, and what the bundles of frameworks say in their own errors: nobody is led there.
_NAMES = r"(?:www\.w3\.org|(?:legacy\.)?reactjs\.org|react\.dev|fb\.me|vuejs\.org|svelte\.dev|angular\.dev)/"
_HOST = rf"(?:https?:|wss?:)?//(?!{_NAMES})[\w\[$]"
_WAYS = {
    "leaves-by-peer-connection": _Way(
        "blocks",
        "The page opens a connection past Handrail",
        re.compile(r"\b(?:webkit|moz)?RTCPeerConnection\b|\bWebTransport\s*\("),
        "sends to whatever server it names, by ways that the rules of a page do not cover in every browser",
        "Ask Handrail: query, metric, and connector for other systems.",
    ),
    "leaves-by-refresh": _Way(
        "blocks",
        "The page sends its visitor to another server by itself",
        re.compile(
            rf"""<meta\b[^>]{{0,200}}\brefresh\b[^>]{{0,200}}\burl\s*=\s*["']?{_HOST}""", re.IGNORECASE
        ),
        "leads away without a click, with whatever stands in the address",
        "Show a link instead, which people see before they follow it.",
    ),
    "leaves-by-hint": _Way(
        "blocks",
        "The page looks up another server",
        re.compile(
            r"""<link\b[^>]{0,300}\brel=["']?(?:dns-prefetch|preconnect)\b"""
            r"""|["'`](?:dns-prefetch|preconnect)["'`]|\bspeculationrules\b""",
            re.IGNORECASE,
        ),
        "asks for another server before anybody goes there: the name that is looked up can carry data",
        "Take it out: there is nothing for a page of an app to load from elsewhere.",
    ),
    "leaves-in-an-address": _Way(
        "warns",
        "The page puts values into an address of another server",
        re.compile(
            rf"""(?P<quote>["']){_HOST}(?:(?!(?P=quote)).){{0,500}}(?P=quote)\s*\+"""
            rf"""|`{_HOST}[^`]{{0,500}}\$\{{"""
            rf"""|`(?:https?:)?//\$\{{"""
            rf"""|\bnew\s+URL\(\s*["'`]{_HOST}""",
            re.IGNORECASE,
        ),
        "makes an address there out of values, and whoever follows it, or is led there, takes them along",
        "Leave the values out of the address, or ask the other system by a connector.",
    ),
}


def leaves(files: Mapping[str, bytes]) -> Iterator[Finding]:
    """A finding for each line of a page by which what it shows could go elsewhere."""
    for file, content in files.items():
        if file.lower().endswith(PAGES):
            yield from _page(file, content)


def _page(file: str, content: bytes) -> Iterator[Finding]:
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        for rule, way in _WAYS.items():
            if found := way.sign.search(line[:_LONGEST]):
                yield Finding(
                    rule=rule,
                    severity=way.severity,
                    title=way.title,
                    file=file,
                    line=number,
                    end_line=number,
                    because=f"`{found[0][:60].strip()}…` {way.because}.",
                    fix=way.fix,
                    group=GROUP,
                )
