"""Say a Handrail model and its requests in metricflow's words, so that both can be asked the same.

A field is reached by the names of the relationships that lead to it: `order_customer__segment`. A fiscal
calendar is a column of metricflow's time spine (`SPINE`). What metricflow has no word for raises Untold.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from sqlglot import exp

from handrail.data.modelled import Modelled, parsed
from handrail.data.models import MetricRequest
from handrail.data.ossie import DatasetModel, Definition, FieldModel, SemanticModel

SPINE = "time_spine"
_AGGREGATES = {exp.Sum: "sum", exp.Avg: "average", exp.Min: "min", exp.Max: "max", exp.Count: "count"}
_CUSTOM = ("fiscal_quarter", "fiscal_year")


class Untold(Exception):
    """Metricflow has no word for it."""


def manifest(definitions: Mapping[str, Definition]) -> dict[str, Any]:
    """The model around these metrics, and those metrics that metricflow has words for."""
    model = next(iter(definitions.values())).model
    metrics, measures = [], dict[str, list[dict[str, Any]]]()
    for one in definitions.values():
        try:
            metrics.append(_metric(one, measures))
        except Untold:
            continue
    return {
        "semantic_models": [_dataset(model, each, measures.get(each.name, [])) for each in model.datasets],
        "metrics": metrics,
        "project_configuration": {
            "time_spines": [
                {
                    "node_relation": {"alias": SPINE, "schema_name": "main"},
                    "primary_column": {"name": "ds", "time_granularity": "day"},
                    "custom_granularities": [{"name": name} for name in _CUSTOM],
                }
            ]
        },
    }


def request(one: Definition, asked: MetricRequest) -> dict[str, Any]:
    """A question to one metric; its columns come in the order of ours."""
    leaf = Modelled(first_leaf(one))
    names = [spoken(leaf, name) for name in asked.by]
    time = [f"metric_time__{asked.grain}"] if asked.grain else []
    return {
        "metrics": [one.metric.name],
        "group_by": time + names,
        "where": [_where(spoken(leaf, name), value) for name, value in asked.where.items()],
        "start": str(asked.start) if asked.start else None,
        "end": _day_before(str(asked.end)) if asked.end else None,
    }


def first_leaf(one: Definition) -> Definition:
    """The first metric over rows that this one is made of."""
    if not one.settings.composed:
        return one
    named = [column.name for column in parsed(one, one.metric.expression.sql or "").find_all(exp.Column)]
    stated = one.settings.inputs.get(named[0])
    return first_leaf(one.siblings[stated.metric if stated else named[0]])


def spoken(leaf: Modelled, name: str) -> str:
    """A dimension by the way that leads to it."""
    dataset, field = leaf.dimension(name)
    way = [step.name for step in leaf.paths[dataset.name]] or [dataset.name]
    return "__".join((*way, field.name))


def _dataset(model: SemanticModel, one: DatasetModel, measures: list[dict[str, Any]]) -> dict[str, Any]:
    entities = [
        {"name": step.name, "type": "foreign", "expr": step.from_columns[0]}
        for step in model.relationships
        if step.from_ == one.name
    ] + [
        {"name": step.name, "type": "unique", "expr": step.to_columns[0]}
        for step in model.relationships
        if step.to == one.name
    ]
    times = [field.name for field in one.fields_ if field.is_time]
    return {
        "name": one.name,
        "node_relation": {"alias": one.source, "schema_name": "main"},
        "primary_entity": one.name,
        "entities": entities,
        "dimensions": [_dimension(field) for field in one.fields_],
        "measures": measures,
        "defaults": {"agg_time_dimension": times[0]} if times else None,
    }


def _dimension(field: FieldModel) -> dict[str, Any]:
    said: dict[str, Any] = {"name": field.name, "expr": field.expression.sql, "type": "categorical"}
    if field.is_time:
        said |= {"type": "time", "type_params": {"time_granularity": "day"}}
    return said


def _metric(one: Definition, measures: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    if one.settings.composed:
        return _composed(one)
    leaf, settings, name = Modelled(one), one.settings, one.metric.name
    tree = parsed(one, one.metric.expression.sql or "").this
    if type(tree) not in _AGGREGATES:
        raise Untold(f"{name} is no single aggregate")
    kind, value = _AGGREGATES[type(tree)], tree.this
    if isinstance(value, exp.Distinct):
        kind, value = "count_distinct", value.expressions[0]
    time = leaf.time_or_none()
    if time is None or time[0].name != leaf.base:
        raise Untold(f"{name} has no time of its own")
    measure = {
        "name": f"{name}_rows",
        "agg": kind,
        "expr": _bare(value),
        "agg_time_dimension": time[1].name,
    }
    if settings.over_time == "last":
        measure["non_additive_dimension"] = {"name": time[1].name, "window_choice": "max"}
    measures.setdefault(leaf.base, []).append(measure)
    said: dict[str, Any] = {
        "name": name,
        "type": "simple",
        "type_params": {"measure": {"name": measure["name"]}},
        "filter": {"where_filters": [{"where_sql_template": _condition(leaf, settings.filter)}]}
        if settings.filter
        else None,
    }
    if settings.kind == "cumulative":
        said["type"] = "cumulative"
        count, _, unit = (settings.window or "").partition(" ")
        said["type_params"]["cumulative_type_params"] = {
            "window": {"count": int(count), "granularity": unit} if unit else None,
            "grain_to_date": settings.to_date,
            "period_agg": "last",
        }
    return said


def _composed(one: Definition) -> dict[str, Any]:
    tree = parsed(one, one.metric.expression.sql or "")
    inputs = []
    for name in dict.fromkeys(column.name for column in tree.find_all(exp.Column)):
        stated = one.settings.inputs.get(name)
        each: dict[str, Any] = {"name": stated.metric, "alias": name} if stated else {"name": name}
        if stated and stated.earlier:
            count, unit = stated.earlier.split()
            each["offset_window"] = {"count": int(count), "granularity": unit}
        inputs.append(each)
    params: dict[str, Any]
    if one.settings.kind == "ratio" and isinstance(tree.this, exp.Div):
        numerator, denominator = (tree.this.this.name, tree.this.expression.name)
        params = {"numerator": {"name": numerator}, "denominator": {"name": denominator}}
        return {"name": one.metric.name, "type": "ratio", "type_params": params}
    for division in tree.find_all(exp.Div):  # metricflow divides as it is told to, ours never by zero
        division.set("expression", exp.Nullif(this=division.expression, expression=exp.Literal.number(0)))
    params = {"metrics": inputs, "expr": tree.this.sql(dialect="duckdb")}
    return {"name": one.metric.name, "type": "derived", "type_params": params}


def _condition(leaf: Modelled, sql: str) -> str:
    """A filter of ours over dimensions, in metricflow's template."""
    tree = parsed(leaf.one, sql).this

    def said(found: re.Match[str]) -> str:
        return _templated(spoken(leaf, f"{found[1]}.{found[2]}"))

    return re.sub(r"(\w+)\.(\w+)", said, tree.sql(dialect="duckdb"))


