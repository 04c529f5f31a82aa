"""Say a Handrail model and its requests in Malloy, so that both can be asked the same.

Joins carry the names of relationships: `line_order.order_customer.segment`. Malloy answers 0 where a sum has
no row and we answer nothing; comparisons allow for that. What Malloy has no word for raises Untold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sqlglot import exp

from handrail.data.compose_metric import inputs
from handrail.data.modelled import Modelled, parsed
from handrail.data.models import MetricRequest
from handrail.data.ossie import DatasetModel, Definition, SemanticModel

_SIMPLE = {exp.Sum: "sum", exp.Avg: "avg", exp.Min: "min", exp.Max: "max"}


class Untold(Exception):
    """Malloy has no word for it."""


def model(definitions: Mapping[str, Definition]) -> str:
    """The datasets of the model as Malloy sources, each after those that it joins."""
    said = next(iter(definitions.values())).model
    done: list[str] = []
    todo = [each.name for each in said.datasets]
    while todo:
        name = next(n for n in todo if all(s.to in done for s in said.relationships if s.from_ == n))
        todo.remove(name)
        done.append(name)
    return "\n".join(_source(said, said.dataset(name)) for name in done)  # type: ignore[arg-type]


def query(one: Definition, asked: MetricRequest, fiscal_start: int) -> str:
    """A question to one metric; the columns are k0, k1 … and value."""
    leaves = _leaves(one)
    first = Modelled(leaves[0])
    if any(Modelled(leaf).base != first.base for leaf in leaves):
        raise Untold("two datasets are counted")
    keys = [_way(first, name) for name in asked.by]
    time = first.time_or_none()
    if len({leaf.settings.time for leaf in leaves}) > 1:
        raise Untold("two times are meant")
    when = _way(first, f"{time[0].name}.{time[1].name}") if time else ""
    if asked.grain:
        keys.insert(0, _cut(when, asked.grain, fiscal_start))
    where = [_is(_way(first, name), value) for name, value in asked.where.items()]
    where += [f"{when} >= @{asked.start}"] if asked.start else []
    where += [f"{when} < @{asked.end}"] if asked.end else []
    parts = [f"where: {', '.join(where)}"] if where else []
    parts += [f"group_by: {', '.join(f'k{n} is {key}' for n, key in enumerate(keys))}"] if keys else []
    parts.append(f"aggregate: value is {_value(one)}")
    return f"run: {first.base} -> {{ {' '.join(parts)} }}"


def _source(said: SemanticModel, one: DatasetModel) -> str:
    lines = [f"primary_key: {one.primary_key[0]}"] if len(one.primary_key) == 1 else []
    for step in said.relationships:
        if step.from_ == one.name:
            on = f"{step.from_columns[0]} = {step.name}.{step.to_columns[0]}"
            lines.append(f"join_one: {step.name} is {step.to} on {on}")
    for field in one.fields_:
        if field.expression.sql != field.name:
            sql = field.expression.sql or ""
            lines.append(f"dimension: {field.name} is {f'`{sql}`' if sql.isidentifier() else sql}")
    body = "\n  ".join(lines)
    return f"source: {one.name} is db.table('main.{one.source}') extend {{\n  {body}\n}}"


def _leaves(one: Definition) -> list[Definition]:
    settings = one.settings
    if settings.kind == "cumulative" or settings.over_time == "last":
        raise Untold("it runs over time")
    if not settings.composed:
        return [one]
    parts = inputs(one)
    if any(each.earlier for each in parts):
        raise Untold("it compares with earlier")
    return [leaf for each in parts for leaf in _leaves(each.metric)]


def _value(one: Definition) -> str:
    tree = parsed(one, one.metric.expression.sql or "").this
    if one.settings.composed:
        said = tree.sql(dialect="duckdb")
        for each in inputs(one):
            said = re.sub(rf"\b{each.name}\b", f"({_value(each.metric)})", said)
        return said
    leaf = Modelled(one)
    if isinstance(tree, exp.Count):
        plain = not isinstance(tree.this, exp.Distinct)
        said = "count()" if plain else f"count({_bare(tree.this.expressions[0])})"
    elif type(tree) in _SIMPLE:
        said = f"{_SIMPLE[type(tree)]}({_bare(tree.this)})"
    else:
        raise Untold("it is no single aggregate")
    if not one.settings.filter:
        return said
    condition = parsed(one, one.settings.filter).this.sql(dialect="duckdb")
    condition = re.sub(r"\b(\w+\.\w+)\b", lambda found: _way(leaf, found[1]), condition)
    return f"{said} {{ where: {condition} }}"


def _way(leaf: Modelled, name: str) -> str:
    dataset, field = leaf.dimension(name)
    return ".".join((*(step.name for step in leaf.paths[dataset.name]), field.name))


def _cut(when: str, grain: str, fiscal_start: int) -> str:
    unit, months = grain.removeprefix("fiscal_"), fiscal_start - 1
    if unit == "week":
        raise Untold("its weeks begin on Sundays")
    return f"{when}.{unit}" if unit == grain else f"({when} - {months} months).{unit} + {months} months"


def _is(way: str, wanted: object) -> str:
    if wanted is None:
        return f"{way} is null"
    choices = wanted if isinstance(wanted, list | tuple) else [wanted]
    return f"{way} = {' | '.join(map(_literal, choices))}"


def _literal(value: object) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value).lower()


def _bare(tree: exp.Expr) -> str:
    plain = tree.copy()
    for column in plain.find_all(exp.Column):
        column.replace(exp.column(column.name))
    return plain.name if isinstance(plain, exp.Column) else plain.sql(dialect="duckdb")
