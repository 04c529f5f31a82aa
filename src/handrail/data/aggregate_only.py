"""The mask that leaves nothing but totals: which uses of such a column are refused, and which values count.

The contract names the columns by which the values may be grouped and filtered, and so cuts the rows that a
viewer sees into *cells*. A value counts only where its cell holds at least so many entities that have one; no
query may choose among the rows of a cell. So whatever is summed is a weighted sum of whole cells, and so is
the difference of any two answers: none isolates somebody. That is decided on the tree, and everything that
is not known to keep the rule is refused, arithmetic on the single value too: a sum of values that are
rounded, or overflow, counts those above a threshold. What it does not promise is in
docs/decisions/0020-totals-are-sums-of-whole-cells.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from sqlglot import exp

from handrail.data.masks import masked
from handrail.data.models import Column, Contract
from handrail.data.resolve import DATASET, Resolved
from handrail.kernel import NotAllowed

_SPREADS = (exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Variance, exp.VariancePop)
_AGGREGATES = (exp.Sum, exp.Avg, exp.Count, *_SPREADS)
_STEADY_JOINS = frozenset({"", "INNER", "OUTER", "CROSS"})
_COUNT, _PART = "_entities", "_part"


def hidden(contract: Contract, groups: frozenset[str]) -> tuple[Column, ...]:
    """The columns of a dataset of which viewers in these groups see aggregates only."""
    return tuple(
        column
        for column in contract.columns
        if column.mask and column.mask.kind == "aggregate" and masked(column, groups)
    )


def refuse_values(query: Resolved, contracts: Mapping[str, Contract], groups: frozenset[str]) -> None:
    """Refuse NotAllowed a query that shows more than aggregates of whole cells of such a column.

    They may be added, averaged, counted and spread (standard deviation, variance) as they are, in a SELECT
    straight from their dataset that chooses its rows by the columns of their cells only.
    """
    guarded = {
        name: tuple(column for column in hidden(contracts[name], groups) if column.name in columns)
        for name, columns in query.reads.items()
    }
    if any(guarded.values()):
        _Guard(contracts, guarded).check(query.tree)


def cell_counts(
    contract: Contract, column: Column, source: exp.Table, rows: exp.Expr, alias: str
) -> tuple[exp.Select, exp.Expr]:
    """How many entities have a value in each cell of the visible rows, and what joins a row to its cell."""
    assert column.mask is not None
    row = source.alias_or_name
    key = contract.entity_key
    has_one = f"CASE WHEN {_quoted(row, column.name)} IS NOT NULL THEN {_quoted(row, key)} END" if key else ""
    counted = f"count(DISTINCT {has_one})" if key else f"count({_quoted(row, column.name)})"
    select = exp.Select().select(exp.alias_(exp.maybe_parse(counted, dialect="duckdb"), _COUNT, quoted=True))
    condition: exp.Expr = exp.true()
    for number, name in enumerate(column.mask.by):
        part = exp.column(name, table=row, quoted=True)
        select = select.select(exp.alias_(part.copy(), f"{_PART}{number}", quoted=True)).group_by(part.copy())
        there = exp.column(f"{_PART}{number}", table=alias, quoted=True)
        condition = exp.and_(condition, exp.NullSafeEQ(this=part, expression=there))
    return select.from_(source.copy()).where(rows.copy()), condition


def counted_value(column: Column, value: exp.Expr, alias: str) -> exp.Expr:
    """The value where its cell is large enough, and nothing elsewhere."""
    assert column.mask is not None and column.mask.least is not None
    large = exp.GTE(
        this=exp.column(_COUNT, table=alias, quoted=True), expression=exp.Literal.number(column.mask.least)
    )
    return exp.Case(ifs=[exp.If(this=large, true=value)])


def _quoted(table: str, name: str | None) -> str:
    return exp.column(name or "", table=table, quoted=True).sql(dialect="duckdb")


@dataclass(frozen=True)
class _Use:
    """A column as it stands in the tree, and a dataset of the FROM clause around it that it may belong to."""

    name: str
    table: exp.Table
    block: exp.Select


class _Guard:
    def __init__(self, contracts: Mapping[str, Contract], guarded: Mapping[str, Collection[Column]]) -> None:
        self.contracts, self.guarded = contracts, guarded
        self.tables: dict[int, list[exp.Table]] = {}  # per SELECT, the datasets of its FROM clause itself
        self.by: dict[int, tuple[exp.Select, list[Column]]] = {}  # per table, the hidden columns it sums
        self.chosen: dict[int, set[str]] = {}  # per table, the columns by which its rows are chosen

    def check(self, tree: exp.Expr) -> None:
        """Look at every column, star and join, then at what each guarded table's rows are chosen by."""
        for table in tree.find_all(exp.Table):
            if DATASET in table.meta and (block := next(_blocks(table), None)):
                self.tables.setdefault(id(block), []).append(table)
        for node in tree.walk():
            if isinstance(node, exp.Star):
                self.star(node)
            elif isinstance(node, exp.Column):
                self.column(node)
            elif isinstance(node, exp.Join):
                self.using(node)
        for table in tree.find_all(exp.Table):
            if id(table) in self.by:
                self.cells(table, *self.by[id(table)])

    def star(self, star: exp.Star) -> None:
        owner: exp.Expr = star.parent if isinstance(star.parent, exp.Column) else star
        block = next(_blocks(owner), None)
        if isinstance(owner.parent, exp.Count) or block is None:
            return
        for table in self.inside(block):
            named = not isinstance(owner, exp.Column) or owner.table.lower() == _alias(table)
            if named and self.hidden(table):
                raise self.refused(table, self.hidden(table)[0])

    def column(self, node: exp.Column) -> None:
        if isinstance(node.this, exp.Star):
            return
        for use in self.uses(node):
            column = self.hidden_column(use.table, use.name)
            aggregate = _aggregate(node, use.block)
            if use.name == _alias(use.table) and not self.has(use.table, use.name):
                raise self.refused(use.table, self.hidden(use.table)[0])  # the whole row as a value
            if column is None:
                if not (aggregate and not self.holds_hidden(aggregate, use)):
                    self.chosen.setdefault(id(use.table), set()).add(use.name)
            elif aggregate is None or not _is_plain(node):
                raise self.refused(use.table, column)
            else:
                self.by.setdefault(id(use.table), (use.block, []))[1].append(column)

    def using(self, join: exp.Join) -> None:
        block = next(_blocks(join), None)
        for table in self.inside(block) if block else ():
            if str(join.args.get("method") or "").upper() == "NATURAL" and self.hidden(table):
                why = "and a NATURAL JOIN compares every column of the same name"
                raise self.refused(table, self.hidden(table)[0], why, "Join by ON or USING. ")
            for name in join.args.get("using") or ():
                if column := self.hidden_column(table, name.name.lower()):
                    raise self.refused(table, column)
                if self.has(table, name.name.lower()):
                    self.chosen.setdefault(id(table), set()).add(name.name.lower())

    def cells(self, table: exp.Table, block: exp.Select, columns: Collection[Column]) -> None:
        """Refuse to choose among the rows of a cell."""
        for column in columns:
            assert column.mask is not None
            joins = [join for join in block.find_all(exp.Join) if next(_blocks(join), None) is block]
            steady = all(
                not join.args.get("method") and (join.args.get("kind") or "").upper() in _STEADY_JOINS
                for join in joins
            )
            if not steady or block.find(exp.Rand):
                raise self.refused(table, column, "by joins and conditions that always give the same rows")
            cell = {name.lower() for name in column.mask.by}
            if other := sorted(self.chosen.get(id(table), set()) - cell):
                raise self.refused(table, column, f"and this query uses {', '.join(other)} as well")

    def uses(self, node: exp.Column) -> Iterator[_Use]:
        """What a column may mean: in the nearest FROM clause that has it for certain, and in nearer ones."""
        parts = [part.name.lower() for part in node.parts]
        for block in _blocks(node):
            certain = False
            for table in self.inside(block):
                named = len(parts) > 1 and parts[0] == _alias(table)
                if named and self.hidden(table):
                    yield _Use(parts[1], table, block)
                bare = not named and (self.has(table, parts[0]) or parts[0] == _alias(table))
                if bare and self.hidden(table):
                    yield _Use(parts[0], table, block)
                certain = certain or named or (len(parts) == 1 and self.has(table, parts[0]))
            if certain:
                return

    def holds_hidden(self, aggregate: exp.Expr, use: _Use) -> bool:
        names = {column.name.lower() for column in self.hidden(use.table)}
        return any(part.name.lower() in names for one in aggregate.find_all(exp.Column) for part in one.parts)

    def inside(self, block: exp.Select) -> list[exp.Table]:
        """The datasets in a FROM clause itself, in whatever parentheses."""
        return self.tables.get(id(block), [])

    def hidden(self, table: exp.Table) -> tuple[Column, ...]:
        return tuple(self.guarded.get(table.meta.get(DATASET, ""), ()))

    def hidden_column(self, table: exp.Table, name: str) -> Column | None:
        return next((column for column in self.hidden(table) if column.name.lower() == name), None)

    def has(self, table: exp.Table, name: str) -> bool:
        contract = self.contracts.get(table.meta.get(DATASET, ""))
        return contract is not None and any(column.name.lower() == name for column in contract.columns)

    def refused(self, table: exp.Table, column: Column, why: str = "", first: str = "") -> NotAllowed:
        contract, mask = self.contracts[table.meta[DATASET]], column.mask
        assert mask is not None
        of = f"{contract.subject}s" if contract.subject and contract.entity_key else "rows"
        by = (
            f"grouped, filtered and joined by {' and '.join(mask.by)} only"
            if mask.by
            else "over all rows only"
        )
        said = f"{column.name} of {contract.name} is seen in totals over at least {mask.least} {of}, {by}"
        return NotAllowed(
            f"{said}{f', {why}' if why else ''}.",
            next_step=f"{first}Ask for sum, avg, count, stddev or variance of {column.name} itself, straight "
            f"from {contract.name}, and use no other column of it; name columns instead of *.",
            subject=f"dataset:{contract.name}",
            rule="aggregate-only",
        )


