"""Say in a sentence what a metric is: what is counted, over which rows, and how it runs over time."""

from __future__ import annotations

from sqlglot import exp

from handrail.data.compose_metric import inputs
from handrail.data.modelled import Modelled, parsed
from handrail.data.ossie import Definition

_WORDS = {exp.Sum: "the sum of", exp.Avg: "the average of", exp.Min: "the smallest", exp.Max: "the largest"}
_HELD = ", of the last moment in each period"


def sentence(one: Definition) -> str:
    """The metric in words, ending in a full stop."""
    said = _composed(one) if one.settings.composed else _counted(one)
    return f"{said[:1].upper()}{said[1:]}."


def _counted(one: Definition) -> str:
    settings, leaf = one.settings, Modelled(one)
    said = f"{_value(one)} over the rows of {leaf.model_of(leaf.base).source}"
    if settings.filter:
        said += f" where {_bare(parsed(one, settings.filter).this)}"
    if settings.over_time == "last":
        said += _HELD
    if settings.kind == "cumulative" and settings.window:
        said += f", of the last {_span(settings.window)} at the end of each period"
    elif settings.kind == "cumulative" and settings.to_date:
        said += f", from the beginning of the {settings.to_date.replace('_', ' ')} to the end of each period"
    elif settings.kind == "cumulative":
        said += ", from the beginning to the end of each period"
    if settings.currency:
        said += ", in the currency of each row"
        if settings.rates:
            said += f" or converted at the rates in {leaf.model_of(settings.rates.dataset).source}"
    return said


def _composed(one: Definition) -> str:
    parts = inputs(one)
    names = {each.name: each.metric.metric.name for each in parts}
    if one.settings.kind == "ratio" and len(parts) == 2 and not any(each.earlier for each in parts):
        return f"{names[parts[0].name]} divided by {names[parts[1].name]}"
    said = _bare(parsed(one, one.metric.expression.sql or "").this)
    notes = [
        f"{each.name} is {names[each.name]}{f' {_span(each.earlier)} before' if each.earlier else ''}"
        for each in parts
        if each.earlier or names[each.name] != each.name
    ]
    return f"{said}, where {' and '.join(notes)}" if notes else said


def _value(one: Definition) -> str:
    tree = parsed(one, one.metric.expression.sql or "").this
    if isinstance(tree, exp.Count):
        if isinstance(tree.this, exp.Distinct):
            return f"the number of different {', '.join(_bare(each) for each in tree.this.expressions)}"
        return "the number" if isinstance(tree.this, exp.Star) else f"the number of {_bare(tree.this)}"
    words = _WORDS.get(type(tree))
    return f"{words} {_bare(tree.this)}" if words else _bare(tree)


def _bare(tree: exp.Expr) -> str:
    plain = tree.copy()
    for column in plain.find_all(exp.Column):
        column.set("table", None)
    return plain.sql(dialect="duckdb")


def _span(text: str) -> str:
    number, unit = text.split()
    return f"{number} {unit}{'' if number == '1' else 's'}"
