"""What an app wrote as Markdown, HTML or SVG, made safe to look at: nothing runs, and nothing is fetched."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from xml.parsers import expat

from markupsafe import Markup

from handrail.kernel import Invalid

if TYPE_CHECKING:  # loaded when a page shows Markdown
    from markdown_it import MarkdownIt

SVG = "image/svg+xml"
_LINKED = frozenset({"http", "https", "mailto"})
_SCRIPTED = frozenset(
    {"script", "foreignobject", "iframe", "embed", "object", "handler", "listener", "animate", "set"}
    | {"animatetransform", "animatemotion"}
)
_PICTURE = re.compile(r"data:image/(png|jpeg|gif);base64,", re.IGNORECASE)
_SPEAKS = re.compile(rb"<(?=(?:link|meta|base)[\s/>])", re.IGNORECASE)
_OUTSIDE = re.compile(r"url\(\s*['\"]?\s*(?!#)|@import|expression\(|-moz-binding", re.IGNORECASE)


def markdown(text: str) -> Markup:
    """CommonMark with tables as HTML. Raw HTML is shown as text, a picture is a link to it, and links lead
    to elsewhere by http, https or mailto alone, which do not learn where they were followed.
    """
    return Markup(_renderer().render(text))  # noqa: S704 - made by the renderer, which escapes all texts


@cache
def _renderer() -> MarkdownIt:
    from markdown_it import MarkdownIt  # noqa: PLC0415

    made = (
        MarkdownIt("commonmark", {"html": False})
        .enable("table")
        .disable(["image", "html_block", "html_inline"])
    )
    made.validateLink = _leads_out  # type: ignore[method-assign, assignment]

    def link(renderer: Any, tokens: Any, place: int, options: Any, env: Any) -> str:
        tokens[place].attrSet("rel", "noopener noreferrer nofollow")
        tokens[place].attrSet("target", "_blank")
        opened: str = renderer.renderToken(tokens, place, options, env)
        return opened

    def cell(renderer: Any, tokens: Any, place: int, options: Any, env: Any) -> str:
        """How a column is aligned, as a class: our pages take no style that stands in them."""
        if "right" in str(tokens[place].attrs.pop("style", "")):
            tokens[place].attrSet("class", "right")
        opened: str = renderer.renderToken(tokens, place, options, env)
        return opened

    made.add_render_rule("link_open", link)
    made.add_render_rule("th_open", cell)
    made.add_render_rule("td_open", cell)
    return made


def _leads_out(address: str) -> bool:
    """Whether a link says where it leads. One without a host would lead to a page of Handrail's."""
    try:
        parts = urlsplit(address.strip())
    except ValueError:
        return False
    return parts.scheme.lower() in _LINKED and bool(parts.netloc or parts.scheme.lower() == "mailto")


def inert_html(content: bytes) -> bytes:
    """HTML without the elements by which a page speaks to other hosts before anybody touches it.

    `link`, `meta` and `base` become elements that mean nothing. All else is held by the sandbox around it.
    """
    return _SPEAKS.sub(b"<x-", content)


def is_svg(content: bytes) -> bool:
    """Whether this begins like an SVG picture."""
    head = content[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    return head.startswith(b"<") and re.search(rb"<(?:\w+:)?svg[\s>]", content[:4096]) is not None


def checked_svg(content: bytes) -> None:
    """Refuse Invalid an SVG that could run something, fetch something, or unfold.

    A page shows it as a picture, in which none of that works; but whoever keeps the file may open it.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    depth, styles = 0, 0

    def doctype(_name: str, _system: str | None, _public: str | None, inside: int) -> None:
        if inside:
            raise _refused("declarations of its own")

    def element(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, styles
        local = name.rpartition(" ")[2].lower()
        if depth == 0 and local != "svg":
            raise _refused("another root than svg")
        depth += 1
        styles += local == "style"
        if local in _SCRIPTED:
            raise _refused(f"<{local}>")
        for key, value in attributes.items():
            short = key.rpartition(" ")[2].lower()
            if short.startswith("on"):
                raise _refused(f"the attribute {short[:20]}")
            pointed = value.strip()
            if short in ("href", "src") and not (pointed.startswith("#") or _PICTURE.match(pointed)):
                raise _refused("a link to something outside")
            if _OUTSIDE.search(value) and short not in ("href", "src"):
                raise _refused("a style that fetches something")

    def ended(name: str) -> None:
        nonlocal styles
        styles -= name.rpartition(" ")[2].lower() == "style"

    def text(content: str) -> None:
        if styles and _OUTSIDE.search(content):
            raise _refused("a style that fetches something")

    def instruction(target: str, _data: str) -> None:
        raise _refused(f"an instruction ({target[:20]})")

    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler = element
    parser.EndElementHandler = ended
    parser.CharacterDataHandler = text
    parser.buffer_text = True
    parser.ProcessingInstructionHandler = instruction
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, ValueError):
        raise Invalid("That is not an SVG picture.", next_step="Save it as PNG.") from None


def _refused(what: str) -> Invalid:
    return Invalid(
        f"An SVG picture may not have {what}: it could run or fetch something where it is opened.",
        next_step="Take that out, or save the picture as PNG.",
    )
