"""The questions behind the tiles of certified metrics: each metric by each of its dimensions."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from handrail.data.catalog import contract_of
from handrail.data.compile_metric import compile_metric, currencies, needs_time, reachable, reads
from handrail.data.compose_metric import inputs
from handrail.data.extension import Settings
from handrail.data.metrics import definitions_of
from handrail.data.modelled import Modelled
from handrail.data.models import MetricRequest
from handrail.data.ossie import Definition, DialectExpression, Expression
from handrail.data.sources.table import quote
from handrail.data.stands import stands
from handrail.kernel import Context, Refusal

GRAIN = "quarter"


@dataclass(frozen=True)
class TileQuestion:
    """A metric by one dimension, in SQL over datasets by name: a value for each tile, and whom it is about.

    Both answer with the same columns for the tile and one number after them; `holders` counts entities, or
    rows where the dataset has none. Values are bound by name.
    """

    metric: str
    by: str
    columns: int  # that a tile is named by
    sql: str
    holders: str
    values: Mapping[str, Any]


def tile_questions(ctx: Context, datasets: Collection[str]) -> tuple[TileQuestion, ...]:
    """The questions of every certified metric that reads nothing but these datasets; of time by quarter.

    Asks no rule: it hands out questions, to rooms that decide who sees what comes of them.
    """
    found: list[TileQuestion] = []
    for _, one in sorted(definitions_of(ctx).items()):
        if set(reads(one)) <= set(datasets) and stands(ctx, one).certified:
            found += _questions(ctx, one)
    return tuple(found)


def _questions(ctx: Context, one: Definition) -> Iterator[TileQuestion]:
    _, dimensions, time = reachable(one)
    counted = _counting(ctx, one)
    for by in dimensions:
        grain = GRAIN if by == time or needs_time(one) else None
        asked = tuple(dict.fromkeys((*currencies(one), by)))
        request = MetricRequest(one.metric.name, by=asked, grain=grain)
        try:
            question = compile_metric(one, request)
            holders = compile_metric(counted, replace(request, name=counted.metric.name))
        except Refusal:  # a dimension that cannot be asked like this is no tile
            continue
        columns = len(set(asked) | ({time} if grain and time else set()))
        values = {**holders.params, **question.params}
        yield TileQuestion(one.metric.name, by, columns, question.sql, holders.sql, values)


def _counting(ctx: Context, one: Definition) -> Definition:
    """A metric that counts the entities, or else the rows, that the first part of this one is made from."""
    leaf = one
    while leaf.settings.composed:
        leaf = inputs(leaf)[0].metric
    base = Modelled(leaf).base
    contract = contract_of(ctx, leaf_source(leaf, base))
    column = contract.entity_key or contract.columns[0].name
    what = f"{'DISTINCT ' if contract.entity_key else ''}{quote(base)}.{quote(column)}"
    expression = Expression(dialects=[DialectExpression(dialect="ANSI_SQL", expression=f"COUNT({what})")])
    plain = Settings(time=leaf.settings.time, filter=leaf.settings.filter, time_zone=leaf.settings.time_zone)
    return replace(
        leaf, metric=leaf.metric.model_copy(update={"expression": expression}), settings=plain, siblings={}
    )


def leaf_source(leaf: Definition, base: str) -> str:
    """The dataset that a name of the model stands for."""
    found = leaf.model.dataset(base)
    return found.source if found else base
