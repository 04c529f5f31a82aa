"""Repairs a table together with the rows that it points at: nothing ships before it was ordered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from handrail.twins.assign import Made
from handrail.twins.models import ColumnSketch, TableSketch
from handrail.twins.repair import repair
from handrail.twins.rules import Rule
from handrail.twins.values import DAY_US, Values


def mended(
    table: TableSketch, made: Mapping[str, Made], one: Made, rng: np.random.Generator, locked: frozenset[str]
) -> dict[str, Values]:
    """The rows of a table with every rule kept, those about the rows that it points at too; see `repair`.

    What these rows say is laid beside the table's own columns for that long, and is not touched.
    """
    beside: dict[str, Values] = {}
    columns: list[ColumnSketch] = []
    rules: list[Rule] = []
    for rule in (rule for rule in table.rules if rule.above):
        link, name = rule.above or ("", "")
        there = made.get(next(known.to for known in table.links if known.name == link))
        own = table.column(rule.columns[0])
        if there is None or name not in there.values or own.name not in one.values or link not in one.points:
            continue
        laid = f"{link} > {name} > {own.name}"
        points = one.points[link]
        beside[laid] = _in_unit_of(
            own, there.sketch.column(name), there.values[name].take(points), rule.strict
        )
        columns.append(replace(own, name=laid, role="link", unique=False, primary_key=False))
        rules.append(Rule("order", (own.name, laid) if rule.strict else (laid, own.name)))
    if not rules:
        return repair(table, one.values, rng, locked)
    whole = replace(table, columns=(*table.columns, *columns), rules=(*table.rules, *rules))
    done = repair(whole, {**one.values, **beside}, rng, locked)
    return {name: values for name, values in done.items() if name not in beside}


def _in_unit_of(own: ColumnSketch, theirs: ColumnSketch, values: Values, up: bool) -> Values:
    """Dates beside moments: a day is its first moment; a moment is the day before or after it."""
    if own.kind == theirs.kind:
        return values
    if own.kind == "timestamp":
        return Values(values.array * DAY_US, values.valid)
    days = values.array // DAY_US if up else -(-values.array // DAY_US)
    return Values(days, values.valid)
