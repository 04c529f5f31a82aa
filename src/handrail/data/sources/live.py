"""Tables that stay at their source, read by an engine of the settings; a sample comes here, to draft from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from handrail.data.govern import SCHEMA
from handrail.data.sources.table import Extracted, ForeignKey, SourceColumn, Table, Tick, quote, write
from handrail.kernel import Invalid
from handrail.kernel.ports import Engine, EngineLimits, LiveTable, Remote

PREFIX = "engine:"
SAMPLE = 10_000  # rows of each table that the drafter looks at; they are gone when the import is done


class LiveSource:
    """The tables that an engine of the settings may read, as a source."""

    kind = "engine"

    def __init__(self, engine: Engine, name: str, limits: EngineLimits) -> None:
        self.engine_name, self.location = name, f"{PREFIX}{name}"
        self._engine, self._limits = engine, limits
        self._found = engine.live(name)
        self.engine_kind, self.server = self._found.kind, self._found.server

    @property
    def left_out(self) -> tuple[str, ...]:
        return ()

    def tables(self) -> tuple[Table, ...]:
        """Every table that the engine's own account may read."""
        return tuple(_table(one) for one in self._found.tables)

    def extract(self, table: Table, target: Path, tick: Tick) -> Extracted:
        """Write a sample of the table to Parquet; the rows counted are all that there are."""
        one = next(found for found in self._found.tables if found.table == table.key)
        names = ", ".join(quote(name) for name, _ in one.columns)
        relation = f"{quote(SCHEMA)}.{quote('t')}"
        sample = self._ask(one, f"SELECT {names} FROM {relation} LIMIT {SAMPLE}")  # noqa: S608
        write(target, sample.schema, sample.to_batches(), tick)
        rows = self._ask(one, f"SELECT count(*) AS n FROM {relation}")["n"][0].as_py()  # noqa: S608
        return Extracted(rows, one.notes)

    def close(self) -> None:
        """Nothing is open: the engine keeps its own connections."""

    def _ask(self, one: LiveTable, sql: str) -> Any:
        place = Remote(self.engine_name, one.table, one.columns, self.server)
        rows = self._engine.run(sql, {}, SCHEMA, {"t": place}, self._limits)
        return pa.Table.from_batches(rows.batches(), rows.schema)


def _table(one: LiveTable) -> Table:
    schema, _, name = one.table.rpartition(".")
    return Table(
        key=one.table,
        name=name if schema in ("public", "default", "") else f"{schema}_{name}",
        columns=tuple(SourceColumn(column, kind, column in one.required) for column, kind in one.columns),
        kind=one.kind,
        primary_key=one.primary_key,
        unique=one.unique,
        foreign_keys=tuple(ForeignKey(*key) for key in one.foreign_keys),
        description=one.description,
    )


def engine_of(location: str) -> str | None:
    """The engine that a location names, as in engine:warehouse; None for any other location."""
    if not location.startswith(PREFIX):
        return None
    name = location.removeprefix(PREFIX).strip("/")
    if not name:
        raise Invalid("“engine:” names no engine.", next_step="Write engine:NAME, as in handrail.toml.")
    return name
