"""The engines that answer governed queries, one file each, and the choice among them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handrail.adapters.engines.duckdb import DuckDB
from handrail.adapters.engines.gather import gather
from handrail.adapters.engines.servers import Servers
from handrail.kernel.ports import EngineLimits, Keys, LiveSource, Place, Remote, Rows

if TYPE_CHECKING:
    from handrail.settings import EngineSettings

__all__ = ["DuckDB", "Engines"]


class Engines:
    """The `Engine` of an instance: DuckDB over files, and the servers of the settings over what stays."""

    def __init__(self, home: Path, named: Mapping[str, EngineSettings]) -> None:
        self._files = DuckDB()
        self._gathered = DuckDB()  # for itself: each of its databases is of one question
        self._servers = Servers(home, named)

    def run(
        self,
        sql: str,
        values: Mapping[str, Any],
        schema: str,
        tables: Mapping[str, Place],
        limits: EngineLimits,
        keys: Keys = (),
    ) -> Rows:
        """Start a statement where its tables are; what is in more than one place is gathered here."""
        files = {name: place for name, place in tables.items() if isinstance(place, Path)}
        remote = {name: place for name, place in tables.items() if isinstance(place, Remote)}
        if not remote:
            return self._files.run(sql, values, schema, files, limits, keys)
        engines = {place.engine for place in remote.values()}
        if not files and len(engines) == 1:
            return self._there(sql, values, schema, remote, limits)
        return gather(sql, values, schema, files, remote, limits, self._there, self._gathered.run)

    def _there(
        self,
        sql: str,
        values: Mapping[str, Any],
        schema: str,
        tables: Mapping[str, Remote],
        limits: EngineLimits,
    ) -> Rows:
        """Start a statement at the one server that has its tables."""
        engine = next(iter(tables.values())).engine
        return self._servers.engine(engine).run(sql, values, schema, tables, limits)

    def live(self, engine: str) -> LiveSource:
        """What there is to read at that engine."""
        return self._servers.engine(engine).live()

    def close(self) -> None:
        """Let go of the connections to servers."""
        self._servers.close()
