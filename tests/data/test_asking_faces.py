"""The same answer over REST and the command line, in every format, and the same refusal."""

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from pyarrow import csv

from handrail.kernel import Instance, identity
from handrail.server import application, command
from tests.data.asking import actors, furnished
from tests.web import Client

SQL = "SELECT region, amount FROM orders WHERE amount >= $least ORDER BY amount"
ROWS = [{"region": "EMEA", "amount": 80}, {"region": "EMEA", "amount": 100}]
ASKED = {"sql": SQL, "params": {"least": 80}, "purpose": "sales-reporting"}
ARROW = "application/vnd.apache.arrow.stream"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    instance = furnished(tmp_path_factory.mktemp("shop"))
    yield instance
    instance.close()


@pytest.fixture
def rest(shop: Instance) -> Callable[..., Any]:
    with actors(shop)("viewer.emea") as ctx:
        token = identity.issue_token(ctx, "test", None)[1]
    client = Client(application(shop), raise_server_exceptions=False)

    def ask(method: str, path: str, **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
        return client.request(method, f"/api/v1{path}", headers=headers, **more)

    return ask


@pytest.fixture
def handrail(shop: Instance) -> Callable[..., Result]:
    environment = {
        "HANDRAIL_HOME": str(shop.settings.home),
        "HANDRAIL_PERSON": "viewer.emea",
        "COLUMNS": "200",  # a sentence in a table is not broken over lines
    }

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(command(), arguments, env=environment, catch_exceptions=False)

    return run


def asked(*more: str) -> list[str]:
    return ["query", SQL, "--param", "least=80", "--purpose", "sales-reporting", *more]


def test_rest_answers_in_the_format_that_is_accepted(rest: Any) -> None:
    as_json = rest("POST", "/query", json=ASKED)
    assert as_json.status_code == 200
    assert as_json.json()["rows"] == ROWS
    assert as_json.json()["query"] == as_json.headers["X-Handrail-Query"]
    as_arrow = rest("POST", "/query", json=ASKED, headers={"Accept": ARROW})
    assert as_arrow.headers["content-type"] == ARROW
    assert pa.ipc.open_stream(as_arrow.content).read_all().to_pylist() == ROWS
    as_csv = rest("POST", "/query", json=ASKED, headers={"Accept": "text/csv;q=1, */*"})
    assert csv.read_csv(io.BytesIO(as_csv.content)).to_pylist() == ROWS


def test_rest_answers_a_metric(rest: Any) -> None:
    wanted = {
        "name": "sales",
        "by": ["city"],
        "where": {"city": ["Rome"]},
        "grain": "year",
        "start": "2026-01-01",
    }
    answer = rest("POST", "/query", json={"metric": wanted, "purpose": "sales-reporting"})
    assert answer.json()["rows"] == [{"ordered": "2026-01-01", "city": "Rome", "sales": 300}]


def test_rest_tells_a_refusal_as_a_problem(rest: Any) -> None:
    for body, status, code in (
        ({**ASKED, "purpose": "people"}, 403, "not_allowed"),
        ({**ASKED, "sql": "SELECT regoin FROM orders", "params": {}}, 422, "invalid"),
        ({**ASKED, "sql": "SELECT 1 FROM nowhere", "params": {}}, 404, "not_found"),
        ({**ASKED, "sql": "SELECT CAST(region AS INT) FROM orders", "params": {}}, 422, "invalid"),
        ({**ASKED, "environment": "sandbox"}, 403, "not_allowed"),
    ):
        answer = rest("POST", "/query", json=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["next_step"]
    assert rest("POST", "/query", json=ASKED, headers={"Accept": "image/png"}).json()["code"] == "invalid"
    assert rest("POST", "/query", json={**ASKED, "porpose": "x"}).status_code == 422


def test_csv_refuses_what_it_cannot_hold(rest: Any) -> None:
    body = {"sql": "SELECT list(amount) AS all_of_them FROM orders", "purpose": "sales-reporting"}
    refused = rest("POST", "/query", json=body, headers={"Accept": "text/csv"})
    assert "all_of_them" in refused.json()["detail"]
    assert rest("POST", "/query", json=body).json()["rows"] == [{"all_of_them": [0, 20, 40, 60, 80, 100]}]


def test_rest_lists_metrics(rest: Any) -> None:
    assert [metric["name"] for metric in rest("GET", "/metrics").json()] == ["buyers", "sales"]
    assert rest("GET", "/metrics/sales").json()["owner"] == "steward.sales"
    assert rest("GET", "/metrics/slaes").status_code == 404


def test_the_command_line_answers_in_every_format(handrail: Any) -> None:
    table = handrail(*asked())
    assert "EMEA" in table.stdout
    assert "100" in table.stdout
    assert json.loads(handrail(*asked("--json")).stdout)["rows"] == ROWS
    assert json.loads(handrail(*asked("--format", "json")).stdout)["rows"] == ROWS
    assert handrail(*asked("--format", "csv")).stdout.splitlines() == [
        '"region","amount"',
        '"EMEA",80',
        '"EMEA",100',
    ]
    arrow = handrail(*asked("--format", "arrow")).stdout_bytes
    assert pa.ipc.open_stream(arrow).read_all().to_pylist() == ROWS


def test_the_command_line_answers_metrics(handrail: Any) -> None:
    line = ["metric", "sales", "--by", "city", "--where", "city=Rome", "--where", "city=Oslo", "--json"]
    done = handrail(*line, "--purpose", "sales-reporting")
    assert json.loads(done.stdout)["rows"] == [{"city": "Rome", "sales": 300}]
    assert [metric["name"] for metric in json.loads(handrail("metrics", "--json").stdout)] == [
        "buyers",
        "sales",
    ]
    assert "What customers ordered" in handrail("metrics").stdout


def test_the_command_line_refuses_with_status_1_and_json_on_stderr(handrail: Any) -> None:
    done = handrail("query", "SELECT regoin FROM orders", "--purpose", "sales-reporting", "--json")
    refusal = json.loads(done.stderr)
    assert (done.exit_code, done.stdout, refusal["code"]) == (1, "", "invalid")
    assert refusal["next_step"] == "Did you mean region?"


def test_rest_and_the_command_line_say_the_same_no(handrail: Any, rest: Any) -> None:
    here = json.loads(handrail("query", "FROM orders", "--purpose", "people", "--json").stderr)
    there = rest("POST", "/query", json={"sql": "FROM orders", "purpose": "people"}).json()
    assert here == {"code": there["code"], "message": there["detail"], "next_step": there["next_step"]}
