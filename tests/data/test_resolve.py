"""Which datasets and columns a query reads, and which names it may use."""

import pytest

from handrail.data.parse import read
from handrail.data.resolve import resolve
from handrail.kernel import Invalid, NotFound, Refusal
from tests.data.governing import CONTRACTS, reads

ALL_ORDERS = ("id", "customer_id", "region", "amount", "ordered", "Ship Name")


@pytest.mark.parametrize(
    ("sql", "orders"),
    [
        ("SELECT region FROM orders", ("region",)),
        ("SELECT o.region FROM orders AS o", ("region",)),
        ("SELECT REGION FROM Orders", ("region",)),
        ('SELECT "Ship Name" FROM "orders"', ("Ship Name",)),
        ("SELECT * FROM orders", ALL_ORDERS),
        ("FROM orders", ALL_ORDERS),
        ("SELECT o.* FROM orders o", ALL_ORDERS),
        ("SELECT * EXCLUDE (amount) FROM orders", ALL_ORDERS),
        ("SELECT orders FROM orders", ALL_ORDERS),
        ("SELECT count(*) FROM orders", ()),
        ("SELECT count(*) AS n FROM orders GROUP BY region ORDER BY sum(amount)", ("region", "amount")),
        ("SELECT sum(amount) FILTER (WHERE region = 'x') FROM orders", ("region", "amount")),
        ("SELECT rank() OVER (PARTITION BY region ORDER BY amount) FROM orders", ("region", "amount")),
        ("SELECT id FROM orders QUALIFY row_number() OVER (ORDER BY ordered) = 1", ("id", "ordered")),
        ("SELECT DISTINCT ON (region) id FROM orders", ("id", "region")),
        ("SELECT a.id FROM orders a JOIN orders b ON a.id = b.customer_id", ("id", "customer_id")),
        ("WITH o AS (SELECT region AS r FROM orders) SELECT r FROM o", ("region",)),
        ("WITH orders AS (SELECT region FROM orders) SELECT region FROM orders", ("region",)),
        ("SELECT x FROM (SELECT amount AS x FROM orders) AS t WHERE x > 1", ("amount",)),
        ("SELECT (SELECT max(amount) FROM orders) AS m", ("amount",)),
        ("SELECT 1 FROM orders o, LATERAL (SELECT o.amount AS d) AS l", ("amount",)),
        ("SELECT 1 WHERE EXISTS (SELECT 1 FROM orders WHERE region = 'x')", ("region",)),
        (
            'SELECT region FROM orders UNION ALL SELECT "Ship Name" FROM orders ORDER BY region',
            ("region", "Ship Name"),
        ),
        ("SELECT a.region FROM (orders AS a JOIN orders AS b USING (id))", ("id", "region")),
    ],
)
def test_the_columns_read_are_exactly_those_the_query_names(sql: str, orders: tuple[str, ...]) -> None:
    assert reads(sql) == {"orders": orders}


def test_a_column_is_charged_to_the_dataset_that_has_it() -> None:
    sql = "SELECT name, amount FROM orders JOIN customers ON customer_id = customers.id"
    assert reads(sql) == {"customers": ("id", "name"), "orders": ("customer_id", "amount")}


def test_a_correlated_subquery_charges_the_outer_dataset() -> None:
    sql = "SELECT id FROM orders WHERE EXISTS (SELECT 1 FROM customers WHERE name = region)"
    assert reads(sql) == {"customers": ("name",), "orders": ("id", "region")}


def test_a_natural_join_reads_everything_that_could_match() -> None:
    assert reads("SELECT 1 FROM orders NATURAL JOIN customers")["orders"] == ALL_ORDERS


@pytest.mark.parametrize(
    ("sql", "message", "next_step"),
    [
        ("SELECT regoin FROM orders", "No column is called regoin (line 1, column 8)", "region"),
        ("SELECT o.regoin\nFROM orders o", "o has no column regoin (line 1, column 10)", "region"),
        ("SELECT 1\nFROM oders", "No dataset is called oders (line 2, column 6)", "orders"),
        ("WITH totals AS (SELECT 1 AS n) SELECT n FROM total", "No dataset is called total", "totals"),
        ("SELECT y FROM (SELECT 1 AS x) AS t", "No column is called y", "x"),
        ("SELECT a.id FROM orders", "No column is called a.id", "id"),
    ],
)
def test_a_typo_is_answered_with_its_place_and_the_nearest_name(
    sql: str, message: str, next_step: str
) -> None:
    with pytest.raises(Refusal) as refused:
        reads(sql)
    assert message in refused.value.message
    assert next_step in refused.value.next_step


@pytest.mark.parametrize(
    "sql", ["SELECT 1 FROM main.orders", "SELECT 1 FROM a.b.orders", "SELECT 1 FROM governed.orders"]
)
def test_tables_have_no_schema(sql: str) -> None:
    with pytest.raises(NotFound, match="without a schema"):
        reads(sql)


def test_a_dataset_cannot_have_its_columns_renamed_after_the_alias() -> None:
    with pytest.raises(Invalid, match="cannot be renamed"):
        reads("SELECT a FROM orders AS o(a, b)")


def test_a_common_table_is_out_of_sight_outside_its_query() -> None:
    with pytest.raises(NotFound):
        reads("SELECT (WITH c AS (SELECT 1 AS x) SELECT x FROM c) AS x, d.x FROM c AS d")


@pytest.mark.parametrize("name", ["duckdb_settings", "sqlite_master", "orders"])
def test_a_common_table_can_never_be_mistaken_for_what_the_engine_knows_by_its_name(name: str) -> None:
    sql = f"WITH {name} AS (SELECT 1 AS x) SELECT {name}.x FROM {name}"
    tree = resolve(read(sql), sql, CONTRACTS).tree
    assert tree.sql("duckdb") == f"WITH _with0 AS (SELECT 1 AS x) SELECT {name}.x FROM _with0 AS {name}"
