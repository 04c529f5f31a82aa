"""Extraction budgets: whom an answer counts, what stops it, and what stays the same for everybody."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from handrail import data
from handrail.data.budgets import pseudonym
from handrail.kernel import Instance, Invalid, LimitReached, NotAllowed, NotReady
from handrail.kernel.audit import recent
from tests.data import budgeting
from tests.data.asking import actors, asking, run

SALES = "sales-reporting"

# What a query counts of the 40 customers with the default minimum group of 5.
COUNTED = {
    "one customer": ("SELECT name FROM customers WHERE id = 7", {7}),
    "nobody found": ("SELECT name FROM customers WHERE id = 99", set()),
    "a page": ("SELECT id FROM customers ORDER BY id LIMIT 3 OFFSET 2", {2, 3, 4}),
    "orders of two": ("SELECT o.* FROM orders o WHERE customer_id IN (3, 5)", {3, 5}),
    "a join": (
        "SELECT c.city, o.amount FROM orders o JOIN customers c ON c.id = o.customer_id AND c.id < 2",
        {0, 1},
    ),
    "a left join on keys": (
        "SELECT o.id FROM orders o LEFT JOIN customers c ON o.customer_id = c.id WHERE o.customer_id = 4",
        {4},
    ),
    "customers and what nobody counts": (
        "SELECT l.price FROM orders o LEFT JOIN lines l ON l.order_id = o.id WHERE o.customer_id = 6",
        {6},
    ),
    "a total": ("SELECT count(*), sum(amount), avg(amount * 2 + 1) FROM orders", set()),
    "large groups": (
        "SELECT city, count(DISTINCT id), max(score), sum(score) FROM customers GROUP BY city",
        set(),
    ),
    "large groups having": (
        "SELECT city FROM customers GROUP BY ALL HAVING count(*) > 3 ORDER BY count(*)",
        set(),
    ),
    "distinct cities": ("SELECT DISTINCT city FROM customers", set()),
    "small groups": ("SELECT id // 3, count(*) FROM customers WHERE id < 8 GROUP BY 1", set(range(8))),
    "some small": ("SELECT score > 54, count(*) FROM customers GROUP BY 1", {37, 38, 39}),
    "bands": (
        "SELECT city, score >= 0, count(*), sum(score) FROM customers GROUP BY ALL",
        set(),
    ),
    "levels": (
        "SELECT region, year(ordered), sum(amount) FROM orders GROUP BY ROLLUP (region, year(ordered))",
        set(),
    ),
    "tiles": (
        "SELECT (SELECT count(*) FROM orders) n, (SELECT sum(amount) FROM orders WHERE region = 'EMEA') a, "
        "(SELECT avg(score * score) FROM customers) b",
        set(),
    ),
    "of a time": (
        "SELECT region, date_trunc('month', ordered) m, sum(amount) / count(*) "
        "FROM orders WHERE ordered >= DATE '2026-01-01' GROUP BY 1, 2 HAVING sum(amount) > 0",
        set(),
    ),
    "a total of one": ("SELECT sum(amount) FROM orders WHERE customer_id = 9", {9}),
    "totals over a join": (
        "SELECT l.place, sum(l.price * o.amount) FROM lines l JOIN orders o ON o.id = l.order_id GROUP BY 1",
        set(),
    ),
    "since the newest": (
        "SELECT l.place, sum(l.price) FROM lines l JOIN orders o ON o.id = l.order_id "
        "WHERE o.ordered > (SELECT max(ordered) FROM orders) - 28 GROUP BY l.place",
        set(),
    ),
    "in a subquery": (
        "SELECT place FROM lines WHERE order_id IN (SELECT id FROM orders WHERE customer_id = 2)",
        {2},
    ),
    "a subquery that is not used": (
        "SELECT place FROM lines WHERE FALSE AND 1 = (SELECT 1 FROM customers WHERE id = 1)",
        {1},
    ),
    "busy customers": (
        "WITH busy AS (SELECT customer_id, count(*) n FROM orders WHERE customer_id < 5 GROUP BY customer_id) "
        "SELECT c.*, busy.n FROM customers c JOIN busy ON busy.customer_id = c.id ORDER BY c.id LIMIT 2",
        {0, 1},
    ),
    "a total in a common table": (
        "WITH t AS (SELECT sum(amount) a FROM orders) SELECT amount / t.a FROM orders, t WHERE customer_id = 8",
        {8},
    ),
    "a star without a column": ("SELECT * EXCLUDE (name) FROM customers WHERE id = 3", {3}),
    "a union in a subquery of nobody": (
        "SELECT place FROM lines WHERE place IN (SELECT 0 UNION SELECT 1)",
        set(),
    ),
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    instance = budgeting.furnished(tmp_path_factory.mktemp("shop"), 12)
    yield instance
    instance.close()


@pytest.fixture(scope="module")
def free(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """The same without a budget."""
    instance = budgeting.furnished(tmp_path_factory.mktemp("free"), None)
    yield instance
    instance.close()


@pytest.fixture(autouse=True)
def fresh_day(shop: Instance) -> None:
    budgeting.forget(shop)


@pytest.mark.parametrize("name", COUNTED)
def test_an_answer_counts_whom_it_shows_and_is_the_same_as_without_a_budget(
    shop: Instance, free: Instance, name: str
) -> None:
    sql, customers = COUNTED[name]
    rows = asking(shop)("viewer.emea", sql)
    assert budgeting.seen(shop) == {pseudonym(shop, "customer", str(one)) for one in customers}
    plain = asking(free)("viewer.emea", sql)
    assert sorted(map(str, rows)) == sorted(map(str, plain))


def test_what_was_seen_already_is_not_counted_again_and_the_day_ends_the_count(shop: Instance) -> None:
    ask = asking(shop)
    for _ in range(3):
        ask("viewer.emea", "SELECT * FROM customers WHERE id < 12")
    with pytest.raises(LimitReached) as refused:
        ask("viewer.emea", "SELECT * FROM customers WHERE id BETWEEN 5 AND 12")
    assert refused.value.message == (
        "You have seen 12 of 12 customers today, in all apps together; this would go beyond that."
    )
    assert "steward.sales" in refused.value.next_step
    assert (
        len(ask("viewer.apac", "SELECT * FROM customers WHERE id > 27")) == 12
    )  # another viewer, another budget
    before, shop.clock = shop.clock, Tomorrow()
    try:
        assert len(ask("viewer.emea", "SELECT * FROM customers WHERE id = 12")) == 1
    finally:
        shop.clock = before


def test_datasets_queries_and_apps_share_one_budget(shop: Instance) -> None:
    ask, act = asking(shop), actors(shop)
    ask("viewer.emea", "SELECT name FROM customers WHERE id < 4")
    ask("viewer.emea", "SELECT amount FROM orders WHERE customer_id BETWEEN 2 AND 5")
    ask(
        "viewer.emea",
        "SELECT region FROM orders WHERE amount BETWEEN 6.25 AND 11.25",
        run("production"),
    )
    with act("viewer.emea") as ctx:
        [used] = data.my_budgets(ctx)
        assert data.my_budgets(ctx, "lines") == ()
    assert (used.subject, used.seen, used.budget) == ("customer", 10, 12)
    assert used.apps == {"": 6, "report": 5}
    with pytest.raises(LimitReached):
        ask("viewer.emea", "SELECT region, amount FROM orders", run("production"))


def test_the_sandbox_counts_nobody(shop: Instance) -> None:
    with pytest.raises(NotReady):  # no twin; it got as far as that
        asking(shop)("maker.sales", "SELECT * FROM customers", environment="sandbox")
    assert not budgeting.seen(shop)


def test_a_whole_list_is_refused_before_a_row_leaves_and_counts_nobody(shop: Instance) -> None:
    with actors(shop)("viewer.emea") as ctx:
        answer = data.query(ctx, data.Request("SELECT * FROM customers", purpose=SALES))
        with pytest.raises(LimitReached):
            next(answer.batches())
    assert not budgeting.seen(shop)


def test_the_hidden_column_is_never_shown(shop: Instance) -> None:
    for sql in ("FROM customers WHERE id = 1", "SELECT c.* FROM (SELECT * FROM customers) c WHERE id = 1"):
        assert [list(row) for row in asking(shop)("viewer.emea", sql)] == [
            ["id", "name", "city", "born", "score"]
        ]
    with pytest.raises(LimitReached):
        asking(shop)("viewer.emea", "SELECT (SELECT c.*) FROM customers c WHERE id = 1")


def test_a_smaller_budget_of_one_dataset_is_the_one_that_counts(instance: Instance, tmp_path: Path) -> None:
    budgeting.furnish(instance, tmp_path, budget=12)
    budgeting.certify(instance, "orders", {"budget": 3})
    ask = asking(instance)
    assert len(ask("viewer.emea", "SELECT id FROM customers WHERE id < 5")) == 5
    with pytest.raises(LimitReached, match="5 of 3"):
        ask("viewer.emea", "SELECT id FROM orders WHERE customer_id = 30")
    budgeting.certify(instance, "orders", {"budget": 0})
    assert len(ask("viewer.emea", "SELECT id FROM orders")) == 160


def test_compliance_learns_who_saw_a_customer_through_which_app_and_query(
    instance: Instance, tmp_path: Path
) -> None:
    budgeting.furnish(instance, tmp_path, budget=12)
    ask, act = asking(instance), actors(instance)
    ask("viewer.emea", "SELECT name FROM customers WHERE id < 4")
    ask("viewer.emea", "SELECT name FROM customers WHERE id = 3")
    ask("viewer.emea", "SELECT region FROM orders WHERE amount = 3.75", run("production"))
    ask("viewer.apac", "SELECT city, count(*) FROM customers GROUP BY city")
    ask("viewer.apac", "SELECT city FROM customers WHERE id = 4")
    with act("compliance") as ctx:
        found = data.who_saw(ctx, "customer", "3")
        assert data.who_saw(ctx, "customers", "3") == found == data.who_saw(ctx, "orders", " 3 ")
        assert data.who_saw(ctx, "customer", "38") == ()
        entries = recent(ctx.db, verb="query.answered")
    assert [(one.person, one.app, one.certain) for one in found] == [
        ("viewer.emea", "report", True),
        ("viewer.emea", "", True),
        ("viewer.emea", "", True),
    ]
    assert {f"query:{one.query}" for one in found} <= {entry.subject for entry in entries}
    assert all("Person" not in str(entry.facts) for entry in entries)


def test_only_compliance_and_stewards_may_ask_who_saw_and_the_question_is_on_the_trail(
    shop: Instance,
) -> None:
    act = actors(shop)
    for person in ("viewer.emea", "admin", "maker.sales"):
        with pytest.raises(NotAllowed, match="compliance and stewards"), act(person) as ctx:
            data.who_saw(ctx, "customer", "3")
    with act("steward.sales") as ctx:
        data.who_saw(ctx, "customer", "3")
    with act("compliance") as ctx:
        entry = recent(ctx.db, verb="access.searched")[0]
    assert entry.subject == "subject:customer" and entry.facts["entity"] == pseudonym(shop, "customer", "3")


def test_of_a_large_answer_it_is_said_how_often_its_fingerprint_is_a_mistake(
    instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    budgeting.furnish(instance, tmp_path, budget=1000)
    monkeypatch.setattr("handrail.data.budgets.NAMED", 20)
    ask = asking(instance)
    ask("viewer.emea", "SELECT id FROM customers WHERE id = 3")
    ask("viewer.emea", "SELECT id FROM customers WHERE id > 10")
    ask("viewer.emea", "SELECT id FROM customers WHERE id < 30")
    with actors(instance)("compliance") as ctx:
        [large, small] = data.who_saw(ctx, "customer", "3")
        assert [one.certain for one in data.who_saw(ctx, "customer", "35")] == [True]
    assert (small.certain, small.false_positive_rate) == (True, 0)
    assert not large.certain and large.query != small.query
    assert large.false_positive_rate == pytest.approx(30 / 2**32)
    assert large.in_words == "yes, but for 1 case in 143,165,577"


@pytest.mark.parametrize("value", ["many", -1, 1.5, True, 10**10])
def test_a_budget_is_a_whole_number(shop: Instance, value: Any) -> None:
    with pytest.raises(Invalid, match="budget"), actors(shop)("steward.sales") as ctx:
        data.propose(ctx, "orders", {"budget": value})


class Tomorrow:
    """A clock that is a day ahead."""

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
