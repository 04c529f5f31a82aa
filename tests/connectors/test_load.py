"""A definition is read strictly: a mistake is answered with its file and line, and no place for a secret is left."""

import pytest

from handrail.connectors.load import load, template
from handrail.kernel import Invalid
from tests.connectors.conftest import DEFINITION

TEXT = DEFINITION.format(host="crm.example.com:8443")


def test_a_definition_reads_as_written() -> None:
    one = load(TEXT.encode(), "crm")
    assert (one.host, one.address) == ("crm.example.com:8443", "http://crm.example.com:8443")
    assert [(str(call.pattern), call.writes) for call in one.calls][3:] == [
        ("POST /search", False),
        ("POST /tickets", True),
        ("DELETE /tickets/{id}", True),
    ]
    assert one.headers == ("if-none-match", "idempotency-key")


def test_the_beginning_that_the_page_offers_can_be_kept_as_it_is() -> None:
    assert load(template("our-crm", "crm.example.com", "ann").encode(), "our-crm").deputy == "ann"


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("owner:", "onwer:", 2, "unknown key"),
        ("says: Customers and their tickets, as support keeps them.", "says: ''", 1, "is empty"),
        ("host: crm.example.com:8443", "host: https://crm.example.com", 4, "is no port"),
        ("crm.example.com:8443", "user@crm.example.com", 4, "is no host"),
        ("crm.example.com:8443", "crm.example.com/x", 4, "is no host"),
        ("crm.example.com:8443", "crm.example.com:0", 4, "is no port"),
        ("crm.example.com:8443", "crm.example.com:99999", 4, "is no port"),
        ("crm.example.com:8443", "'2130706433'", 4, "neither a name nor an address"),
        ("crm.example.com:8443", "0x7f.1", 4, "neither a name nor an address"),
        ("private_addresses: true\n", "", 5, "within your own network"),
        ("call: GET /customers/{id}", "call: GET /customers/../{id}", 11, "neither a plain part"),
        ("call: GET /customers/export", "call: GET /customers/{other}", 12, "listed twice"),
        ("request_kb: 2", "request_kb: 99999", 19, "at most 768"),
        ("seconds: 20", "seconds: 0", 21, "more than 0"),
        ("seconds: 20", "seconds: .inf", 21, "at most 60"),
        ("headers: [If-None-Match", "headers: [Authorization", 24, "Handrail's own"),
        ("headers: [If-None-Match", 'headers: ["X: y"', 24, "no name of a header"),
        ("env:CONNECTOR_CRM", "s3cr3t-of-the-crm", 26, "a credential itself never stands here"),
        ("send: bearer", "send: bearrer", 27, "unknown key"),
        ("send: bearer", "send: header", 27, "needs a name"),
        ("send: bearer", "send: header\n  name: 'X: y'", 28, "is no name"),
        ("headers: [", "openapi: ../keys/audit.key\nheaders: [", 24, "names a file beside this one"),
    ],
)
def test_a_mistake_is_answered_with_its_line(old: str, new: str, line: int, says: str) -> None:
    assert old in TEXT
    with pytest.raises(Invalid, match=says) as refused:
        load(TEXT.replace(old, new, 1).encode(), "crm")
    assert f"connectors/crm.yaml, line {line}:" in refused.value.message


@pytest.mark.parametrize("name", ["CRM", "a_b", "../x", "x/y", ""])
def test_a_name_is_one_that_a_file_can_have(name: str) -> None:
    with pytest.raises(Invalid, match="no name for a connector"):
        load(TEXT.encode(), name)
