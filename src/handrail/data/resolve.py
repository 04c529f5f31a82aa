"""Finds which datasets and columns a query reads, and gives each common table a name of its own.

Every table is decided here, by DuckDB's scoping rules: a name is a common table in sight or else a dataset,
case does not matter, and nothing else is a table. Where a column name could belong to more than one dataset
it is charged to each, so what is reported is never less than what is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlglot import exp

from handrail.data.extent import Extents
from handrail.data.models import Contract
from handrail.data.parse import nearest, place
from handrail.data.scope import Scope, Source, is_query_in_parentheses
from handrail.kernel import Invalid, NotFound

DATASET = "dataset"  # the key, in the metadata of a table in the tree, under which its dataset is named


@dataclass(frozen=True)
class Resolved:
    """A parsed query whose tables are decided. `reads`: dataset to the columns read, in contract order."""

    tree: exp.Query
    reads: Mapping[str, tuple[str, ...]]
    parameters: frozenset[str]


_Tables = Mapping[str, tuple[str, frozenset[str] | None]]  # common table -> (its new name, its columns)


def named_tables(tree: exp.Query) -> frozenset[str]:
    """Every name that stands where a table stands, in lower case: datasets and common tables."""
    return frozenset(table.name.lower() for table in tree.find_all(exp.Table))


def resolve(
    tree: exp.Query, sql: str, contracts: Mapping[str, Contract], others: Iterable[str] = ()
) -> Resolved:
    """Decide every table and column of `tree`, which is changed in place and must have passed `parse.read`.

    Refuses unknown tables and columns with their place in `sql` and the nearest known name (`others` are
    names of further datasets), qualified table names, column lists after a dataset's alias, and what becomes
    too large once its common tables are put in (`extent`).
    """
    resolver = _Resolver(sql, contracts, others)
    resolver.query(tree, {}, None)
    resolver.extents.check(tree)
    parameters = frozenset(node.name for node in tree.find_all(exp.Placeholder))
    return Resolved(tree, resolver.read_columns(), parameters)


class _Resolver:
    def __init__(self, sql: str, contracts: Mapping[str, Contract], others: Iterable[str]) -> None:
        self.sql = sql
        self.others = others
        self.contracts = {name.lower(): contract for name, contract in contracts.items()}
        self.extents = Extents(self.contracts)
        self.reads: dict[str, set[str]] = {}
        self.renamed = 0

    def read_columns(self) -> dict[str, tuple[str, ...]]:
        return {
            name: tuple(c.name for c in self.contracts[name.lower()].columns if c.name in read)
            for name, read in sorted(self.reads.items())
        }

    def query(self, node: exp.Expr, tables: _Tables, outer: Scope | None) -> frozenset[str] | None:
        """Resolve one query; returns its output names, or None when they cannot be told."""
        tables = self.common_tables(node, tables, outer)
        if isinstance(node, exp.Select):
            return self.select(node, tables, outer)
        arms: list[exp.Expr] = []
        first: exp.Expr = node
        while isinstance(first, exp.SetOperation | exp.Subquery):
            if first.args.get("joins"):
                raise Invalid(
                    "A subquery is joined outside a FROM clause.",
                    next_step="Write SELECT … FROM (SELECT …) AS name JOIN …",
                )
            if first is not node:
                tables = self.common_tables(first, tables, outer)
            if isinstance(first, exp.SetOperation):
                arms.append(first.expression)
            self.modifiers(first, tables, outer)
            first = first.this
        if not isinstance(first, exp.Select):
            raise Invalid("A query must begin with SELECT, FROM or WITH.", next_step="Write it as a SELECT.")
        outputs = self.query(first, tables, outer)
        for arm in arms:
            self.query(arm, tables, outer)
        return outputs

    def common_tables(self, node: exp.Expr, tables: _Tables, outer: Scope | None) -> _Tables:
        with_ = node.args.get("with_")
        if not with_:
            return tables
        seen = dict(tables)
        for cte in with_.expressions:
            name = cte.alias.lower()
            new = f"_with{self.renamed}"
            self.renamed += 1
            named = frozenset(column.name.lower() for column in cte.args["alias"].columns) or None
            inside = {**seen, name: (new, named)} if with_.args.get("recursive") else seen
            outputs = self.query(cte.this, inside, outer)
            self.extents.check(cte.this, new)
            seen[name] = (new, _renamed(cte, outputs))
            cte.args["alias"].set("this", exp.to_identifier(new))
        return seen

    def select(self, node: exp.Select, tables: _Tables, outer: Scope | None) -> frozenset[str] | None:
        _name_outputs(node)
        scope = Scope(outer)
        from_ = node.args.get("from_")
        joins = node.args.get("joins") or []
        for source in [*([from_.this] if from_ else []), *(join.this for join in joins)]:
            self.source(source, tables, scope)
        for lateral in node.args.get("laterals") or []:
            self.source(lateral, tables, scope)
        scope.outputs = frozenset(item.alias.lower() for item in node.expressions if item.alias)
        for key, value in node.args.items():
            if key in ("from_", "joins", "laterals", "with_"):
                continue
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, exp.Expr):
                    self.expression(part, tables, scope)
        for join in joins:
            self.join(join, tables, scope)
        return self.outputs(node, scope)

    def source(self, node: exp.Expr, tables: _Tables, scope: Scope) -> None:
        """Add one item of a FROM clause to the scope. Later items see earlier ones, as LATERAL does."""
        alias = node.alias.lower()
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
            scope.sources.append(self.table(node, tables))
        elif is_query_in_parentheses(node):
            scope.sources.append(Source(alias, None, _renamed(node, self.query(node.this, tables, scope))))
        elif isinstance(node, exp.Subquery):  # a table or a join in parentheses
            if alias:
                raise Invalid(
                    f"A join in parentheses cannot be given the name {node.alias}.",
                    next_step="Write it as a subquery: (SELECT … FROM … JOIN …) AS name.",
                )
            self.source(node.this, tables, scope)
        else:
            for part in node.iter_expressions():
                if part.arg_key not in ("joins", "alias"):
                    self.expression(part, tables, scope)
            scope.sources.append(Source(alias, None, _renamed(node, None)))
        for join in node.args.get("joins") or []:
            self.source(join.this, tables, scope)
            self.join(join, tables, scope)

    def table(self, node: exp.Table, tables: _Tables) -> Source:
        written = node.name
        if node.args.get("db") or node.args.get("catalog"):
            raise NotFound(
                f"Tables have plain names here, without a schema{self.where(node)}.",
                next_step=f"Write {written} instead.",
            )
        alias = node.alias or written
        if written.lower() in tables:
            new, columns = tables[written.lower()]
            columns = _renamed(node, columns)
            if not node.alias:
                node.set("alias", exp.TableAlias(this=node.this.copy()))
            node.set("this", exp.to_identifier(new))
            return Source(alias.lower(), None, columns)
        contract = self.contracts.get(written.lower())
        if contract is None:
            known = [*(c.name for c in self.contracts.values()), *tables, *self.others]
            raise NotFound(
                f"No dataset is called {written}{self.where(node)}.", next_step=nearest(written, known)
            )
        if node.alias and node.args["alias"].columns:
            raise Invalid(
                f"The columns of {written} cannot be renamed after its alias{self.where(node)}.",
                next_step="Rename them in the SELECT list.",
            )
        self.reads.setdefault(contract.name, set())
        node.meta[DATASET] = contract.name
        return Source(alias.lower(), contract)

    def join(self, node: exp.Join, tables: _Tables, scope: Scope) -> None:
        if node.args.get("method") == "NATURAL":
            self.everything(scope.sources)
        for column in node.args.get("using") or []:
            for source in scope.sources:
                self.charge(source, column.name)
        if on := node.args.get("on"):
            self.expression(on, tables, scope)

    def modifiers(self, node: exp.Expr, tables: _Tables, outer: Scope | None) -> None:
        """ORDER BY, LIMIT and OFFSET of a set operation: they see its outputs, which are charged already."""
        scope = Scope(outer, [Source("", None, None)])
        for key in ("order", "limit", "offset"):
            if part := node.args.get(key):
                self.expression(part, tables, scope)

    def expression(self, node: exp.Expr, tables: _Tables, scope: Scope) -> None:
        """Charge every column in `node`, and resolve every query inside it in the scope around it."""
        todo = [node]
        while todo:
            item = todo.pop()
            if isinstance(item, exp.Query):
                self.query(item, tables, scope)
                continue
            if isinstance(item, exp.Column):
                self.column(item, scope)
            elif isinstance(item, exp.Star) and not isinstance(item.parent, exp.Count | exp.Column):
                self.everything(scope.sources)
            todo.extend(item.iter_expressions())

    def column(self, node: exp.Column, scope: Scope) -> None:
        parts = [part.name for part in node.parts]
        if isinstance(node.this, exp.Star):
            self.everything(s for s in scope.named(parts[0]))
            return
        if len(parts) > 1 and (sources := scope.named(parts[0])):
            if all(self.charge(source, parts[1]) is False for source in sources):
                names = [n for source in sources for n in source.names()]
                raise self.unknown(node, f"{parts[0]} has no column {parts[1]}", parts[1], names)
            return
        if not self.unqualified(parts[0], scope):
            names = [n for s in scope.chain() for source in s.sources for n in source.names()]
            raise self.unknown(node, f"No column is called {'.'.join(parts)}", parts[0], names)

    def unqualified(self, name: str, scope: Scope) -> bool:
        """Charge `name` in the nearest scope that has it for certain, and in every nearer one that may."""
        lowered, found = name.lower(), False
        for level in scope.chain():
            hits = [self.charge(source, name) for source in level.sources]
            if whole := [source for source in level.sources if source.name == lowered]:
                self.everything(whole)  # a table's name as a value: its whole row
            if True in hits or whole:
                return True
            found = found or None in hits or lowered in level.outputs
        return found

    def charge(self, source: Source, column: str) -> bool | None:
        """Count the column as read if the source has it; None when that cannot be told."""
        has = source.has(column.lower())
        if has and source.contract:
            self.reads[source.contract.name].update(source.spelled(column.lower()))
        return has

    def everything(self, sources: Iterable[Source]) -> None:
        for source in sources:
            if source.contract:
                self.reads[source.contract.name].update(column.name for column in source.contract.columns)

    def outputs(self, node: exp.Select, scope: Scope) -> frozenset[str] | None:
        names: set[str] = set()
        for item in node.expressions:
            if item.is_star:
                of = scope.sources
                if isinstance(item, exp.Column):
                    of = scope.named(item.table)
                for source in of:
                    if source.contract is None and source.columns is None:
                        return None
                    names.update(name.lower() for name in source.names())
                if any(item.find(exp.Star).args.values()):
                    return None
            elif item.alias_or_name:
                names.add(item.alias_or_name.lower())
            else:
                return None
        return frozenset(names)

    def where(self, node: exp.Expr) -> str:
        at = place(node, self.sql)
        return f" ({at})" if at else ""

    def unknown(self, node: exp.Expr, message: str, word: str, names: Iterable[str]) -> Invalid:
        return Invalid(f"{message}{self.where(node)}.", next_step=nearest(word, names))


def _renamed(node: exp.Expr, outputs: frozenset[str] | None) -> frozenset[str] | None:
    """The columns of a source whose own are `outputs`; None when its alias renames only some of them."""
    alias = node.args.get("alias")
    columns = frozenset(column.name.lower() for column in alias.columns) if alias else None
    if not columns:
        return outputs
    return columns if outputs is None or len(columns) >= len(outputs) else None


def _name_outputs(node: exp.Select) -> None:
    """Name what the engine would name after the rewritten text, which tells row filters."""
    for item in list(node.expressions):
        if not isinstance(item, exp.Alias) and item.find(exp.Query, exp.Placeholder):
            text = item.sql(dialect="duckdb", comments=False)
            item.replace(exp.alias_(item.copy(), text, quoted=True))
