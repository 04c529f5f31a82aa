"""An instance with a connector to another system on the loopback, and runs of an app that declares it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from handrail import apps, connectors
from handrail.kernel import Context, Environment, Instance, Manifest, RunRef
from tests.conftest import Acting
from tests.connectors.upstream import Upstream, serving

SECRET = "s3cr3t-of-the-crm-0123456789"
DEFINITION = """\
says: Customers and their tickets, as support keeps them.
owner: steward.sales
deputy: steward.hr
host: {host}
plain_http: true
private_addresses: true
purposes: [sales-reporting]
readers: [sales]
calls:
  - call: GET /customers
  - call: GET /customers/{{id}}
  - call: GET /customers/export
  - call: POST /search
    writes: false
  - call: POST /tickets
  - call: DELETE /tickets/{{id}}
limits:
  calls_per_minute: 50
  request_kb: 2
  response_kb: 4
  seconds: 20
redact:
  fields: [email, phone]
headers: [If-None-Match, Idempotency-Key]
credential:
  from: env:CONNECTOR_CRM
  send: bearer
"""
CALLS = """
[connectors.crm]
reads = ["GET /customers", "GET /customers/{id}", "POST /search"]
writes = ["POST /tickets"]
"""
CODE = b"from handrail_sdk import text\n\ntext('hello')\n"
Runs = Callable[..., AbstractContextManager[Context]]


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    """The other system, whose credential is in the environment."""
    monkeypatch.setenv("CONNECTOR_CRM", SECRET)
    with serving() as served:
        yield served


def define(acting: Acting, host: str, *changes: tuple[str, str], name: str = "crm") -> connectors.Connector:
    """Keep the definition above, changed."""
    text = DEFINITION.format(host=host)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    with acting("steward.sales") as ctx:
        return connectors.save_connector(ctx, name, text.encode())


@pytest.fixture
def crm(acting: Acting, upstream: Upstream) -> connectors.Connector:
    """The connector."""
    return define(acting, upstream.host)


@pytest.fixture
def app(instance: Instance, acting: Acting, crm: connectors.Connector) -> str:
    """An app of maker.sales that declares it, pushed; its commit."""
    manifest = Manifest.render("desk", purpose="sales-reporting") + CALLS
    with acting("maker.sales") as ctx:
        return apps.push(ctx, {"handrail.toml": manifest.encode(), "app.py": CODE}, "A desk", "").commit


@pytest.fixture
def running(acting: Acting, app: str) -> Runs:
    """`with running("viewer.emea") as ctx`: a context of a run of that app, in production unless it is said."""

    def run(
        person: str = "viewer.emea",
        environment: Environment = "production",
        calls: str = CALLS,
        commit: str = app,
        purpose: str = "sales-reporting",
    ) -> AbstractContextManager[Context]:
        manifest = Manifest.parse(Manifest.render("desk", purpose=purpose) + calls)
        return acting(person, "app", RunRef("run_1", "desk", commit, environment, manifest))

    return run


def got(ctx: Context, path: str, method: str = "GET", **more: Any) -> connectors.Answered:
    """Make a call."""
    return connectors.call(ctx, connectors.Wanted("crm", method, path, **more))