def _blocks(node: exp.Expr) -> Iterator[exp.Select]:
    """The SELECTs whose FROM clauses a node can see, from the inside out; a common table none beside it."""
    below, above = node, node.parent
    while above is not None:
        if isinstance(above, exp.Select) and not isinstance(below, exp.With):
            yield above
        below, above = above, above.parent


def _alias(table: exp.Table) -> str:
    return str(table.alias_or_name).lower()


def _aggregate(node: exp.Expr, block: exp.Select) -> exp.Expr | None:
    """The aggregate of this very block that a node stands in, with its FILTER; not one over a window."""
    found: exp.Expr | None = None
    part: exp.Expr | None = node.parent
    while part is not None and part is not block:
        if isinstance(part, exp.Query):
            return None
        if isinstance(part, exp.AggFunc | exp.Filter) and not _is_windowed(part):
            found = part
        part = part.parent
    return found if part is block else None


def _is_windowed(part: exp.Expr) -> bool:
    while isinstance(part.parent, exp.Filter | exp.IgnoreNulls | exp.RespectNulls | exp.WithinGroup):
        part = part.parent
    return isinstance(part.parent, exp.Window) and part.parent.this is part


def _is_plain(node: exp.Expr) -> bool:
    """Whether a column goes into a total as it is."""
    below, above = node, node.parent
    while isinstance(above, exp.Paren):
        below, above = above, above.parent
    return type(above) in _AGGREGATES and above is not None and above.this is below
