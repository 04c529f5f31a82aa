"""The same small datasets twice, in Parquet files and in Spark's catalog, for asking both the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from handrail.adapters.engines import Engines
from handrail.data.govern import SCHEMA, govern
from handrail.data.models import Contract
from handrail.data.parse import read
from handrail.data.resolve import resolve
from handrail.kernel import Environment, LimitReached, Person
from handrail.kernel.ports import EngineLimits, Remote
from tests.data.governing import CONTRACTS, EMEA, SECRET, House

MOST = 100_000
LIMITS = EngineLimits(seconds=240, memory_mb=512, threads=2)


class SparkHouse(House):
    """A `House` whose datasets are in a database of Spark's catalog; `file` is the same in Parquet files."""

    def __init__(
        self, folder: Path, engines: Engines, database: str, contracts: Mapping[str, Contract] = CONTRACTS
    ) -> None:
        super().__init__(folder, contracts)
        self.file, self.engines, self.database = House(folder, contracts), engines, database
        self.sql(f"CREATE DATABASE IF NOT EXISTS {database}")

    def sql(self, statement: str) -> list[Any]:
        """Run a statement as whoever owns the tables."""
        session = self.engines._servers.engine("spark").session()  # type: ignore[attr-defined]
        rows: list[Any] = session.sql(statement).collect()
        return rows

    def put(self, name: str, rows: pa.Table) -> None:
        """Write the rows of a dataset; Spark's table is over the same file."""
        self.folder.chmod(0o755)
        super().put(name, rows)
        pq.write_table(rows, self.folder / f"{name}.parquet", coerce_timestamps="us")
        self.have(name)

    def have(self, name: str) -> None:
        """Make Spark's table over the file of a dataset."""
        self.sql(f"DROP TABLE IF EXISTS {self.database}.{name}")
        location = self.folder / f"{name}.parquet"
        self.sql(f"CREATE TABLE {self.database}.{name} USING parquet LOCATION '{location}'")

    def place(self, name: str) -> Remote:
        """Where a dataset is in the catalog."""
        columns = tuple((column.name, column.type) for column in self.contracts[name].columns)
        return Remote("spark", f"{self.database}.{name}", columns)

    def ask(
        self,
        sql: str,
        person: Person = EMEA,
        environment: Environment = "production",
        limits: EngineLimits = LIMITS,
        **parameters: Any,
    ) -> pa.Table:
        """The governed answer to `sql`, from Spark."""
        query = resolve(read(sql), sql, self.contracts)
        statement = govern(query, self.contracts, person, environment, SECRET, parameters)
        places = {name: self.place(name) for name in statement.datasets}
        rows = self.engines.run(statement.sql, statement.values, SCHEMA, places, limits)
        return pa.Table.from_batches(_few(rows.batches()), rows.schema)


def _few(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batches of an answer, which is refused once it is long, as the verb that streams them does."""
    rows = 0
    for batch in batches:
        rows += batch.num_rows
        if rows > MOST:
            raise LimitReached(f"More than {MOST:,} rows.", next_step="Ask for fewer.")
        yield batch
