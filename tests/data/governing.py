"""What the query tests share: small contracts, Parquet files, and the whole governed path without a server."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from handrail.adapters.engines.duckdb import DuckDB
from handrail.data.govern import SCHEMA, govern
from handrail.data.models import Column, Contract, Mask, RowFilter
from handrail.data.parse import read
from handrail.data.resolve import resolve
from handrail.kernel import Environment, Person
from handrail.kernel.ports import EngineLimits

SECRET = b"0" * 32
LIMITS = EngineLimits(seconds=120, memory_mb=256, threads=2)


def contract(name: str, columns: Sequence[Column], *filters: RowFilter) -> Contract:
    """A contract with these columns and row filters, and nothing else of interest."""
    return Contract(
        name=name,
        version="1.0.0",
        digest="sha256:0",
        description="",
        owner="steward.sales",
        deputy="steward.hr",
        purposes=("sales-reporting",),
        readers=(),
        columns=tuple(columns),
        row_filters=tuple(filters),
        entity_key=None,
        subject=None,
        expires=None,
        source="test",
        physical_name=name,
        rows=None,
    )


def viewer(*groups: str, **attributes: str | tuple[str, ...]) -> Person:
    """Somebody in these groups with these attributes."""
    return Person("viewer", "Viola Viewer", "viewer@example.org", frozenset(), frozenset(groups), attributes)


EMEA = viewer("sales", region="EMEA")

ORDERS = contract(
    "orders",
    (
        Column("id", "BIGINT"),
        Column("customer_id", "BIGINT"),
        Column("region", "VARCHAR"),
        Column("amount", "DOUBLE"),
        Column("ordered", "DATE"),
        Column("Ship Name", "VARCHAR"),
    ),
    RowFilter("region = viewer.region"),
)
CUSTOMERS = contract(
    "customers",
    (
        Column("id", "BIGINT"),
        Column("name", "VARCHAR", mask=Mask("partial", ("stewards",))),
        Column("email", "VARCHAR", semantic="email", mask=Mask("partial")),
        Column("phone", "VARCHAR", mask=Mask("hash")),
        Column("salary", "DECIMAL(12,2)", mask=Mask("null")),
        Column("born", "DATE", mask=Mask("partial")),
    ),
)
CONTRACTS = {"orders": ORDERS, "customers": CUSTOMERS}


class House:
    """Datasets as Parquet files in one folder, and an engine."""

    def __init__(self, folder: Path, contracts: Mapping[str, Contract] = CONTRACTS) -> None:
        self.folder, self.contracts, self.engine = folder, contracts, DuckDB()

    def put(self, name: str, rows: pa.Table) -> None:
        """Write the rows of a dataset."""
        pq.write_table(rows, self.folder / f"{name}.parquet")

    def ask(
        self,
        sql: str,
        person: Person = EMEA,
        environment: Environment = "production",
        limits: EngineLimits = LIMITS,
        **parameters: Any,
    ) -> pa.Table:
        """The governed answer to `sql`."""
        query = resolve(read(sql), sql, self.contracts)
        statement = govern(query, self.contracts, person, environment, SECRET, parameters)
        files = {name: self.folder / f"{name}.parquet" for name in statement.datasets}
        rows = self.engine.run(statement.sql, statement.values, SCHEMA, files, limits)
        return pa.Table.from_batches(rows.batches(), rows.schema)


def reads(sql: str) -> dict[str, tuple[str, ...]]:
    """The columns that `sql` reads of the two datasets above."""
    return dict(resolve(read(sql), sql, CONTRACTS).reads)
