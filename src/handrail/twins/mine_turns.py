"""Finds rules from row to row, among rows laid beside the row before them: carried, rising, turning."""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

from handrail.twins.columns import Source, quoted
from handrail.twins.count_rules import counted
from handrail.twins.holds import Columns
from handrail.twins.mine import NUMBERS
from handrail.twins.mine_pairs import CHANCE, MOST_PAIRS, few
from handrail.twins.models import ColumnSketch
from handrail.twins.rule_sql import natural_sql
from handrail.twins.rules import Rule
from handrail.twins.turn_sql import TURN, count_turns

MOST_COLUMNS = 14


def rules_in_turn(
    source: Source,
    where: tuple[str, str],
    by: ColumnSketch,
    free: Sequence[ColumnSketch],
    spaced: Sequence[Rule],
) -> list[Rule]:
    """The rules of rows laid out in turn, of the columns `free` and those that say how they are `spaced`.

    `where` are the link and the column by which rows come one after the other.
    """
    by_name = {one.name: one for one in (*free, by)}
    numbers = [one for one in free if one.kind in NUMBERS][:MOST_COLUMNS]
    guesses = [*_guesses(numbers, by), *spaced]
    found = counted(source, guesses, lambda rows, rules: count_turns(rows, rules, by_name))
    kept = [replace(one, series=where) for one in found if _tells(source, one, by_name)]
    return [*_once(kept), *(replace(one, series=where) for one in _turned(source, free))]


def _guesses(numbers: Sequence[ColumnSketch], by: ColumnSketch) -> list[Rule]:
    made = [Rule("rising", (a.name,), strict=strict) for a in numbers for strict in (False, True)]
    for a, b in permutations(numbers, 2):
        made.append(Rule("carried", (a.name, b.name)))
        made += [Rule("running", (a.name, b.name), how=sign) for sign in "+-"]
    return [rule for rule in made if by.name not in rule.columns]


def _tells(source: Source, rule: Rule, columns: Columns) -> bool:
    """Whether a rule says more than that a column hardly changes from row to row."""
    if rule.kind == "spaced":
        return True
    a = columns[rule.columns[0]]
    x, y = natural_sql(a), natural_sql(a, quoted(f"y {a.name}"))
    moves = f"({x} <> {y})"
    (moved,) = source.one(
        f"SELECT avg({moves}::INTEGER) FROM {source.relation} WHERE {TURN} > 1 AND {moves} IS NOT NULL"
    )
    return (moved or 0.0) > (0.05 if rule.kind == "rising" else 0.5)


def _once(rules: Sequence[Rule]) -> list[Rule]:
    """One explanation a column: what computes it before what only restricts it."""
    kept: dict[str, Rule] = {}
    for rule in sorted(rules, key=lambda one: (one.kind != "running", one.kind != "carried", -one.kept)):
        kept.setdefault(rule.columns[0], rule)
    return list(kept.values())


def _turned(source: Source, columns: Sequence[ColumnSketch]) -> list[Rule]:
    """Columns with few values that turn into each other in fewer ways than chance would have."""
    guesses = []
    for one in [one for one in columns if few(one) and one.kind in ("text", "integer")][:MOST_COLUMNS]:
        was = (
            f"{quoted('y ' + one.name)}" if one.kind == "text" else natural_sql(one, quoted(f"y {one.name}"))
        )
        now = quoted(one.name) if one.kind == "text" else natural_sql(one)
        found = source.all(
            f"SELECT {was} AS a, {now} AS b, count(*) AS n, {source.holders} >= {source.k} AS told "
            f"FROM {source.relation} WHERE {TURN} > 1 AND {was} IS NOT NULL AND {now} IS NOT NULL "
            f"GROUP BY 1, 2 ORDER BY n DESC, 1, 2 LIMIT {MOST_PAIRS + 1}"
        )
        kept = [(a, b, n) for a, b, n, told in found if told]
        if len(found) > MOST_PAIRS or len(kept) < 2:
            continue
        seen = sum(n for _, _, n, _ in found)
        before, after = ({row[side]: 0 for row in kept} for side in (0, 1))
        for a, b, n, _ in found:
            before[a], after[b] = before.get(a, 0) + n, after.get(b, 0) + n
        by_chance = sum(before[a] * after[b] for a, b, _ in kept) / seen**2
        told = sum(n for _, _, n in kept)  # how many turn otherwise, `kept` tells where k do
        pairs = tuple((a, b, round(n / told, 5)) for a, b, n in kept)
        if by_chance < CHANCE:
            guesses.append(Rule("turned", (one.name,), pairs=pairs))
    by_name = {one.name: one for one in columns}
    return counted(source, guesses, lambda rows, rules: count_turns(rows, rules, by_name))
