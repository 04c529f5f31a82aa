"""The governed query: who may ask what, what they get, and what the trail says afterwards."""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from handrail import data
from handrail.kernel import (
    Instance,
    Invalid,
    NotAllowed,
    NotFound,
    NotReady,
    Refusal,
    trail,
)
from handrail.kernel.audit import Entry, recent
from tests.data.asking import actors, asking, furnished, run

SALES = "sales-reporting"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """One furnished instance, which no test here changes."""
    instance = furnished(tmp_path_factory.mktemp("shop"))
    yield instance
    instance.close()


@pytest.fixture
def acting(shop: Instance) -> Callable[..., Any]:
    return actors(shop)


@pytest.fixture
def ask(shop: Instance) -> Callable[..., Any]:
    return asking(shop)


@pytest.fixture
def trail_since(shop: Instance) -> Callable[[str], list[Entry]]:
    """The entries of a verb that this test has made, newest first."""
    with shop.context(shop.system()) as ctx:
        before = recent(ctx.db, limit=1)[0].seq

    def entries(verb: str) -> list[Entry]:
        with shop.context(shop.system()) as ctx:
            ctx.audit.settle()
            return [entry for entry in recent(ctx.db, verb=verb) if entry.seq > before]

    return entries


def test_two_viewers_get_their_own_rows(ask: Any) -> None:
    sql = "SELECT sum(amount) AS amount, min(region) AS region FROM orders"
    assert ask("viewer.emea", sql) == [{"amount": 300, "region": "EMEA"}]
    assert ask("viewer.apac", sql) == [{"amount": 360, "region": "APAC"}]


def test_masks_hold_in_a_join(ask: Any) -> None:
    sql = "SELECT DISTINCT name FROM customers c JOIN orders o ON o.customer_id = c.id ORDER BY 1"
    assert ask("viewer.emea", sql) == [{"name": "A***"}, {"name": "C***"}]


@pytest.mark.parametrize(
    ("person", "asked", "refusal", "rule"),
    [
        ("viewer.emea", {"purpose": "people"}, NotAllowed, "query-needs-purpose"),
        ("maker.ops", {}, NotAllowed, "query-needs-reader"),
        ("admin", {}, NotAllowed, "query-needs-reader"),
        ("viewer.emea", {"environment": "sandbox"}, NotAllowed, "query-sandbox-needs-maker"),
        ("maker.sales", {"environment": "sandbox", "sql": "FROM customers"}, NotReady, "query-needs-twin"),
    ],
)
def test_a_denial_names_its_rule_on_the_trail_and_says_what_to_do(
    ask: Any,
    trail_since: Any,
    person: str,
    asked: dict[str, Any],
    refusal: type[Refusal],
    rule: str,
) -> None:
    with pytest.raises(refusal) as refused:
        ask(person, **{"sql": "SELECT region FROM orders", **asked})
    assert refused.value.next_step
    entry = trail_since("request.refused")[0]
    assert (entry.person, entry.facts["rule"], entry.facts["action"]) == (person, rule, "query")
    assert not trail_since("query.allowed")


def test_without_a_purpose_or_with_an_unknown_one_nothing_is_answered(ask: Any) -> None:
    for purpose, hint in ((None, "sales-reporting"), ("sales-reportin", "Did you mean sales-reporting")):
        with pytest.raises(Invalid) as refused:
            ask("viewer.emea", "SELECT region FROM orders", purpose=purpose)
        assert hint in refused.value.next_step


def test_an_unknown_dataset_is_answered_with_the_nearest_one(ask: Any) -> None:
    with pytest.raises(NotFound) as refused:
        ask("viewer.emea", "SELECT 1 FROM custommers")
    assert refused.value.next_step == "Did you mean customers?"


def test_a_question_that_reads_no_data_is_not_for_this_engine(ask: Any) -> None:
    with pytest.raises(Invalid, match="reads no dataset"):
        ask("viewer.emea", "SELECT count(*) FROM range(10)")


def test_a_token_without_the_scope_may_not_query(shop: Instance, acting: Any) -> None:
    with acting("viewer.emea") as ctx:
        caller = ctx.caller.__class__(ctx.caller.person, "rest", frozenset({"see-datasets"}))
    with pytest.raises(NotAllowed, match="This token may not query"), shop.context(caller) as ctx:
        data.query(ctx, data.Request("SELECT region FROM orders", purpose=SALES))


def test_the_decision_is_on_the_trail_before_the_first_row_and_the_counts_after_the_last(
    acting: Any, trail_since: Any
) -> None:
    with acting("viewer.emea") as ctx:
        answer = data.query(ctx, data.Request("SELECT region, amount FROM orders", purpose=SALES))
        allowed = trail_since("query.allowed")
        assert not trail_since("query.answered")
        rows = answer.table()
    assert [(e.subject, e.facts["columns"], e.facts["purpose"]) for e in allowed] == [
        ("dataset:orders", ["region", "amount"], SALES)
    ]
    answered = trail_since("query.answered")
    assert [(e.subject, e.facts["rows"], e.facts["ended"]) for e in answered] == [
        (f"query:{answer.id}", rows.num_rows, "complete")
    ]
    with acting("compliance") as ctx:
        assert trail.verify(ctx).ok


