"""Ways out of a page that no content security policy closes: what stands in an address leaves with it.

What is written so that it is not found at once (escapes in names, entities in attributes, UTF-16, long
lines, a tag over several) is read as a browser reads it. A name that a page puts together while it runs is
beyond any look at its text.
"""

from __future__ import annotations

import codecs
import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from handrail.review.models import Finding, Severity
from handrail.review.rules.around import GROUP

PAGES = (
    ".html", ".htm", ".xhtml", ".xml", ".xsl", ".rdf", ".wsdl", ".xpdl", ".svg",
    ".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".vue", ".svelte",
    ".jinja", ".jinja2", ".j2", ".tmpl", ".tpl", ".mustache", ".hbs", ".ejs",
)  # fmt: skip
_MAKES_PAGES = ".py"  # in an app of kind web: it holds its page in its strings
_BEGUN_BY = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_ESCAPED = re.compile(r"\\(?:u\{0{0,8}([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))")


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
            rf"""|\bf(?P<marks>[\"']{{1,3}})(?:(?!(?P=marks)).){{0,200}}{_HOST}(?:(?!(?P=marks)).){{0,300}}\{{"""
            rf"""|\bnew\s+URL\(\s*["'`]{_HOST}""",
            re.IGNORECASE,
        ),
        "makes an address there out of values, and whoever follows it, or is led there, takes them along",
        "Leave the values out of the address, or ask the other system by a connector.",
    ),
}


def leaves(files: Mapping[str, bytes], kind: str = "static") -> Iterator[Finding]:
    """A finding for each line of a page by which what it shows could go elsewhere; of an app of kind `web`
    also for its Python, which makes pages.
    """
    endings = (*PAGES, _MAKES_PAGES) if kind == "web" else PAGES
    for file, content in files.items():
        if file.lower().endswith(endings):
            yield from _page(file, read(content))


def read(content: bytes) -> str:
    """The text as a browser reads it: a mark at its beginning counts for more than what is said elsewhere."""
    encoding = next((name for mark, name in _BEGUN_BY if content.startswith(mark)), "utf-8")
    return content.decode(encoding, "replace").replace("\r\n", "\n").replace("\r", "\n")


def _plain(text: str) -> str:
    """The same with what is escaped as it is meant, line for line."""
    if "&" in text:
        text = "\n".join(" ".join(html.unescape(line).splitlines()) for line in text.split("\n"))
    return _ESCAPED.sub(_meant, text) if "\\" in text else text


def _meant(escape: re.Match[str]) -> str:
    number = int(next(filter(None, escape.groups())), 16)
    letter = chr(number) if number < 0x110000 else ""
    return letter if letter.isprintable() else " "


def _page(file: str, text: str) -> Iterator[Finding]:
    text = _plain(text)
    for rule, way in _WAYS.items():
        number, counted, before = 1, 0, 0
        for found in way.sign.finditer(text):
            number, counted = number + text.count("\n", counted, found.start()), found.start()
            if number == before:
                continue
            before = number
            yield Finding(
                rule=rule,
                severity=way.severity,
                title=way.title,
                file=file,
                line=number,
                end_line=number,
                because=f"`{' '.join(found[0].split())[:60]}…` {way.because}.",
                fix=way.fix,
                group=GROUP,
            )
