"""The style sheet of the sandbox stands in any page's head, and changes nothing else of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.faces.origins.banner import marked

LINK = b'<link rel="stylesheet" href="/.handrail/sandbox.css">'


@pytest.mark.parametrize(
    ("page", "wanted"),
    [
        (b"<!doctype html><html><head><title>x", b"<!doctype html><html><head>" + LINK + b"<title>x"),
        (b'<HTML lang="en">\n<HEAD  data-x="1">y', b'<HTML lang="en">\n<HEAD  data-x="1">' + LINK + b"y"),
        (b"<!DOCTYPE html><html class=a><p>x", b"<!DOCTYPE html><html class=a>" + LINK + b"<p>x"),
        (b"<!doctype html><header>x", b"<!doctype html>" + LINK + b"<header>x"),
        (b"<p>plain <head>not first", b"<p>plain <head>" + LINK + b"not first"),
        (b"", LINK),
    ],
)
def test_the_link_stands_as_far_up_as_it_may(page: bytes, wanted: bytes) -> None:
    assert marked(page) == wanted


@given(st.binary(max_size=300))
def test_nothing_of_a_page_is_lost(page: bytes) -> None:
    assert marked(page).replace(LINK, b"", 1) == page or LINK in page
