"""The nouns of the data room: what a dataset's contract says and what state its certification is in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Literal

from handrail.data.measured import MetricState
from handrail.data.promises import Freshness, Rule
from handrail.data.twin_terms import TwinTerms
from handrail.kernel import Environment

MaskKind = Literal["null", "hash", "partial", "bucket", "truncate", "aggregate"]
Classification = Literal["personal", "sensitive"]
State = Literal["draft", "proposed", "certified", "expiring", "expired", "edited", "revoked"]

CERTIFIED_STATES: frozenset[str] = frozenset({"certified", "expiring"})


@dataclass(frozen=True)
class Mask:
    """How a column is hidden, and from whom: members of `unless_groups` see it plain.

    `width` is that of a `bucket`; `to`, month or year, is how far a date is cut by `truncate`. `aggregate`
    leaves totals over at least `least` entities, grouped and filtered by the columns `by` (`aggregate_only`).
    """

    kind: MaskKind
    unless_groups: tuple[str, ...] = ()
    width: float | None = None
    to: Literal["month", "year"] | None = None
    least: int | None = None
    by: tuple[str, ...] = ()


@dataclass(frozen=True)
class RowFilter:
    """A SQL condition on the dataset's rows for viewers in one of `groups` (empty: everybody).

    The first filter that applies to a viewer wins; a viewer to whom none applies sees no row.
    `viewer.region` in the SQL means the viewer's attribute; a missing attribute means no row.
    """

    sql: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Column:
    """One column of a dataset, under the name it has in the source."""

    name: str
    type: str  # DuckDB SQL type, e.g. DECIMAL(12,2)
    required: bool = False
    unique: bool = False
    primary_key: bool = False
    classification: Classification | None = None
    semantic: str | None = None  # "email", "person_name", ...
    mask: Mask | None = None
    references: tuple[str, str] | None = None  # (dataset, column)
    description: str = ""


@dataclass(frozen=True)
class CombinedLink:
    """Columns that point at one row of `dataset` together: `columns[i]` at its `targets[i]`.

    A row in which one of them is null points nowhere (SQL's MATCH SIMPLE).
    """

    columns: tuple[str, ...]
    dataset: str
    targets: tuple[str, ...]

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Each column with the one that it points at."""
        return tuple(zip(self.columns, self.targets, strict=True))

    def same_as(self, other: CombinedLink) -> bool:
        """Whether both say the same, in whatever order they name the columns."""
        return self.dataset == other.dataset and set(self.pairs) == set(other.pairs)

    def __str__(self) -> str:
        return f"{', '.join(self.columns)} = {self.dataset}.{', '.join(self.targets)}"


@dataclass(frozen=True)
class Contract:
    """What a dataset promises and who may use it, read from its ODCS v3 file; `digest` names that file."""

    name: str
    version: str
    digest: str
    description: str
    owner: str | None
    deputy: str | None
    purposes: tuple[str, ...]
    readers: tuple[str, ...]  # groups
    columns: tuple[Column, ...]
    row_filters: tuple[RowFilter, ...]
    entity_key: str | None
    subject: str | None  # whom the entity key identifies: "customer", "employee"
    expires: date | None
    source: str
    physical_name: str
    rows: int | None
    budget: int | None = None  # distinct entities per viewer and day; 0: no limit; None: the default
    app_budget: int | None = None  # the same per app and day, all its viewers together
    quality: tuple[Rule, ...] = ()
    freshness: Freshness | None = None
    retention: Freshness | None = None  # how long a row may be kept, by the date in a column
    domain: str | None = None
    looks_up: tuple[str, ...] = ()  # reference tables: datasets that its own queries may read besides itself
    engine: str | None = None  # of the settings, when it answers at the source; None: the extract answers
    server: str = ""  # where that source is, as host:port/database
    combined: tuple[CombinedLink, ...] = ()  # keys of several columns; those of one stand in `columns`
    twin: TwinTerms = field(default_factory=TwinTerms)  # how its twin is made

    def column(self, name: str) -> Column | None:
        """The column of that exact name, or None."""
        return next((column for column in self.columns if column.name == name), None)

    def pointed_at(self, name: str) -> tuple[str, ...]:
        """The datasets at whose rows that column points, alone or together with others."""
        column = self.column(name)
        alone = [column.references[0]] if column and column.references else []
        return (*alone, *(link.dataset for link in self.combined if name in link.columns))


@dataclass(frozen=True)
class Dataset:
    """A dataset with its contract and the state of its certification, computed at the moment of asking."""

    name: str
    contract: Contract
    state: State
    certified_until: date | None  # None unless certified or expiring
    hash: str  # digest of the contract file as it is now
    rows: int | None
    as_of: datetime  # when the extract was taken
    source: str
    missing: tuple[str, ...] = ()  # what a steward still has to complete, in words
    proposed_by: str | None = None
    certified_by: str | None = None
    renewal: Proposal | None = None  # one that waits for another steward

    @property
    def certified(self) -> bool:
        """Whether production may answer from it now."""
        return self.state in CERTIFIED_STATES


@dataclass(frozen=True)
class Rendition:
    """The synthetic twin of a dataset that answers in the sandbox."""

    dataset: str
    path: Path
    facts: Mapping[str, object]
    built_at: datetime
    contract_digest: str


@dataclass(frozen=True)
class Note:
    """Something a person should know about an import, by dataset ('' for the whole source)."""

    dataset: str
    text: str


@dataclass(frozen=True)
class ImportReport:
    """What one import brought: datasets by what happened to their contract, rows, and what was noticed."""

    source: str
    drafted: tuple[str, ...] = ()
    refreshed: tuple[str, ...] = ()  # same schema: data is new, the contract is untouched
    changed: tuple[str, ...] = ()  # schema changed: contract updated, certification ends
    rows: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    drift: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # how columns differ, in words


@dataclass(frozen=True)
class Extract:
    """The Parquet copy of one table, as of when it was taken."""

    dataset: str
    source: str
    physical_name: str
    path: Path
    rows: int
    as_of: datetime


@dataclass(frozen=True)
class Proposal:
    """One person's wish to have exactly this contract certified."""

    id: str
    dataset: str
    digest: str
    by: str
    at: datetime
    until: date | None = None  # a renewal: the same contract until this day


@dataclass(frozen=True)
class Certification:
    """A second person's yes to exactly one contract content, until a day or a revocation."""

    id: str
    dataset: str
    digest: str
    proposed_by: str
    by: str
    at: datetime
    until: date
    revoked_at: datetime | None = None
    revoked_by: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class SourceRecord:
    """A place that data was imported from; the location never holds a password."""

    name: str
    kind: str
    location: str
    by: str
    at: datetime


@dataclass(frozen=True)
class MetricRequest:
    """A question about a metric: by which dimensions, where what holds, in which steps and span of time.

    Dimensions are written `dataset.field`, or `field` where only one dataset has it. `where` holds, by
    dimension, a value or a list of them. `grain` (day, week, month, quarter, year, fiscal_quarter,
    fiscal_year) cuts the metric's own time dimension; `start` is included and `end` is not, each a date or
    its ISO text. `order` names dimensions or the metric, "-revenue" from the largest down; `limit` keeps the
    first so many rows. `currency` converts amounts at the rates that the model names.
    """

    name: str
    by: tuple[str, ...] = ()
    where: Mapping[str, object] = field(default_factory=dict)
    grain: str | None = None
    start: date | str | None = None
    end: date | str | None = None
    order: tuple[str, ...] = ()
    limit: int | None = None
    currency: str | None = None


@dataclass(frozen=True)
class Request:
    """One question: `sql` with its parameters, or a metric. `app` asks within an app's declaration.

    From a run the app, its purpose and the environment are those of the run, whatever is said here.
    """

    sql: str | None = None
    metric: MetricRequest | None = None
    params: Mapping[str, object] = field(default_factory=dict)
    purpose: str | None = None
    environment: Environment = "production"
    app: str | None = None


@dataclass(frozen=True)
class Metric:
    """One definition of a number that everybody uses: what it means, whose it is, and how it is computed.

    `sql` is the plain question behind it, `dimensions` what it can be cut by, `time` the dimension that a
    grain cuts, `reads` every dataset and column that it or its dimensions can touch, `version` the digest of
    its file, `counts` the dataset whose rows it counts, `sentence` the definition in words. `since` is when
    that version was written, told of a metric that is asked for by itself. `currency` is the dimension that
    says in which currency an amount is, `rates` the dataset at whose rates it can be converted. `ties_to` is
    the dataset of its control totals, and `off_by` how far this version was from them at worst, relative to
    a total, when it was last reconciled.
    """

    name: str
    model: str
    description: str
    owner: str
    sql: str
    dimensions: tuple[str, ...]
    time: str | None
    reads: Mapping[str, tuple[str, ...]]
    file: str
    version: str
    counts: str
    sentence: str
    unit: str | None = None
    currency: str | None = None
    rates: str | None = None
    since: datetime | None = None
    state: MetricState = "draft"
    certified: bool = False
    ties_to: str | None = None
    off_by: float | None = None
    reconciled_at: datetime | None = None
    proposed_by: str | None = None
    certified_by: str | None = None
