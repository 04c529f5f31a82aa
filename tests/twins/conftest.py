"""Real tables for the twins' tests: Northwind read by the standard library, and small ones made on the spot."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.conftest import begun, inhabited
from tests.data.asking import actors

from handrail import data
from handrail.kernel import Context, Instance
from handrail.twins.models import Field, Table

NORTHWIND = Path(__file__).parents[3] / "shared" / "data" / "northwind" / "northwind.sqlite"
PERSONAL = {
    ("customers", "ContactName"): "person_name",
    ("customers", "Address"): "address",
    ("customers", "Phone"): "phone",
    ("employees", "LastName"): "last_name",
    ("employees", "FirstName"): "first_name",
    ("employees", "BirthDate"): "birth_date",
    ("orders", "ShipName"): "person_name",
    ("orders", "ShipAddress"): "address",
}

MakeTable = Callable[..., Table]
Acting = Callable[..., AbstractContextManager[Context]]
CANARY = "Zebulon Quixotrix"


@pytest.fixture
def make_table(tmp_path: Path) -> MakeTable:
    """Write columns as an extract and describe them."""
    return making(tmp_path)


@pytest.fixture(scope="module")
def make_shared_table(tmp_path_factory: pytest.TempPathFactory) -> MakeTable:
    """The same, for what all tests of a file begin with."""
    return making(tmp_path_factory.mktemp("tables"))


def making(folder: Path) -> MakeTable:
    """Writes columns as an extract in this folder, and describes them."""

    def make(name: str, columns: dict[str, Any], *fields: Field, entity: str | None = None) -> Table:
        path = folder / f"{name}.parquet"
        pq.write_table(pa.table(columns), path)
        given = {one.name: one for one in fields}
        return Table(
            name, tuple(given.get(column, Field(column, "")) for column in columns), path, entity=entity
        )

    return make


@pytest.fixture(scope="session")
def northwind_tables(tmp_path_factory: pytest.TempPathFactory) -> list[Table]:
    """All tables of Northwind with their keys, as an import would extract them."""
    if not NORTHWIND.exists():
        pytest.skip("../shared/data/northwind/northwind.sqlite is not here")
    folder = tmp_path_factory.mktemp("northwind")
    with sqlite3.connect(f"file:{NORTHWIND}?mode=ro", uri=True) as db:
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [_extract(db, name, folder) for name in names if name != "sqlite_sequence"]


def _extract(db: sqlite3.Connection, name: str, folder: Path) -> Table:
    slug = name.lower().replace(" ", "_")
    described = db.execute(f'PRAGMA table_info("{name}")').fetchall()
    pointing = {row[3]: (row[2].lower(), row[4]) for row in db.execute(f'PRAGMA foreign_key_list("{name}")')}
    columns: dict[str, pa.Array] = {}
    fields = []
    for _, column, declared, required, _, key in described:
        found = [row[0] for row in db.execute(f'SELECT "{column}" FROM "{name}"')]
        columns[column] = _array(found, declared)
        semantic = PERSONAL.get((slug, column))
        fields.append(
            Field(
                column,
                "",
                bool(required),
                False,
                bool(key),
                semantic is not None,
                semantic,
                pointing.get(column),
            )
        )
    path = folder / f"{slug}.parquet"
    pq.write_table(pa.table(columns), path)
    return Table(slug, tuple(fields), path, entity="CustomerID" if slug == "orders" else None)


def _array(values: list[Any], declared: str) -> pa.Array:
    if declared == "NUMERIC":
        return pa.array([None if v is None else Decimal(str(v)) for v in values], pa.decimal128(12, 4))
    if declared in ("DATE", "DATETIME"):
        return pa.array(values, pa.string()).cast(pa.timestamp("us"))
    wanted = {"INTEGER": pa.int64(), "REAL": pa.float64(), "BLOB": pa.binary()}.get(declared, pa.string())
    return pa.array([v if v is None or wanted != pa.string() else str(v) for v in values], wanted)


@pytest.fixture
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Instance]:
    """A fresh instance: with the shop, where a test names it."""
    with begun(tmp_path, furnished if "shop" in request.fixturenames else None) as opened:
        yield opened


@pytest.fixture
def shop(instance: Instance, tmp_path: Path) -> Path:
    """An instance with three certified datasets: customers, orders that point at them, and lines of orders.
    Where their data is, to import it again.
    """
    return tmp_path / "shop"


def furnished(folder: Path) -> None:
    """Make `home`, an instance with these three, and `shop`, from which they were imported."""
    folder.mkdir()
    made = inhabited(folder / "home")
    furnish(actors(made), folder)
    made.close()


def furnish(acting: Acting, folder: Path) -> Path:
    """Make these three in a folder, import and certify them; where they are."""
    source = folder / "shop"
    source.mkdir()
    rng = np.random.default_rng(5)
    people, orders, lines = 120, 600, 1500
    pq.write_table(
        pa.table(
            {
                "customer_id": pa.array(range(1, people + 1), pa.int64()),
                "full_name": [f"{CANARY} {i}" if i else CANARY for i in range(people)],
                "email": [f"person{i}@real.example" for i in range(people)],
                "region": rng.choice(["EMEA", "APAC", "AMER"], people),
                "segment": rng.choice(["gold", "silver", None], people),
            }
        ),
        source / "customers.parquet",
    )
    pq.write_table(
        pa.table(
            {
                "order_id": pa.array(range(5001, 5001 + orders), pa.int64()),
                "customer_id": pa.array(rng.integers(1, people + 1, orders), pa.int64()),
                "ordered": pa.array(np.sort(rng.integers(19_000, 19_700, orders)), pa.int32()).cast(
                    pa.date32()
                ),
                "channel": rng.choice(["web", "store", "phone"], orders, p=[0.6, 0.3, 0.1]),
                "total": pa.array([Decimal(int(x)).scaleb(-2) for x in rng.integers(500, 90_000, orders)]),
            }
        ),
        source / "orders.parquet",
    )
    order = np.sort(rng.integers(5001, 5001 + orders, lines))
    number = [int((order[:i] == order[i]).sum()) + 1 for i in range(lines)]
    pq.write_table(
        pa.table(
            {
                "order_id": pa.array(order, pa.int64()),
                "line": pa.array(number, pa.int64()),
                "quantity": pa.array(rng.integers(1, 12, lines), pa.int64()),
                "shipped": rng.random(lines) < 0.8,
            }
        ),
        source / "order_lines.parquet",
    )
    certify_all(acting, source)
    return source


def certify_all(acting: Acting, source: Path) -> None:
    """Import a folder and certify everything in it, each step by whom it needs."""
    with acting("steward.sales") as ctx:
        report = data.import_source(ctx, str(source))
    for name in report.drafted:
        with acting("steward.sales") as ctx:
            data.propose(
                ctx,
                name,
                {
                    "owner": "steward.sales",
                    "deputy": "steward.hr",
                    "purposes": ["sales-reporting"],
                    "readers": ["sales"],
                    "row_filters": ["1 = 1"],
                    "expires": "2099-01-01",
                },
            )
        with acting("steward.hr") as ctx:
            data.certify(ctx, name)
