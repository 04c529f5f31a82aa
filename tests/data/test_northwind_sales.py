"""Real input: the metric "sales" over Northwind agrees with plain SQL run directly on the SQLite file."""

import datetime as dt
import sqlite3
from pathlib import Path

import pytest

from handrail import data
from handrail.kernel import Instance, definitions
from tests.data.asking import TODAY, actors, asking

DATASETS = ("orders", "order_details", "products", "categories")
MODEL = b"""\
version: "0.2.0.dev0"
semantic_model:
  - name: northwind
    datasets:
      - name: order_details
        source: order_details
        primary_key: [OrderID, ProductID]
      - name: orders
        source: orders
        primary_key: [OrderID]
        fields:
          - name: country
            expression: {dialects: [{dialect: ANSI_SQL, expression: ShipCountry}]}
          - name: ordered
            expression: {dialects: [{dialect: ANSI_SQL, expression: OrderDate}]}
            dimension: {is_time: true}
      - name: products
        source: products
        primary_key: [ProductID]
      - name: categories
        source: categories
        primary_key: [CategoryID]
        fields:
          - name: category
            expression: {dialects: [{dialect: ANSI_SQL, expression: CategoryName}]}
    relationships:
      - {name: line_order, from: order_details, to: orders, from_columns: [OrderID], to_columns: [OrderID]}
      - {name: line_product, from: order_details, to: products, from_columns: [ProductID], to_columns: [ProductID]}
      - {name: product_category, from: products, to: categories, from_columns: [CategoryID], to_columns: [CategoryID]}
    metrics:
      - name: sales
        description: What customers paid for goods, discounts taken off, by order date.
        expression:
          dialects:
            - dialect: ANSI_SQL
              expression: SUM(order_details.UnitPrice * order_details.Quantity * (1 - order_details.Discount))
"""
PLAIN = """
SELECT CategoryName, strftime('%Y-%m-01', OrderDate), sum(d.UnitPrice * d.Quantity * (1 - d.Discount))
FROM "Order Details" d JOIN Orders o ON o.OrderID = d.OrderID
JOIN Products p ON p.ProductID = d.ProductID JOIN Categories c ON c.CategoryID = p.CategoryID
{where} GROUP BY 1, 2
"""


@pytest.fixture
def certified(instance: Instance, northwind: Path) -> Instance:
    acting = actors(instance)
    with acting("steward.sales") as ctx:
        data.import_source(ctx, str(northwind))
        definitions.write(ctx, "model/northwind.yaml", MODEL, "Say what sales are")
    changes = data.Changes(
        owner="steward.sales",
        deputy="steward.hr",
        purposes=("sales-reporting",),
        readers=("sales",),
        expires=TODAY + dt.timedelta(days=90),
    )
    for name in DATASETS:
        with acting("steward.sales") as ctx:
            data.propose(ctx, name, changes)
        with acting("steward.hr") as ctx:
            data.certify(ctx, name)
    return instance


def test_sales_by_category_and_month_agree_with_plain_sql_on_the_file(
    certified: Instance, northwind: Path
) -> None:
    ask = asking(certified)
    by_month = data.MetricRequest("sales", by=("category", "ordered"), grain="month")
    here = {(r["category"], str(r["ordered"])): r["sales"] for r in ask("viewer.emea", metric=by_month)}
    with sqlite3.connect(f"file:{northwind}?mode=ro", uri=True) as plain:
        there = {(c, m): amount for c, m, amount in plain.execute(PLAIN.format(where=""))}
        assert len(there) > 100
        assert here == pytest.approx(there, rel=1e-9)
        where = (
            "WHERE ShipCountry IN ('USA', 'UK') AND OrderDate >= '1997-01-01' AND OrderDate < '1998-01-01'"
        )
        there = {(c, m): amount for c, m, amount in plain.execute(PLAIN.format(where=where))}
    narrowed = data.MetricRequest(
        "sales",
        by=("category",),
        where={"country": ["USA", "UK"]},
        grain="month",
        start=dt.date(1997, 1, 1),
        end=dt.date(1998, 1, 1),
    )
    here = {(r["category"], str(r["ordered"])): r["sales"] for r in ask("viewer.emea", metric=narrowed)}
    assert here == pytest.approx(there, rel=1e-9)
