"""Custom SQL of a contract's quality rules: one count or yes-or-no over the dataset and its reference tables.

It passes the allow-list of every query. What it may answer is narrower still, because a rule must be no way
to read rows: one row of one value that is a count, or two counts compared or divided. Contracts that were
written when more was allowed can still be read; a query of theirs that asks more is not run (`runnable`).
Whose columns and datasets it may name is decided by `rule_sight`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from sqlglot import exp

from handrail.data.govern import SCHEMA
from handrail.data.models import Contract
from handrail.data.parse import read
from handrail.data.resolve import DATASET, resolve
from handrail.kernel import Invalid, NotAllowed

_COUNTS = (exp.Count, exp.CountIf, exp.ApproxDistinct, exp.LogicalAnd, exp.LogicalOr, exp.Exists)
_OVER = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Paren, exp.Coalesce, exp.Neg, exp.Round)
_TRUTHS = (exp.Predicate, exp.Connector, exp.Not)  # comparisons, AND and OR
_NO_SOURCE = (exp.Unnest, exp.Explode, exp.GenerateSeries, exp.Values, exp.Lateral)
_COMPARES = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
_ADVICE = "Write it as SELECT count(*) FROM the dataset WHERE …, or as a comparison of such counts."


def check_custom_sql(sql: str, dataset: str, looks_up: Collection[str] = ()) -> None:
    """Refuse what `parse.read` refuses, and all but one SELECT of one count or truth value over `dataset`.

    Besides it, only the datasets `looks_up` may be read.
    """
    tree = read(sql)
    if not isinstance(tree, exp.Select) or len(tree.expressions) != 1:
        raise NotAllowed("A rule's query is one SELECT of one value.", next_step=_ADVICE)
    for part in ("group", "limit", "offset", "distinct", "qualify", "having"):
        if tree.args.get(part):
            raise NotAllowed(f"A rule's query has one row, so no {part.upper()}.", next_step=_ADVICE)
    if not _tells_no_value(tree.expressions[0].unalias()):
        raise NotAllowed("A rule's query answers with a count or a truth value only.", next_step=_ADVICE)
    if next(tree.find_all(exp.Placeholder, exp.Parameter), None):
        raise NotAllowed("A rule's query has no parameters.", next_step="Write the value into it.")
    common = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if (
            table.db
            or not isinstance(table.this, exp.Identifier)
            or table.name.lower() not in {dataset, *looks_up, *common}
        ):
            others = f"; {', '.join(looks_up)} it may look up" if looks_up else ""
            raise NotAllowed(
                f"A rule's query reads {dataset}{others}.",
                next_step="Name another dataset under referenceTables of the contract first.",
            )
    if next(tree.find_all(*_NO_SOURCE), None):
        raise NotAllowed("A rule's query counts rows of its dataset, not made-up ones.", next_step=_ADVICE)


def runnable(sql: str, contract: Contract, others: Mapping[str, Contract] = MappingProxyType({})) -> str:
    """The query over the engine's copy of the dataset and of `others`, its reference tables.

    Refuses columns that their contracts do not have.
    """
    check_custom_sql(sql, contract.name, contract.looks_up)
    _check_one_count(read(sql))
    tree = resolve(read(sql).copy(), sql, {**others, contract.name: contract}).tree
    for table in list(tree.find_all(exp.Table)):
        if DATASET in table.meta:
            alias = table.args.get("alias") or exp.TableAlias(this=table.this.copy())
            source = exp.Table(
                this=exp.to_identifier(table.meta[DATASET], quoted=True),
                db=exp.to_identifier(SCHEMA, quoted=True),
                alias=alias.copy(),
                joins=table.args.get("joins"),
            )
            table.replace(source)
    if not tree.args.get("from_"):
        raise Invalid("A rule's query reads no dataset.", next_step=_ADVICE)
    return tree.sql(dialect="duckdb", comments=False)


def columns_told(sql: str, contracts: Mapping[str, Contract]) -> Mapping[str, tuple[str, ...]]:
    """The columns of each dataset that a query uses for more than asking whether they are NULL."""
    tree = read(sql).copy()
    for node in list(tree.find_all(exp.Is)):
        if isinstance(node.this, exp.Column) and isinstance(node.expression, exp.Null):
            node.replace(exp.true())
    return resolve(tree, sql, contracts).reads


def _check_one_count(tree: exp.Query) -> None:
    """Refuse several counts in one answer, which spell out a value, and a subquery that stands for one."""
    answer = tree.expressions[0].unalias().unnest()
    while isinstance(answer, exp.Not):
        answer = answer.this.unnest()
    sides = [answer.this, answer.expression] if isinstance(answer, _COMPARES) else [answer]
    if not all(map(_is_count_or_ratio, sides)) or not next(answer.find_all(*_COUNTS), None):
        said = "A rule's query answers with one count, or with two that are compared or divided."
        raise NotAllowed(said, next_step=f"{_ADVICE} Write several counts as several rules.")
    for select in tree.find_all(exp.Select):
        if select is not tree and not _is_rows(select):
            raise NotAllowed(
                "A subquery of a rule's query stands after FROM, EXISTS or IN, and for no value.",
                next_step="Join the other dataset, or write … WHERE NOT EXISTS (SELECT 1 FROM …).",
            )


def _is_count_or_ratio(node: exp.Expr) -> bool:
    """A count, a number, a count by a number, or a count divided by another."""
    node = node.unnest()
    if isinstance(node, exp.Round | exp.Coalesce):
        rest = [*node.expressions, *([decimals] if (decimals := node.args.get("decimals")) else [])]
        return _is_count_or_ratio(node.this) and all(map(_is_number, rest))
    if isinstance(node, exp.Mul):
        return (_is_count_or_ratio(node.this) and _is_number(node.expression)) or (
            _is_number(node.this) and _is_count_or_ratio(node.expression)
        )
    if isinstance(node, exp.Div):
        below = node.expression.unnest()
        if isinstance(below, exp.Nullif) and _is_number(below.expression):
            below = below.this.unnest()
        above = node.this.unnest()
        while isinstance(above, exp.Mul) and _is_number(above.expression):
            above = above.this.unnest()
        while isinstance(above, exp.Mul) and _is_number(above.this):
            above = above.expression.unnest()
        return all(_is_count(one) or _is_number(one) for one in (above, below))
    return _is_count(node) or _is_number(node)


def _is_count(node: exp.Expr) -> bool:
    return isinstance(node.this if isinstance(node, exp.Filter) else node, _COUNTS)


def _is_number(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal) and not node.is_string


def _is_rows(select: exp.Select) -> bool:
    """Whether a subquery stands where rows stand: a source, a common table, EXISTS, or what IN looks into."""
    node: exp.Expr = select
    while isinstance(node.parent, exp.Subquery | exp.SetOperation):
        node = node.parent
    if isinstance(node.parent, exp.In):
        return node.arg_key == "query"
    return isinstance(node.parent, exp.From | exp.Join | exp.CTE | exp.Exists)


def _tells_no_value(node: exp.Expr) -> bool:
    """Whether the result can be nothing but a number of rows, a truth, or arithmetic over these."""
    if isinstance(node, exp.Filter):
        return _tells_no_value(node.this)
    if isinstance(node, _COUNTS):
        return True
    if isinstance(node, _TRUTHS) and not isinstance(node, exp.Subquery):
        return True
    if isinstance(node, exp.Literal):
        return not node.is_string
    if isinstance(node, _OVER):
        return all(_tells_no_value(child) for child in node.iter_expressions())
    return False
