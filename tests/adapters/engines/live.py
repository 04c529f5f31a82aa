"""The same small datasets twice, in Parquet files and in a PostgreSQL database, for asking both the same."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa

from handrail.adapters.engines import Engines
from handrail.data.govern import SCHEMA, govern
from handrail.data.models import Contract
from handrail.data.parse import read
from handrail.data.resolve import resolve
from handrail.kernel import Environment, Person
from handrail.kernel.ports import EngineLimits, Remote
from handrail.settings import EngineSettings
from tests.data.governing import CONTRACTS, EMEA, LIMITS, SECRET, House

TYPES = {"DOUBLE": "double precision", "VARCHAR": "text", "BLOB": "bytea", "FLOAT": "real"}


def quoted(name: str) -> str:
    """A name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def fill(address: str, contract: Contract, rows: pa.Table, schema: str = "public") -> None:
    """Make the table of a contract in a PostgreSQL database and put the rows into it."""
    table = f"{quoted(schema)}.{quoted(contract.name)}"
    columns = ", ".join(f"{quoted(c.name)} {TYPES.get(c.type, c.type)}" for c in contract.columns)
    with psycopg.connect(address) as db:
        db.execute(f"DROP TABLE IF EXISTS {table}".encode())
        db.execute(f"CREATE TABLE {table} ({columns})".encode())
        with db.cursor().copy(f"COPY {table} FROM STDIN".encode()) as copy:
            for row in zip(*(column.to_pylist() for column in rows.columns), strict=True):
                copy.write_row(row)


class LiveHouse(House):
    """A `House` whose datasets are in a PostgreSQL database; `file` is the same in Parquet files."""

    def __init__(self, folder: Path, address: str, contracts: Mapping[str, Contract] = CONTRACTS) -> None:
        super().__init__(folder, contracts)
        self.file = House(folder, contracts)
        self.address = address
        self.engines = Engines(folder, {"pg": EngineSettings(kind="postgres", url=address)})

    def put(self, name: str, rows: pa.Table) -> None:
        """Write the rows of a dataset, to both places."""
        super().put(name, rows)
        fill(self.address, self.contracts[name], rows)

    def ask(
        self,
        sql: str,
        person: Person = EMEA,
        environment: Environment = "production",
        limits: EngineLimits = LIMITS,
        **parameters: Any,
    ) -> pa.Table:
        """The governed answer to `sql`, from PostgreSQL."""
        query = resolve(read(sql), sql, self.contracts)
        statement = govern(query, self.contracts, person, environment, SECRET, parameters)
        places = {name: self.place(name) for name in statement.datasets}
        rows = self.engines.run(statement.sql, statement.values, SCHEMA, places, limits)
        return pa.Table.from_batches(rows.batches(), rows.schema)

    def place(self, name: str) -> Remote:
        """Where a dataset is in the database."""
        columns = tuple((column.name, column.type) for column in self.contracts[name].columns)
        return Remote("pg", f"public.{name}", columns)
