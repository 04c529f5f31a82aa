"""A semantic model as plain Ossie: every metric an expression that means the same without Handrail.

What a filter or a ratio adds is written into the expression. What the standard has no words for (running
totals, comparisons with earlier, balances, two datasets counted, currencies) is left out and named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml
from sqlglot import exp

from handrail.data.compose_metric import inputs
from handrail.data.extension import VENDOR
from handrail.data.modelled import Modelled, parsed
from handrail.data.ossie import VERSION, Definition, SemanticModel


class Untold(Exception):
    """The standard has no words for it; the reason."""


def document(model: SemanticModel) -> str:
    """The model as a file of its own, with everything that Handrail adds in `custom_extensions`."""
    return _written(model.model_dump(by_alias=True, exclude_defaults=True, mode="json"))


def plain(model: SemanticModel, definitions: Iterable[Definition]) -> tuple[str, Mapping[str, str]]:
    """The model without anything of ours, and by name the metrics that it leaves out, each with why."""
    kept, left = [], {}
    for one in definitions:
        try:
            said = expression(one).sql(dialect="duckdb")
        except Untold as reason:
            left[one.metric.name] = str(reason)
            continue
        whole = one.metric.model_dump(by_alias=True, exclude_defaults=True, mode="json")
        kept.append({**whole, "expression": {"dialects": [{"dialect": "ANSI_SQL", "expression": said}]}})
    dumped = model.model_dump(by_alias=True, exclude_defaults=True, mode="json")
    return _written(_bare({**dumped, "metrics": kept})), left


def expression(one: Definition) -> exp.Expr:
    """The metric over fields and columns alone; raises Untold where there is no such expression."""
    settings, tree = one.settings, parsed(one, one.metric.expression.sql or "").this
    if settings.kind == "cumulative":
        raise Untold("it accumulates over time")
    if settings.over_time == "last":
        raise Untold("it is of the last moment of a period")
    if settings.currency:
        raise Untold("it is in several currencies")
    if settings.composed:
        return _composed(one, tree)
    if settings.filter:
        condition = parsed(one, settings.filter).this
        for aggregate in list(tree.find_all(exp.AggFunc)):
            _filtered(aggregate, condition)
    found: exp.Expr = tree
    return found


def _composed(one: Definition, tree: exp.Expr) -> exp.Expr:
    parts = inputs(one)
    if any(each.earlier for each in parts):
        raise Untold("it compares with earlier")
    values = {each.name: exp.Paren(this=expression(each.metric)) for each in parts}
    if len({base for each in parts for base in _bases(each.metric)}) > 1:
        raise Untold("it counts the rows of two datasets")
    whole = exp.Paren(this=tree)
    for division in list(whole.find_all(exp.Div)):
        below = exp.Nullif(this=division.expression.copy(), expression=exp.Literal.number(0))
        division.set("expression", below)
    for column in [column for column in whole.find_all(exp.Column) if not column.table]:
        column.replace(values[column.name].copy())
    found: exp.Expr = whole.this
    return found


def _bases(one: Definition) -> set[str]:
    if not one.settings.composed:
        return {Modelled(one).base}
    return {base for each in inputs(one) for base in _bases(each.metric)}


def _filtered(aggregate: exp.AggFunc, condition: exp.Expr) -> None:
    """Only over rows that meet the condition, written so that every database understands it."""
    given = aggregate.this
    if isinstance(given, exp.Distinct):
        kept = [_case(condition, each) for each in given.expressions]
        aggregate.set("this", exp.Distinct(expressions=kept))
    elif isinstance(given, exp.Star):
        aggregate.set("this", _case(condition, exp.Literal.number(1)))
    else:
        aggregate.set("this", _case(condition, given))


def _case(condition: exp.Expr, value: exp.Expr) -> exp.Case:
    return exp.Case(ifs=[exp.If(this=condition.copy(), true=value.copy())])


def _bare(node: Any) -> Any:
    """The same without our extensions, anywhere."""
    if isinstance(node, dict):
        found = {key: _bare(value) for key, value in node.items()}
        if "custom_extensions" in found:
            found["custom_extensions"] = [
                one for one in found["custom_extensions"] if one["vendor_name"] != VENDOR
            ]
        return {key: value for key, value in found.items() if key != "custom_extensions" or value}
    return [_bare(one) for one in node] if isinstance(node, list) else node


def _written(model: dict[str, Any]) -> str:
    found: dict[str, Any] = {"version": VERSION, "semantic_model": [model]}
    found["dialects"] = sorted(set(_all(model, "dialect")))
    if vendors := sorted(set(_all(model, "vendor_name"))):
        found["vendors"] = vendors
    text: str = yaml.safe_dump(found, sort_keys=False, allow_unicode=True, width=110)
    return text


def _all(node: Any, key: str) -> Iterable[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name == key:
                yield value
            yield from _all(value, key)
    elif isinstance(node, list):
        for one in node:
            yield from _all(one, key)
