"""A metric that misses its control totals carries no badge on any surface, from the moment that it is found."""

import io
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner

import handrail_sdk as sdk
from handrail import data, server
from handrail.faces.socket import AppDoor
from handrail.kernel import Caller, Instance, identity
from handrail.server import application
from handrail_sdk import transport
from tests.conftest import PEOPLE
from tests.data import asking
from tests.data.test_reconcile import TOTALS, certified, model, reconciled, totals, write
from tests.web import Client

QUESTION = {"metric": {"name": "sales"}, "purpose": "sales-reporting"}
WORDS = ("metric", "sales", "--purpose", "sales-reporting", "--as", "viewer.emea")
Shown = Callable[[Instance, Client, pytest.MonkeyPatch], bool]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Instance]:
    """Sales that are certified, because they tie."""
    instance = asking.furnished(tmp_path)
    write(instance, model())
    totals(instance, tmp_path)
    reconciled(instance)
    certified(instance)
    yield instance
    instance.close()


def _posted(client: Client, accept: str) -> Any:
    found = client.post("/api/v1/query", json=QUESTION, headers={"Accept": accept})
    assert found.status_code == 200, found.text
    return found


def _said(shop: Instance, *words: str) -> str:
    group = server.command()
    home = {**os.environ, "HANDRAIL_HOME": str(shop.settings.home)}
    return CliRunner().invoke(group, list(words), env=home).output


def _in_an_app(shop: Instance, patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the SDK tells app code, over the socket of a run in production."""
    with shop.context(shop.system()) as ctx:
        person = identity.found(ctx, "viewer.emea")
    ours, theirs = socket.socketpair()
    caller = Caller(person, "socket", run=asking.run("production"))
    serving = threading.Thread(target=AppDoor().serve, args=(shop, caller, theirs, None))
    serving.start()
    transport.connected.cache_clear()
    patch.setenv("HANDRAIL_FD", str(ours.detach()))
    try:
        told: dict[str, Any] = sdk.metric("sales").attrs["handrail"]
        return told
    finally:
        theirs.shutdown(socket.SHUT_RDWR)
        serving.join()
        transport.connected.cache_clear()


def _verb(shop: Instance) -> bool:
    with asking.actors(shop)("viewer.emea") as ctx:
        return data.metric(ctx, "sales").certified


SURFACES: dict[str, Shown] = {
    "the verb": lambda shop, client, patch: _verb(shop),
    "the list of metrics": lambda shop, client, patch: ">Certified<" in client.get("/metrics").text,
    "the page of the metric": lambda shop, client, patch: "Certified by" in client.get("/metrics/sales").text,
    "the list by REST": lambda shop, client, patch: next(
        one["certified"] for one in client.get("/api/v1/metrics").json() if one["name"] == "sales"
    ),
    "the metric by REST": lambda shop, client, patch: client.get("/api/v1/metrics/sales").json()["certified"],
    "an answer in JSON": lambda shop, client, patch: _posted(client, "application/json").json()["certified"],
    "the header of an answer in CSV": lambda shop, client, patch: (
        _posted(client, "text/csv").headers["x-handrail-certified"] == "true"
    ),
    "a file of CSV by its address": lambda shop, client, patch: (
        client.get("/api/v1/metrics/sales.csv?purpose=sales-reporting").headers["x-handrail-certified"]
        == "true"
    ),
    "an answer in Arrow": lambda shop, client, patch: json.loads(
        pa.ipc.open_stream(
            io.BytesIO(_posted(client, "application/vnd.apache.arrow.stream").content)
        ).schema.metadata[b"handrail"]
    )["certified"],
    "the command line": lambda shop, client, patch: (
        "(certified, ties to totals)" in " ".join(_said(shop, *WORDS).split())
    ),
    "the command line in JSON": lambda shop, client, patch: json.loads(_said(shop, *WORDS, "--json"))[
        "certified"
    ],
    "an app": lambda shop, client, patch: _in_an_app(shop, patch)["certified"],
}


@pytest.fixture
def client(shop: Instance) -> Client:
    """A viewer, signed in and with a token."""
    found = Client(application(shop), follow_redirects=True, headers={"Sec-Fetch-Site": "same-origin"})
    with shop.context(Caller(PEOPLE[0], "cli")) as ctx:
        link = identity.issue_link(ctx, "viewer.emea")
    found.get("/sign-in/link", params={"token": link})
    with asking.actors(shop)("viewer.emea") as ctx:
        token = identity.issue_token(ctx, "test")[1]
    found.headers["Authorization"] = f"Bearer {token}"
    return found


def test_a_miss_takes_the_badge_away_on_every_surface(
    shop: Instance, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def badges() -> dict[str, bool]:
        return {name: shown(shop, client, monkeypatch) for name, shown in SURFACES.items()}

    assert badges() == dict.fromkeys(SURFACES, True)
    totals(shop, tmp_path, TOTALS.replace("220", "230"))
    reconciled(shop)
    assert badges() == dict.fromkeys(SURFACES, False)


def test_a_metric_explains_itself_alike_by_rest_and_on_the_command_line(
    shop: Instance, client: Client
) -> None:
    by_rest = client.get("/api/v1/metrics/sales").json()
    assert by_rest["sentence"] == "The sum of amount over the rows of orders."
    assert by_rest["sql"].startswith("SELECT SUM(")
    assert by_rest["version"].startswith("sha256:")
    assert by_rest["since"].startswith(asking.TODAY.isoformat()[:8])
    on_line = json.loads(_said(shop, "metrics", "sales", "--as", "viewer.emea", "--json"))
    told = ("sentence", "sql", "owner", "version", "since", "ties_to", "state")
    assert [on_line[key] for key in told] == [by_rest[key] for key in told]
    shown = _said(shop, "metrics", "sales", "--as", "viewer.emea")
    assert "The sum of amount over the rows of orders." in shown
    assert "totals, off by 0.000% at worst" in shown


def test_order_and_limit_reach_the_question_by_every_way(shop: Instance, client: Client) -> None:
    asked = {"name": "sales", "by": ["city"], "order": ["-sales"], "limit": 1}
    posted = client.post("/api/v1/query", json={"metric": asked, "purpose": "sales-reporting"}).json()["rows"]
    address = "/api/v1/metrics/sales.json?by=city&order=-sales&limit=1&purpose=sales-reporting"
    assert client.get(address).json()["rows"] == posted == [{"city": "Rome", "sales": 300}]
    on_line = json.loads(_said(shop, *WORDS, "--by", "city", "--order", "-sales", "--limit", "1", "--json"))
    assert on_line["rows"] == posted
    with asking.actors(shop)("viewer.emea") as ctx:
        wanted = data.MetricRequest("sales", by=("city",), order=("-sales",), limit=1)
        question = data.Request(metric=wanted, purpose="sales-reporting")
        assert data.query(ctx, replace(question)).table().to_pylist() == posted
