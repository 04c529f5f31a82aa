"""The client for notebooks against a real server: governed answers for pandas, polars and everything of Arrow."""

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import uvicorn

import handrail_sdk
from handrail.kernel import identity
from handrail.server import application
from handrail_sdk import Client, Refused, transport
from tests.journeys import company

SQL = "SELECT line, net_amount, ordered FROM sales_orders WHERE net_amount > $least ORDER BY order_id"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of a real server, and somebody's token."""
    folder = tmp_path_factory.mktemp("company")
    instance = company.furnished(folder)
    with company.actors(instance)("viewer.emea") as ctx:
        secret = identity.issue_token(ctx, "notebook")[1]
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application(instance), log_config=None))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}", secret
    server.should_exit = True
    thread.join()
    instance.close()


@pytest.fixture
def hr(served: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.delenv("HANDRAIL_FD", raising=False)
    url, token = served
    return handrail_sdk.connect(url, token=token, purpose=company.PURPOSE)


def test_an_answer_is_for_pandas_polars_and_duckdb(hr: Client) -> None:
    answer = hr.query(SQL, least=900)
    table = answer.arrow()
    assert table.schema.field("net_amount").type == pa.decimal128(12, 2)
    assert len(answer) == table.num_rows > 0
    as_pandas, as_polars = answer.to_pandas(), answer.to_polars()
    assert isinstance(as_pandas, pd.DataFrame)
    assert isinstance(as_polars, pl.DataFrame)
    total = sum(table.column("net_amount").to_pylist(), Decimal())
    assert as_polars["net_amount"].sum() == total
    assert round(as_pandas["net_amount"].sum(), 2) == float(total)
    assert as_pandas["ordered"].dt.year.unique().tolist() == [2026]
    rows = answer.arrow()
    assert duckdb.sql("SELECT sum(net_amount) FROM rows").fetchall() == [(total,)]
    assert rows.equals(table)


def test_libraries_of_arrow_take_an_answer_as_it_is(hr: Client) -> None:
    answer = hr.query(SQL, least=900)
    assert pl.DataFrame(answer).shape == (len(answer), 3)
    assert pa.table(answer).num_rows == len(answer)


def test_an_answer_says_what_is_known_of_it(hr: Client) -> None:
    answer = hr.query("SELECT email, full_name FROM customers LIMIT 2")
    assert answer.masked == {"customers": ["email"]}
    assert answer.environment == "production"
    assert answer.as_of is not None
    assert answer.query.startswith("query_")
    shown = answer._repr_html_()
    assert "<th>email &#128274;" in shown
    assert "<th>full_name<br>" in shown
    assert "2 rows; as of" in shown
    assert "masked: customers.email" in repr(answer)


def test_what_a_notebook_shows_is_text_and_no_markup(hr: Client) -> None:
    shown = hr.query("SELECT '<script>alert(1)</script>' AS \"<b>x\" FROM customers LIMIT 30")._repr_html_()
    assert "<script>" not in shown
    assert "<b>x" not in shown
    assert "The first 20 of 30 rows" in shown


def test_a_metric_is_asked_as_in_an_app(hr: Client) -> None:
    answer = hr.metric("revenue", by="region", grain="month", where={"region": ["EMEA"]})
    assert answer.certified is False
    assert "not certified" in repr(answer)
    assert answer.arrow().column_names == ["ordered", "region", "revenue"]
    assert set(answer.to_polars()["region"]) == {"EMEA"}


def test_datasets_and_metrics_are_listed(hr: Client) -> None:
    datasets = hr.datasets()
    assert [one["name"] for one in datasets] == ["customers", "sales_orders"]
    assert "<td>sales_orders</td>" in datasets._repr_html_()
    assert [one["name"] for one in hr.metrics()] == ["revenue"]
    assert "What customers ordered" in hr.metrics()._repr_html_()
    assert hr.me().id == "viewer.emea"


def test_a_refusal_is_read_in_a_notebook_as_two_lines(hr: Client) -> None:
    with pytest.raises(Refused) as refused:
        hr.query("SELECT regoin FROM sales_orders")
    assert refused.value._render_traceback_() == [
        "Refused (invalid): No column is called regoin (line 1, column 8).",
        "→ Did you mean region?",
    ]
    with pytest.raises(Refused, match="people"):
        hr.query(SQL, least=1, purpose="people")


def test_parameters_of_any_name_have_a_way(hr: Client) -> None:
    answer = hr.query(
        "SELECT $purpose AS p, $sql AS s FROM customers LIMIT 1", params={"purpose": "x", "sql": "y"}
    )
    assert answer.arrow().to_pylist() == [{"p": "x", "s": "y"}]


def test_half_an_answer_is_refused_with_its_reason(hr: Client) -> None:
    endless = "SELECT a.order_id, a.line FROM sales_orders a, sales_orders b, sales_orders c"
    with pytest.raises(Refused) as refused:
        hr.query(endless)
    assert refused.value.code == "limit_reached"
    assert "1,000,000 rows" in refused.value.message


def test_a_stream_that_breaks_off_without_a_word_is_refused(hr: Client) -> None:
    whole = hr._transport.ask("query", {"sql": "SELECT line FROM sales_orders"})[1]
    for cut in range(1, len(whole) - 8, 97):
        with pytest.raises(Refused, match="broke off"):
            handrail_sdk.answer.read_table(whole[:cut], marked=True)
    assert handrail_sdk.answer.read_table(whole, marked=True).num_rows == 200


def test_the_environment_says_where_and_who(served: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HANDRAIL_FD", raising=False)
    monkeypatch.delenv("HANDRAIL_URL", raising=False)
    with pytest.raises(Refused, match="no server"):
        handrail_sdk.connect()
    monkeypatch.setenv("HANDRAIL_URL", served[0])
    monkeypatch.setenv("HANDRAIL_TOKEN", served[1])
    assert handrail_sdk.connect().me().id == "viewer.emea"
    with pytest.raises(Refused, match="https"):
        handrail_sdk.connect("http://handrail.example", token="x")


def test_in_an_app_the_same_code_asks_over_its_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    asked: list[dict[str, Any]] = []

    def serve() -> None:
        asked.append(handrail_sdk.wire.receive_message(theirs))
        sink = pa.BufferOutputStream()
        table = pa.table({"n": [1]}).replace_schema_metadata(
            {"handrail": json.dumps({"environment": "sandbox"})}
        )
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        handrail_sdk.wire.send_message(theirs, {"stream": "arrow"})
        handrail_sdk.wire.send_content(theirs, iter([sink.getvalue().to_pybytes()]))
        handrail_sdk.wire.send_message(theirs, {})

    thread = threading.Thread(target=serve)
    thread.start()
    transport.connected.cache_clear()
    monkeypatch.setenv("HANDRAIL_FD", str(ours.detach()))
    hr = handrail_sdk.connect("https://elsewhere.example", token="hr_x", purpose="people")
    answer = hr.query("SELECT 1 AS n", purpose="people")
    thread.join()
    assert "made-up data" in repr(answer)
    assert asked == [{"verb": "query", "sql": "SELECT 1 AS n", "params": {}}]
    with pytest.raises(Refused, match="does not look around"):
        hr.datasets()
    transport.connected.cache_clear()
    theirs.close()


def test_the_package_needs_nothing_but_python_until_it_is_asked(tmp_path: Path) -> None:
    code = "import sys, handrail_sdk; sys.exit(bool({'pyarrow', 'pandas', 'polars', 'ssl'} & sys.modules.keys()))"
    source = Path(handrail_sdk.__file__).parents[1]
    status = os.spawnve(
        os.P_WAIT,
        os.sys.executable,
        ["python", "-S", "-c", code],
        {"PYTHONPATH": str(source)},  # type: ignore[attr-defined]
    )
    assert status == 0