def test_an_answer_that_is_left_is_closed_once_even_after_its_context(acting: Any, trail_since: Any) -> None:
    with acting("viewer.emea") as ctx:
        answer = data.query(ctx, data.Request("SELECT region FROM orders", purpose=SALES))
    batches = answer.batches()
    assert next(batches).num_rows == 6
    batches.close()
    answer.close()
    assert [e.facts["ended"] for e in trail_since("query.answered")] == ["cut"]


def test_an_app_reads_only_datasets_that_it_declares(ask: Any) -> None:
    for environment in ("sandbox", "production"):
        with pytest.raises(NotAllowed, match="does not declare customers"):
            ask("viewer.emea", "SELECT city FROM customers JOIN orders ON true", of=run(environment))


def test_undeclared_columns_are_refused_in_production_and_recorded_in_the_sandbox(
    acting: Any, ask: Any
) -> None:
    with pytest.raises(NotAllowed) as refused:
        ask("viewer.emea", "SELECT * FROM orders", of=run("production"))
    assert "customer_id, id, ordered" in refused.value.message
    assert ask("maker.sales", "SELECT * FROM orders", of=run("sandbox"))[0]["region"] == "TWIN"
    with acting("maker.sales") as ctx:
        every = frozenset({"id", "customer_id", "region", "amount", "ordered"})
        assert data.observed_reads(ctx, "report", "c" * 40, "sandbox") == {"orders": every}
        assert data.observed_reads(ctx, "other") == {}


def test_a_run_cannot_choose_its_purpose_or_environment(ask: Any) -> None:
    rows = ask(
        "maker.sales",
        "SELECT region FROM orders",
        of=run("sandbox"),
        purpose="people",
        environment="production",
    )
    assert rows == [{"region": "TWIN"}]


def test_the_same_question_from_an_app_is_cut_down_to_each_viewer(ask: Any) -> None:
    sql = "SELECT sum(amount) AS amount FROM orders"
    assert ask("viewer.emea", sql, of=run("production")) == [{"amount": 300}]
    assert ask("viewer.apac", sql, of=run("production")) == [{"amount": 360}]


def test_the_observed_columns_are_counted_for_each_version(shop: Instance, acting: Any, ask: Any) -> None:
    for _ in range(2):
        ask("viewer.emea", "SELECT region FROM orders", of=run("production", "counted"))
    with acting("maker.sales") as ctx:
        assert data.observed_reads(ctx, "counted", "c" * 40) == {"orders": frozenset({"region"})}
        assert data.observed_reads(ctx, "counted", "d" * 40) == {}


def test_as_of_says_how_old_the_data_is(acting: Any) -> None:
    with acting("viewer.emea") as ctx:
        taken = {name: data.dataset(ctx, name).as_of for name in ("orders", "customers")}
        assert taken["orders"] < taken["customers"] < ctx.clock.now()
        for sql, eldest in (("FROM customers", "customers"), ("FROM customers, orders", "orders")):
            with data.query(ctx, data.Request(sql, purpose=SALES)) as answer:
                assert answer.as_of == taken[eldest], sql


def test_a_metric_is_cut_like_sql_is(ask: Any) -> None:
    wanted = data.MetricRequest("sales", by=("city",), grain="month", where={"city": ["Rome", "Oslo"]})
    emea = ask("viewer.emea", metric=wanted)
    assert emea == [
        {"ordered": dt.date(2026, 1, 1), "city": "Rome", "sales": 60},
        {"ordered": dt.date(2026, 2, 1), "city": "Rome", "sales": 140},
        {"ordered": dt.date(2026, 3, 1), "city": "Rome", "sales": 100},
    ]
    assert ask("viewer.apac", metric=wanted)[0] == {
        "ordered": dt.date(2026, 1, 1),
        "city": "Oslo",
        "sales": 90,
    }


def test_an_app_asks_only_metrics_that_it_declares_and_needs_no_columns_for_them(ask: Any) -> None:
    assert ask("viewer.emea", metric=data.MetricRequest("sales", by=("ordered",)), of=run("production"))
    with pytest.raises(NotAllowed, match="does not declare the metric buyers"):
        ask("viewer.emea", metric=data.MetricRequest("buyers"), of=run("production"))


def test_ask_with_sql_or_a_metric_and_not_both(ask: Any) -> None:
    for sql, metric in ((None, None), ("SELECT 1", data.MetricRequest("sales"))):
        with pytest.raises(Invalid, match="one of the two"):
            ask("viewer.emea", sql, metric=metric)


def test_metrics_say_what_they_mean_and_whose_they_are(shop: Instance, acting: Any) -> None:
    with acting("viewer.emea") as ctx:
        buyers, sales = data.metrics(ctx)
        one = data.metric(ctx, "sales")
    assert one.since is not None and replace(one, since=None) == sales  # a list looks into no history
    assert (sales.owner, buyers.owner) == ("steward.sales", "lead")
    assert sales.description == "What customers ordered, by order date."
    assert sales.sql == 'SELECT SUM("orders"."amount") AS "sales" FROM "orders" AS "orders"'
    assert (sales.time, sales.dimensions) == (
        "orders.ordered",
        ("customers.city", "orders.ordered", "orders.region"),
    )
    assert sales.reads == {
        "customers": ("city", "id"),
        "orders": ("amount", "customer_id", "ordered", "region"),
    }
