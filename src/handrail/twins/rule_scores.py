"""Holds a finished twin to its rules, by the same counts that were taken of the real rows."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from handrail.twins.columns import Source
from handrail.twins.mine_across import count_across
from handrail.twins.mine_totals import count_totals
from handrail.twins.models import TableSketch
from handrail.twins.plane import Plane
from handrail.twins.rule_sql import Count, counts
from handrail.twins.rules import IN_TURN, OF_SEVERAL, Rule, RuleScore, says
from handrail.twins.turn_sql import count_turns, laid_out


def score_rules(
    plane: Plane, table: TableSketch, twins: Mapping[str, pa.Table], sketches: Mapping[str, TableSketch]
) -> tuple[RuleScore, ...]:
    """Each rule of a table with the share of real and of made rows that keep it."""
    con, columns = plane.con, {one.name: one for one in table.columns}
    con.register("twin_rows", twins[table.name])
    try:
        own = [rule for rule in table.rules if rule.kind not in OF_SEVERAL]
        found = [*zip(own, counts(con, "twin_rows", own, columns), strict=True)]
        found += _in_turn(plane, table, twins[table.name].num_rows)
        found += _across(plane, table, twins)
        totals = (rule for rule in table.rules if rule.child)
        found += [(rule, _total(plane, table, rule, twins, sketches)) for rule in totals]
    finally:
        con.unregister("twin_rows")
    return tuple(_score(rule, count) for rule, count in found)


def _of_twin(plane: Plane, table: TableSketch, rows: int) -> Source:
    """The made rows of a table, of which rows are counted: nobody is behind them."""
    return Source(plane.con, "twin_rows", rows, plane.k_of(table.name), None)


def _in_turn(plane: Plane, table: TableSketch, rows: int) -> list[tuple[Rule, Count]]:
    """The rules from row to row with how many made rows break them."""
    rules, series = [rule for rule in table.rules if rule.kind in IN_TURN], table.series
    if not rules or series is None:
        return []
    link = next(one for one in table.links if one.name == series.link)
    columns = {one.name: one for one in table.columns if one.role != "degree"}
    turns = laid_out(_of_twin(plane, table, rows), link.columns, series.by, list(columns))
    return [*zip(rules, count_turns(turns, rules, columns), strict=True)]


def _across(plane: Plane, table: TableSketch, twins: Mapping[str, pa.Table]) -> list[tuple[Rule, Count]]:
    """The rules about the rows that made rows point at, with how many of these break them."""
    found = []
    for link in plane.links(table.name):
        rules = [rule for rule in table.rules if rule.above and rule.above[0] == link.name]
        if not rules:
            continue
        source = _of_twin(plane, table, twins[table.name].num_rows)
        plane.con.register("twin_parents", twins[link.to])
        try:
            joined = plane.joined(table.name, link, "t", "p")
            found += [*zip(rules, count_across(source, rules, "twin_parents", joined), strict=True)]
        finally:
            plane.con.unregister("twin_parents")
    return found


def _total(
    plane: Plane,
    table: TableSketch,
    rule: Rule,
    twins: Mapping[str, pa.Table],
    sketches: Mapping[str, TableSketch],
) -> Count:
    child, name, _ = rule.child or ("", "", "")
    link = next(one for one in plane.links(child) if one.name == name)
    columns = tuple({one.name: one for one in sketch.columns} for sketch in (table, sketches[child]))
    source = _of_twin(plane, table, twins[table.name].num_rows)
    plane.con.register("twin_parts", twins[child])
    try:
        joined = plane.joined(child, link, "c", "p")
        return count_totals(source, [rule], "twin_parts", joined, link.columns, (columns[0], columns[1]))[0]
    finally:
        plane.con.unregister("twin_parts")


def _score(rule: Rule, count: Count) -> RuleScore:
    kept = round(1 - count.broken / count.seen, 4) if count.seen else 1.0
    return RuleScore(says(rule), rule.kind, rule.declared, rule.kept, kept, count.broken)
