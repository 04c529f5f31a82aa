"""The demo company's data is deterministic, whole, messy where it should be, and ties to the board."""

from pathlib import Path

import duckdb
import pytest

from handrail_demo import vocabulary as words
from handrail_demo.generate import SMALL, generate, tables

REVENUE = "sum((net_amount - coalesce(returned_amount, 0)) * eur_rate)"
FORGETFUL = "sum(net_amount * eur_rate)"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    path = tmp_path_factory.mktemp("meridian") / "meridian.duckdb"
    written = generate(path)
    assert written["sales_orders"] == SMALL.orders
    return duckdb.connect(str(path), read_only=True)


def misses(source: duckdb.DuckDBPyConnection, definition: str) -> list[float]:
    rows = source.execute(
        f"""
        WITH ours AS (
            SELECT year(order_date) || '-Q' || quarter(order_date) AS quarter, {definition} AS revenue
            FROM sales_orders GROUP BY 1
        )
        SELECT abs(revenue / revenue_eur - 1) FROM finance_control_totals LEFT JOIN ours USING (quarter)
        """
    ).fetchall()
    return [float(miss) for (miss,) in rows]


def test_the_same_seed_gives_the_same_rows_and_another_seed_others() -> None:
    first, again, other = tables(seed=7), tables(seed=7), tables(seed=8)
    assert all(first[name].equals(again[name]) for name in first)
    assert not first["sales_orders"].equals(other["sales_orders"])


@pytest.mark.parametrize(
    ("child", "column", "parent", "key"),
    [
        ("sales_orders", "customer_id", "customers", "customer_id"),
        ("order_lines", "order_id", "sales_orders", "order_id"),
        ("order_lines", "product_id", "products", "product_id"),
        ("clinic_visits", "employee_id", "hr_employees", "employee_id"),
        ("hr_employees", "manager_id", "hr_employees", "employee_id"),
    ],
)
def test_every_foreign_key_resolves(
    source: duckdb.DuckDBPyConnection, child: str, column: str, parent: str, key: str
) -> None:
    orphans = source.execute(
        f"SELECT count(*) FROM {child} WHERE {column} IS NOT NULL "
        f"AND {column} NOT IN (SELECT {key} FROM {parent})"
    ).fetchone()
    assert orphans == (0,)


def test_the_lines_of_an_order_sum_to_its_amount(source: duckdb.DuckDBPyConnection) -> None:
    wrong = source.execute(
        """
        SELECT count(*) FROM sales_orders JOIN (
            SELECT order_id, sum(line_amount) AS total FROM order_lines GROUP BY order_id
        ) USING (order_id) WHERE total <> net_amount
        """
    ).fetchone()
    assert wrong == (0,)


def test_revenue_ties_to_the_board_within_a_thousandth(source: duckdb.DuckDBPyConnection) -> None:
    closed = misses(source, REVENUE)
    assert len(closed) == 11
    assert max(closed) < 0.001


def test_forgetting_returns_misses_each_quarter_by_0_8_percent(
    source: duckdb.DuckDBPyConnection,
) -> None:
    assert all(0.0075 < miss < 0.0085 for miss in misses(source, FORGETFUL))


def test_one_region_sent_a_month_late(source: duckdb.DuckDBPyConnection) -> None:
    late = source.execute(
        "SELECT region, min(order_date), max(order_date) FROM sales_orders "
        "WHERE loaded_at::date - order_date > 7 GROUP BY region"
    ).fetchall()
    assert [(region, first.month, last.month) for region, first, last in late] == [("LATAM", 8, 8)]


def test_the_regions_of_the_viewers_and_customer_4711_exist(source: duckdb.DuckDBPyConnection) -> None:
    regions = {r for (r,) in source.execute("SELECT DISTINCT region FROM sales_orders").fetchall()}
    assert regions == set(words.REGIONS)
    assert {"EMEA", "APAC"} < regions
    assert len(regions) == 8
    orders = source.execute("SELECT count(*) FROM sales_orders WHERE customer_id = 4711").fetchone()
    assert orders is not None
    assert orders[0] > 0


def test_the_mess_is_there(source: duckdb.DuckDBPyConnection) -> None:
    counts = source.execute(
        """
        SELECT count(*) FILTER (last_name IN ('Null', '=SUM(A1:A9)')), count(*) FILTER (email IS NULL),
               count(*) FILTER (last_name <> trim(last_name)), count(*) FILTER (city = '札幌市')
        FROM customers
        """
    ).fetchone()
    assert counts is not None
    assert all(counts)


def test_an_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "precious.duckdb"
    file.write_text("mine")
    with pytest.raises(FileExistsError):
        generate(file)
    assert file.read_text() == "mine"
