"""The nouns of a sketch: the only thing about real data that leaves production, and how it is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from handrail.twins.rules import Means, Rule

Kind = Literal[
    "integer", "decimal", "float", "date", "timestamp", "time", "boolean", "text", "uuid", "blob", "odd"
]
# key: numbered or lettered anew. link: the key of another row. fake: personal, invented from its meaning.
# model: drawn from the sketch. fill: invented from type alone. degree: children per row, never written.
Role = Literal["key", "link", "fake", "model", "fill", "degree"]
BinKind = Literal["null", "value", "range", "pool", "other"]


@dataclass(frozen=True)
class Bin:
    """One cell of a column: null, one common value, a range of numbers, several common texts, or the rest.

    Ranges are half-open [low, high) in the column's own unit: whole steps of 10^-scale for decimals, days
    since 1970 for dates, microseconds for timestamps and times, the number itself otherwise. Knots cut a
    range into pieces, whose shares are `shares`; without knots it is even. Of a pool, they are its texts'.
    """

    kind: BinKind
    value: str | float | None = None
    low: float = 0.0
    high: float = 0.0
    values: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()
    lean: float = 0.5  # of a range without knots: where between low and high its mean lies
    knots: tuple[float, ...] = ()


@dataclass(frozen=True)
class ColumnSketch:
    """One column: how it is made, its bins with their shares, and the shares given up to two parents."""

    name: str
    type: str
    kind: Kind
    role: Role
    required: bool = False
    unique: bool = False
    primary_key: bool = False
    personal: bool = False
    semantic: str | None = None
    step: float = 1.0  # every number is a multiple of it
    bins: tuple[Bin, ...] = ()
    shares: tuple[float, ...] = ()
    parents: tuple[tuple[str, str], ...] = ()  # (link or "", column)
    groups: tuple[int, ...] = ()  # into how many groups each parent's bins are folded
    given: tuple[tuple[int, tuple[tuple[int, float], ...]], ...] = ()  # parents' cell -> (bin, share)…
    otherwise: tuple[float, ...] = ()  # shares of the bins in all cells that fewer than k stand for
    below: int = 0  # of a small table: how many of its values, the last, k of those that point at it share
    copies: tuple[str, str] | None = None  # (link, column) of the parent's row that it repeats
    alike: str = ""  # the link whose parents have one value each in it: what one of their rows says, all say
    along: tuple[str, str] | None = None  # the parent whose place within a bin this column's follows, or a
    # column that is no parent and that it follows over all bins
    closely: tuple[float, ...] = ()  # by bin: how closely, -1..1; over all bins: one number
    shapes: tuple[tuple[str, float], ...] = ()  # "A-9999": letters and digits of text that is not kept
    lengths: tuple[int, int, int] = (4, 12, 24)  # short, middle and long text
    start: int = 1  # first number of a key; of a text key the part of its room it keeps to, 1 for all of it
    check: str = ""  # by which rule the last digit of an identifier proves the others (`check_digits.py`)
    words: tuple[tuple[str, float], ...] = ()  # of free text, those that k or more rows share
    sentences: int = 0  # that end with a stop, in a free text usually
    follows: str = ""  # personal: the link whose parent row is the same person
    kept: tuple[str | float | int | None, ...] = ()  # of a small table: what its first rows say, see `told`


@dataclass(frozen=True)
class First:
    """Bins of a number or text with their shares: what first rows of a series hold, or how many children."""

    column: str
    bins: tuple[Bin, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Beside:
    """Which parents of two links go together: shares of children by a column of each, k or more in a cell.

    A cell is the group of the other parent's bin times how many groups this one's bins are folded into, plus
    its own; see `nodes.fold`.
    """

    link: str  # the other, which is drawn first
    theirs: str
    own: str
    groups: tuple[int, int]
    cells: tuple[tuple[int, float], ...]
    rest: float = 0.0  # share of the children in all other cells


@dataclass(frozen=True)
class LinkSketch:
    """A foreign key: which columns point where, how many rows point nowhere, how parents are used."""

    name: str
    columns: tuple[str, ...]
    to: str
    to_columns: tuple[str, ...]
    kind: Literal["inside", "self", "late", "outside"]  # late: closes a cycle. outside: parent not in the set
    null_share: float
    unique: bool
    degree: str | None  # the parent's hidden column that counts the children
    distinct: int  # how many different parents are pointed at (outside only), rounded
    loads: tuple[float, ...] = ()  # few impersonal parents: each one's share of the children, largest first
    spread: float = 0.0  # of fewer than k parents: deviation of the numbers of children, by their mean
    towards: tuple[tuple[str, tuple[float, ...]], ...] = ()  # shares of children by parents' bins
    in_order: bool = False  # the loads are those of the parent's rows, in their order
    kept: tuple[int, ...] = ()  # of a small table: the rows that its first rows point at, -1 for none
    levels: tuple[float, ...] = ()  # self only: shares of the rows by level, from those that point nowhere
    children: First | None = None  # self only: of those that have some; k or more parents in each bin
    beside: tuple[Beside, ...] = ()  # what parents of other links its own go together with
    through: tuple[str, str] | None = None  # another link, and that of its parent to the same row


@dataclass(frozen=True)
class Series:
    """How the rows that point at one row follow each other by a date or a number; its rules are `rules`."""

    link: str
    by: str  # the column that says which comes first
    near: float = 0.0  # how alike the places in time of one parent's rows are, 0..1
    month: bool = False  # steps are calendar months
    day: int = 0  # of the month, on which all rows fall; 0: on any up to the 28th
    steps: tuple[tuple[float, float], ...] = ()  # from row to row, with their shares; k or more rows each
    first: tuple[First, ...] = ()
    clings: tuple[tuple[str, float], ...] = ()  # column, and how closely it follows the row before, 0..1


@dataclass(frozen=True)
class TableSketch:
    """One table: its size, columns in the order they are drawn, links, and orders that always hold."""

    name: str
    rows: int
    columns: tuple[ColumnSketch, ...]  # in the order of the contract, then degrees
    order: tuple[str, ...]  # modelled columns, parents first
    links: tuple[LinkSketch, ...] = ()
    rules: tuple[Rule, ...] = ()  # between columns; declared ones first
    means: tuple[Means, ...] = ()
    series: Series | None = None
    sorted_by: str | None = None  # a column that grows with the key
    simplifications: tuple[str, ...] = ()
    lands: tuple[tuple[str, float], ...] = ()  # countries that its people live in, with their shares
    people: int = 0  # how many different people its rows are about, rounded; 0: one for each row
    k: int = 0  # where its contract asks for more than the sketch's
    told: int = 0  # of a small table that names nobody: its first rows, which are told as they are
    real: str = ""  # why rows of it are real ones, in words
    verbatim: bool = False  # its rows are the real ones, and not in the sketch
    entity: str | None = None  # the column that k counts, "" where it counts rows; older sketches do not say

    def column(self, name: str) -> ColumnSketch:
        """The column of that name, which must exist."""
        return next(column for column in self.columns if column.name == name)


@dataclass(frozen=True)
class Sketch:
    """Everything that crosses from production to the sandbox; nothing in it is about fewer than k."""

    k: int
    tables: tuple[TableSketch, ...]  # parents before children
    version: int = 3

    def table(self, name: str) -> TableSketch:
        """The table of that name, which must exist."""
        return next(table for table in self.tables if table.name == name)
