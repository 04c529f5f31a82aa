"""What SQL people may ask in: each promised construct, through the governed query, with its answer."""

from collections.abc import Iterator
from typing import Any

import pytest

from handrail.kernel import Instance
from tests.data.asking import asking, furnished

# The viewer sees the orders 0, 2, … 10, of the customers 0 and 2, each of ten times its number.
FEATURES: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
    "inner join": (
        "SELECT o.id, c.city FROM orders o JOIN customers c ON o.customer_id = c.id WHERE o.id < 3",
        [(0, "Rome"), (2, "Rome")],
    ),
    "left join": (
        "SELECT c.id, count(o.id) FROM customers c LEFT JOIN orders o ON o.customer_id = c.id GROUP BY 1",
        [(0, 3), (1, 0), (2, 3), (3, 0)],
    ),
    "right join": (
        "SELECT c.id FROM orders o RIGHT JOIN customers c ON o.customer_id = c.id WHERE o.id IS NULL",
        [(1,), (3,)],
    ),
    "full join": ("SELECT count(*) FROM orders o FULL JOIN customers c ON o.id = c.id", [(8,)]),
    "cross join": ("SELECT count(*) FROM orders CROSS JOIN customers", [(24,)]),
    "join using": ("SELECT id, city FROM orders JOIN customers USING (id)", [(0, "Rome"), (2, "Rome")]),
    "natural join": ("SELECT id FROM orders NATURAL JOIN customers", [(0,), (2,)]),
    "semi join": ("SELECT c.id FROM customers c SEMI JOIN orders o ON o.customer_id = c.id", [(0,), (2,)]),
    "anti join": ("SELECT c.id FROM customers c ANTI JOIN orders o ON o.customer_id = c.id", [(1,), (3,)]),
    "asof join": ("SELECT v.k, o.id FROM (VALUES (5)) v(k) ASOF JOIN orders o ON v.k >= o.id", [(5, 4)]),
    "self join": (
        "SELECT a.id, b.id AS next FROM orders a JOIN orders b ON b.id = a.id + 8",
        [(0, 8), (2, 10)],
    ),
    "common table": (
        "WITH big AS (SELECT id FROM orders WHERE amount > 70) SELECT * FROM big",
        [(8,), (10,)],
    ),
    "common tables that build on each other": (
        "WITH a AS (SELECT id FROM orders), b AS (SELECT max(id) AS m FROM a) SELECT m FROM b",
        [(10,)],
    ),
    "common table named like a dataset": (
        "WITH orders AS (SELECT id FROM orders WHERE id = 4) SELECT * FROM orders",
        [(4,)],
    ),
    "recursive common table": (
        "WITH RECURSIVE r AS (SELECT 0 AS n UNION ALL SELECT n + 2 FROM r WHERE n < 4) SELECT o.id FROM orders o JOIN r ON r.n = o.id",
        [(0,), (2,), (4,)],
    ),
    "subquery in from": (
        "SELECT max(n) FROM (SELECT count(*) AS n FROM orders GROUP BY customer_id)",
        [(3,)],
    ),
    "scalar subquery": ("SELECT id FROM orders WHERE amount = (SELECT max(amount) FROM orders)", [(10,)]),
    "correlated subquery": (
        "SELECT c.id, (SELECT sum(amount) FROM orders o WHERE o.customer_id = c.id) AS s FROM customers c WHERE c.id < 1",
        [(0, 120)],
    ),
    "in a subquery": ("SELECT id FROM customers WHERE id IN (SELECT customer_id FROM orders)", [(0,), (2,)]),
    "exists": (
        "SELECT id FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id)",
        [(0,), (2,)],
    ),
    "any and all": ("SELECT id FROM orders WHERE amount >= ALL (SELECT amount FROM orders)", [(10,)]),
    "window": (
        "SELECT id, sum(amount) OVER (PARTITION BY customer_id ORDER BY id) AS s FROM orders WHERE id < 5",
        [(0, 0), (2, 20), (4, 40)],
    ),
    "window frame": (
        "SELECT id, sum(id) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS s FROM orders WHERE id < 5",
        [(0, 0), (2, 2), (4, 6)],
    ),
    "named window": (
        "SELECT id, rank() OVER w AS r FROM orders WHERE id > 7 WINDOW w AS (ORDER BY id DESC)",
        [(8, 2), (10, 1)],
    ),
    "qualify": (
        "SELECT id FROM orders QUALIFY row_number() OVER (PARTITION BY customer_id ORDER BY id DESC) = 1",
        [(8,), (10,)],
    ),
    "union": ("SELECT id FROM orders WHERE id < 3 UNION SELECT id FROM customers", [(0,), (1,), (2,), (3,)]),
    "union all": (
        "SELECT id FROM orders WHERE id = 0 UNION ALL SELECT id FROM customers WHERE id = 0",
        [(0,), (0,)],
    ),
    "intersect": ("SELECT id FROM orders INTERSECT SELECT id FROM customers", [(0,), (2,)]),
    "except": ("SELECT id FROM customers EXCEPT SELECT id FROM orders", [(1,), (3,)]),
    "lateral": (
        "SELECT c.id, l.m FROM customers c, LATERAL (SELECT max(o.id) AS m FROM orders o WHERE o.customer_id = c.id) l WHERE c.id = 0",
        [(0, 8)],
    ),
    "unnest": ("SELECT id, unnest([1, 2]) AS u FROM orders WHERE id = 0", [(0, 1), (0, 2)]),
    "distinct": ("SELECT DISTINCT customer_id FROM orders", [(0,), (2,)]),
    "distinct on": (
        "SELECT DISTINCT ON (customer_id) customer_id, id FROM orders ORDER BY customer_id, id DESC",
        [(0, 8), (2, 10)],
    ),
    "grouping sets": (
        "SELECT customer_id, sum(amount) FROM orders GROUP BY GROUPING SETS ((customer_id), ())",
        [(None, 300), (0, 120), (2, 180)],
    ),
    "rollup": ("SELECT region, count(*) FROM orders GROUP BY ROLLUP (region)", [(None, 6), ("EMEA", 6)]),
    "cube": (
        "SELECT region, customer_id, count(*) FROM orders GROUP BY CUBE (region, customer_id) HAVING region IS NULL",
        [(None, None, 6), (None, 0, 3), (None, 2, 3)],
    ),
    "having": ("SELECT customer_id FROM orders GROUP BY 1 HAVING sum(amount) > 150", [(2,)]),
    "filtered aggregate": ("SELECT count(*) FILTER (WHERE amount > 50) FROM orders", [(3,)]),
    "order and limit": ("SELECT id FROM orders ORDER BY id DESC LIMIT 2 OFFSET 1", [(6,), (8,)]),
    "case": (
        "SELECT CASE WHEN amount > 90 THEN 'big' ELSE 'small' END AS s, count(*) FROM orders GROUP BY 1",
        [("big", 1), ("small", 5)],
    ),
    "values": ("SELECT v.k FROM (VALUES (0), (1)) v(k) JOIN orders o ON o.id = v.k", [(0,)]),
    "a bound parameter": ("SELECT id FROM orders WHERE id > $least AND region = $region", [(8,), (10,)]),
    "a bound list": ("SELECT id FROM orders WHERE id IN (SELECT unnest($some))", [(2,), (4,)]),
}
PARAMETERS = {"least": 6, "region": "EMEA", "some": [1, 2, 4]}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    instance = furnished(tmp_path_factory.mktemp("home"))
    yield instance
    instance.close()


@pytest.mark.parametrize("feature", FEATURES)
def test_promised_sql_is_answered(shop: Instance, feature: str) -> None:
    sql, expected = FEATURES[feature]
    params = {name: value for name, value in PARAMETERS.items() if f"${name}" in sql}
    rows = [tuple(row.values()) for row in asking(shop)("viewer.emea", sql, params=params)]
    assert sorted(rows, key=str) == sorted(expected, key=str)


def test_a_parameter_is_never_read_as_sql(shop: Instance) -> None:
    ask = asking(shop)
    for value in ("EMEA' OR '1' = '1", "EMEA'; DROP VIEW governed.orders; --", '" OR true --'):
        assert (
            ask("viewer.emea", "SELECT id FROM orders WHERE region = $region", params={"region": value}) == []
        )
