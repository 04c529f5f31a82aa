"""Datasets and metrics by their address, for spreadsheets: governed like any question, and without SQL."""

import io
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import csv

from handrail.data.by_address import dataset_question
from handrail.data.catalog import contract
from handrail.data.parse import read
from handrail.kernel import Instance, Invalid, identity, trail
from handrail.server import application
from tests.data.asking import actors, furnished
from tests.web import Client

SALES = {"purpose": "sales-reporting"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    instance = furnished(tmp_path_factory.mktemp("shop"))
    yield instance
    instance.close()


@pytest.fixture
def token(shop: Instance) -> Callable[..., str]:
    def issue(*scopes: str, person: str = "viewer.emea") -> str:
        with actors(shop)(person) as ctx:
            return identity.issue_token(ctx, "test", scopes or None)[1]

    return issue


@pytest.fixture
def get(shop: Instance, token: Callable[..., str]) -> Callable[..., Any]:
    client = Client(application(shop), raise_server_exceptions=False)

    def ask(path: str, authorization: str = "", **params: Any) -> Any:
        sent = authorization or f"Bearer {token()}"
        return client.get(f"/api/v1{path}", params=params, headers={"Authorization": sent})

    return ask


def table(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = csv.read_csv(io.BytesIO(answer.content)).to_pylist()
    return rows


def test_a_dataset_by_address_has_the_rows_and_masks_of_whoever_asks(get: Any) -> None:
    answer = get("/datasets/orders.csv", columns="region,amount", where="amount>=80", **SALES)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert 'filename="orders.csv"' in answer.headers["content-disposition"]
    assert sorted(row["amount"] for row in table(answer)) == [80, 100]
    assert {row["region"] for row in table(answer)} == {"EMEA"}
    names = table(get("/datasets/customers.csv", columns="name", **SALES))
    assert "Ana" not in [row["name"] for row in names]


def test_the_same_address_answers_in_every_format(get: Any) -> None:
    asked = {"columns": ["id", "amount"], "where": ["region=EMEA"], "limit": 2, **SALES}
    rows = table(get("/datasets/orders.csv", **asked))
    assert get("/datasets/orders.json", **asked).json()["rows"] == rows
    plain = get("/datasets/orders.arrow", **asked)
    packed = get("/datasets/orders.arrow", codec="zstd", **asked)
    assert packed.headers["content-type"] == 'application/vnd.apache.arrow.stream; codecs="zstd"'
    for answer in (plain, packed):
        assert pa.ipc.open_stream(answer.content).read_all().to_pylist() == rows
    assert get("/datasets/orders.xlsx", **asked).json()["code"] == "invalid"


@pytest.mark.parametrize(
    ("where", "amounts"),
    [
        (["amount=80", "amount=100"], [80, 100]),
        (["amount!=0", "amount<40"], [20]),
        (["amount>20", "amount<=60"], [40, 60]),
        (["ordered=2026-01-15"], [0, 60]),
        (["region=APAC"], []),
        (["region=x' OR '1'='1"], []),
        (["region=EMEA", "ordered>2026-02-28", "amount>=0"], [20, 80]),
    ],
)
def test_conditions_are_read_as_the_type_of_their_column(
    get: Any, where: list[str], amounts: list[int]
) -> None:
    answer = get("/datasets/orders.csv", where=where, **SALES)
    assert sorted(row["amount"] for row in table(answer)) == amounts


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"columns": "regoin"}, "no column regoin"),
        ({"columns": 'region" FROM customers --'}, "no column"),
        ({"where": "regoin=EMEA"}, "no column regoin"),
        ({"where": "region"}, "no condition"),
        ({"where": "=EMEA"}, "no condition"),
        ({"where": "amount=lots"}, ""),
        ({"limit": -1}, "limit"),
    ],
)
def test_what_an_address_cannot_mean_is_refused(get: Any, params: dict[str, Any], said: str) -> None:
    answer = get("/datasets/orders.csv", **params, **SALES)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert said in answer.json()["detail"]
    assert answer.json()["next_step"]


