"""What apps write is shown, and nothing of it runs, is fetched, or pretends to be a page of Handrail's."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.kernel import Invalid
from handrail.runtime.markup import checked_svg, inert_html, is_svg, markdown
from tests.cases import cases

ATTACKS = [
    "<script>alert(1)</script>", "a <img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "[x](JaVaScript:alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)", "![x](https://evil.example/?rows)", "![x](/runs/1/stop)", "[x](/people)",
    "[x](//evil.example)", "[x](vbscript:1)", "<javascript:alert(1)>", "[x]: javascript:alert(1)\n[x]", "[a](&#106;avascript:alert(1))",
    '[a](https://x.example "\\" onmouseover=alert(1)")', "| a |\n|---|\n| <script> |", "```\"><script>\n</script>\n```",
]  # fmt: skip
SCRIPTED = [
    b"<svg><script>alert(1)</script></svg>", b"<svg onload='alert(1)'/>", b"<svg><a href='javascript:alert(1)'/></svg>",
    b"<svg xmlns:xlink='http://www.w3.org/1999/xlink'><use xlink:href='https://evil.example/x.svg#a'/></svg>",
    b"<svg><image href='https://evil.example/?rows'/></svg>", b"<svg><foreignObject><b/></foreignObject></svg>",
    b"<!DOCTYPE svg [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><svg>&b;</svg>", b"<svg><style>@import 'https://evil.example'</style></svg>",
    b"<?xml-stylesheet href='https://evil.example/x.css'?><svg/>", b"<svg style='background:url(https://evil.example)'/>",
    b"<svg><set attributeName='href' to='javascript:alert(1)'/></svg>", b"<svg", b"<html><svg/></html>",
    b"<s:svg xmlns:s='http://www.w3.org/2000/svg'><s:script/></s:svg>", b"<svg><image href='data:image/svg+xml;base64,PHN2Zy8+'/></svg>",
]  # fmt: skip
MATPLOTLIB = b"""<?xml version="1.0" encoding="utf-8" standalone="no"?>
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
<svg xmlns:xlink="http://www.w3.org/1999/xlink" xmlns="http://www.w3.org/2000/svg" version="1.1">
<metadata><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></metadata>
<defs><style type="text/css">*{stroke-linejoin: round}</style><clipPath id="p"><rect/></clipPath></defs>
<g clip-path="url(#p)"><use xlink:href="#p"/><text>See url(x)</text></g></svg>"""
_TAG = re.compile(r"<(/?)([a-z0-9]+)([^>]*)>")
_KNOWN = {
    *(
        "p",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "ul",
        "ol",
        "li",
        "em",
        "strong",
        "code",
        "pre",
        "blockquote",
        "hr",
        "br",
    ),
    *("a", "table", "thead", "tbody", "tr", "th", "td"),
}


def only_words(html: str) -> None:
    for _, name, attributes in _TAG.findall(html):
        assert name in _KNOWN, html
        for key, value in re.findall(r'([\w-]+)="([^"]*)"', attributes):
            assert key in ("href", "title", "rel", "target", "class", "start"), html
            assert key != "href" or value.startswith(("https://", "http://", "mailto:")), html
            assert key != "class" or value == "right" or value.startswith("language-"), html


@pytest.mark.parametrize("text", ATTACKS)
def test_markdown_becomes_words_and_links_to_elsewhere(text: str) -> None:
    html = str(markdown(text))
    only_words(html)
    assert "<script" not in html


@settings(max_examples=cases(300), deadline=None)
@given(st.text(alphabet="<>()[]!`*_#|-\n\"'&;:/ ajvscriptonx=", max_size=80))
def test_whatever_is_written_no_other_element_comes_of_it(text: str) -> None:
    only_words(str(markdown(text)))


def test_markdown_is_written_for_people() -> None:
    html = str(
        markdown("# Sales\n\n| region | net |\n|---|---:|\n| EMEA | 1 |\n\n**Up** [more](https://x.example)")
    )
    assert '<td class="right">1</td>' in html
    assert "<h1>Sales</h1>" in html and "<td>EMEA</td>" in html and "<strong>Up</strong>" in html
    assert 'href="https://x.example" rel="noopener noreferrer nofollow" target="_blank"' in html


@pytest.mark.parametrize("content", SCRIPTED)
def test_an_svg_that_could_run_or_fetch_something_is_refused(content: bytes) -> None:
    with pytest.raises(Invalid):
        checked_svg(content)


def test_the_svg_of_a_plot_is_taken() -> None:
    assert is_svg(MATPLOTLIB)
    checked_svg(MATPLOTLIB)


@pytest.mark.parametrize("tag", [b"<link rel=preconnect href=//rows.evil>", b"<LINK/rel=dns-prefetch>", b"<meta\nhttp-equiv=refresh>", b"<base href=x>"])  # fmt: skip
def test_a_report_speaks_to_no_other_host_by_itself(tag: bytes) -> None:
    made = inert_html(b"<p>" + tag + b"<linked><b>")
    assert made.startswith(b"<p><x-") and made.endswith(b"<linked><b>")
