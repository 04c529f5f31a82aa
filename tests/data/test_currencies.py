"""Amounts in several currencies are never added up: cut by currency, asked for one, or converted at rates."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from handrail import data
from handrail.data import ossie
from handrail.data.compile_metric import compile_metric, reads
from handrail.data.explain import sentence
from handrail.data.models import MetricRequest
from handrail.kernel import Instance, Invalid, NotReady, identity
from handrail.kernel import definitions as files
from handrail.server import application
from tests.data import asking
from tests.web import Client

RATES = {"dataset": "fx", "period": "day", "currency": "base", "into": "quote", "rate": "rate"}
SALES = {"currency": "sales.currency"}
METRICS: dict[str, tuple[str, dict[str, Any]]] = {
    "revenue": ("SUM(sales.amount)", SALES),
    "largest": ("MAX(sales.amount)", SALES),
    "margin": ("SUM(sales.amount - sales.cost) / SUM(sales.amount)", SALES),
    "sold": ("COUNT(sales.id)", {}),
    "each": ("revenue / sold", {"kind": "ratio"}),
    "so_far": ("SUM(sales.amount)", {**SALES, "kind": "cumulative"}),
    "odd": ("SUM(sales.amount) / COUNT(sales.id)", SALES),
}


def _expression(sql: str) -> dict[str, Any]:
    return {"expression": {"dialects": [{"dialect": "ANSI_SQL", "expression": sql}]}}


def _ours(settings: dict[str, Any]) -> list[dict[str, str]]:
    return [{"vendor_name": "HANDRAIL", "data": json.dumps(settings)}]


def model(general: dict[str, Any], key: tuple[str, ...] = ("day", "base", "quote")) -> bytes:
    """Sales in several currencies, and the rates of each day."""
    fields = [
        {"name": "currency", **_expression("currency")},
        {"name": "day", "datatype": "Date", **_expression("day")},
        {"name": "shop", **_expression("shop")},
    ]
    metrics = [
        {"name": name, **_expression(sql), "custom_extensions": _ours(settings)}
        for name, (sql, settings) in METRICS.items()
    ]
    datasets = [
        {"name": "sales", "source": "sales", "primary_key": ["id"], "fields": fields},
        {"name": "fx", "source": "fx_rates", "primary_key": list(key)},
    ]
    whole = {"name": "money", "datasets": datasets, "metrics": metrics, "custom_extensions": _ours(general)}
    return json.dumps({"version": ossie.VERSION, "semantic_model": [whole]}).encode()


def definitions(**general: Any) -> dict[str, ossie.Definition]:
    return {one.metric.name: one for one in ossie.load(model(general), "model/money.yaml")}


WITH, WITHOUT = definitions(rates=RATES), definitions()


@pytest.fixture(scope="module")
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as found:
        found.execute(
            "CREATE TABLE sales (id INT, currency VARCHAR, day DATE, shop VARCHAR, amount DECIMAL(12,2), cost DECIMAL(12,2))"
        )
        found.execute(
            "INSERT INTO sales VALUES (1, 'EUR', '2026-01-01', 'A', 10, 4), (2, 'USD', '2026-01-01', 'A', 10, 5),"
            " (3, 'USD', '2026-01-02', 'A', 10, 5), (4, 'JPY', '2026-01-02', 'B', 1000, 10), (5, 'USD', '2026-01-02', 'A', NULL, 1)"
        )
        found.execute("CREATE TABLE fx_rates (day DATE, base VARCHAR, quote VARCHAR, rate DECIMAL(18,6))")
        found.execute(
            "INSERT INTO fx_rates VALUES ('2026-01-01', 'USD', 'EUR', 0.5), ('2026-01-02', 'USD', 'EUR', 0.25),"
            " ('2026-01-01', 'USD', 'JPY', 100), ('2026-01-01', 'JPY', 'EUR', 0.01)"
        )
        yield found


def asked(db: duckdb.DuckDBPyConnection, name: str, **more: Any) -> list[tuple[Any, ...]]:
    question = compile_metric(WITH[name], MetricRequest(name, **more))
    return db.execute(question.sql, question.params).fetchall()


@pytest.mark.parametrize("name", ["revenue", "largest", "each", "so_far"])
def test_currencies_are_not_added_up(name: str) -> None:
    with pytest.raises(Invalid, match="is in several currencies") as refused:
        compile_metric(WITH[name], MetricRequest(name, grain="month"))
    assert "currency EUR, at the rates in fx" in refused.value.next_step
    with pytest.raises(Invalid) as refused:
        compile_metric(WITHOUT[name], MetricRequest(name, grain="month", where={"currency": ["EUR", "USD"]}))
    assert "converted" not in refused.value.next_step


def test_they_are_asked_for_one_by_one(db: duckdb.DuckDBPyConnection) -> None:
    assert asked(db, "revenue", by=("currency",)) == [("EUR", 10), ("JPY", 1000), ("USD", 20)]
    assert asked(db, "revenue", where={"currency": "USD"}) == [(20,)]
    assert asked(db, "revenue", where={"sales.currency": ["EUR"]}) == [(10,)]


def test_each_row_is_converted_at_the_rate_of_its_day(db: duckdb.DuckDBPyConnection) -> None:
    assert asked(db, "revenue", by=("shop",), where={"shop": "A"}, currency="EUR") == [("A", 17.5)]
    assert asked(db, "largest", where={"shop": "A"}, currency="EUR") == [(10,)]
    assert asked(db, "each", where={"shop": "A"}, currency="EUR") == [(17.5 / 4,)]
    running = asked(db, "so_far", where={"shop": "A"}, currency="EUR", grain="day")
    assert [value for _, value in running] == [15, 17.5]


def test_a_ratio_within_one_metric_is_converted_on_both_sides(db: duckdb.DuckDBPyConnection) -> None:
    [(margin,)] = asked(db, "margin", where={"shop": "A", "day": "2026-01-01"}, currency="EUR")
    assert float(margin) == pytest.approx((6 + 2.5) / (10 + 5))


def test_a_value_whose_rate_is_missing_is_left_empty_and_not_summed_without_it(
    db: duckdb.DuckDBPyConnection,
) -> None:
    assert asked(db, "revenue", by=("shop",), currency="EUR") == [("A", 17.5), ("B", None)]
    assert asked(db, "revenue", currency="EUR") == [(None,)]


def test_what_is_no_amount_is_not_converted() -> None:
    with pytest.raises(Invalid, match="is no amount of money"):
        compile_metric(WITH["sold"], MetricRequest("sold", currency="EUR"))
    with pytest.raises(Invalid, match="is no amount"):
        compile_metric(WITH["odd"], MetricRequest("odd", currency="EUR"))
    with pytest.raises(Invalid, match="names no rates"):
        compile_metric(WITHOUT["revenue"], MetricRequest("revenue", currency="EUR"))


def test_the_wanted_currency_is_bound_and_never_written_into_the_sql() -> None:
    question = compile_metric(WITH["revenue"], MetricRequest("revenue", currency="x' OR 1=1 --"))
    assert "OR 1" not in question.sql
    assert "x' OR 1=1 --" in question.params.values()


def test_rates_are_among_what_a_metric_reads_and_says() -> None:
    assert reads(WITH["revenue"])["fx_rates"] == ("base", "day", "quote", "rate")
    assert "fx_rates" not in reads(WITH["sold"])
    assert sentence(WITH["revenue"]) == (
        "The sum of amount over the rows of sales, in the currency of each row or converted at the rates in fx_rates."
    )


def test_rates_that_a_row_could_find_twice_are_refused() -> None:
    with pytest.raises(Invalid, match=r"line \d+: .*could find two rates"):
        ossie.load(model({"rates": RATES}, key=("day", "base")), "model/money.yaml")
    with pytest.raises(Invalid, match="“forex” in “rates” is not a dataset"):
        ossie.load(model({"rates": {**RATES, "dataset": "forex"}}), "model/money.yaml")
    with pytest.raises(Invalid, match="belongs to the metrics it is made of"):
        ossie.load(model({"kind": "derived", "currency": "sales.currency"}), "model/money.yaml")


FILES = {
    "sales": "id,currency,day,shop,amount,cost\n1,EUR,2026-01-01,A,10,4\n2,USD,2026-01-01,A,10,5\n",
    "fx_rates": "day,base,quote,rate\n2026-01-01,USD,EUR,0.5\n",
}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Instance]:
    """The same, imported and certified."""
    instance = asking.opened(tmp_path)
    act = asking.actors(instance)
    for name, text in FILES.items():
        (tmp_path / f"{name}.csv").write_text(text)
        with act("steward.sales") as ctx:
            data.import_source(ctx, str(tmp_path / f"{name}.csv"))
            usual: dict[str, Any] = {
                "owner": "steward.sales",
                "deputy": "lead",
                "description": name,
                "entity_key": "",
            }
            until = asking.TODAY.replace(day=1, year=asking.TODAY.year + 1)
            said = data.Changes(**usual, purposes=("sales-reporting",), readers=("sales",), expires=until)
            data.propose(ctx, name, said)
        with act("steward.hr") as ctx:
            data.certify(ctx, name)
    with act("steward.sales") as ctx:
        files.write(ctx, "model/money.yaml", model({"rates": RATES}), "Say what money is")
    yield instance
    instance.close()


def test_the_answer_says_into_which_currency_and_at_which_rates(shop: Instance) -> None:
    client = Client(application(shop))
    with asking.actors(shop)("viewer.emea") as ctx:
        client.headers["Authorization"] = f"Bearer {identity.issue_token(ctx, 'test')[1]}"
    address = "/api/v1/metrics/revenue.json?currency=EUR&purpose=sales-reporting"
    answer = client.get(address)
    assert [float(row["revenue"]) for row in answer.json()["rows"]] == [15.0]
    assert (answer.json()["currency"], answer.json()["rates"]) == ("EUR", "fx_rates")
    assert answer.headers["x-handrail-currency"] == "EUR; rates=fx_rates"
    odd = client.get(address.replace("EUR", "%0d%0aX-Evil%3a%20%E2%82%AC"))
    assert odd.status_code == 200
    assert "x-evil" not in odd.headers
    refused = client.get("/api/v1/metrics/revenue.json?purpose=sales-reporting")
    assert "is in several currencies" in refused.text


def test_rates_that_are_not_certified_convert_nothing(shop: Instance) -> None:
    with asking.actors(shop)("steward.sales") as ctx:
        data.revoke(ctx, "fx_rates", "A wrong rate.")
    with pytest.raises(NotReady, match="fx_rates is not certified"):
        asking.asking(shop)("viewer.emea", metric=MetricRequest("revenue", currency="EUR"))
    by = MetricRequest("revenue", by=("currency",))
    assert len(asking.asking(shop)("viewer.emea", metric=by)) == 2


def test_converted_amounts_tie_to_totals_in_one_currency(shop: Instance, tmp_path: Path) -> None:
    (tmp_path / "totals.csv").write_text("month,eur\n2026-01-01,15\n")
    act = asking.actors(shop)
    with act("steward.sales") as ctx:
        data.import_source(ctx, str(tmp_path / "totals.csv"))
        until = asking.TODAY.replace(day=1, year=asking.TODAY.year + 1)
        usual: dict[str, Any] = {"owner": "steward.sales", "deputy": "lead", "description": "Closed"}
        data.propose(
            ctx, "totals", data.Changes(**usual, purposes=("finance",), readers=("hr",), expires=until)
        )
        ties = {"dataset": "totals", "period": "month", "value": "eur", "currency": "EUR"}
        files.write(ctx, "model/money.yaml", model({"rates": RATES, "ties_to": ties}), "Tie it")
    with act("steward.hr") as ctx:
        data.certify(ctx, "totals")
        made = data.reconcile(ctx, "revenue")
    assert [(row.total, float(row.ours or 0), row.within) for row in made.rows] == [("15", 15.0, True)]
