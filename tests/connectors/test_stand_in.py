"""The sandbox answers from what was recorded or from an OpenAPI file, the same each time, and reaches nothing."""

import json
import socket
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail import apps, connectors
from handrail.connectors.generate import Generator
from handrail.kernel import Conflict, NotAllowed, NotReady, definitions
from tests.cases import cases
from tests.conftest import Acting
from tests.connectors.conftest import SECRET, Runs, define, got
from tests.connectors.upstream import Upstream
from tests.connectors.upstream import json as in_json

CUSTOMER = {
    "type": "object",
    "required": ["id", "email", "manager"],
    "properties": {
        "id": {"type": "integer"},
        "email": {"type": "string", "format": "email"},
        "since": {"type": "string", "format": "date"},
        "level": {"enum": ["gold", "silver"]},
        "manager": {"oneOf": [{"$ref": "#/components/schemas/Customer"}, {"type": "null"}]},
    },
}
OPENAPI = {
    "openapi": "3.1.0",
    "servers": [{"url": "https://crm.example.com/customers"}],
    "paths": {
        "/{number}": {
            "get": {"responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Customer"}}}}}}
        },
        "/tickets": {"post": {"responses": {"201": {"$ref": "#/components/responses/Made"}}}},
        "/tickets/{id}": {"delete": {"responses": {"204": {"description": "Gone"}}}},
    },
    "components": {
        "schemas": {"Customer": CUSTOMER},
        "responses": {"Made": {"content": {"application/json": {"example": {"ticket": 1}}}}},
    },
}  # fmt: skip


@pytest.fixture
def described(acting: Acting, upstream: Upstream) -> None:
    """The connector, with an OpenAPI file."""
    define(acting, upstream.host, ("headers:", "openapi: crm.openapi.json\nheaders:"))
    with acting("steward.sales") as ctx:
        definitions.write(ctx, "connectors/crm.openapi.json", json.dumps(OPENAPI).encode(), "Describe it.")