def _where(name: str, wanted: object) -> str:
    if wanted is None:
        return f"{_templated(name)} IS NULL"
    if isinstance(wanted, list | tuple):
        return f"{_templated(name)} IN ({', '.join(map(_literal, wanted))})"
    return f"{_templated(name)} = {_literal(wanted)}"


def _templated(name: str) -> str:
    *way, entity, field = name.split("__")
    path = f", entity_path={way!r}" if way else ""
    return f"{{{{ Dimension('{entity}__{field}'{path}) }}}}"


def _literal(value: object) -> str:
    return exp.Literal.string(value).sql() if isinstance(value, str) else str(value)


def _bare(tree: exp.Expr) -> str:
    plain = tree.copy()
    for column in plain.find_all(exp.Column):
        column.set("table", None)
    return plain.sql(dialect="duckdb") if not isinstance(plain, exp.Column) else plain.name


def _day_before(text: str) -> str:
    return str(dt.date.fromisoformat(text) - dt.timedelta(days=1))


def spine(first: dt.date, last: dt.date, fiscal_start: int) -> str:
    """The table of days that metricflow wants, with the fiscal periods that each day is in."""
    months = fiscal_start - 1

    def cut(unit: str) -> str:
        return f"CAST(date_trunc('{unit}', ds - INTERVAL {months} MONTH) + INTERVAL {months} MONTH AS DATE)"

    columns = ", ".join(f"{cut(name.removeprefix('fiscal_'))} AS {name}" for name in _CUSTOM)
    return (
        f"CREATE TABLE {SPINE} AS SELECT CAST(ds AS DATE) AS ds, {columns} "
        f"FROM range(DATE '{first}', DATE '{last}', INTERVAL 1 DAY) AS days(ds)"
    )
