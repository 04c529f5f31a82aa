"""The engines that answer governed queries, one file each, and the choice among them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handrail.adapters.engines.duckdb import DuckDB
from handrail.adapters.engines.servers import Servers
from handrail.kernel import Invalid
from handrail.kernel.ports import EngineLimits, LiveSource, Place, Remote, Rows

if TYPE_CHECKING:
    from handrail.settings import EngineSettings

__all__ = ["DuckDB", "Engines"]


class Engines:
    """The `Engine` of an instance: DuckDB over files, and the servers of the settings over what stays."""

    def __init__(self, home: Path, named: Mapping[str, EngineSettings]) -> None:
        self._files = DuckDB()
        self._servers = Servers(home, named)

    def run(
        self,
        sql: str,
        values: Mapping[str, Any],
        schema: str,
        tables: Mapping[str, Place],
        limits: EngineLimits,
    ) -> Rows:
        """Start a statement where its tables are; refuses Invalid when they are in more than one place."""
        files = {name: place for name, place in tables.items() if isinstance(place, Path)}
        remote = {name: place for name, place in tables.items() if isinstance(place, Remote)}
        if not remote:
            return self._files.run(sql, values, schema, files, limits)
        engines = sorted({place.engine for place in remote.values()})
        if files or len(engines) > 1:
            raise _apart(files, remote)
        return self._servers.engine(engines[0]).run(sql, values, schema, remote, limits)

    def live(self, engine: str) -> LiveSource:
        """What there is to read at that engine."""
        return self._servers.engine(engine).live()

    def close(self) -> None:
        """Let go of the connections to servers."""
        self._servers.close()


def _apart(files: Mapping[str, Path], remote: Mapping[str, Remote]) -> Invalid:
    places = {name: place.engine for name, place in sorted(remote.items())}
    said = [f"{name} by the engine {engine}" for name, engine in places.items()]
    said += [f"{name} by its extract" for name in sorted(files)]
    return Invalid(
        f"One question is answered in one place, and these are answered apart: {', '.join(said)}.",
        next_step="Ask each in a question of its own and join the answers, or ask the stewards to bring the "
        "datasets to one place (handrail import makes an extract).",
    )
