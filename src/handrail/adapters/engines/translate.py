"""Writes a governed statement, which is DuckDB's, in a server's dialect; refuses what would mean another.

Only what is known to mean the same there passes: kinds of syntax and functions by name, as in the room's own
allow-list, which this repeats as a second wall. Names are compared without case in DuckDB, so here they are
all quoted and in small letters. What was written is read back before it is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from handrail.adapters.engines.rules import is_moment
from handrail.adapters.engines.spread import Different, spread
from handrail.kernel import Invalid

# ruff: noqa: SIM905 - words in columns are read and reviewed more easily than quoted lists

# Kinds of syntax that mean the same in every dialect here, by their sqlglot class name.
_NODES = frozenset(
    """
    Select Union Intersect Except Subquery With CTE From Join Table TableAlias Values Lateral
    Where Group Having Order Ordered Limit Offset Distinct Cube Rollup GroupingSets
    Window WindowSpec Filter WithinGroup Alias Column Identifier Star Tuple Paren Var
    Literal Boolean Null Placeholder Interval DataType DataTypeParam Qualify
    And Or Not EQ NEQ GT GTE LT LTE NullSafeEQ NullSafeNEQ Is In Between Exists Any Like ILike Escape
    Add Sub Mul Div IntDiv Mod Pow Neg DPipe Case If Cast TryCast
    """.split()
)
_FUNCTIONS = frozenset(
    """
    Count Sum Avg Min Max Stddev StddevPop StddevSamp Variance VariancePop LogicalAnd LogicalOr CountIf
    RowNumber Rank DenseRank PercentRank CumeDist Ntile Lag Lead FirstValue LastValue NthValue Grouping
    Coalesce Nullif Greatest Least Abs Ceil Floor Round Sign Sqrt Exp Ln Pi
    Concat Lower Upper Trim Length Left Right Substring Replace Contains StartsWith StrPosition MD5 SHA2
    TimestampTrunc DateTrunc Extract DateDiff Year Month Day Quarter CurrentDate
    ArrayAgg RegexpReplace
    """.split()
)
# Types that a value may be cast to, by DuckDB's name for them.
_TYPES = frozenset(
    """
    BOOLEAN SMALLINT INT BIGINT DECIMAL FLOAT DOUBLE VARCHAR TEXT DATE TIMESTAMP TIMESTAMPNTZ INTERVAL
    """.split()
)
_MOMENTS = ("DATE", "TIMESTAMP", "TIMESTAMPNTZ")
Rule = Callable[[exp.Expr], exp.Expr]


@dataclass(frozen=True, eq=False)
class Dialect:
    """What a server speaks: sqlglot's name of it, ours, and how what differs is written there."""

    name: str
    shown: str
    rules: Mapping[type[exp.Expr], Rule]
    also: frozenset[str] = frozenset()  # further kinds and functions that it can say
    not_: frozenset[str] = frozenset()  # and those that it cannot
    longest_name: int = 63
    fence: str = ""  # a condition of rows that no other crosses; where there is none, an OFFSET of 0 is one
    collation: str = ""  # in which texts sort and compare as in DuckDB, where that has to be said


@dataclass(frozen=True)
class Physical:
    """A table at its source: the SQL names of its parts, and how each column is read, by its contract name.

    `reading` is SQL over the table; `texts` are the columns that sort and compare as texts do.
    """

    parts: tuple[str, ...]
    reading: tuple[tuple[str, str], ...]
    texts: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Translated:
    """SQL for the server, the parameters in the order of its numbers, and those to be converted before.

    `converted`: new parameter to the one it is made of and the DuckDB type that is tried on its value.
    """

    sql: str
    parameters: tuple[str, ...]
    converted: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@lru_cache(maxsize=512)
def translate(
    sql: str, schema: str, tables: tuple[tuple[str, Physical], ...], dialect: Dialect
) -> Translated:
    """`sql` over `schema`.name as SQL over the physical tables; refuses Invalid what it cannot say there."""
    physical = dict(tables)
    try:
        tree = sqlglot.parse_one(sql, dialect="duckdb")
        for table in [t for t in tree.find_all(exp.Table) if t.db == schema]:
            _without_detour(table)
        _refuse_foreign(tree, dialect)
        spread(tree)
        converted = _convert_early(tree)
        _small_names(tree, dialect)
        for table in [t for t in tree.find_all(exp.Table) if t.db == schema]:
            _source(table, physical[table.name], dialect)
        for node in reversed(list(tree.walk())):
            rule = dialect.rules.get(type(node))
            if rule is not None and (new := rule(node)) is not node:
                node.replace(new)
        parameters = _parameters(tree, dialect)
        written = tree.sql(dialect=dialect.name, comments=False, unsupported_level=sqlglot.ErrorLevel.RAISE)
        _read_back(written, physical, dialect)
    except (SqlglotError, RecursionError, Different):
        raise _cannot(dialect, "this query") from None
    return Translated(written, parameters, converted)


def _without_detour(table: exp.Table) -> None:
    """Take a dataset's columns straight: the way round by bytes or a wide type is for DuckDB alone."""
    select = table.find_ancestor(exp.Select)
    if select is None or not select.args.get("offset"):
        return
    for item in select.expressions:
        value = item.unalias()
        if isinstance(value, exp.Decode | exp.Cast) and isinstance(value.this, exp.Encode | exp.Cast):
            value.replace(value.this.this)


