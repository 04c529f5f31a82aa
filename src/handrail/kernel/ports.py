"""Everything outside: the protocols that adapters and higher storeys fill in, plugged only by `server.py`."""

import socket
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from handrail.kernel.manifest import Manifest
from handrail.kernel.people import Caller, Environment
from handrail.kernel.presence import Presence
from handrail.kernel.sandbox import Conversation, Isolation, Outputs

if TYPE_CHECKING:
    import pyarrow as pa

    from handrail.kernel.context import Context, Instance

_T = TypeVar("_T")

__all__ = [
    "AppDirectory",
    "AppUse",
    "Door",
    "Engine",
    "EngineLimits",
    "Isolation",
    "Keys",
    "LiveSource",
    "LiveTable",
    "Occasion",
    "Place",
    "Ports",
    "Remote",
    "Rows",
    "Twins",
    "Viewers",
]


# Of a hosted app: the caller that Handrail gave this word for; refuses NotAllowed any other word.
Viewers = Callable[[str], Caller]


@dataclass(frozen=True)
class AppUse:
    """An app that a caller may know of, and what its version in `environment` declares.

    That is the version in production, or else the newest. `newest` is the commit of the newest version, and
    `code` whether the caller may read the app's code.
    """

    name: str
    environment: Environment
    manifest: Manifest
    newest: str
    code: bool


@dataclass(frozen=True)
class Occasion:
    """What a run by a schedule is for: a moment; its tries share a key, and `attempt` counts them from 1."""

    moment: datetime
    key: str
    attempt: int


class AppDirectory(Protocol):
    """What lower rooms may ask about apps."""

    def declared(self, ctx: "Context", app: str, environment: Environment) -> tuple[str, Manifest]:
        """The commit and manifest of the version that counts there: promoted, or in the sandbox the newest.

        Refuses NotFound, NotAllowed and NotReady as running the app there would.
        """

    def owners(self, ctx: "Context", app: str) -> frozenset[str]:
        """Who answers for the app, owner and co-owners; nobody for one that does not exist. Asks no rule."""

    def known(
        self, ctx: "Context", about: Collection[str] = (), names: Collection[str] | None = ()
    ) -> tuple[AppUse, ...]:
        """Of the apps that concern the caller those that declare one of these datasets and metrics, and those
        of these names (None: all), by name.
        """

    def living_locks(self, ctx: "Context") -> frozenset[str]:
        """The locks of packages beside layers of every app's newest version, and of that in production, where
        there are any. Asks no rule.
        """

    def needed(self, ctx: "Context", runs: Mapping[str, tuple[str, str, Environment]]) -> Mapping[str, str]:
        """Of these runs, each with its app, commit and environment, those that something needs longer than
        runs are kept, and what that is, in words. Asks no rule.
        """

    def occasion(self, ctx: "Context", run: str) -> Occasion | None:
        """For which moment of a schedule a run is; None for one that somebody started. Asks no rule."""


class Door(Protocol):
    """An app's only way out: answers what one run asks on its socket, until that is closed."""

    def serve(
        self,
        instance: "Instance",
        caller: Caller,
        connection: socket.socket,
        outputs: Outputs,
        viewers: "Viewers | None" = None,
    ) -> Conversation:
        """Answer as `caller`, whose run the socket belongs to; with `viewers` as whom each question names.

        Raises nothing that the app could provoke.
        """


class Twins(Protocol):
    """Who has the synthetic data that a run in the sandbox reads."""

    def ready(
        self, instance: "Instance", manifest: Manifest, variant: str, chosen: Mapping[str, str]
    ) -> Mapping[str, str]:
        """The build of each twin that an app so declared reads, by dataset, where there is one.

        Of these builds this variant is made where it is missing. `chosen` are builds that were decided on
        before; refuses NotFound one that is there no longer.
        """


@dataclass(frozen=True)
class EngineLimits:
    """What one statement may use. Rows and bytes that leave are counted by whoever reads them."""

    seconds: float
    memory_mb: int
    threads: int
    presence: Presence = field(default_factory=Presence, compare=False)  # who leaves, stops the statement


