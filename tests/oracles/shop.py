"""The shop that we and the oracles are asked about: one model, and data with the gaps that real data has."""

from __future__ import annotations

import datetime as dt
import json
import random
from decimal import Decimal
from typing import Any

import duckdb

from handrail.data import ossie

# By dataset: its key, and its fields as expressions; fields of time are in TIMES.
DATASETS: dict[str, tuple[list[str], dict[str, str]]] = {
    "orders": (
        ["id"],
        {"channel": "channel", "ordered": "ordered", "shipped": "shipped", "big": "amount > 500"},
    ),
    "lines": (["order_id", "line"], {"booked": "booked"}),
    "products": (["id"], {"product": "name"}),
    "categories": (["id"], {"category": "title"}),
    "departments": (["id"], {"department": "label"}),
    "customers": (["id"], {"segment": "segment"}),
    "countries": (["code"], {"continent": "continent"}),
    "stock": (["day", "product_id"], {"counted": "day"}),
}
TIMES = {"ordered": "Date", "shipped": "Date", "booked": "DateTime", "counted": "Date"}
RELATIONSHIPS = {
    "line_order": ("lines", "orders", "order_id", "id"),
    "line_product": ("lines", "products", "product_id", "id"),
    "stock_product": ("stock", "products", "product_id", "id"),
    "product_category": ("products", "categories", "category_id", "id"),
    "category_department": ("categories", "departments", "department_id", "id"),
    "order_customer": ("orders", "customers", "customer_id", "id"),
    "customer_country": ("customers", "countries", "country", "code"),
}
_BEFORE = {"before": {"metric": "revenue", "earlier": "1 year"}}
METRICS: dict[str, tuple[str, dict[str, Any]]] = {
    "revenue": ("SUM(orders.amount)", {"time": "orders.ordered"}),
    "orders_made": ("COUNT(orders.id)", {"time": "orders.ordered"}),
    "buyers": ("COUNT(DISTINCT orders.customer_id)", {"time": "orders.ordered"}),
    "average": ("AVG(orders.amount)", {"time": "orders.ordered"}),
    "largest": ("MAX(orders.amount)", {"time": "orders.ordered"}),
    "smallest": ("MIN(orders.amount)", {"time": "orders.ordered"}),
    "shipped_revenue": ("SUM(orders.amount)", {"time": "orders.shipped"}),
    "net": ("SUM(lines.net)", {}),
    "pieces": ("SUM(lines.pieces)", {}),
    "listed": ("SUM(lines.pieces * 2.5)", {}),
    "web_revenue": ("SUM(orders.amount)", {"time": "orders.ordered", "filter": "orders.channel = 'web'"}),
    "eu_revenue": (
        "SUM(orders.amount)",
        {"time": "orders.ordered", "filter": "countries.continent = 'Europe'"},
    ),
    "tool_net": ("SUM(lines.net)", {"filter": "departments.department = 'Tools'"}),
    "basket": ("revenue / orders_made", {"kind": "ratio"}),
    "web_share": ("web_revenue / revenue", {"kind": "ratio"}),
    "net_per_order": ("net / orders_made", {"kind": "ratio"}),
    "offline": ("revenue - web_revenue", {"kind": "derived"}),
    "growth": ("revenue / before - 1", {"kind": "derived", "inputs": _BEFORE}),
    "year_before": ("before", {"kind": "derived", "inputs": _BEFORE}),
    "change": (
        "revenue - before",
        {"kind": "derived", "inputs": {"before": {"metric": "revenue", "earlier": "1 month"}}},
    ),
    "so_far": ("SUM(orders.amount)", {"time": "orders.ordered", "kind": "cumulative"}),
    "year_to_date": (
        "SUM(orders.amount)",
        {"time": "orders.ordered", "kind": "cumulative", "to_date": "year"},
    ),
    "month_to_date": (
        "SUM(orders.amount)",
        {"time": "orders.ordered", "kind": "cumulative", "to_date": "month"},
    ),
    "rolling": ("SUM(orders.amount)", {"time": "orders.ordered", "kind": "cumulative", "window": "28 day"}),
    "active": (
        "COUNT(DISTINCT orders.customer_id)",
        {"time": "orders.ordered", "kind": "cumulative", "window": "30 day"},
    ),
    "on_hand": ("SUM(stock.held)", {"over_time": "last"}),
}
FISCAL_START = 4
TABLES = {
    "orders": "id BIGINT, customer_id BIGINT, channel VARCHAR, ordered DATE, shipped DATE, amount DECIMAL(12, 2)",
    "lines": "order_id BIGINT, line BIGINT, product_id BIGINT, pieces BIGINT, net DECIMAL(12, 2), booked TIMESTAMP",
    "products": "id BIGINT, name VARCHAR, category_id BIGINT",
    "categories": "id BIGINT, title VARCHAR, department_id BIGINT",
    "departments": "id BIGINT, label VARCHAR",
    "customers": "id BIGINT, segment VARCHAR, country VARCHAR",
    "countries": "code VARCHAR, continent VARCHAR",
    "stock": "day DATE, product_id BIGINT, held BIGINT",
}
FIRST = dt.date(2023, 11, 20)


