"""How large a query becomes once every common table is put in where it is named.

A few hundred letters can name each table twice in the next, twenty times over; nothing that comes after, here
or in an engine, has a limit for a million tables or columns. Counting them takes one pass over the tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from handrail.data.models import Contract
from handrail.data.scope import is_query_in_parentheses
from handrail.kernel import Invalid

MAX_TABLES = 100  # names of tables in one question, each as often as it is written
MAX_COLUMNS = 2_000  # of any SELECT
MAX_READ = 1_000  # tables that any part of a query reads, each as often as it is read


@dataclass
class Extents:
    """Sizes of the parts of one resolved query; `contracts` by lower-case name."""

    contracts: Mapping[str, Contract]
    _common: dict[str, tuple[int, int]] = field(default_factory=dict)  # tables read, columns
    _columns: dict[int, int] = field(default_factory=dict)  # by the id of a SELECT
    _fields: int = 0  # named in the query, of any struct; unnest may make each of them a column

    def check(self, node: exp.Expr, name: str = "") -> None:
        """Refuse a part that is too large; `name` is that of a common table, whose names inside are known."""
        parts = list(node.walk(prune=lambda part: isinstance(part, exp.With)))
        read = sum(self._read(part) for part in parts if isinstance(part, exp.Table))
        self._fields += sum(isinstance(part, exp.PropertyEQ) for part in parts)
        if read > MAX_READ:
            raise Invalid(
                f"With its common tables put in, the query reads {read:,} tables; at most {MAX_READ:,} are.",
                next_step="Name each common table less often.",
                subject="query",
            )
        for part in reversed(parts):  # what is inside comes later
            if isinstance(part, exp.Select) and (columns := self._of_select(part)) > MAX_COLUMNS:
                raise _too_wide(columns)
        if name:
            self._common[name] = read, self._of_query(node)

    def _read(self, table: exp.Table) -> int:
        return self._common.get(table.name, (1, 1))[0]

    def _of_query(self, node: exp.Expr) -> int:
        while isinstance(node, exp.SetOperation | exp.Subquery):
            node = node.this
        return self._of_select(node) if isinstance(node, exp.Select) else 1

    def _of_select(self, node: exp.Select) -> int:
        if id(node) in self._columns:
            return self._columns[id(node)]
        from_ = node.args.get("from_")
        items = [*([from_.this] if from_ else []), *(join.this for join in node.args.get("joins") or ())]
        sources: dict[str, int] = {}
        for item in [*items, *(node.args.get("laterals") or ())]:
            for alias, columns in self._sources(item):
                sources[alias.lower()] = sources.get(alias.lower(), 0) + columns
        every, made = sum(sources.values()), 0
        for item in node.expressions:
            if item.is_star:
                made += sources.get(item.table.lower(), 1) if isinstance(item, exp.Column) else every
            else:
                made += max(1, self._fields) if item.find(exp.Explode, exp.Unnest) else 1
        self._columns[id(node)] = made
        return made

    def _sources(self, item: exp.Expr) -> Iterator[tuple[str, int]]:
        """The names in one item of a FROM clause, and how many columns each has."""
        if isinstance(item, exp.Subquery) and not is_query_in_parentheses(item):
            yield from self._sources(item.this)  # a table or a join in parentheses
        else:
            yield item.alias_or_name, self._of_source(item)
        for join in item.args.get("joins") or ():
            yield from self._sources(join.this)

    def _of_source(self, item: exp.Expr) -> int:
        if isinstance(item, exp.Table) and isinstance(item.this, exp.Values):
            item = item.this
        if isinstance(item, exp.Table) and not isinstance(item.this, exp.Func):
            if item.name in self._common:
                return self._common[item.name][1]
            contract = self.contracts.get(item.name.lower())
            return len(contract.columns) if contract else 1
        if isinstance(item, exp.Values):
            return max(len(row.expressions) for row in item.expressions)
        return self._of_query(item.this) if isinstance(item, exp.Subquery | exp.Lateral) else 1


def refuse_many(tree: exp.Expr) -> None:
    """Refuse more tables or columns by name than are planned in good time, before anything looks at them."""
    tables = sum(1 for _ in tree.find_all(exp.Table))
    if tables > MAX_TABLES:
        raise Invalid(
            f"The SQL names {tables:,} tables; at most {MAX_TABLES} are read.",
            next_step="Ask in several questions, or name each table less often.",
            subject="query",
        )
    items = max((len(select.expressions) for select in tree.find_all(exp.Select)), default=0)
    if items > MAX_COLUMNS:
        raise _too_wide(items)


def _too_wide(columns: int) -> Invalid:
    return Invalid(
        f"A SELECT has {columns:,} columns; at most {MAX_COLUMNS:,} are answered.",
        next_step="Select the columns that you need, by their names.",
        subject="query",
    )