def _refuse_foreign(tree: exp.Expr, dialect: Dialect) -> None:
    allowed = (_NODES | _FUNCTIONS | dialect.also) - dialect.not_
    for node in tree.walk():
        kind = type(node).__name__
        if kind not in allowed:
            raise _cannot(dialect, _shown(node))
        if isinstance(node, exp.DataType) and node.this.value not in (_TYPES | dialect.also):
            raise _cannot(dialect, f"the type {node.sql(dialect='duckdb')}")
        if isinstance(node, exp.Cast) and node.to.this.value in _MOMENTS and not is_moment(node.this):
            raise _cannot(dialect, f"the {node.to.sql(dialect='duckdb')} “{node.this.name[:40]}”")
        if isinstance(node, exp.Join) and (node.args.get("method") or "").upper() == "ASOF":
            raise _cannot(dialect, "an ASOF JOIN")
        if isinstance(node, exp.Identifier) and len(node.name.encode()) > dialect.longest_name:
            raise _cannot(dialect, f"a name of more than {dialect.longest_name} bytes")


def _shown(node: exp.Expr) -> str:
    if isinstance(node, exp.Anonymous):
        return f"the function {node.name}()"
    if isinstance(node, exp.Func):
        return f"the function {node.sql_name().lower()}()"
    return type(node).__name__.upper()


def _cannot(dialect: Dialect, what: str) -> Invalid:
    return Invalid(
        f"This is answered by {dialect.shown}, and {what} cannot be asked there with the same meaning.",
        next_step="Write it in plainer SQL and do that step in code, or ask the steward for an extract.",
    )


def _convert_early(tree: exp.Expr) -> dict[str, tuple[str, str]]:
    """TRY_CAST of a parameter: it is converted before it is bound, so a value means one thing everywhere."""
    found: dict[str, tuple[str, str]] = {}
    for node in list(tree.find_all(exp.TryCast)):
        if isinstance(node.this, exp.Placeholder):
            name = f"{node.this.name}_as{len(found)}"
            found[name] = node.this.name, node.to.sql(dialect="duckdb")
            node.replace(exp.Cast(this=exp.Placeholder(this=name), to=node.to.copy()))
    return found


def _small_names(tree: exp.Expr, dialect: Dialect) -> None:
    for node in tree.find_all(exp.Identifier):
        node.set("this", node.name.lower())
        node.set("quoted", True)


def _source(table: exp.Table, physical: Physical, dialect: Dialect) -> None:
    """Put the table at its source in the place of its name, each column as it is to be read.

    A SELECT over it, below another, is what holds a viewer's filter and masks; it is fenced, because an
    optimiser that moves the query's own conditions below the filter lets them see rows that it hides.
    """
    select = table.find_ancestor(exp.Select)
    if select is None:
        raise Different
    inside = isinstance(select.parent, exp.Subquery)
    fenced = inside and not select.args.get("joins")
    columns = list(select.find_all(exp.Column))
    used = {column.name for column in columns}
    star = any(True for _ in select.find_all(exp.Star))
    inner = exp.Select()
    for name, reading in physical.reading:
        if star or not fenced or name.lower() in used:
            value = sqlglot.parse_one(reading, dialect=dialect.name)
            if dialect.collation and name in physical.texts and not fenced:
                value = _collated(value, dialect)
            inner.append("expressions", exp.alias_(value, name.lower(), quoted=True))
    if not inner.expressions:
        inner.append("expressions", exp.alias_(exp.Literal.number(1), "_present", quoted=True))
    quoted = [exp.to_identifier(part, quoted=True) for part in physical.parts]
    source = exp.Table(**dict(zip(("this", "db", "catalog"), reversed(quoted), strict=False)))
    alias = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(table.name, quoted=True))
    derived = exp.Subquery(this=inner.from_(source), alias=alias.copy(), joins=table.args.get("joins"))
    table.replace(derived)
    if inside and dialect.fence:
        select.where(sqlglot.parse_one(dialect.fence, dialect=dialect.name), copy=False)
    elif inside:
        select.set("offset", exp.Offset(expression=exp.Literal.number(0)))
    if not fenced:
        return
    texts = {name.lower() for name in physical.texts} if dialect.collation else set()
    for column in [c for c in columns if c.name in texts]:
        # Equal is equal in any collation, and a filter may need the index that the column has in its own.
        if not isinstance(column.parent, exp.EQ | exp.NEQ | exp.In | exp.Is):
            column.replace(_collated(column.copy(), dialect))


def _collated(value: exp.Expr, dialect: Dialect) -> exp.Expr:
    collation = exp.to_identifier(dialect.collation, quoted=True)
    return exp.Paren(this=exp.Collate(this=value, expression=collation))


def _parameters(tree: exp.Expr, dialect: Dialect) -> tuple[str, ...]:
    """Number the parameters where the dialect numbers them; each in the order of its first place."""
    names: list[str] = []
    for node in list(tree.find_all(exp.Placeholder)):
        if node.name not in names:
            names.append(node.name)
        if dialect.name == "postgres":
            node.replace(exp.Parameter(this=exp.Literal.number(names.index(node.name) + 1)))
    return tuple(names)


def _read_back(written: str, tables: Mapping[str, Physical], dialect: Dialect) -> None:
    """The server's parser must find one question over these tables and no other."""
    statements = sqlglot.parse(written, dialect=dialect.name)
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise Different
    common = {cte.alias for cte in statements[0].find_all(exp.CTE)}
    known = {table.parts for table in tables.values()}
    for table in statements[0].find_all(exp.Table):
        parts = tuple(part.name for part in table.parts)
        if parts not in known and not (len(parts) == 1 and parts[0] in common | {"_t"}):
            raise Different


def words(text: str) -> frozenset[str]:
    """Words in columns as a set."""
    return frozenset(text.split())
