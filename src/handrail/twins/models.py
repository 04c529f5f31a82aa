"""The nouns of the twins room: what is sketched, the sketch that crosses, and the report about a twin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from handrail.data import CombinedLink
from handrail.data import Rule as Promise
from handrail.kernel import Refusal
from handrail.twins.rules import RuleScore
from handrail.twins.sketched import Beside as Beside
from handrail.twins.sketched import Bin as Bin
from handrail.twins.sketched import BinKind as BinKind
from handrail.twins.sketched import ColumnSketch as ColumnSketch
from handrail.twins.sketched import First as First
from handrail.twins.sketched import Kind as Kind
from handrail.twins.sketched import LinkSketch as LinkSketch
from handrail.twins.sketched import Role as Role
from handrail.twins.sketched import Series as Series
from handrail.twins.sketched import Sketch as Sketch
from handrail.twins.sketched import TableSketch as TableSketch
from handrail.twins.tiles import Agreement

Progress = Callable[[str, int, int], None]  # what is being done, steps done, steps in all

Variant = Literal["plain", "hostile", "drill"]  # drill: hostile, and its contract broken on purpose
# Of columns, of single rows (a gap, a key that points nowhere or repeats, no number), of the whole table.
BreakKind = Literal[
    "dropped", "renamed", "retyped", "rescaled", "emptied", "orphaned", "repeated", "endless", "empty"
]


class TwinRefused(Refusal):
    """The twin would show real data, so it is not published."""

    code = "twin_refused"
    status = 409


@dataclass(frozen=True)
class Field:
    """One column as its contract describes it."""

    name: str
    type: str  # DuckDB SQL type
    required: bool = False
    unique: bool = False
    primary_key: bool = False
    personal: bool = False
    semantic: str | None = None
    references: tuple[str, str] | None = None  # (table, column)
    sensitive: bool = False  # drawn like any other; its table is never told row by row
    withheld: bool = False  # personal, and nothing is told of it but how often it is empty


@dataclass(frozen=True)
class Table:
    """One table to make a twin of: its contract's columns and the Parquet extract that holds its rows."""

    name: str
    fields: tuple[Field, ...]
    path: Path
    entity: str | None = None  # the column that says whom a row is about; k counts these, not rows
    promises: tuple[Promise, ...] = ()  # the contract's quality rules
    combined: tuple[CombinedLink, ...] = ()  # columns that point at another table together
    k: int | None = None  # more than the build's, where the contract asks for more
    verbatim: str = ""  # why its real rows are its twin, in words; "" for tables that are imitated
    company: str | None = None  # the column that says which company a row is about, where it is no person


@dataclass(frozen=True)
class HostileCell:
    """One awkward value of a twin: its row from 0, column, catalogue id, and the key of its row."""

    row: int
    column: str
    case: str
    key: str = ""


@dataclass(frozen=True)
class Break:
    """One way in which a table of a `drill` breaks its contract; no column for one without rows."""

    table: str
    kind: BreakKind
    column: str


@dataclass(frozen=True)
class PairScore:
    """How alike the joint distribution of two columns is, 0..1; and how strongly they depend (Cramér's V)."""

    first: str
    second: str
    score: float
    real: float = 0.0
    twin: float = 0.0


@dataclass(frozen=True)
class Bar:
    """One bin for the picture: its label and its share in the real data and in the twin."""

    label: str
    real: float
    twin: float


@dataclass(frozen=True)
class ColumnScore:
    """How a column was made and how alike its distribution is; no score where nothing was modelled."""

    name: str
    kind: str
    made: str
    score: float | None
    bars: tuple[Bar, ...] = ()


@dataclass(frozen=True)
class LinkScore:
    """How alike the number of children per parent is, 0..1."""

    column: str
    to: str
    score: float
    orphans: int


@dataclass(frozen=True)
class Privacy:
    """Copies on all rows, as shares of rows, against what is normal in the real data and by chance."""

    compared: tuple[str, ...]
    copies: float
    hold_out: float
    chance: float
    limit: float
    column: str | None = None  # the column most to blame, when refused
    reason: str | None = None
    reused: tuple[
        tuple[str, float, float], ...
    ] = ()  # invented columns: shares that are real by chance, and limit
    real: str = ""  # why rows of it are real ones on purpose, in words; copies are not looked for then

    @property
    def passed(self) -> bool:
        """Whether the twin may be published."""
        return self.reason is None


@dataclass(frozen=True)
class Attack:
    """How well somebody could tell what a twin was made from: both measures are 0.5 when they cannot."""

    closer_to_train: float  # share of its rows nearer to one it was made from than to another real one
    membership_auc: float  # how often a row it was made from is nearer to it than another real one
    canaries: int  # kinds of planted values like no other that were found again
    limit: float  # above this, chance included, it is not published
    planted: int = 1  # kinds of planted values
    compared: int = 0  # rows of each half that were held against the twin
    column: str | None = None  # the column that gave most away, when it did not hold
    distances: tuple[
        tuple[int, float, float], ...
    ] = ()  # columns that differ from the nearest twin row: shares
    # of the rows it was made from, and of the others

    @property
    def held(self) -> bool:
        """Whether the twin gave nothing away."""
        return not self.canaries and max(self.closer_to_train, self.membership_auc) <= self.limit


@dataclass(frozen=True)
class TableReport:
    """What is known about one table's twin."""

    dataset: str
    rows: int
    real_rows: int
    columns: tuple[ColumnScore, ...]
    pairs: tuple[PairScore, ...]
    links: tuple[LinkScore, ...]
    privacy: Privacy
    hostile: tuple[tuple[str, int], ...]  # catalogue id, cells
    simplifications: tuple[str, ...]
    contract_digest: str = ""
    shapes: float | None = None  # mean of the columns
    dependence: float | None = None  # mean of the pairs
    cardinality: float | None = None  # mean of the links
    overall: float | None = None  # mean of those of the three that exist
    attack: Attack | None = None  # None: too few rows to try
    rules: tuple[RuleScore, ...] = ()
    k: int | None = None  # where it is more than the build's
    verbatim: bool = False  # its rows are the real ones


@dataclass(frozen=True)
class TwinReport:
    """One build of twins: how it was made and one report per table. Synthetic; never called anonymous."""

    id: str
    seed: int
    k: int
    variant: Variant
    built_at: datetime
    built_by: str
    seconds: float
    overall: float | None  # mean of the tables
    tables: tuple[TableReport, ...]
    breaks: tuple[Break, ...] = ()  # of a drill
    withheld: tuple[tuple[str, str], ...] = ()  # (table, column) that the gate took for personal
    agreements: tuple[Agreement, ...] = ()  # of certified metrics
    tiles_near: float | None = None  # share of their tiles within 10 % of the real ones
    left_out: tuple[str, ...] = ()  # what of a source that nobody certified could not be read, in words

    def table(self, dataset: str) -> TableReport | None:
        """The report about one dataset, or None."""
        return next((table for table in self.tables if table.dataset == dataset), None)
