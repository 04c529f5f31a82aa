"""Definitions: files in git, read as they lie there, and found again by the digest that a row names."""

import pytest

from handrail.kernel import Invalid, definitions
from tests.conftest import Acting

PATH = "contracts/orders.odcs.yaml"


def test_an_earlier_content_is_found_by_its_digest_and_the_first_without_one(acting: Acting) -> None:
    with acting("steward.sales") as ctx:
        for text in (b"one\n", b"two\n", b"three\n"):
            definitions.write(ctx, PATH, text, f"Write {text.decode().strip()}.")
    with acting("steward.sales") as ctx:
        assert definitions.earlier(ctx, PATH, definitions.digest(b"two\n")) == b"two\n"
        assert definitions.earlier(ctx, PATH) == b"one\n"
        assert definitions.earlier(ctx, PATH, definitions.digest(b"never\n")) is None
        assert definitions.earlier(ctx, "contracts/none.odcs.yaml") is None


def test_history_tells_who_wrote_what_newest_first(acting: Acting) -> None:
    with acting("steward.sales") as ctx:
        definitions.write(ctx, PATH, b"one\n", "Begin.")
        definitions.write(ctx, PATH, b"two\n", "Go on.")
    with acting("steward.sales") as ctx:
        assert [edit.message for edit in definitions.history(ctx, PATH)] == ["Go on.", "Begin."]
        assert "Sven Steward" in definitions.history(ctx, PATH)[0].author


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", ".git/config", "", "a/../../b"])
def test_a_path_outside_is_refused(acting: Acting, path: str) -> None:
    with pytest.raises(Invalid), acting("steward.sales") as ctx:
        definitions.write(ctx, path, b"x", "No.")
    with pytest.raises(Invalid), acting("steward.sales") as ctx:
        definitions.read(ctx, path)
