"""Everything outside: the protocols that adapters and higher storeys fill in, plugged only by `server.py`."""

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from handrail.kernel.manifest import Manifest
from handrail.kernel.people import Caller, Environment
from handrail.kernel.sandbox import Conversation, Isolation, Outputs

if TYPE_CHECKING:
    import pyarrow as pa

    from handrail.kernel.context import Context, Instance

__all__ = ["AppDirectory", "Door", "Engine", "EngineLimits", "Isolation", "Ports", "Rows"]


class AppDirectory(Protocol):
    """What lower rooms may ask about apps."""

    def declared(self, ctx: "Context", app: str, environment: Environment) -> tuple[str, Manifest]:
        """The commit and manifest of the version that counts there: promoted, or in the sandbox the newest.

        Refuses NotFound, NotAllowed and NotReady as running the app there would.
        """

    def owners(self, ctx: "Context", app: str) -> frozenset[str]:
        """Who answers for the app, owner and co-owners; nobody for one that does not exist. Asks no rule."""


class Door(Protocol):
    """An app's only way out: answers what one run asks on its socket, until that is closed."""

    def serve(
        self, instance: "Instance", caller: Caller, connection: socket.socket, outputs: Outputs
    ) -> Conversation:
        """Answer as `caller`, whose run the socket belongs to. Raises nothing that the app could provoke."""


@dataclass(frozen=True)
class EngineLimits:
    """What one statement may use. Rows and bytes that leave are counted by whoever reads them."""

    seconds: float
    memory_mb: int
    threads: int


class Rows(Protocol):
    """The answer to one statement, while it is being made."""

    schema: "pa.Schema"

    def batches(self) -> "Iterator[pa.RecordBatch]":
        """The rows, a batch at a time; refuses like `Engine.run`, in the middle too."""

    def close(self) -> None:
        """Stop, whether or not all rows were taken."""


class Engine(Protocol):
    """What runs a governed statement: DuckDB, or another."""

    def run(
        self,
        sql: str,
        values: Mapping[str, Any],
        schema: str,
        tables: Mapping[str, Path],
        limits: EngineLimits,
    ) -> Rows:
        """Start `sql` over the Parquet files `tables`, which it names as `schema`.name; `values` are bound.

        Refuses Invalid what cannot be run, LimitReached beyond `limits`, NotReady without the data; never in
        the engine's own words, which quote values.
        """


@dataclass(frozen=True)
class Ports:
    """The plugs of one instance."""

    apps: AppDirectory
    engine: Engine
    isolation: Isolation
    door: Door
