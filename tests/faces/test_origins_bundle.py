"""What browsers are told that the files of a static app are, and that the review looks at all that runs."""

import mimetypes

import pytest

from handrail.faces.origins import bundle
from handrail.faces.origins.bundle import media_of
from handrail.review.rules.leaves import leaves

RUNS = ("html", "script", "xml", "svg")  # in a media type: what a browser runs or is led away by
REFRESH = b'<meta http-equiv="refresh" content="0; url=https://collect.example.com/">'


@pytest.mark.parametrize("name", ["app.js.gz", "page.html.br", "page.html.Z", "art.svgz", "app.mjs.xz"])
def test_what_is_packed_by_its_name_is_no_page_and_no_script(name: str) -> None:
    assert media_of(name) == "application/octet-stream"


def test_a_type_is_the_same_on_a_machine_that_knows_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mimetypes, "guess_type", lambda *_, **__: ("text/html", None))
    assert media_of("app.shtml") == "application/octet-stream"
    assert media_of("app.js") == "text/javascript"


@pytest.mark.parametrize(
    "ending",
    sorted(
        ending
        for known in bundle._TYPES.types_map
        for ending, media in known.items()
        if any(word in media for word in RUNS) and "postscript" not in media and "openxml" not in media
    ),
)
def test_the_review_looks_at_every_file_that_a_browser_runs(ending: str) -> None:
    assert [one.rule for one in leaves({f"file{ending}": REFRESH})] == ["leaves-by-refresh"]
