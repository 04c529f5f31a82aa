"""A small company to tell stories about: its source, what its stewards made of it, and an app that reads it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from handrail import data, twins
from handrail.kernel import Caller, Context, Instance, definitions, identity
from handrail.server import open_instance
from tests.conftest import inhabited
from tests.prepared import copied

PURPOSE = "sales-reporting"
EXPIRES = (datetime.now(UTC) + timedelta(days=200)).date().isoformat()
SOURCE = """
CREATE TABLE customers AS SELECT i AS customer_id, 'Name ' || i AS full_name, 'c' || i || '@example.org' AS email
FROM range(1, 61) t(i);
CREATE TABLE sales_orders AS SELECT i AS order_id, 1 + i % 60 AS customer_id,
    ['EMEA', 'APAC', 'NA'][1 + i % 3] AS region, ['Tents', 'Shells', 'Footwear', 'Cookware'][1 + (i * 7) % 4] AS line,
    CAST(10 + (i * 37) % 900 + (i % 100) / 100 AS DECIMAL(12, 2)) AS net_amount,
    DATE '2026-01-01' + CAST(i % 180 AS INTEGER) AS ordered
FROM range(1, 601) t(i)
"""
CHANGES: dict[str, dict[str, Any]] = {
    "customers": {
        "masks": {"email": "hash"},
        "classifications": {"email": "personal", "full_name": "personal"},
    },
    "sales_orders": {
        "row_filters": ["region = viewer.region"],
        "entity_key": "customer_id",
        "subject": "customer",
    },
}
MODEL = b"""\
version: "0.2.0.dev0"
semantic_model:
  - name: sales
    datasets:
      - name: sales_orders
        source: sales_orders
        primary_key: [order_id]
        fields:
          - name: region
            expression: {dialects: [{dialect: ANSI_SQL, expression: region}]}
          - name: ordered
            expression: {dialects: [{dialect: ANSI_SQL, expression: ordered}]}
            dimension: {is_time: true}
    metrics:
      - name: revenue
        description: What customers ordered, by the day of the order.
        expression: {dialects: [{dialect: ANSI_SQL, expression: SUM(sales_orders.net_amount)}]}
"""
MANIFEST = """\
[app]
name = "{name}"
kind = "job"
entrypoint = "app.py"
purpose = "sales-reporting"
says = "Net sales by product line"

[data.sales_orders]
columns = ["region", "line", "net_amount"]
"""
CODE = '''\
"""Net sales by region and product line, as a table and a chart."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from handrail_sdk import query, show, text

sales = query(
    """
    SELECT region, line, sum(net_amount) AS net, count(*) AS orders
    FROM sales_orders GROUP BY region, line ORDER BY region, line
    """
)
sales = sales.fillna({"region": "(none)", "line": "(none)"})
text(f"{int(sales['orders'].sum())} orders in {', '.join(sorted(sales['region'].unique()))}.")
show(sales, title="Net sales by line")

figure, axes = plt.subplots()
axes.bar(sales["region"] + " " + sales["line"], sales["net"].astype(float))
show(figure, title="Net sales, drawn")
'''
Acting = Callable[[str], AbstractContextManager[Context]]


def source(path: Path) -> Path:
    """The company's database: 600 orders of three regions and 60 customers."""
    with duckdb.connect(str(path)) as made:
        made.execute(SOURCE)
    return path


def direct(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """Plain SQL on the source itself, past every rule: what governed answers are compared with."""
    with duckdb.connect(str(path), read_only=True) as opened:
        return opened.execute(sql).fetchall()


def by_line(path: Path, region: str) -> list[tuple[str, str, Decimal, int]]:
    """What the app must show somebody of this region."""
    return direct(
        path,
        "SELECT region, line, sum(net_amount), count(*) FROM sales_orders "
        f"WHERE region = '{region}' GROUP BY region, line ORDER BY line",
    )


def actors(instance: Instance, via: Any = "cli") -> Acting:
    """Opens contexts as people: `acting("maker.sales")`."""

    def act(person: str) -> AbstractContextManager[Context]:
        with instance.context(instance.system()) as ctx:
            somebody = identity.found(ctx, person)
        return instance.context(Caller(somebody, via))

    return act


def found(folder: Path) -> Instance:
    """An instance with the demo company's people and nothing else."""
    return inhabited(folder / "home")


def furnish(instance: Instance, path: Path) -> None:
    """Import the source, certify both datasets by two stewards, write the model, build the twins."""
    acting = actors(instance)
    with acting("steward.sales") as ctx:
        data.import_source(ctx, str(path), "company")
        definitions.write(ctx, "model/sales.yaml", MODEL, "Say what revenue is")
    usual = {
        "owner": "steward.sales",
        "deputy": "lead",
        "description": "What was ordered, and by whom.",
        "purposes": [PURPOSE],
        "readers": ["sales"],
        "expires": EXPIRES,
    }
    for dataset, more in CHANGES.items():
        with acting("steward.sales") as ctx:
            data.propose(ctx, dataset, {**usual, **more})
        with acting("steward.hr") as ctx:
            data.certify(ctx, dataset)
    with acting("steward.sales") as ctx:
        twins.build(ctx, list(CHANGES))


def whole(folder: Path) -> None:
    """Make what `furnished` copies, and close it."""
    folder.mkdir()
    instance = found(folder)
    furnish(instance, source(folder / "company.duckdb"))
    instance.close()


def furnished(folder: Path) -> Instance:
    """A fresh instance with all that `furnish` makes, and the source beside it."""
    copied(whole, folder)
    return open_instance(folder / "home")


def files(name: str, code: str = CODE, manifest: str = MANIFEST) -> dict[str, bytes]:
    """The app's folder."""
    return {"handrail.toml": manifest.format(name=name).encode(), "app.py": code.encode()}
