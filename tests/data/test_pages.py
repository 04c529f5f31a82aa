"""The stewards' work through page, REST and command line: the same verbs, the same refusals."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from handrail import server
from handrail.addresses import ROUTERS
from handrail.data import pages as data_pages
from handrail.faces import web
from handrail.kernel import Caller, Instance, identity
from tests.conftest import PEOPLE
from tests.data import shop
from tests.web import Client

SignedIn = Callable[[str], Client]


@pytest.fixture
def signed_in(instance: Instance) -> SignedIn:
    """A browser of somebody who came in by a one-time link."""
    app = web.build(instance, lambda: ROUTERS)

    def sign_in(who: str) -> Client:
        client = Client(app, follow_redirects=True, headers={"Sec-Fetch-Site": "same-origin"})
        with instance.context(Caller(PEOPLE[0], "cli")) as ctx:
            token = identity.issue_link(ctx, who)
        client.get("/sign-in/link", params={"token": token})
        return client

    return sign_in


@pytest.fixture
def uploaded(signed_in: SignedIn, tmp_path: Path) -> Client:
    """steward.sales, who has uploaded the shop."""
    client = signed_in("steward.sales")
    content = shop.make(tmp_path / "shop.sqlite").read_bytes()
    answer = client.post("/import", files={"files": ("shop.sqlite", content)}, data={"name": ""})
    assert answer.status_code == 200
    assert "Imported shop" in answer.text
    return client


def test_an_empty_catalog_teaches_how_to_import(signed_in: SignedIn) -> None:
    page = signed_in("viewer.emea").get("/catalog")
    assert "handrail import" in page.text
    assert 'href="/import"' not in page.text
    assert 'href="/import"' in signed_in("steward.sales").get("/datasets").text


def test_an_upload_becomes_datasets_and_is_not_kept(uploaded: Client, instance: Instance) -> None:
    page = uploaded.get("/datasets")
    assert "sales_orders" in page.text
    assert "2 datasets" in page.text
    assert list((instance.settings.home / "uploads").iterdir()) == []
    assert "upload of shop.sqlite" in uploaded.get("/datasets/customers").text


def test_the_catalog_is_searched_and_narrowed(uploaded: Client) -> None:
    assert "1 dataset<" in uploaded.get("/datasets", params={"q": "email"}).text
    assert "1 dataset<" in uploaded.get("/datasets", params={"classification": "personal"}).text
    assert "Nothing fits" in uploaded.get("/datasets", params={"q": "email", "state": "certified"}).text


def test_the_whole_way_by_forms(uploaded: Client, signed_in: SignedIn) -> None:
    form = uploaded.get("/datasets/sales_orders/certify").text
    assert 'name="mask:note"' in form
    sent = {
        **{key: shop.COMPLETE[key] for key in ("owner", "deputy", "expires")},
        "description": "Orders <script>alert(1)</script>",
        "purposes": ["sales-reporting", "finance"],
        "readers": "sales, management",
        "filter_sql": ["true", "region = viewer.region", ""],
        "filter_groups": ["management", "", ""],
        "entity_key": "customer_id",
        "subject": "customer",
        "mask:note": "partial",
        "groups:note": "support",
        "class:note": "sensitive",
    }
    page = uploaded.post("/datasets/sales_orders/propose", data=sent).text
    assert "is proposed" in page
    assert "<script>alert" not in page
    assert "shown in part, except for support" in page
    assert "the viewer&#39;s region" in page
    assert "cannot certify it too" in page
    refused = uploaded.post("/datasets/sales_orders/certify")
    assert refused.status_code == 403
    second = signed_in("steward.hr")
    assert "Certify sales_orders?" in second.get("/datasets/sales_orders").text
    assert "is certified until" in second.post("/datasets/sales_orders/certify").text
    page = second.post("/datasets/sales_orders/revoke", data={"reason": "wrong regions"}).text
    assert "wrong regions" in page


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/import"),
        ("POST", "/import"),
        ("GET", "/datasets/customers/certify"),
        ("POST", "/datasets/customers/propose"),
        ("POST", "/datasets/customers/certify"),
        ("POST", "/datasets/customers/revoke"),
    ],
)
def test_nobody_but_stewards_gets_through_the_pages(
    uploaded: Client, signed_in: SignedIn, method: str, path: str
) -> None:
    answer = signed_in("maker.sales").request(
        method, path, data={"reason": "x"} if method == "POST" else None
    )
    assert answer.status_code == 403
    assert "steward" in answer.text


@pytest.mark.parametrize("name", ["../../evil.csv", ".hidden.csv", "a\x00.csv", "C:\\temp\\x.csv"])
def test_an_uploads_name_leads_nowhere(signed_in: SignedIn, instance: Instance, name: str) -> None:
    files = {"files": (name, b"id,name\n1,x\n")}
    signed_in("steward.sales").post("/import", files=files, data={"name": "sent"})
    outside = list(instance.settings.home.parent.rglob("*.csv"))
    assert outside == []


def test_the_same_by_rest(uploaded: Client, signed_in: SignedIn) -> None:
    listed = uploaded.get("/api/v1/datasets").json()
    assert [one["name"] for one in listed] == ["customers", "sales_orders"]
    made = uploaded.post("/api/v1/datasets/sales_orders/propose", json=shop.COMPLETE).json()
    assert (made["state"], made["missing"]) == ("proposed", [])
    refused = uploaded.post("/api/v1/datasets/sales_orders/certify")
    assert refused.status_code == 403
    assert refused.json()["code"] == "not_allowed"
    assert refused.json()["next_step"]
    certified = signed_in("steward.hr").post("/api/v1/datasets/sales_orders/certify").json()
    assert certified["state"] == "certified"
    one = uploaded.get("/api/v1/datasets/sales_orders").json()
    assert one["contract"]["row_filters"] == [{"sql": "region = viewer.region", "groups": []}]
    revoked = uploaded.post("/api/v1/datasets/sales_orders/revoke", json={"reason": "wrong"}).json()
    assert revoked["state"] == "revoked"
    assert uploaded.post("/api/v1/import", json={"location": "/etc/passwd"}).status_code == 403
    assert uploaded.get("/api/v1/datasets/nothing").status_code == 404


def test_the_same_on_the_command_line(instance: Instance, tmp_path: Path) -> None:
    source = shop.make(tmp_path / "shop.sqlite")
    command = server.command()

    def run(person: str, *words: str) -> Result:
        home = str(instance.settings.home)
        return CliRunner().invoke(command, [*words, "--home", home, "--as", person, "--json"])

    assert json.loads(run("steward.sales", "import", str(source)).stdout)["drafted"] == [
        "customers",
        "sales_orders",
    ]
    proposed = run(
        *("steward.sales", "propose", "sales_orders", "--owner", "steward.sales", "--deputy", "lead"),
        *("--purpose", "sales-reporting", "--reader", "sales", "--row-filter", "region = viewer.region"),
        *("--row-filter-for", "management", "true", "--mask", "note=hash:support,sales"),
        *("--expires", shop.TOMORROW_YEAR),
    )
    made = json.loads(proposed.stdout)
    assert made["contract"]["row_filters"] == [
        {"sql": "true", "groups": ["management"]},
        {"sql": "region = viewer.region", "groups": []},
    ]
    refused = run("steward.sales", "certify", "sales_orders")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert json.loads(refused.stderr)["code"] == "not_allowed"
    assert json.loads(run("steward.hr", "certify", "sales_orders").stdout)["state"] == "certified"
    assert [one["state"] for one in json.loads(run("viewer.emea", "datasets").stdout)] == [
        "draft",
        "certified",
    ]
    assert (
        json.loads(run("steward.hr", "revoke", "sales_orders", "--reason", "x").stdout)["state"] == "revoked"
    )


def test_the_pages_are_part_of_the_server() -> None:
    assert data_pages.router in ROUTERS
