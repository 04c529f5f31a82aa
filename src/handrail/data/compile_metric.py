"""Compiles a question about a metric to plain SQL over datasets, which then passes the governed query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from handrail.data.compile_leaf import Built, Leaf
from handrail.data.compose_metric import composed, inputs
from handrail.data.modelled import Modelled
from handrail.data.models import MetricRequest
from handrail.data.ossie import Definition
from handrail.data.parse import nearest
from handrail.data.periods import GRAINS
from handrail.kernel import Invalid

__all__ = ["GRAINS", "Question", "compile_metric", "currencies", "needs_time", "rates", "reachable", "reads"]


@dataclass
class Question:
    """SQL and its parameters."""

    sql: str
    params: dict[str, Any] = field(default_factory=dict)


def compile_metric(one: Definition, request: MetricRequest) -> Question:
    """The SQL for `request`. One row for each combination of dimensions, ordered by them; values are bound.

    Refuses unknown dimensions and grains, an ambiguous name or path, what would count rows twice or add
    amounts of several currencies, and a currency for what is no amount.
    """
    question = Question("")
    if request.currency and not currencies(one):
        raise Invalid(
            f"{request.name} is no amount of money in several currencies, so nothing is converted.",
            next_step="Ask without a currency.",
        )
    if one.settings.composed:
        built = composed(one, request, question.params)
    else:
        built = Leaf(one, request, question.params).built()
    select = built.select
    select.expressions[-1].set("alias", exp.to_identifier(request.name, quoted=True))
    question.sql = ordered(select, built, request).sql(dialect="duckdb")
    return question


def ordered(select: exp.Select, built: Built, request: MetricRequest) -> exp.Select:
    """In the order asked for and then by dimension, cut off at the limit; what has no value comes last.

    Refuses an order by anything else than the metric and the dimensions asked for, and a limit below one.
    """
    places = {name: place + 1 for place, name in enumerate((*built.names, request.name))}
    places |= {name: place + 1 for place, name in enumerate(built.chosen)}
    wanted: dict[int, bool] = {}
    for name in request.order:
        bare = name.removeprefix("-")
        if bare not in places:
            raise Invalid(f"Nothing in the answer is called {bare}.", next_step=nearest(bare, places))
        wanted.setdefault(places[bare], name != bare)
    for place in range(1, len(built.names) + 1):
        wanted.setdefault(place, False)
    for place, down in wanted.items():
        select = select.order_by(
            exp.Ordered(this=exp.Literal.number(place), desc=down or None, nulls_first=False)
        )
    if request.limit is not None and request.limit < 1:
        raise Invalid("A limit is at least 1.", next_step="Leave it out to get all rows.")
    return select if request.limit is None else select.limit(request.limit)


def reachable(one: Definition) -> tuple[str, tuple[str, ...], str | None]:
    """The dataset that the metric counts rows of, its dimensions, and the one of time that a grain cuts.

    Of a metric made of others: those of the first, and the dimensions that all of them have.
    """
    leaves = [Modelled(leaf) for leaf in _leaves(one)]
    first = leaves[0]
    time = first.time_or_none()
    shared = set.intersection(*(set(leaf.dimensions()) for leaf in leaves))
    source = first.model_of(first.base).source
    return source, tuple(sorted(shared)), f"{time[0].name}.{time[1].name}" if time else None


def reads(one: Definition) -> Mapping[str, tuple[str, ...]]:
    """Every dataset and column that the metric, cut by any of its dimensions, can touch."""
    found: dict[str, set[str]] = {}
    for leaf in map(Modelled, _leaves(one)):
        for dataset, columns in _reads(leaf):
            found.setdefault(leaf.model_of(dataset).source, set()).update(columns)
    return {dataset: tuple(sorted(columns)) for dataset, columns in sorted(found.items())}


def currencies(one: Definition) -> tuple[str, ...]:
    """The dimensions that say in which currency amounts are; such a metric is asked by them, or converted."""
    return tuple(sorted({leaf.settings.currency for leaf in _leaves(one) if leaf.settings.currency}))


def rates(one: Definition) -> str | None:
    """The dataset at whose rates its amounts are converted, or None."""
    for leaf in _leaves(one):
        if leaf.settings.currency and leaf.settings.rates:
            found = leaf.model.dataset(leaf.settings.rates.dataset)
            return found.source if found else None
    return None


def needs_time(one: Definition) -> bool:
    """Whether it can only be asked in steps or a span of time: it accumulates, or compares with earlier."""
    if not one.settings.composed:
        return one.settings.kind == "cumulative"
    return any(each.earlier or needs_time(each.metric) for each in inputs(one))


def _leaves(one: Definition) -> list[Definition]:
    if not one.settings.composed:
        return [one]
    return [leaf for each in inputs(one) for leaf in _leaves(each.metric)]


def _reads(leaf: Modelled) -> Iterable[tuple[str, Iterable[str]]]:
    fields = (leaf.expanded(dataset, dimension) for dataset, dimension in leaf.dimensions().values())
    for tree in (leaf.expression, *([leaf.filter] if leaf.filter else ()), *fields):
        for column in tree.find_all(exp.Column):
            yield column.table, [column.name]
    rates = leaf.one.settings.rates
    if leaf.one.settings.currency and rates:
        yield rates.dataset, (rates.period, rates.currency, rates.into, rates.rate)
    for path in leaf.paths.values():
        for step in path:
            yield step.from_, step.from_columns
            yield step.to, step.to_columns
