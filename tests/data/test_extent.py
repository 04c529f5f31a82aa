"""How large a query may become: tables and columns by name, and once its common tables are put in."""

import pytest

from handrail.data.parse import read
from handrail.data.plans import Plan, named
from handrail.kernel import Invalid
from tests.data.governing import CONTRACTS


def doubled(levels: int, first: str, items: str) -> str:
    common = [f"c0 AS ({first})"]
    common += [f"c{n} AS (SELECT {items} FROM c{n - 1} a, c{n - 1} b)" for n in range(1, levels + 1)]
    return f"WITH {', '.join(common)} SELECT 1 FROM c{levels}"


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT 1 FROM " + ", ".join(f"orders a{n}" for n in range(101)), "names 101 tables"),
        (
            "SELECT 1 FROM orders a" + "".join(f" JOIN orders b{n} USING (id)" for n in range(1_500)),
            "1,500|1,501",
        ),
        ("SELECT " + ", ".join(["(SELECT 1 FROM orders)"] * 100) + " FROM orders", "names 101 tables"),
        ("SELECT " + ", ".join(["id"] * 2_001) + " FROM orders", "2,001 columns"),
        ("SELECT 1 FROM (SELECT " + ", ".join(["*"] * 5_000) + " FROM orders)", "5,000 columns"),
    ],
    ids=lambda text: text[:24],
)
def test_too_many_names_are_refused_before_anything_looks_at_them(sql: str, said: str) -> None:
    assert read(sql)
    with pytest.raises(Invalid, match=said) as refused:
        named(sql)
    assert refused.value.next_step


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (doubled(10, "SELECT id FROM orders", "a.id"), "reads 1,024 tables"),
        (doubled(40, "SELECT id FROM orders", "a.id"), "reads 1,024 tables"),
        (doubled(9, "SELECT * FROM orders", "a.*, b.*"), "3,072 columns"),
        (doubled(9, "SELECT * FROM orders", "*"), "3,072 columns"),
        (doubled(8, "SELECT * FROM (orders x JOIN orders y USING (id))", "*"), "3,072 columns"),
        (doubled(8, "(SELECT *, * FROM orders) UNION ALL SELECT *, * FROM orders", "*"), "3,072 columns"),
        (doubled(9, "SELECT * FROM (VALUES (1, 2, 3, 4)) v", "*"), "2,048 columns"),
        (doubled(9, "SELECT unnest({'a': 1, 'b': 2, 'c': 3, 'd': 4})", "*"), "2,048 columns"),
        ("SELECT *, *, * FROM " + "(SELECT *, *, * FROM " * 6 + "orders" + ")" * 6, "4,374 columns"),
    ],
    ids=lambda text: text[-60:],
)
def test_what_multiplies_in_common_tables_is_refused(sql: str, said: str) -> None:
    with pytest.raises(Invalid, match=said) as refused:
        Plan.of(named(sql), CONTRACTS)
    assert refused.value.next_step


@pytest.mark.parametrize(
    "sql",
    [
        doubled(6, "SELECT * FROM orders", "a.*, b.*"),
        doubled(9, "SELECT id FROM orders", "a.id"),
        "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 9) SELECT * FROM r, orders",
        "WITH "
        + ", ".join(f"c{n} AS (FROM {f'c{n - 1}' if n else 'orders'})" for n in range(90))
        + " FROM c89",
        "SELECT " + ", ".join(["id"] * 2_000) + " FROM orders",
    ],
    ids=lambda text: text[:40],
)
def test_what_people_write_is_read(sql: str) -> None:
    assert Plan.of(named(sql), CONTRACTS).resolved.reads