@given(name=st.text(min_size=1, max_size=30), value=st.text(max_size=30))
def test_nothing_in_an_address_becomes_sql(shop: Instance, name: str, value: str) -> None:
    with actors(shop)("viewer.emea") as ctx:
        orders = contract(ctx, "orders")
    known = {column.name for column in orders.columns}
    try:
        sql, params = dataset_question(orders, [name], [f"region={value}"], None)
    except Invalid:
        assert not {one.strip() for one in name.split(",") if one.strip()} <= known
        return
    assert sql.endswith('FROM "orders" WHERE "region" IN (CAST($p0 AS VARCHAR))')
    assert params == {"p0": value}
    read(sql)


def test_a_metric_by_address(get: Any) -> None:
    answer = get("/metrics/sales.csv", by="city", where=["city=Rome", "city=Oslo"], grain="year", **SALES)
    assert table(answer) == [{"ordered": table(answer)[0]["ordered"], "city": "Rome", "sales": 300}]
    assert get("/metrics/sales.json", start="2026-03-01", **SALES).json()["rows"] == [{"sales": 100}]
    assert get("/metrics/slaes.csv", **SALES).status_code == 404
    assert get("/metrics/sales.csv", where="city", **SALES).json()["code"] == "invalid"


def test_no_sql_comes_by_address(get: Any) -> None:
    assert get("/query", sql="SELECT 1").status_code == 405


def test_no_token_comes_by_address(get: Any, token: Any, shop: Instance) -> None:
    client = Client(application(shop))
    for name in ("token", "access_token", "api_key", "authorization"):
        answer = client.get("/api/v1/datasets/orders.csv", params={name: token(), **SALES})
        assert answer.status_code == 401


def test_a_token_as_the_password_is_enough_for_a_spreadsheet(get: Any, token: Any) -> None:
    basic = b64encode(f"anything:{token('query')}".encode()).decode()
    assert len(table(get("/datasets/orders.csv", f"Basic {basic}", **SALES))) == 6


def test_a_token_may_be_bound_to_reading_and_to_a_purpose(get: Any, token: Any) -> None:
    bound = f"Bearer {token('query', 'purpose:sales-reporting')}"
    assert len(table(get("/datasets/orders.csv", bound))) == 6
    assert len(table(get("/datasets/orders.csv", bound, **SALES))) == 6
    refused = get("/datasets/orders.csv", bound, purpose="people").json()
    assert refused["code"] == "not_allowed"
    assert "may ask for sales-reporting, and not for people" in refused["detail"]
    assert "may not see-datasets" in get("/datasets", bound).json()["detail"]
    several = f"Bearer {token('purpose:sales-reporting', 'purpose:people')}"
    assert get("/datasets/orders.csv", several).json()["code"] == "not_allowed"
    assert len(table(get("/datasets/orders.csv", several, **SALES))) == 6
    assert get("/datasets", several).status_code == 200


@pytest.mark.parametrize(
    ("held", "wanted", "wider"),
    [
        (["query", "purpose:people"], ["query", "purpose:people"], False),
        (["query", "purpose:people", "purpose:finance"], ["purpose:people", "query"], False),
        (["query", "purpose:people"], ["query"], True),
        (["query", "purpose:people"], ["query", "purpose:finance"], True),
        (["purpose:people"], None, True),
        (["purpose:people"], ["query"], True),
        (["query"], ["purpose:people"], True),
        (["query"], [], False),
        (None, ["purpose:people"], False),
    ],
)
def test_a_token_makes_none_that_may_do_or_ask_more(
    shop: Instance, held: list[str] | None, wanted: list[str] | None, wider: bool
) -> None:
    more = None if held is None else [*held, "manage-tokens"]
    with actors(shop)("viewer.emea") as ctx:
        secret = identity.issue_token(ctx, "held", more)[1]
    client = Client(application(shop))
    if held and not any(scope for scope in held if not scope.startswith("purpose:")):
        with actors(shop)("viewer.emea") as ctx:
            secret = identity.issue_token(ctx, "held", held)[1]
    answer = client.post(
        "/api/v1/tokens",
        json={"name": "new", "scopes": wanted},
        headers={"Authorization": f"Bearer {secret}"},
    )
    assert (answer.status_code == 422) == wider, answer.text


def test_a_question_by_address_is_on_the_trail_like_any_other(get: Any, shop: Instance) -> None:
    answer = get("/datasets/orders.csv", columns="region", **SALES)
    with actors(shop)("admin") as ctx:
        entries = trail.entries(ctx, verb="query.allowed", limit=1)
    assert (entries[0].facts["query"], entries[0].facts["columns"]) == (
        answer.headers["X-Handrail-Query"],
        ["region"],
    )
