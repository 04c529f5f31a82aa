"""Which groupings pick people: a statistic of everybody but one is no statistic, and two give that one away.

So the large groups of a statistical grouping show nobody only if nothing in it that tells who a row is about
chooses rows or groups: no condition, no key, and no second grouping of the same rows. All others count
everybody who is in what they count and sum.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from sqlglot import exp

from handrail.data.grouping import aggregates, conjuncts, datasets, is_aggregate, sides, source_of
from handrail.data.models import Column, Contract

_STATISTICS = 20  # of one grouping; enough statistics of a list are the list
_TOTALS = 4  # groupings of one dataset in a query that may show nobody, as each two differ by somebody
_PERIODS = (exp.TimestampTrunc, exp.DateTrunc, exp.Extract, exp.Year, exp.Quarter, exp.Month, exp.TimeToStr)
# What a key is made of that only says which group a row is in; another could single out a few rows.
_SIMPLE = (
    *_PERIODS,
    *(exp.Column, exp.Identifier, exp.Literal, exp.Var, exp.Paren, exp.Alias, exp.Cast, exp.DataType),
    *(exp.Rollup, exp.Tuple),
)


class Totals:
    """The groupings of one query that show nobody in their large groups: only so many of each dataset."""

    def __init__(self) -> None:
        self._of: Counter[str] = Counter()

    def admit(
        self, node: exp.Select, contracts: Mapping[str, Contract], counted: Collection[str], *, top: bool
    ) -> bool:
        """Whether a statistical grouping is plain. `top`: nothing around it chooses among its groups."""
        names = {one.name for one in datasets(node, contracts).values()} & set(counted)
        self._of.update(names)
        return all(self._of[name] <= _TOTALS for name in names) and _is_plain(node, contracts, counted, top)


def _is_plain(
    node: exp.Select, contracts: Mapping[str, Contract], counted: Collection[str], top: bool
) -> bool:
    """Whether a statistical grouping is about groups, and not about everybody but a few who are picked."""
    group = node.args.get("group")
    several = list(group.find_all(exp.GroupingSets, exp.Cube, exp.Rollup)) if group else []
    if len(several) > 1 or any(not isinstance(one, exp.Rollup) for one in several):
        return False
    having = node.args.get("having")
    if len(aggregates(node)) > _STATISTICS or (several and having):
        return False
    if (several or having or not top) and not all(_is_simple(key) for key in _keys(node)):
        return False
    telling = _telling(node, datasets(node, contracts), counted)
    return not any(_tells(part, telling) for part in _choosing(node))


def _keys(node: exp.Select) -> Iterator[exp.Expr]:
    """What may be a key of the grouping: what is named as one, and each item that is no aggregate."""
    group = node.args.get("group")
    yield from group.expressions if group else ()
    yield from (item for item in node.expressions if not any(is_aggregate(part) for part in item.walk()))


def _is_simple(key: exp.Expr) -> bool:
    return all(isinstance(part, _SIMPLE) for part in key.walk())


def _telling(
    node: exp.Select, sources: Mapping[str, Contract], counted: Collection[str]
) -> set[tuple[str, str]]:
    """The columns (alias, name) that tell who a row is about, and those that a join makes equal to one."""
    found = {
        (alias, column.name.lower())
        for alias, contract in sources.items()
        for column in contract.columns
        if column.classification
        or column.mask
        or (contract.name in counted and _names_somebody(column, contract, sources, counted))
    }
    equal = [pair for join in node.args.get("joins") or () for pair in _equal(join, sources)]
    before = -1
    while before < len(found):
        before = len(found)
        for pair in equal:
            found |= pair if pair & found else set()
    return found


def _names_somebody(
    column: Column, contract: Contract, sources: Mapping[str, Contract], counted: Collection[str]
) -> bool:
    if column.unique or column.primary_key or column.name.lower() == (contract.entity_key or "").lower():
        return True
    known = {one.name for one in sources.values()}
    at = contract.pointed_at(column.name)
    return any(other in counted or other not in known for other in at)  # which may be a person's


def _equal(join: exp.Join, sources: Mapping[str, Contract]) -> Iterator[set[tuple[str, str]]]:
    for name in join.args.get("using") or ():
        yield {(alias, name.name.lower()) for alias in sources}
    for part in conjuncts(join):
        if isinstance(part, exp.EQ):
            yield {(source_of(side, sources) or "", side.name.lower()) for side in sides(part)}


def _choosing(node: exp.Select) -> Iterator[exp.Expr]:
    """What decides which rows are in which group: all but FROM, equal joins, and what is aggregated."""
    skipped = ("from_", "joins", "with_")
    values = [value for key, value in node.args.items() if key not in skipped]
    todo = [(part, False) for value in values for part in (value if isinstance(value, list) else [value])]
    while todo:
        part, nested = todo.pop()
        if isinstance(part, exp.Expr) and (nested or not is_aggregate(part)):
            yield part
            nested = nested or isinstance(part, exp.Query)  # an aggregate in there is over its own rows
            todo += [(below, nested) for below in part.iter_expressions()]


def _tells(part: exp.Expr, telling: Collection[tuple[str, str]]) -> bool:
    if isinstance(part, exp.Columns | exp.Explode | exp.Unnest):
        return True  # several columns, or several rows, as one
    if not isinstance(part, exp.Column):
        return False
    if len(part.parts) > 2 or isinstance(part.this, exp.Star):
        return True
    name = part.name.lower()
    return any(name == other and part.table.lower() in ("", alias) for alias, other in telling)
