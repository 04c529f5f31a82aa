"""Which groupings are plain: what comes out of them is a statistic, and not somebody's value or a code.

Sums of a thing that the query makes up itself could spell out a list of people bit by bit, and so could
counts over rows that the query multiplies. So a plain grouping joins datasets by equal columns only, and
aggregates only what is measured in them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from sqlglot import exp

from handrail.data.models import Column, Contract
from handrail.data.resolve import DATASET

_TOTALS = (exp.Sum, exp.Avg)
_SUMS = (*_TOTALS, exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Variance, exp.VariancePop)
_ENDS = (exp.Min, exp.Max, exp.Median)  # they show one row's value, so not a name, a key or a number as code
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div)
# Aggregates that the parser has no class for.
_NAMED = frozenset({"mean", "sum_if", "product", "entropy", "histogram", "mad"})
_MEASURES = ("DECIMAL", "DOUBLE", "FLOAT", "DATE", "TIME")  # beginnings of types
# What an aggregate may be made of: its argument, and what no query writes. `max(x, 9)` is a list of values.
_OF_ONE = frozenset({"this", "big_int"})
_FACTORS = 2  # columns in a product; the moments of a list, enough of them, are the list


def aggregates(node: exp.Select) -> tuple[exp.Expr, ...]:
    """The aggregates that make this SELECT a grouping."""
    return tuple(part for part in _outputs(node) if is_aggregate(part))


def is_statistical(node: exp.Select, contracts: Mapping[str, Contract], counted: Collection[str]) -> bool:
    """Whether this grouping gives nothing but statistics of measures over rows as they are.

    Subqueries that read `counted` datasets have been seen to stand alone; no other is trusted to.
    """
    joins = node.args.get("joins") or []
    sources = datasets(node, contracts)
    if len(sources) != 1 + len(joins) or not all(_is_equal_join(join) for join in joins):
        return False
    where = node.args.get("where")
    if joins and where and not all(_looks_at_one(part, sources, counted) for part in _parts(where.this)):
        return False
    return all(_is_statistic(part, sources) for part in aggregates(node))


def datasets(node: exp.Select, contracts: Mapping[str, Contract]) -> dict[str, Contract]:
    """The datasets that are joined, by alias; fewer than items of FROM where one is something else."""
    items = [node.args["from_"].this, *(join.this for join in node.args.get("joins") or ())]
    return {
        item.alias_or_name.lower(): contracts[item.meta[DATASET]]
        for item in items
        if isinstance(item, exp.Table) and item.meta.get(DATASET) in contracts
    }


def keyed(join: exp.Join, one: tuple[str, str | None], other: tuple[str, str | None], alone: bool) -> bool:
    """Whether a join demands that two (alias, column) are equal. `alone`: nothing else is joined yet."""
    if alone and one[1] and one[1] == other[1]:
        using = [name.name.lower() for name in join.args.get("using") or ()]
        if one[1].lower() in using:
            return True
    wanted = {_pair(*one), _pair(*other)}
    return any(
        isinstance(part, exp.EQ) and {_pair(side.table, side.name) for side in sides(part)} == wanted
        for part in conjuncts(join)
    )


def _pair(alias: str, column: str | None) -> tuple[str, str]:
    return alias.lower(), (column or "").lower()


def _outputs(node: exp.Select) -> Iterator[exp.Expr]:
    todo: list[exp.Expr] = list(node.expressions)
    todo += [part for key in ("having", "order") if (part := node.args.get(key))]
    while todo:
        part = todo.pop()
        if isinstance(part, exp.Query | exp.Window):
            continue
        yield part
        if not is_aggregate(part):
            todo.extend(part.iter_expressions())


def is_aggregate(part: exp.Expr) -> bool:
    """Whether this is an aggregate of the rows of a group, also one with a filter or an order."""
    if isinstance(part, exp.Filter | exp.WithinGroup | exp.IgnoreNulls | exp.RespectNulls):
        return True
    return isinstance(part, exp.AggFunc) or (isinstance(part, exp.Anonymous) and part.name.lower() in _NAMED)


def _is_statistic(part: exp.Expr, sources: Mapping[str, Contract]) -> bool:
    given = part.this
    if any(value for key, value in part.args.items() if key not in _OF_ONE):
        return False
    if type(part) is exp.Count:
        if isinstance(given, exp.Distinct):
            return not given.args.get("on") and all(_column(one, sources) for one in given.expressions)
        return isinstance(given, exp.Star | exp.Literal) or _column(given, sources) is not None
    if type(part) in _SUMS:
        factors = _factors(given, sources) if isinstance(given, exp.Expr) else None
        return factors is not None and 0 < factors <= (_FACTORS if type(part) in _TOTALS else 1)
    if type(part) in _ENDS:
        measure = _measure(given, sources)
        return measure is not None and measure.type.upper().startswith(_MEASURES)
    return False


def _factors(part: exp.Expr, sources: Mapping[str, Contract]) -> int | None:
    """How many measures are multiplied in this arithmetic; None when there is something else in it."""
    if isinstance(part, exp.Column):
        return None if _measure(part, sources) is None else 1
    if isinstance(part, exp.Literal):
        return None if part.is_string else 0
    if isinstance(part, exp.Coalesce):
        fixed = all(isinstance(one, exp.Literal) for one in part.expressions)
        return _factors(part.this, sources) if fixed else None
    if isinstance(part, exp.Paren | exp.Neg):
        return _factors(part.this, sources)
    if not isinstance(part, _ARITHMETIC):
        return None
    left, right = _factors(part.this, sources), _factors(part.expression, sources)
    if left is None or right is None:
        return None
    if isinstance(part, exp.Div) and right and not isinstance(part.expression.unnest(), exp.Column):
        return None  # 1 / (x - 7) is large for who has 7
    return left + right if isinstance(part, exp.Mul | exp.Div) else max(left, right)


def _looks_at_one(condition: exp.Expr, sources: Mapping[str, Contract], counted: Collection[str]) -> bool:
    """Whether a condition is about one dataset's rows; one about two could choose how often a row counts."""
    seen: set[str | None] = set()
    todo = [condition]
    while todo:
        part = todo.pop()
        if isinstance(part, exp.Query):
            if not any(table.meta.get(DATASET) in counted for table in part.find_all(exp.Table)):
                return False
        elif isinstance(part, exp.Column):
            seen.add(source_of(part, sources))
        else:
            todo.extend(part.iter_expressions())
    return None not in seen and len(seen) < 2


