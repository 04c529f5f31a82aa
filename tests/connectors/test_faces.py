"""A connector is reached by the socket of a run, by REST, by the SDK and by commands, and says the same by each."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import handrail_sdk
from handrail.faces.socket import AppDoor
from handrail.kernel import Caller, Instance, Manifest, RunRef, identity
from handrail.server import application, command
from handrail_sdk import connectors as sdk
from handrail_sdk.transport import SocketTransport
from tests.conftest import Acting
from tests.connectors.conftest import CALLS, DEFINITION, SECRET
from tests.connectors.upstream import Upstream
from tests.connectors.upstream import json as in_json
from tests.faces.test_socket import Kept
from tests.web import Client


@pytest.fixture
def in_a_run(instance: Instance, acting: Acting, app: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the SDK asks goes over a socket to the door of a run in production."""
    manifest = Manifest.parse(Manifest.render("desk") + CALLS)
    with acting("admin") as ctx:
        person = identity.found(ctx, "viewer.emea")
    caller = Caller(person, "app", run=RunRef("run_1", "desk", app, "production", manifest))
    ours, theirs = socket.socketpair()
    door = threading.Thread(target=AppDoor().serve, args=(instance, caller, theirs, Kept()))
    door.start()
    monkeypatch.setattr(sdk, "connected", lambda: SocketTransport(ours))
    yield
    ours.close()
    door.join(30)


def test_app_code_calls_and_is_refused_in_words(in_a_run: None, upstream: Upstream) -> None:
    crm = handrail_sdk.connector("crm")
    upstream.answer = in_json(b'[{"id": 7}]')
    answer = crm.get("/customers", params={"level": ("gold", "silver")})
    assert (answer.status, answer.ok, answer.json(), answer.expect()) == (200, True, [{"id": 7}], answer)
    assert upstream.called[0].path == "/customers?level=gold&level=silver"
    with pytest.raises(handrail_sdk.Refused, match="nobody said yes"):
        crm.post("/tickets", json={"text": "x"})
    with pytest.raises(handrail_sdk.Refused, match="has no call PUT"):
        crm.put("/customers/7", json={})
    upstream.answer = in_json(b'{"error": "gone"}', 410)
    with pytest.raises(handrail_sdk.Refused, match="answered 410"):
        crm.get("/customers/7").expect()
    assert len(upstream.called) == 2


def test_by_rest_the_sandbox_answers_and_nothing_shows_the_credential(
    instance: Instance, acting: Acting, app: str, upstream: Upstream
) -> None:
    upstream.answer = in_json(b'{"id": 7}')
    client = Client(application(instance))

    def ask(person: str, method: str, path: str, body: Any = None) -> Any:
        with acting(person) as ctx:
            token = identity.issue_token(ctx, "test")[1]
        return client.request(
            method, f"/api/v1/connectors{path}", json=body, headers={"Authorization": f"Bearer {token}"}
        )

    kept = ask("steward.sales", "POST", "/crm/record", {"path": "/customers/7", "keep": True})
    assert kept.json()["body"] == {"id": 7}
    said = ask("maker.sales", "POST", "/crm/call", {"path": "/customers/7", "app": "desk"}).json()
    assert (said["content"], said["synthetic"], said["status"]) == ('{"id":7}', "recorded", 200)
    shown = ask("maker.sales", "GET", "/crm").json()
    assert shown["recorded"] == ["GET /customers/{}"]
    wrong = ask("steward.sales", "PUT", "/crm", {"content": "says: x\nhots: y\n"})
    assert (wrong.status_code, "line 2" in wrong.json()["detail"]) == (422, True)
    assert ask("maker.sales", "PUT", "/crm", {"content": "x"}).status_code == 403
    assert SECRET not in json.dumps([kept.json(), said, shown])
    assert len(upstream.called) == 1


def test_by_commands_a_connector_is_defined_looked_at_and_recorded(
    instance: Instance, upstream: Upstream, tmp_path: Path
) -> None:
    def run(*words: str, person: str = "steward.sales") -> Any:
        where = {"HANDRAIL_HOME": str(instance.settings.home), "HANDRAIL_PERSON": person, "COLUMNS": "200"}
        return CliRunner().invoke(command(), ["connectors", *words], env=where, catch_exceptions=False)

    assert "There is no connector yet" in run("list").stdout
    file = tmp_path / "crm.yaml"
    file.write_text(DEFINITION.format(host=upstream.host))
    assert "crm is defined, with 6 calls." in run("define", "crm", str(file)).stdout
    assert "POST /tickets   (writes)" in run("show", "crm", person="maker.sales").stdout
    assert "Not kept" in run("record", "crm", "/customers", "--param", "page=1").stdout
    assert json.loads(run("record", "crm", "/customers", "--keep", "--json").stdout)["kept"] is True
    assert upstream.called[0].path == "/customers?page=1"
    assert "No app has called it." in run("calls", "crm").stdout
    assert "No app has asked" in run("approvals", "crm").stdout
    assert run("define", "crm", str(file), person="maker.sales").exit_code == 1