def test_an_answer_is_made_up_to_fit_and_is_the_same_each_time(
    running: Runs, described: None, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("the sandbox reached for the network")

    monkeypatch.setattr(socket.socket, "connect", never)
    monkeypatch.setattr(socket, "getaddrinfo", never)
    monkeypatch.delenv("CONNECTOR_CRM")  # and needs no credential
    found = []
    for _ in range(2):
        with running("maker.sales", "sandbox") as ctx:
            found.append(got(ctx, "/customers/42"))
    assert found[0] == found[1]
    assert (found[0].status, found[0].synthetic) == (200, "openapi")
    made = json.loads(found[0].content)
    assert made["id"] == 42
    jsonschema.validate(made, {**CUSTOMER, "components": OPENAPI["components"]})
    with running("maker.sales", "sandbox") as ctx:
        assert got(ctx, "/customers/43").content != found[0].content
        made_ticket = got(ctx, "/tickets", "POST", json={})  # a write: no yes is needed here
        gone = got(ctx, "/tickets/7", "DELETE")  # not declared: answered, and the gate will say so
    assert (made_ticket.status, json.loads(made_ticket.content)) == (201, {"ticket": 1})
    assert (gone.status, gone.content) == (204, b"")
    assert upstream.called == []


def test_what_was_recorded_comes_first_and_without_what_is_hidden(
    acting: Acting, running: Runs, described: None, upstream: Upstream
) -> None:
    upstream.answer = in_json(b'{"id": 7, "contact": [{"EMail": "ann@example.org", "city": "Oslo"}]}')
    with acting("steward.hr") as ctx:
        looked = connectors.record(ctx, "crm", "/customers/7")
    assert looked.body == {"id": 7, "contact": [{"EMail": "[redacted]", "city": "Oslo"}]}
    with running("maker.sales", "sandbox") as ctx:
        assert got(ctx, "/customers/7").synthetic == "openapi"  # looking keeps nothing
    for city in (b"Oslo", b"Rome"):
        upstream.answer = in_json(b'{"id": 7, "city": "' + city + b'"}')
        with acting("steward.hr") as ctx:
            connectors.record(ctx, "crm", "/customers/7", keep=True)
    with running("maker.sales", "sandbox") as ctx:
        same, other = got(ctx, "/customers/7"), got(ctx, "/customers/8")
    assert (same.synthetic, json.loads(same.content)["city"]) == ("recorded", "Rome")
    assert other.content == same.content  # of the same call, for want of its own
    with acting("steward.hr") as ctx:
        kept = definitions.read(ctx, "connectors/crm.recorded.json") or b""
    assert SECRET.encode() not in kept
    assert len(json.loads(kept)) == 1


def test_only_reading_calls_are_recorded_by_who_answers_and_only_what_went_well(
    acting: Acting, crm: connectors.Connector, upstream: Upstream
) -> None:
    for person in ("maker.sales", "viewer.emea", "admin"):
        with acting(person) as ctx, pytest.raises(NotAllowed, match="recorded by stewards"):
            connectors.record(ctx, "crm", "/customers/7")
    with acting("steward.sales") as ctx, pytest.raises(NotAllowed, match="no reading call"):
        connectors.record(ctx, "crm", "/tickets")
    assert upstream.called == []
    upstream.answer = in_json(b"{}", 404)
    with acting("steward.sales") as ctx, pytest.raises(Conflict, match="answered 404"):
        connectors.record(ctx, "crm", "/customers/7", keep=True)


def test_what_nobody_described_is_refused_with_what_to_do(running: Runs) -> None:
    with (
        running("maker.sales", "sandbox") as ctx,
        pytest.raises(NotReady, match="The sandbox has no answer") as no,
    ):
        got(ctx, "/customers")
    assert "handrail connectors record crm" in no.value.next_step


def test_the_gate_names_what_was_called_and_not_declared(
    acting: Acting, running: Runs, described: None
) -> None:
    def gate() -> apps.Gate:
        with acting("maker.sales") as ctx:
            return next(one for one in apps.gates(ctx, "desk") if one.key == "calls")

    with running("maker.sales", "sandbox") as ctx:
        got(ctx, "/customers/7")
    assert (gate().state, gate().because) == (
        "open",
        "crm: GET /customers, GET /customers/{id}, POST /search and 1 more.",
    )
    with running("maker.sales", "sandbox") as ctx:
        got(ctx, "/tickets/7", "DELETE")
    assert gate().state == "shut"
    assert "It made 1 call that it does not declare: crm: DELETE /tickets/{}." in gate().because
    with acting("maker.sales") as ctx:
        signing = next(one for one in apps.gates(ctx, "desk") if one.key == "sign-off")
    assert "It changes something in other systems: crm." in signing.because


SCALARS = st.one_of(
    st.just({"type": "boolean"}),
    st.builds(lambda a, b: {"type": "integer", "minimum": min(a, b), "maximum": max(a, b)}, st.integers(-99, 99), st.integers(-99, 99)),
    st.builds(lambda a: {"type": "integer", "exclusiveMinimum": a}, st.integers(-9, 9)),
    st.builds(lambda a, b: {"type": "number", "minimum": min(a, b), "maximum": max(a, b)}, st.integers(-99, 99), st.integers(-99, 99)),
    st.builds(lambda a, b: {"type": "string", "minLength": a, "maxLength": a + b}, st.integers(0, 40), st.integers(0, 40)),
    st.builds(lambda a: {"type": "string", "format": a}, st.sampled_from(["date", "date-time", "email", "uuid", "ipv4"])),
    st.builds(lambda a: {"enum": a}, st.lists(st.integers(), min_size=1, max_size=4)),
)  # fmt: skip
SCHEMAS: Any = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.builds(lambda i, n: {"type": "array", "items": i, "minItems": n}, inner, st.integers(0, 4)),
        st.builds(
            lambda p: {"type": "object", "properties": p, "required": sorted(p)},
            st.dictionaries(st.sampled_from("abcdef"), inner, max_size=4),
        ),
        st.builds(lambda a: {"anyOf": [a, {"type": "null"}]}, inner),
        st.builds(lambda a: {"allOf": [a]}, inner),
    ),
    max_leaves=8,
)


@settings(max_examples=cases(200))
@given(SCHEMAS, st.text(max_size=5))
def test_a_value_fits_its_schema_and_its_seed_decides_it(schema: dict[str, Any], seed: str) -> None:
    made = Generator({}, seed).value(schema)
    jsonschema.validate(made, schema)
    assert made == Generator({}, seed).value(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/a"},
        {"allOf": [{"$ref": "#/a"}, {"$ref": "#/a"}]},
        {"type": "object", "required": ["x"], "properties": {"x": {"$ref": "#/b"}, "y": {"$ref": "#/b"}}},
        {"$ref": "https://elsewhere.example/schema"},
        {"$ref": "#/nothing"},
        {},
        True,
    ],
)
def test_one_that_leads_back_to_itself_or_nowhere_comes_to_an_end(schema: Any) -> None:
    document = {"a": {"allOf": [{"$ref": "#/a"}]}, "b": schema}
    Generator(document, "x").value(schema)
