"""Which datasets and columns a piece of SQL reads, told from the text alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope

from handrail.review.values import Hole, Text

LONGEST = 50_000  # characters; longer SQL is not read, and said so
DEEPEST = 100  # open brackets
MARK = "handrail_hole_"
WHOLE = "*"  # every column, of a dataset whose columns are not known here

VALUE_PLACES = (
    exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.In, exp.Between, exp.Like, exp.ILike,
    exp.Limit, exp.Offset, exp.Interval, exp.Cast,
)  # fmt: skip


@dataclass(frozen=True)
class SqlReads:
    """What one SQL text reads.

    `unclear` says what cannot be told ('' when all is told); `values` are the code expressions that the text
    pastes in where a value belongs.
    """

    datasets: Mapping[str, tuple[str, ...]]
    unclear: str = ""
    values: tuple[str, ...] = ()


def sql_reads(text: Text, datasets: Mapping[str, tuple[str, ...]], *, whole: bool = True) -> SqlReads:
    """Read one SQL text; `datasets` (name -> columns) resolves columns without a table, and `*` if `whole`.

    `whole` False says that `datasets` holds only some of the columns, so that `*` stays WHOLE.
    """
    sql = "".join(part if isinstance(part, str) else f"{MARK}{at}" for at, part in enumerate(text.parts))
    if len(sql) > LONGEST or sql.count("(") > DEEPEST:
        return SqlReads({}, "the SQL is too long or too deeply nested to be read")
    if all(isinstance(part, Hole) or not part.strip() for part in text.parts):
        return SqlReads(
            {}, f"the SQL comes from `{text.holes[0].code}`" if text.holes else "the SQL is empty"
        )
    try:
        statements = [one for one in sqlglot.parse(sql, dialect="duckdb") if one is not None]
        values, unclear = _holes(text, statements)
        read = _read(statements, datasets, whole)
    except (SqlglotError, RecursionError, ValueError, KeyError, AttributeError, TypeError):
        # sqlglot meets odd trees with odd exceptions; not knowing is an answer here
        return SqlReads({}, "the SQL cannot be parsed")
    clean = {name: columns for name, columns in read.items() if MARK not in name}
    return SqlReads(
        {name: tuple(column for column in columns if MARK not in column) for name, columns in clean.items()},
        unclear,
        values,
    )


def _holes(text: Text, statements: list[exp.Expr]) -> tuple[tuple[str, ...], str]:
    """Holes where a value belongs, and a sentence about the holes that change what is read."""
    code = {f"{MARK}{at}": part.code for at, part in enumerate(text.parts) if isinstance(part, Hole)}
    values: list[str] = []
    unclear = ""
    left = set(code)
    for node in (node for statement in statements for node in statement.walk()):
        name = node.name.lower() if isinstance(node, exp.Column | exp.Literal | exp.Table) else ""
        for mark in [mark for mark in left if _mentions(name, mark)]:
            left.discard(mark)
            if isinstance(node, exp.Literal) or isinstance(node.parent, VALUE_PLACES):
                values.append(code[mark])
            else:
                unclear = f"`{code[mark]}` decides what is read"
    if left:
        unclear = f"`{code[min(left)]}` decides what is read"
    return tuple(values), unclear


def _mentions(name: str, mark: str) -> bool:
    start = name.find(mark)
    return start >= 0 and not name[start + len(mark) : start + len(mark) + 1].isdigit()


def _read(
    statements: list[exp.Expr], datasets: Mapping[str, tuple[str, ...]], whole: bool
) -> dict[str, tuple[str, ...]]:
    names = {name.lower(): name for name in datasets}
    spelled = {name: {column.lower(): column for column in columns} for name, columns in datasets.items()}
    schema: dict[str, object] = {
        name.lower(): {c.lower(): "TEXT" for c in columns} for name, columns in datasets.items() if columns
    }
    found: dict[str, dict[str, None]] = {}
    for statement in statements:
        if not isinstance(statement, exp.Query):
            for table in statement.find_all(exp.Table):
                found.setdefault(names.get(table.name.lower(), table.name), {})[WHOLE] = None
            continue
        qualified = qualify(
            statement,
            dialect="duckdb",
            schema=schema,
            validate_qualify_columns=False,
            quote_identifiers=False,
            allow_partial_qualification=True,
            expand_stars=whole,
        )
        for dataset, column in _columns(qualified):
            name = names.get(dataset.lower(), dataset)
            columns = found.setdefault(name, {})
            if column:
                columns[spelled.get(name, {}).get(column.lower(), column)] = None
    return {name: tuple(columns) for name, columns in found.items()}


def _columns(query: exp.Expr) -> Iterator[tuple[str, str]]:
    """(table, column) for each column, (table, '') for each table, (table, '*') for a star left over."""
    for scope in traverse_scope(query):
        tables = _tables(scope)
        for table in scope.sources.values():
            if isinstance(table, exp.Table) and table.name:
                yield table.name, ""
        for column in scope.columns:
            owner = tables.get(column.table)
            if owner:
                yield owner, column.name
            elif not column.table and len(own := _own_tables(scope)) >= 1:
                for name in own:
                    yield name, column.name
        for star in scope.expression.find_all(exp.Star, exp.Columns):
            if isinstance(star, exp.Columns) or isinstance(star.parent, exp.Select):
                for name in _own_tables(scope):
                    yield name, WHOLE
            elif isinstance(star.parent, exp.Column) and star.parent.table in tables:
                yield tables[star.parent.table], WHOLE


def _own_tables(scope: Scope) -> list[str]:
    return [source.name for source in scope.sources.values() if isinstance(source, exp.Table) and source.name]


def _tables(scope: Scope) -> dict[str, str]:
    """Alias -> table, the ones of the queries around this one included (correlated subqueries)."""
    found: dict[str, str] = {}
    current: Scope | None = scope
    while current is not None:
        for alias, source in current.sources.items():
            if isinstance(source, exp.Table) and source.name:
                found.setdefault(alias, source.name)
        current = current.parent
    return found
