"""Finds out whom an answer shows: carries each row's entities along, hidden, to where the rows leave.

Per block of a query, a row shows the entities of the rows it was made of. A *plain grouping* (of measures:
see grouping; and of nobody who is picked: see picking) shows nobody where at least `least` entities share a
row; every other shows all whom it puts together. A subquery inside an expression shows whom its rows show,
counted beside the query. Where none of that can be told, everybody whom the viewer may see in the dataset
counts: nothing is guessed in the query's favour.
The rule, and what it does not promise, is docs/decisions/0015-extraction-budgets.md.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp

from handrail.data.blocks import (
    exclude,
    group_instead,
    has_no_row_of_its_own,
    is_item_or_count,
    is_named_inside,
    is_unsteady,
    own,
    unwrapped,
)
from handrail.data.grouping import aggregates, is_statistical, keyed
from handrail.data.models import Contract
from handrail.data.picking import Totals
from handrail.data.resolve import DATASET

MOST = 64  # carriers of one SELECT, which double where a common table is named twice
MOST_KEPT_OUT = 10 * MOST  # names that all its stars have to leave out
CARRY = "carry"  # the key, in a table's metadata, under which the hidden column for its entity key is named
_SIDES = frozenset({"", "LEFT"})
_KINDS = frozenset({"", "INNER", "OUTER", "CROSS"})


@dataclass(frozen=True)
class Carrier:
    """A hidden column: entity keys as texts, or lists of them, of this kind of entity."""

    column: str
    subject: str


@dataclass(frozen=True)
class Aside:
    """A question counted beside the query: its rows are read for their carriers and go nowhere."""

    tree: exp.Query
    carriers: tuple[Carrier, ...]
    dataset: str = ""  # named when it is everybody in there


@dataclass(frozen=True)
class Revealed:
    """The query with its carriers at the end of its columns, and what is counted before it may run.

    `clear` is False when everybody counts, because it could not be told whom the query shows.
    """

    tree: exp.Query
    carriers: tuple[Carrier, ...] = ()
    asides: tuple[Aside, ...] = ()
    clear: bool = True
    hidden: str = ""  # what the names of all carriers begin with


def revealed(
    tree: exp.Query, contracts: Mapping[str, Contract], subjects: Mapping[str, str], least: int
) -> Revealed:
    """Add carriers to a resolved query for the datasets in `subjects` (dataset to kind of entity)."""
    finder = _Finder(contracts, subjects, least, _Names())
    carrying = tree.copy()
    try:
        carriers = finder.block(carrying, top=True) if finder.reads(carrying) else ()
    except _Unclear:
        return Revealed(tree, asides=everybody(tree, subjects), clear=False)
    return Revealed(carrying, carriers, tuple(finder.asides), hidden=finder.names.prefix)


def everybody(tree: exp.Query, subjects: Mapping[str, str]) -> tuple[Aside, ...]:
    """For each counted dataset that `tree` reads: all entities in the rows that the viewer may see."""
    named = {table.meta[DATASET] for table in tree.find_all(exp.Table) if DATASET in table.meta}
    asides = []
    for name in sorted(named & subjects.keys()):
        table = exp.to_table(name)
        carrier = _Names().carrier(subjects[name])
        table.meta.update({DATASET: name, CARRY: carrier.column})
        select = exp.Select(distinct=exp.Distinct()).select(exp.column(carrier.column, quoted=True))
        asides.append(Aside(select.from_(table), (carrier,), name))
    return tuple(asides)


class _Unclear(Exception):
    """Whom this query shows cannot be told."""


class _Names:
    """Names for hidden columns that no query can guess."""

    def __init__(self) -> None:
        self.prefix = f"_{secrets.token_hex(8)}_"
        self.made = 0

    def carrier(self, subject: str) -> Carrier:
        self.made += 1
        return Carrier(f"{self.prefix}{self.made}", subject)


@dataclass(frozen=True)
class _Source:
    """One item of a FROM clause with the carriers that it has; a dataset's are texts, all others' lists."""

    alias: str
    carriers: tuple[Carrier, ...] = ()
    dataset: str = ""


@dataclass
class _Finder:
    contracts: Mapping[str, Contract]
    subjects: Mapping[str, str]
    least: int
    names: _Names
    steady: bool = False  # whether only plain groupings will do, because the answer must not change
    common: dict[str, tuple[Carrier, ...]] = field(default_factory=dict)  # common tables that carry
    asides: list[Aside] = field(default_factory=list)
    totals: Totals = field(default_factory=Totals)

    def reads(self, node: exp.Expr) -> bool:
        """Whether a counted dataset is read in there, or a common table that carries."""
        return any(
            table.meta.get(DATASET) in self.subjects or table.name in self.common
            for table in node.find_all(exp.Table)
        )

    def block(self, node: exp.Expr, *, top: bool, common: bool = False) -> tuple[Carrier, ...]:
        """Add carriers to one SELECT and give them; what reads a `common` table chooses among its rows."""
        node = unwrapped(node)
        if not isinstance(node, exp.Select):
            raise _Unclear
        self.common_tables(node, top)
        sources = self.sources(node)
        carrying = [source for source in sources if source.carriers]
        many = sum(len(source.carriers) for source in carrying)
        if many > MOST or many * sum(item.is_star for item in node.expressions) > MOST_KEPT_OUT:
            raise _Unclear
        self.refuse_unclear(node, carrying)
        grouped = bool(node.args.get("group") or node.args.get("having") or aggregates(node))
        self.expressions(node, grouped)
        if not carrying:
            return ()  # it reads counted data in its expressions only
        if node.args.get("distinct"):
            if grouped or not group_instead(node):
                raise _Unclear
            grouped = True
        if grouped and not top and not has_no_row_of_its_own(node):
            raise _Unclear
        plain = grouped and is_statistical(node, self.contracts, self.subjects)
        if self.steady and grouped and not plain:
            raise _Unclear
        plain = plain and self.totals.admit(node, self.contracts, self.subjects, top=top and not common)
        names = [(source.alias, [carrier.column for carrier in source.carriers]) for source in carrying]
        if len(dict(names)) != len(names):
            raise _Unclear
        exclude(node, dict(names))
        return tuple(
            self.carried(node, source, carrier, grouped, plain)
            for source in carrying
            for carrier in source.carriers
        )

    def common_tables(self, node: exp.Select, top: bool) -> None:
        with_ = node.args.get("with_")
        if with_ is None:
            return
        for cte in with_.expressions:
            if self.reads(cte.this):
                if with_.args.get("recursive") or cte.args["alias"].columns:
                    raise _Unclear
                self.common[cte.alias] = self.block(cte.this, top=top, common=True)

    def sources(self, node: exp.Select) -> list[_Source]:
        if node.args.get("laterals") and self.reads(node):
            raise _Unclear
        from_ = node.args.get("from_")
        sources = [self.source(from_.this)] if from_ else []
        for join in node.args.get("joins") or ():
            added = self.source(join.this)
            carrying = bool(added.carriers) or any(source.carriers for source in sources)
            if carrying:
                self.refuse_absent(join, added, sources)
            sources.append(added)
        return sources

    def source(self, item: exp.Expr) -> _Source:
        reads = self.reads(item)
        if reads and (item.args.get("joins") or (item.alias and item.args["alias"].columns)):
            raise _Unclear
        if isinstance(item, exp.Table) and isinstance(item.this, exp.Identifier):
            name: str = item.meta.get(DATASET, "")
            if name not in self.subjects:
                return _Source(item.alias_or_name, self.common.get(item.name, ()), name)
            carrier = self.names.carrier(self.subjects[name])
            item.meta[CARRY] = carrier.column
            return _Source(item.alias_or_name, (carrier,), name)
        if not reads:
            return _Source(item.alias)
        if not isinstance(item, exp.Subquery) or not isinstance(item.this, exp.Query):
            raise _Unclear
        return _Source(item.alias, self.block(item.this, top=False))

    def refuse_absent(self, join: exp.Join, added: _Source, before: list[_Source]) -> None:
        """A row that is there because somebody is not would show that, and carry nobody."""
        side, kind = (join.args.get("side") or "").upper(), (join.args.get("kind") or "").upper()
        if join.args.get("method") or kind not in _KINDS | {"SEMI", "ANTI"}:
            raise _Unclear
        if kind in ("SEMI", "ANTI"):
            if added.carriers or side:
                raise _Unclear
        elif side not in _SIDES or (side and added.carriers and not self.same_entity(join, added, before)):
            raise _Unclear

    def same_entity(self, join: exp.Join, added: _Source, before: list[_Source]) -> bool:
        """Whether a LEFT JOIN goes from an entity to the same one, which is carried even if missing."""
        mine = self.contracts.get(added.dataset)
        if mine is None or added.dataset not in self.subjects:
            return False
        for one in before:
            other = self.contracts.get(one.dataset)
            if other is None or self.subjects.get(other.name) != self.subjects[mine.name]:
                continue
            if keyed(join, (one.alias, other.entity_key), (added.alias, mine.entity_key), len(before) == 1):
                return True
        return False

    def refuse_unclear(self, node: exp.Select, carrying: list[_Source]) -> None:
        if not carrying:
            return
        names = {source.alias.lower() for source in carrying}
        if node.args.get("qualify") or node.args.get("windows"):
            raise _Unclear
        for _, part in own(node):
            if isinstance(part, exp.Window):
                raise _Unclear  # it puts one row's values into another
            if isinstance(part, exp.Star) and not is_item_or_count(part, node):
                raise _Unclear
        for column in node.find_all(exp.Column):
            whole = column.table if isinstance(column.this, exp.Star) else "" if column.table else column.name
            if whole.lower() in names and not is_named_inside(column, whole, node):
                raise _Unclear  # a whole row as one value or from within, hidden column and all

    def expressions(self, node: exp.Select, grouped: bool) -> None:
        """Count the subqueries of expressions beside the query; they must mean the same standing alone."""
        for clause, part in own(node):
            if not isinstance(part, exp.Query):
                continue
            if grouped and clause not in ("where", "joins"):
                raise _Unclear  # an aggregate in there may belong to this block
            if not self.reads(part):
                continue
            tree = unwrapped(part.copy())
            if not isinstance(tree, exp.Query):
                raise _Unclear
            for key in ("order", "limit", "offset"):
                tree.set(key, None)  # without them it shows more, and always the same
            if is_unsteady(tree) or any(t.name in self.common for t in tree.find_all(exp.Table)):
                raise _Unclear
            beside = _Finder(self.contracts, self.subjects, self.least, self.names, steady=True)
            beside.totals = self.totals
            carriers = beside.block(tree, top=True)
            self.asides += [*beside.asides, Aside(tree, carriers)]

    def carried(
        self, node: exp.Select, source: _Source, carrier: Carrier, grouped: bool, plain: bool
    ) -> Carrier:
        """Append the hidden column of one source to the SELECT list."""
        value = exp.column(carrier.column, table=source.alias, quoted=True).sql(dialect="duckdb")
        there = f"FILTER (WHERE {value} IS NOT NULL)"
        if plain:
            sql = (
                f"CASE WHEN count(DISTINCT {value}) >= {self.least} THEN NULL "
                f"ELSE list(DISTINCT {value}) {there} END"
            )
        elif grouped and source.dataset in self.subjects:
            sql = f"list(DISTINCT {value}) {there}"
        elif grouped:
            sql = f"list_distinct(flatten(list({value}) {there}))"
        else:
            sql = f"[{value}]" if source.dataset in self.subjects else value
        made = self.names.carrier(carrier.subject)
        tree = sqlglot.parse_one(sql, dialect="duckdb")
        node.append("expressions", exp.alias_(tree, made.column, quoted=True))
        return made
