"""The plain groupings that a metric's answer is made of: whom it shows is whom these show.

A ratio, a comparison, a running total or a balance is a function of the sums of some groups, whatever its SQL
looks like. So its entities are counted in those groups (`reveal`), each asked by itself: of every metric in
it; for a running total, of the steps that run up; where a span does not begin and end with a step, of days.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from handrail.data.compile_leaf import Leaf
from handrail.data.compose_metric import inputs
from handrail.data.models import MetricRequest
from handrail.data.ossie import Definition

_ALIGNED = frozenset({"month", "quarter", "year", "fiscal_quarter", "fiscal_year"})


def groupings(
    one: Definition, request: MetricRequest, params: dict[str, Any]
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The SQL of these groupings, and their parameters, named beside `params`; none for a plain metric."""
    if not one.settings.composed and _is_plain(one, request):
        return (), {}
    given = dict(params)
    found = tuple(_all(one, request, given, ()))
    return found, given


def _is_plain(one: Definition, request: MetricRequest) -> bool:
    settings = one.settings
    money = settings.currency and request.currency
    return settings.kind == "simple" and settings.over_time != "last" and not money


def _all(
    one: Definition, request: MetricRequest, given: dict[str, Any], shift: tuple[str, ...]
) -> Iterator[str]:
    if not one.settings.composed:
        yield _grouping(one, request, given, shift)
        return
    for each in inputs(one):
        yield from _all(each.metric, request, given, (*shift, each.earlier) if each.earlier else shift)


def _grouping(one: Definition, request: MetricRequest, given: dict[str, Any], shift: tuple[str, ...]) -> str:
    settings, grain = one.settings, request.grain
    if settings.window or (settings.to_date and not {settings.to_date, grain} <= _ALIGNED):
        grain = "day"
    leaf = Leaf(one, replace(request, grain=grain), given, shift)
    return leaf.grouping().select.sql(dialect="duckdb")