class Rows(Protocol):
    """The answer to one statement, while it is being made."""

    schema: "pa.Schema"

    def batches(self) -> "Iterator[pa.RecordBatch]":
        """The rows, a batch at a time; refuses like `Engine.run`, in the middle too."""

    def close(self) -> None:
        """Stop, whether or not all rows were taken."""


@dataclass(frozen=True)
class Remote:
    """A table that stays where it is, and is read there by the engine of that name in the settings.

    `table` is what the source calls it, `columns` are names and DuckDB types as the contract states them, and
    `server` is where the contract says it is, as host:port/database; empty where there is no such address.
    """

    engine: str
    table: str
    columns: tuple[tuple[str, str], ...]
    server: str = ""


# Of key columns (table, column, other): no more different values than `other` has rows, by the contract.
Keys = tuple[tuple[str, str, str], ...]

# After the name of a table that lies in a file, where a statement filters that table by what it asks for,
# beside what its viewer may see: the same rows, which an engine may plan for in another way.
NARROWED = " (narrowed)"

# Where the rows of a table are: in a Parquet file of this instance, or at their source.
Place = Path | Remote


@dataclass(frozen=True)
class LiveTable:
    """A table as an engine finds it at the source; columns have the DuckDB types they are read as."""

    table: str  # what the source calls it, as in `Remote`
    columns: tuple[tuple[str, str], ...]
    required: tuple[str, ...] = ()
    primary_key: tuple[str, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    foreign_keys: tuple[tuple[tuple[str, ...], str, tuple[str, ...]], ...] = ()  # columns, table, its columns
    notes: tuple[tuple[str, str], ...] = ()  # column or "", and what is said about how it is read
    kind: str = "table"  # or "view"
    description: str = ""


@dataclass(frozen=True)
class LiveSource:
    """An engine of the settings: its kind, where it is (never with a password), and its readable tables."""

    kind: str
    server: str
    tables: tuple[LiveTable, ...]


class Engine(Protocol):
    """What runs a governed statement, wherever its tables are."""

    def run(
        self,
        sql: str,
        values: Mapping[str, Any],
        schema: str,
        tables: Mapping[str, Place],
        limits: EngineLimits,
        keys: Keys = (),
    ) -> Rows:
        """Start `sql`, which is DuckDB's, over `tables`, which it names as `schema`.name; `values` are bound.

        Tables of one place are answered there, in its dialect; what is in several is joined here. Where all
        are in files, it may name some as `NARROWED`. `keys` help to plan it; no answer depends on either.
        Refuses Invalid what cannot be run, LimitReached beyond
        `limits`, NotReady and Upstream without the data, and never in the engine's own words, which quote
        values.
        """

    def live(self, engine: str) -> LiveSource:
        """What there is to read at the engine of that name in the settings. Refuses an unknown name."""

    def close(self) -> None:
        """Let go of every connection that is kept."""


class _Plug(Generic[_T]):
    """Makes a plug when it is first asked for, once, whoever comes first; then it is a plain attribute."""

    def __set_name__(self, _ports: type, name: str) -> None:
        self._name = name

    def __get__(self, ports: "Ports", _kind: type) -> _T:
        with ports.lock:
            made: _T = ports.__dict__.get(self._name) or ports.makers[self._name]()
            ports.__dict__[self._name] = made
            return made


class Ports:
    """The plugs of one instance, each made when it is first needed: most commands need few of them."""

    apps = _Plug[AppDirectory]()
    engine = _Plug[Engine]()
    isolation = _Plug[Isolation]()
    door = _Plug[Door]()
    twins = _Plug[Twins]()

    def __init__(
        self,
        *,
        apps: Callable[[], AppDirectory],
        engine: Callable[[], Engine],
        isolation: Callable[[], Isolation],
        door: Callable[[], Door],
        twins: Callable[[], Twins],
    ) -> None:
        self.lock = threading.RLock()
        self.makers: Mapping[str, Callable[[], Any]] = {
            "apps": apps,
            "engine": engine,
            "isolation": isolation,
            "door": door,
            "twins": twins,
        }

    def close(self) -> None:
        """Let go of what the engine and the sandboxes' driver keep, of each that was ever needed."""
        with ExitStack() as each:  # so that one that cannot does not keep the other
            for name in ("engine", "isolation"):
                if name in self.__dict__:
                    each.callback(self.__dict__[name].close)