def model(metrics: dict[str, tuple[str, dict[str, Any]]]) -> bytes:
    """The model file with these metrics, as Handrail reads it."""
    said = {
        "version": ossie.VERSION,
        "semantic_model": [
            {
                "name": "shop",
                "datasets": [
                    {"name": name, "source": name, "primary_key": key, "fields": _fields(fields)}
                    for name, (key, fields) in DATASETS.items()
                ],
                "relationships": [
                    {"name": name, "from": a, "to": b, "from_columns": [x], "to_columns": [y]}
                    for name, (a, b, x, y) in RELATIONSHIPS.items()
                ],
                "metrics": [
                    {"name": name, **_expression(sql), "custom_extensions": _ours(settings)}
                    for name, (sql, settings) in metrics.items()
                ],
                "custom_extensions": _ours({"fiscal_start": FISCAL_START}),
            }
        ],
    }
    return json.dumps(said, indent=1).encode()  # JSON is YAML


def definitions(
    metrics: dict[str, tuple[str, dict[str, Any]]] = METRICS,
) -> dict[str, ossie.Definition]:
    """Every metric of the model."""
    return {one.metric.name: one for one in ossie.load(model(metrics), "model/shop.yaml")}


def filled() -> duckdb.DuckDBPyConnection:
    """A database with the shop's tables.

    Orders without customer, customers without country, countries that are nowhere, a leap day, weeks
    without a sale, moments exactly at midnight and just before it, and amounts with cents.
    """
    chance = random.Random(11)
    db = duckdb.connect()
    for name, columns in TABLES.items():
        db.execute(f"CREATE TABLE {name} ({columns})")
    db.execute("INSERT INTO countries VALUES ('DE', 'Europe'), ('FR', 'Europe'), ('JP', 'Asia')")
    db.execute("INSERT INTO departments VALUES (1, 'Tools'), (2, 'Garden')")
    db.execute(
        "INSERT INTO categories VALUES (1, 'Saws', 1), (2, 'Hammers', 1), (3, 'Pots', 2), (4, 'Odd', NULL)"
    )
    for n in range(12):
        db.execute("INSERT INTO products VALUES (?, ?, ?)", [n, f"P{n}", (None, 1, 2, 3, 4)[n % 5]])
    for n in range(40):
        row = [n, chance.choice(["club", "shop", None]), chance.choice(["DE", "FR", "JP", "XX", None])]
        db.execute("INSERT INTO customers VALUES (?, ?, ?)", row)
    for n in range(500):
        _order(db, chance, n)
    for n in range(100):
        for product in range(3):
            if chance.random() < 0.8:
                day = FIRST + dt.timedelta(days=n * 6)
                db.execute("INSERT INTO stock VALUES (?, ?, ?)", [day, product, chance.randrange(100)])
    return db


def _order(db: duckdb.DuckDBPyConnection, chance: random.Random, n: int) -> None:
    ordered = FIRST + dt.timedelta(days=chance.choice([*range(300), *range(330, 800)]))
    ordered = dt.date(2024, 2, 29) if n < 4 else ordered
    shipped = chance.choice([None, ordered + dt.timedelta(days=chance.randrange(40))])
    amount = chance.choice([None, Decimal(0), Decimal(chance.randrange(100, 90000)) / 100])
    customer, channel = chance.choice([*range(45), None]), chance.choice(["web", "store"])
    db.execute(
        "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?)", [n, customer, channel, ordered, shipped, amount]
    )
    for line in range(chance.randrange(4)):
        at = dt.datetime.combine(ordered, chance.choice([dt.time(0), dt.time(11, 5), dt.time(23, 59, 59)]))
        net = Decimal(chance.randrange(1, 99999)) / 100
        row = [n, line, chance.choice([*range(14), None]), chance.randrange(1, 9), net, at]
        db.execute("INSERT INTO lines VALUES (?, ?, ?, ?, ?, ?)", row)


def _fields(fields: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {"name": name, **_expression(sql), **({"datatype": TIMES[name]} if name in TIMES else {})}
        for name, sql in fields.items()
    ]


def _expression(sql: str) -> dict[str, Any]:
    return {"expression": {"dialects": [{"dialect": "ANSI_SQL", "expression": sql}]}}


def _ours(settings: dict[str, Any]) -> list[dict[str, str]]:
    return [{"vendor_name": "HANDRAIL", "data": json.dumps(settings)}]
