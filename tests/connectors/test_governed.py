"""An app in a real sandbox calls another system: it gets the answer, and has nothing to call it by itself."""

import pytest

from handrail import connectors, runtime
from handrail.kernel import Environment, Instance, Manifest
from tests.conftest import Acting
from tests.connectors.conftest import CALLS, SECRET
from tests.connectors.upstream import Upstream
from tests.connectors.upstream import json as in_json

CODE = """
import os, pathlib, urllib.request
from handrail_sdk import Refused, connector

crm = connector("crm")
print(crm.get("/customers/7").expect().json()["name"])
try:
    crm.post("/tickets", json={"text": "x"})
except Refused as refused:
    print(refused.code)
print(sorted(name for name in os.environ if "CRM" in name))
try:
    urllib.request.urlopen("http://HOST/customers", timeout=2)
except OSError:
    print("no network")
"""


@pytest.mark.parametrize(
    ("person", "environment", "says"),
    [
        ("viewer.emea", "production", "Ann\nnot_ready\n[]\nno network\n"),
        ("maker.sales", "sandbox", "Recorded\nnot_ready\n[]\nno network\n"),
    ],
)
def test_code_in_a_sandbox_is_answered_and_sees_no_credential(
    instance: Instance,
    acting: Acting,
    crm: connectors.Connector,
    upstream: Upstream,
    person: str,
    environment: Environment,
    says: str,
) -> None:
    upstream.answer = in_json(b'{"name": "Recorded"}')
    with acting("steward.sales") as ctx:
        connectors.record(ctx, "crm", "/customers/7", keep=True)
    upstream.answer = in_json(b'{"name": "Ann"}')
    upstream.called.clear()
    files = {"app.py": CODE.replace("HOST", upstream.host).encode()}
    manifest = Manifest.parse(Manifest.render("desk") + CALLS)
    with acting(person) as ctx:
        run = runtime.start(ctx, "desk", "c0ffee", files, manifest, environment)
    runtime.execute(instance, run.id)
    with acting(person) as ctx:
        log = runtime.log(ctx, run.id)
    assert log == says
    assert SECRET not in log
    assert [one.path for one in upstream.called] == (["/customers/7"] if environment == "production" else [])
