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

_SUMS = (exp.Sum, exp.Avg, exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Variance, exp.VariancePop)
_ENDS = (exp.Min, exp.Max, exp.Median)  # they show one row's value, so not a name, a key or a number as code
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Neg, exp.Paren)
# Aggregates that the parser has no class for.
_NAMED = frozenset({"mean", "sum_if", "product", "entropy", "histogram", "mad"})
_MEASURES = ("DECIMAL", "DOUBLE", "FLOAT", "DATE", "TIME")  # beginnings of types


def aggregates(node: exp.Select) -> tuple[exp.Expr, ...]:
    """The aggregates that make this SELECT a grouping."""
    return tuple(part for part in _outputs(node) if _is_aggregate(part))


def is_plain(node: exp.Select, contracts: Mapping[str, Contract], counted: Collection[str]) -> bool:
    """Whether this grouping gives nothing but statistics of measures over rows as they are.

    Subqueries that read `counted` datasets have been seen to stand alone; no other is trusted to.
    """
    joins = node.args.get("joins") or []
    items = [node.args["from_"].this, *(join.this for join in joins)]
    sources: dict[str, Contract] = {}
    for item in items:
        if not isinstance(item, exp.Table) or item.meta.get(DATASET) not in contracts:
            return False
        sources[item.alias_or_name.lower()] = contracts[item.meta[DATASET]]
    if len(sources) != len(items) or not all(_is_equal_join(join) for join in joins):
        return False
    where = node.args.get("where")
    if joins and where and not all(_looks_at_one(part, sources, counted) for part in _parts(where.this)):
        return False
    return all(_is_statistic(part, sources) for part in aggregates(node))


def keyed(join: exp.Join, one: tuple[str, str | None], other: tuple[str, str | None], alone: bool) -> bool:
    """Whether a join demands that two (alias, column) are equal. `alone`: nothing else is joined yet."""
    if alone and one[1] and one[1] == other[1]:
        using = [name.name.lower() for name in join.args.get("using") or ()]
        if one[1].lower() in using:
            return True
    wanted = {_pair(*one), _pair(*other)}
    return any(
        isinstance(part, exp.EQ) and {_pair(side.table, side.name) for side in _sides(part)} == wanted
        for part in _conjuncts(join)
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
        if not _is_aggregate(part):
            todo.extend(part.iter_expressions())


def _is_aggregate(part: exp.Expr) -> bool:
    if isinstance(part, exp.Filter | exp.WithinGroup | exp.IgnoreNulls | exp.RespectNulls):
        return True
    return isinstance(part, exp.AggFunc) or (isinstance(part, exp.Anonymous) and part.name.lower() in _NAMED)


def _is_statistic(part: exp.Expr, sources: Mapping[str, Contract]) -> bool:
    given = part.this
    if type(part) is exp.Count:
        if part.args.get("expressions"):
            return False
        if isinstance(given, exp.Distinct):
            return not given.args.get("on") and all(_column(one, sources) for one in given.expressions)
        return isinstance(given, exp.Star | exp.Literal) or _column(given, sources) is not None
    if type(part) in _SUMS:
        return isinstance(given, exp.Expr) and _is_measured(given, sources)
    if type(part) in _ENDS and not part.args.get("expressions"):
        measure = _measure(given, sources)
        return measure is not None and measure.type.upper().startswith(_MEASURES)
    return False


def _is_measured(tree: exp.Expr, sources: Mapping[str, Contract]) -> bool:
    """Arithmetic over measures and fixed numbers; at least one measure."""
    measures = 0
    todo = [tree]
    while todo:
        part = todo.pop()
        if isinstance(part, exp.Column):
            if _measure(part, sources) is None:
                return False
            measures += 1
        elif isinstance(part, exp.Coalesce) and all(isinstance(e, exp.Literal) for e in part.expressions):
            todo.append(part.this)
        elif isinstance(part, _ARITHMETIC):
            todo.extend(part.iter_expressions())
        elif not (isinstance(part, exp.Literal) and not part.is_string):
            return False
    return measures > 0


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
            seen.add(_source(part, sources))
        else:
            todo.extend(part.iter_expressions())
    return None not in seen and len(seen) < 2


def _measure(part: exp.Expr | None, sources: Mapping[str, Contract]) -> Column | None:
    """The column that `part` is, when it tells how much or when, and not who."""
    column = _column(part, sources)
    if column is None or column.unique or column.primary_key or column.references or column.classification:
        return None
    keys = {(contract.entity_key or "").lower() for contract in sources.values()}
    return None if column.name.lower() in keys else column


def _column(part: exp.Expr | None, sources: Mapping[str, Contract]) -> Column | None:
    name = _source(part, sources)
    if name is None or part is None:
        return None
    return next((c for c in sources[name].columns if c.name.lower() == part.name.lower()), None)


def _source(part: exp.Expr | None, sources: Mapping[str, Contract]) -> str | None:
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
    parts = _conjuncts(join)
    return bool(parts) and all(isinstance(part, exp.EQ) and len(_sides(part)) == 2 for part in parts)


def _conjuncts(join: exp.Join) -> list[exp.Expr]:
    on = join.args.get("on")
    return [] if on is None else _parts(on)


def _parts(condition: exp.Expr) -> list[exp.Expr]:
    plain = condition.unnest()
    return [part.unnest() for part in plain.flatten()] if isinstance(plain, exp.And) else [plain]


def _sides(part: exp.EQ) -> list[exp.Column]:
    return [side for side in (part.this, part.expression) if isinstance(side, exp.Column)]
