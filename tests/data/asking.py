"""What the tests of asking share: certified orders and customers with twins, a model, and runs that ask."""

import datetime as dt
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from handrail import data
from handrail.kernel import (
    Caller,
    Context,
    Environment,
    Instance,
    Manifest,
    RunRef,
    Via,
    definitions,
    identity,
)
from handrail.server import open_instance
from tests.conftest import inhabited
from tests.prepared import copied

TODAY = dt.datetime.now(dt.UTC).date()
ORDERS = "id,customer_id,region,amount,ordered\n" + "\n".join(
    f"{n},{n % 4},{('EMEA', 'APAC')[n % 2]},{n * 10},2026-0{1 + n % 3}-15" for n in range(12)
)
CUSTOMERS = "id,name,city\n0,Ana,Rome\n1,Bo,Oslo\n2,Cy,Rome\n3,Di,Kyoto\n"
MODEL = b"""\
version: "0.2.0.dev0"
semantic_model:
  - name: shop
    datasets:
      - name: orders
        source: orders
        primary_key: [id]
        fields:
          - name: region
            expression: {dialects: [{dialect: ANSI_SQL, expression: region}]}
          - name: ordered
            expression: {dialects: [{dialect: ANSI_SQL, expression: ordered}]}
            dimension: {is_time: true}
      - name: customers
        source: customers
        primary_key: [id]
        fields:
          - name: city
            expression: {dialects: [{dialect: ANSI_SQL, expression: city}]}
    relationships:
      - {name: order_customer, from: orders, to: customers, from_columns: [customer_id], to_columns: [id]}
    metrics:
      - name: sales
        description: What customers ordered, by order date.
        expression: {dialects: [{dialect: ANSI_SQL, expression: SUM(orders.amount)}]}
      - name: buyers
        description: Customers who ordered.
        expression: {dialects: [{dialect: ANSI_SQL, expression: COUNT(DISTINCT orders.customer_id)}]}
        custom_extensions:
          - {vendor_name: HANDRAIL, data: '{"owner": "lead"}'}
"""
MANIFEST = """\
[app]
name = "report"
kind = "job"
entrypoint = "app.py"
purpose = "sales-reporting"

[data.orders]
columns = ["region", "amount"]

[metrics]
use = ["sales"]
"""


class Hands:
    """A clock whose hands the test moves."""

    def __init__(self) -> None:
        self.shift = dt.timedelta()

    def now(self) -> dt.datetime:
        """The time, as far off as the test has it."""
        return dt.datetime.now(dt.UTC) + self.shift


def opened(folder: Path) -> Instance:
    """A fresh instance with the demo company's people."""
    return inhabited(folder / "home")


def whole(folder: Path) -> None:
    """Make what `furnished` copies, and close it."""
    folder.mkdir()
    instance = opened(folder)
    furnish(instance, folder)
    instance.close()


def furnished(folder: Path) -> Instance:
    """A fresh instance with all that `furnish` makes. Its sources lie elsewhere: to import again, furnish."""
    copied(whole, folder)
    return open_instance(folder / "home")


def actors(instance: Instance) -> Callable[..., AbstractContextManager[Context]]:
    """Opens contexts as people: `act("maker.sales")`."""

    def act(person: str, via: Via = "cli", run: RunRef | None = None) -> AbstractContextManager[Context]:
        with instance.context(instance.system()) as ctx:
            somebody = identity.found(ctx, person)
        return instance.context(Caller(somebody, via, run=run))

    return act


def asking(instance: Instance) -> Callable[..., list[dict[str, Any]]]:
    """Asks as somebody, with SQL or a request, maybe from a run; gives the rows."""
    act = actors(instance)

    def ask(
        person: str, sql: str | None = None, of: RunRef | None = None, **more: Any
    ) -> list[dict[str, Any]]:
        request = data.Request(sql, **{"purpose": "sales-reporting", **more})
        with act(person, via="socket" if of else "cli", run=of) as ctx:
            rows: list[dict[str, Any]] = data.query(ctx, request).table().to_pylist()
            return rows

    return ask


def furnish(instance: Instance, tmp_path: Path) -> None:
    """Import, certify and twin the two datasets, and write the model."""
    acting = actors(instance)
    for name, text in (("orders", ORDERS), ("customers", CUSTOMERS)):
        (tmp_path / f"{name}.csv").write_text(text)
        with acting("steward.sales") as ctx:
            data.import_source(ctx, str(tmp_path / f"{name}.csv"))
        filters = (data.RowFilter("region = viewer.region"),) if name == "orders" else ()
        changes = data.Changes(
            owner="steward.sales",
            deputy="steward.hr",
            description=name,
            purposes=("sales-reporting",),
            readers=("sales",),
            row_filters=filters,
            masks={"name": data.Mask("partial")} if name == "customers" else {},
            expires=TODAY + dt.timedelta(days=90),
        )
        with acting("steward.sales") as ctx:
            data.propose(ctx, name, changes)
        with acting("steward.hr") as ctx:
            data.certify(ctx, name)
    twin = instance.settings.home / "twins" / "orders" / "one.parquet"
    twin.parent.mkdir(parents=True)
    with acting("steward.sales") as ctx:
        schema = pq.read_table(data.extract_path(ctx, "orders")).schema
        rows = {"id": [1], "customer_id": [1], "region": ["TWIN"], "amount": [7], "ordered": [TODAY]}
        pq.write_table(pa.table(rows).cast(schema), twin)
        data.set_rendition(ctx, "orders", twin, {})
        definitions.write(ctx, "model/shop.yaml", MODEL, "Say what sales are")


def run(environment: Environment, app: str = "report") -> RunRef:
    """A run of the app."""
    return RunRef("run_1", app, "c" * 40, environment, Manifest.parse(MANIFEST))
