"""Compiles metrics made of other metrics: each is aggregated by itself, and only then are they joined.

So no row of one can be repeated by another, whatever they count. Ratios are of sums, not averages of ratios.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from handrail.data.compile_leaf import VALUE, Built, Leaf
from handrail.data.modelled import parsed, refusal
from handrail.data.models import MetricRequest
from handrail.data.ossie import Definition
from handrail.data.parse import nearest
from handrail.kernel import Invalid

_EACH = "_each"


@dataclass(frozen=True)
class Input:
    """A metric under its name in another's expression, maybe as it was this long before."""

    name: str
    metric: Definition
    earlier: str | None = None


def inputs(one: Definition) -> tuple[Input, ...]:
    """The metrics in the expression of `one`, in its order. Refuses unknown names, and one made of itself."""
    return _inputs(one, (one.metric.name,))


def composed(
    one: Definition, request: MetricRequest, params: dict[str, Any], shift: tuple[str, ...] = ()
) -> Built:
    """The query of a metric made of others. Refuses inputs that do not share the dimensions asked for."""
    parts = inputs(one)
    built = [_part(each, request, params, shift) for each in parts]
    first = built[0]
    for each, other in zip(parts, built, strict=True):
        if _dimensions(other, request) != _dimensions(first, request):
            raise Invalid(
                f"{one.metric.name} cannot be cut so: {each.name} and {parts[0].name} mean different things.",
                next_step=f"Name them in full: {', '.join(first.chosen)}.",
            )
    union = _union(built)
    values = {each.name: exp.Max(this=_column(f"v{n}")) for n, each in enumerate(parts)}
    select = exp.Select()
    for n, name in enumerate(first.names):
        select = select.select(exp.alias_(_column(f"d{n}"), name, quoted=True))
    select = select.select(exp.alias_(_filled(one, values), VALUE, quoted=True))
    select = select.from_(union.subquery(exp.to_identifier(_EACH, quoted=True)))
    if first.names:
        select = select.group_by(*(exp.Literal.number(n + 1) for n in range(len(first.names))))
        now = [n for n, each in enumerate(parts) if not each.earlier]
        if now:  # what only an earlier time had is no row of this one
            select = select.having(exp.or_(*(_there(_column(f"n{n}")) for n in now)))
    return Built(select, first.names, first.chosen)


def _part(each: Input, request: MetricRequest, params: dict[str, Any], shift: tuple[str, ...]) -> Built:
    shift = (*shift, each.earlier) if each.earlier else shift
    if each.earlier and not (request.grain or request.start or request.end):
        raise Invalid(
            f"{request.name} compares with {each.earlier} before, so it needs to know which time is meant.",
            next_step="Ask with a grain, or with a start and an end.",
        )
    if each.metric.settings.composed:
        return composed(each.metric, request, params, shift)
    return Leaf(each.metric, request, params, shift).built()


def _union(built: list[Built]) -> exp.Query:
    """The rows of all parts under each other: dimensions d0…, and each part's own value among v0…."""
    arms: list[exp.Select] = []
    for place, each in enumerate(built):
        name = f"_part{place}"
        arm = exp.Select()
        for n, column in enumerate(each.names):
            arm = arm.select(exp.alias_(exp.column(column, table=name, quoted=True), f"d{n}", quoted=True))
        for n in range(len(built)):
            value = exp.column(VALUE, table=name, quoted=True) if n == place else exp.null()
            arm = arm.select(exp.alias_(value, f"v{n}", quoted=True))
            arm = arm.select(exp.alias_(exp.true() if n == place else exp.null(), f"n{n}", quoted=True))
        arms.append(arm.from_(each.select.subquery(exp.to_identifier(name, quoted=True))))
    query: exp.Query = arms[0]
    for arm in arms[1:]:
        query = query.union(arm, distinct=False)
    return query


def _filled(one: Definition, values: Mapping[str, exp.Expr]) -> exp.Expr:
    """The expression with the values in it; nothing is divided by zero."""
    tree = parsed(one, one.metric.expression.sql or "")
    for division in list(tree.find_all(exp.Div)):
        division.set(
            "expression", exp.Nullif(this=division.expression.copy(), expression=exp.Literal.number(0))
        )
    for column in list(tree.find_all(exp.Column)):
        column.replace(values[column.name].copy())
    return tree


def _inputs(one: Definition, above: tuple[str, ...]) -> tuple[Input, ...]:
    tree = parsed(one, one.metric.expression.sql or "")
    if tree.find(exp.AggFunc, exp.Window):
        raise refusal(one, "is made of metrics, and its expression aggregates rows too")
    names = list(dict.fromkeys(column.name for column in tree.find_all(exp.Column) if not column.table))
    plain = tree.this
    if one.settings.kind == "ratio" and not (
        isinstance(plain, exp.Div) and all(isinstance(s, exp.Column) for s in (plain.this, plain.expression))
    ):
        raise refusal(one, "is a ratio, and its expression is not one metric divided by another")
    if not names or any(column.table for column in tree.find_all(exp.Column)):
        raise refusal(one, f"is {one.settings.kind}, and its expression is not made of metrics alone")
    found = []
    for name in names:
        stated = one.settings.inputs.get(name)
        wanted = stated.metric if stated else name
        metric = one.siblings.get(wanted)
        if metric is None:
            raise refusal(
                one, f"names {wanted}, which is no metric of its model ({nearest(wanted, one.siblings)})"
            )
        if wanted in above:
            raise refusal(one, f"is made of itself, by way of {' and '.join(above[1:]) or wanted}")
        if metric.settings.composed:
            _inputs(metric, (*above, wanted))
        found.append(Input(name, metric, stated.earlier if stated else None))
    return tuple(found)


def _dimensions(built: Built, request: MetricRequest) -> tuple[str, ...]:
    """The dimensions that must be the same; the time that a grain cuts is each metric's own."""
    own = len(built.chosen) - len(request.by)
    return built.chosen[max(own, 0) :]


def _column(name: str) -> exp.Column:
    return exp.column(name, table=_EACH, quoted=True)


def _there(column: exp.Column) -> exp.Expr:
    return exp.GT(this=exp.Count(this=column), expression=exp.Literal.number(0))
