"""A call is a method and a path; nothing that an app writes into one leads out of what was declared."""

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.kernel.call_patterns import CallPattern, best, segments_of

CUSTOMER = CallPattern.parse("GET /v2/customers/{id}")


def test_a_call_reads_as_it_is_written_and_its_places_need_no_names():
    assert str(CUSTOMER) == "GET /v2/customers/{id}"
    assert CUSTOMER.places == ("id",)
    assert CUSTOMER.key == CallPattern.parse("GET /v2/customers/{customer}").key
    assert CUSTOMER.key != CallPattern.parse("DELETE /v2/customers/{id}").key
    assert CallPattern.parse("GET /").values(("",)) == {}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("FETCH /a", "no method"),
        ("get /a", "no method"),
        ("CONNECT /a", "no method"),
        ("GET a", "no path"),
        ("GET https://elsewhere.example/a", "no path"),
        ("GET //elsewhere.example/a", "neither"),
        ("GET /a/../b", "neither"),
        ("GET /a%2fb", "neither"),
        ("GET /a?b=c", "neither"),
        ("GET /{a}{b}", "neither"),
        ("GET /x{a}", "neither"),
        ("GET /{*}", "neither"),
        ("GET /{a}/{a}", "twice"),
        ("GET /a b", "neither"),
        ("GET /a\r\nHost: x", "neither"),
        ("GET /" + "a/" * 50, "more than"),
    ],
)
def test_what_is_no_call_is_refused_with_what_is_wrong(text: str, says: str):
    with pytest.raises(ValueError, match=says):
        CallPattern.parse(text)


@pytest.mark.parametrize(
    "path",
    [
        "/v2/customers/..",
        "/v2/customers/../admin",
        "/v2/customers/%2e%2e",
        "/v2/customers/%2E%2E%2Fadmin",
        "/v2/customers/..%2fadmin",
        "/v2/customers/%252e",
        "/v2/customers/..;/admin",
        "/v2/customers/.;x",
        "/v2/customers/a\\..\\b",
        "/v2/customers/\uff0e\uff0e",  # full-width dots
        "/v2/customers/a\uff0fb",  # a full-width slash
        "/v2/customers/a\uff05b",  # a full-width %
        "/v2/customers/1?admin=true",
        "/v2/customers/1#x",
        "/v2/customers/1\r\nX-Admin: true",
        "/v2/customers/1\0",
        "/v2/customers/1\u202e",
        "/v2//customers/1",
        "//elsewhere.example/1",
        "v2/customers/1",
        "https://elsewhere.example/",
        "/v2/customers/" + "1" * 3000,
    ],
)
def test_a_path_that_may_lead_elsewhere_is_refused(path: str):
    with pytest.raises(ValueError, match=r"path|part|character"):
        segments_of(path)


def test_the_call_that_is_exact_where_they_part_is_meant():
    export = CallPattern.parse("GET /v2/customers/export")
    assert best([CUSTOMER, export], "GET", segments_of("/v2/customers/export")) == export
    assert best([CUSTOMER, export], "GET", segments_of("/v2/customers/7")) == CUSTOMER
    assert best([CUSTOMER, export], "POST", segments_of("/v2/customers/7")) is None
    assert best([CUSTOMER], "GET", segments_of("/v2/customers/7/orders")) is None
    assert best([CUSTOMER], "GET", segments_of("/v2/customers/")) is None


@given(st.text(max_size=20))
def test_whatever_stands_in_a_place_stays_one_part_of_the_path_and_arrives_as_it_was(value: str):
    try:
        segments = segments_of(f"/v2/customers/{value}")
    except ValueError:
        return
    found = CUSTOMER.values(segments)
    if found is None:
        return
    sent = CUSTOMER.filled(found)
    parts = urlsplit(f"https://crm.example{sent}")
    assert (parts.netloc, parts.query, parts.fragment) == ("crm.example", "", "")
    assert sent.isascii()
    *before, last = parts.path.split("/")
    assert before == ["", "v2", "customers"]
    assert unquote(last) == value
    assert unquote(last) not in (".", "..")
