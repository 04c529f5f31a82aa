"""What holds between the columns of a table: rules that a contract declares or that its data shows.

A rule is part of the sketch. Its form is public; whatever it lists (values, pairs, a distance in days) is
shared by k or more, and exceptions that are fewer than k are not told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Listed = str | float | None  # a text, a number in the column's own unit (days, microseconds), or no value

RuleKind = Literal[
    "order",  # a <= b
    "offset",  # b = a + by
    "formula",  # a = how(b, c, d), to the last digit of a
    "derived",  # b = how(a)
    "accepted",  # (a, b) is one of the pairs, where a and b are among them at all
    "nulls",  # b is empty where a is one of `values`, and never where it is one of `filled`
    "range",  # a lies between low and high; `strict`: and is neither
    "values",  # a is one of the values; `strict`: is none of them
    "pattern",  # a matches the regular expression `how`
    "check",  # the SQL condition `how` is true of the row
    "unique",  # no two rows have the same columns
    "total",  # a = the sum of a column over the rows that point here, where there are any
    "across",  # a is at least (`strict`: at most) the column `above` of the row that a link points at
    # Between a row and the one before it, of those that point at the same row (`series`):
    "carried",  # a = b of the row before
    "running",  # a = a of the row before `how` b
    "rising",  # a is at least what it was in the row before; `strict`: at most
    "spaced",  # a = a of the row before + by; `how` "month": so many calendar months
    "turned",  # (a of the row before, a) is one of the pairs, where both are among them at all
]
IN_TURN: frozenset[RuleKind] = frozenset({"carried", "running", "rising", "spaced", "turned"})
OF_SEVERAL: frozenset[RuleKind] = IN_TURN | {"total", "across"}  # that no row keeps or breaks by itself

# What a formula says, in Python and SQL alike: a is left of the sign, b, c and d stand for further columns.
FORMULAS = (
    "b + c",
    "b - c",
    "b * c",
    "b * (1 - c)",
    "b * (1 + c)",
    "b * (1 - c / 100)",
    "b * c * (1 - d)",
    "b * c * (1 - d / 100)",
)
# A text or number that is made from one other column: SQL, with x for the column.
DERIVED: Mapping[str, str] = {
    "same": "x",
    "upper": "upper(x)",
    "lower": "lower(x)",
    "first letter": "left(x, 1)",
    "length": "len(x)",
    "day": "CAST(x AS DATE)",
    "year": "year(x)",
    "quarter": "quarter(x)",
    "month": "month(x)",
    "year and month": "strftime(x, '%Y-%m')",
}


@dataclass(frozen=True)
class Rule:
    """One rule of a table; which of the fields its kind uses is said at `RuleKind`."""

    kind: RuleKind
    columns: tuple[str, ...]  # a, b, c, d
    declared: bool = False  # by the contract; otherwise the data shows it
    hint: bool = False  # declared, and breaking it keeps nothing from being used
    kept: float = 1.0  # share of the real rows it is about that keep it
    allowed: float = 0.0  # share of rows that the contract lets break it
    seen: int = 0  # real rows it is about, two significant digits
    how: str = ""
    by: float = 0.0
    low: float | None = None
    high: float | None = None
    strict: bool = False
    values: tuple[Listed, ...] = ()
    filled: tuple[Listed, ...] = ()
    pairs: tuple[tuple[Listed, Listed, float], ...] = ()  # a, b, share of the rows
    child: tuple[str, str, str] | None = None  # table, link and column that a total adds up
    above: tuple[str, str] | None = None  # link, and column of the row that it points at
    series: tuple[str, str] | None = None  # link and column by which rows come one after the other

    @property
    def target(self) -> str | None:
        """The column that the others leave no choice, or None where they only restrict each other."""
        if self.kind in ("formula", "total", "carried", "running", "spaced"):
            return self.columns[0]
        return self.columns[1] if self.kind in ("offset", "derived") else None


@dataclass(frozen=True)
class Means:
    """Means of a number by the values of another column; of a date by its quarter, year * 4 + quarter - 1."""

    measure: str
    by: str
    means: tuple[tuple[str, float], ...]  # tile, mean in three digits


@dataclass(frozen=True)
class RuleScore:
    """A rule in words, and the share of rows that keep it: real ones, and the twin's, hostile ones too."""

    says: str
    kind: RuleKind
    declared: bool
    kept: float
    twin_kept: float
    broken: int  # rows of the twin


def says(rule: Rule) -> str:
    """The rule in words, without what it lists."""
    a, *more = rule.columns
    b = more[0] if more else ""
    if rule.kind == "order":
        return f"{a} is at most {b}"
    if rule.kind == "offset":
        return f"{b} = {a} + {rule.by:,.10g}"
    if rule.kind == "formula":
        return f"{a} = {_spelt(rule.how, rule.columns)}"
    if rule.kind == "derived":
        return f"{b} is {rule.how} of {a}" if rule.how != "same" else f"{b} is the same as {a}"
    if rule.kind == "accepted":
        return f"{a} and {b} go together in {len(rule.pairs)} ways"
    if rule.kind == "nulls" and rule.how == "empty":
        same = 1.0 in rule.values  # empty where a is empty, or where it is not
        other = f" and has a value where {a} {'has one' if same else 'is empty'}" if rule.filled else ""
        return f"{b} is empty where {a} {'is' if same else 'has a value'}{other}"
    if rule.kind == "nulls":
        other = f", and never for {len(rule.filled)} of its values" if rule.filled else ""
        return f"{b} is empty for {len(rule.values)} values of {a}{other}"
    if rule.kind == "range":
        low, high = ("above", "below") if rule.strict else ("at least", "at most")
        ends = [(low, rule.low), (high, rule.high)]
        return f"{a} is " + " and ".join(f"{word} {end:,.10g}" for word, end in ends if end is not None)
    if rule.kind == "values":
        return f"{a} is {'none' if rule.strict else 'one'} of {len(rule.values)} values"
    if rule.kind == "pattern":
        return f"{a} has its pattern"
    if rule.kind == "unique":
        return f"{', '.join(rule.columns)} are never repeated together"
    if rule.kind == "across" and rule.above:
        return f"{a} is at {'most' if rule.strict else 'least'} {rule.above[1]} of its {rule.above[0]}"
    if rule.kind == "carried":
        return f"{a} is {b} of the row before"
    if rule.kind == "running":
        return f"{a} = {a} of the row before {rule.how} {b}"
    if rule.kind == "rising":
        return f"{a} never {'rises' if rule.strict else 'falls'} from row to row"
    if rule.kind == "spaced":
        unit = f" {rule.how}{'s' if rule.by != 1 else ''}" if rule.how else ""
        return f"{a} is {rule.by:,.10g}{unit} after the row before"
    if rule.kind == "turned":
        return f"{a} turns from row to row in {len(rule.pairs)} ways"
    if rule.kind == "total" and rule.child:
        return f"{a} is the sum of {rule.child[2]} in {rule.child[0]}"
    return f"{', '.join(rule.columns)} fit as the contract says"


def _spelt(formula: str, columns: tuple[str, ...]) -> str:
    names = dict(zip("abcd", columns, strict=False))
    return "".join(names.get(letter, letter) for letter in formula)