def _measure(part: exp.Expr | None, sources: Mapping[str, Contract]) -> Column | None:
    """The column that `part` is, when it tells how much or when, and not who."""
    column = _column(part, sources)
    if column is None or column.unique or column.primary_key or column.classification:
        return None
    if sources[source_of(part, sources) or ""].pointed_at(column.name):
        return None
    keys = {(contract.entity_key or "").lower() for contract in sources.values()}
    return None if column.name.lower() in keys else column


def _column(part: exp.Expr | None, sources: Mapping[str, Contract]) -> Column | None:
    name = source_of(part, sources)
    if name is None or part is None:
        return None
    return next((c for c in sources[name].columns if c.name.lower() == part.name.lower()), None)


def source_of(part: exp.Expr | None, sources: Mapping[str, Contract]) -> str | None:
    """The alias of the dataset that a column belongs to, where there is no doubt."""
    if not isinstance(part, exp.Column) or isinstance(part.this, exp.Star) or len(part.parts) > 2:
        return None
    among = [part.table.lower()] if part.table else list(sources)
    found = [
        alias
        for alias in among
        if alias in sources and any(c.name.lower() == part.name.lower() for c in sources[alias].columns)
    ]
    return found[0] if len(found) == 1 else None


def _is_equal_join(join: exp.Join) -> bool:
    kind, side = (join.args.get("kind") or "").upper(), (join.args.get("side") or "").upper()
    if join.args.get("method") or kind not in ("", "INNER", "OUTER") or side not in ("", "LEFT"):
        return False
    if join.args.get("using"):
        return True
    parts = conjuncts(join)
    return bool(parts) and all(isinstance(part, exp.EQ) and len(sides(part)) == 2 for part in parts)


def conjuncts(join: exp.Join) -> list[exp.Expr]:
    """The conditions of a join that must all hold."""
    on = join.args.get("on")
    return [] if on is None else _parts(on)


def _parts(condition: exp.Expr) -> list[exp.Expr]:
    plain = condition.unnest()
    return [part.unnest() for part in plain.flatten()] if isinstance(plain, exp.And) else [plain]


def sides(part: exp.EQ) -> list[exp.Column]:
    """Which sides of an equation are columns."""
    return [side for side in (part.this, part.expression) if isinstance(side, exp.Column)]
