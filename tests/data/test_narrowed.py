"""Tables that a question filters by itself are planned for by another guess, and answer alike."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlglot import exp

from handrail import data
from handrail.data.narrowed import MARK, mark_narrowed
from handrail.data.parse import read
from handrail.data.query import decided
from handrail.data.resolve import resolve
from handrail.kernel import Instance
from handrail.kernel.ports import NARROWED
from tests.data.asking import actors, furnished
from tests.data.governing import CONTRACTS


def marked(sql: str, contracts: dict[str, data.Contract] = CONTRACTS) -> list[str]:
    """The tables of a question, by alias, that are marked."""
    tree = resolve(read(sql), sql, contracts).tree
    mark_narrowed(tree, contracts)
    return sorted(table.alias_or_name for table in tree.find_all(exp.Table) if MARK in table.meta)


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("SELECT id FROM orders", []),
        ("SELECT id FROM orders WHERE amount > 1", ["orders"]),
        ("SELECT id FROM orders WHERE amount > 1 OR region = 'EMEA'", ["orders"]),
        ("SELECT o.id FROM orders o JOIN customers c ON o.customer_id = c.id", []),
        ("SELECT o.id FROM orders o, customers c WHERE o.customer_id = c.id AND (c.name = 'A')", ["c"]),
        ("SELECT o.id FROM orders o JOIN customers c ON o.customer_id = c.id AND amount > 1", ["o"]),
        ("SELECT o.id FROM orders o LEFT JOIN customers c ON o.customer_id = c.id AND c.name = 'A'", []),
        ("SELECT a.id FROM orders a, orders b WHERE a.id = b.id AND B.amount > 1", ["b"]),
        ("SELECT id FROM orders WHERE id IN (SELECT id FROM customers WHERE name = 'A')", ["customers"]),
        ("WITH few AS (SELECT id FROM orders WHERE amount > 1) SELECT o.id FROM orders o, few", ["orders"]),
        ("SELECT id FROM orders WHERE true", []),
    ],
)
def test_a_table_is_marked_where_a_condition_of_the_question_is_about_it_alone(
    sql: str, tables: list[str]
) -> None:
    assert marked(sql) == tables


def test_nothing_is_marked_where_a_table_is_at_another_engine() -> None:
    contracts = {**CONTRACTS, "customers": replace(CONTRACTS["customers"], engine="warehouse")}
    sql = "SELECT o.id FROM orders o, customers c WHERE o.customer_id = c.id AND o.amount > 1"
    assert marked(sql) == ["o"] and marked(sql, contracts) == []


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Instance]:
    instance = furnished(tmp_path)
    yield instance
    instance.close()


def test_a_question_that_filters_is_answered_from_the_same_rows(shop: Instance) -> None:
    sql = "SELECT a.id FROM orders a JOIN orders b ON a.id = b.id WHERE a.id >= 0 ORDER BY 1"
    with actors(shop)("viewer.emea") as ctx:
        request = data.Request(sql, purpose="sales-reporting")
        assert f'"orders{NARROWED}"' in decided(ctx, request).statement().sql
        found = data.query(ctx, request).table()["id"].to_pylist()
        every = data.query(ctx, data.Request("SELECT id FROM orders ORDER BY 1", purpose="sales-reporting"))
        assert found == every.table()["id"].to_pylist() != []
