"""Gathers the rules of one table for its sketch: those that its contract declares, and those it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from handrail.twins.count_rules import count_own, counted
from handrail.twins.declared import declared
from handrail.twins.mine import mine
from handrail.twins.mine_across import mine_across
from handrail.twins.mine_pairs import mine_pairs
from handrail.twins.mine_totals import mine_totals
from handrail.twins.models import ColumnSketch
from handrail.twins.plane import Plane
from handrail.twins.rules import Rule


def rules_of(plane: Plane, table: str, drafts: Mapping[str, Sequence[ColumnSketch]]) -> tuple[Rule, ...]:
    """Every rule of a table, each with the share of the real rows that keep it."""
    columns = [one for one in drafts[table] if one.role != "degree"]
    by_name = {one.name: one for one in columns}
    sample, whole = plane.source(table), plane.whole(table)
    promised = declared(plane.tables[table].promises, plane.rows[table], by_name)
    said = counted(whole, promised, partial(count_own, columns=by_name))
    known = {(rule.kind, rule.columns) for rule in said}
    shown = [
        *mine(sample, whole, columns),
        *mine_pairs(sample, columns),
        *mine_totals(plane, table, drafts),
    ]
    shown += mine_across(plane, table, drafts, shown)
    return (*said, *(rule for rule in shown if (rule.kind, rule.columns) not in known))
