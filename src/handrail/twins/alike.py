"""Draws one value for all rows that point at one row, where the sketch says that they have one.

Each row is drawn by itself first, by all that is known of it. Then each parent takes what was drawn for rows
like its own, dealt out so that each value comes to about as many rows as before.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from handrail.twins.assign import Made
from handrail.twins.draw import Codes, Places
from handrail.twins.models import ColumnSketch, TableSketch
from handrail.twins.repair import repair
from handrail.twins.values import Ints, Values

Floats = NDArray[np.float64]
MANY_PARENTS = 20_000  # of more, each takes what its first row was drawn: all together come out right


def dealt_by_parent(
    table: TableSketch,
    one: Made,
    column: ColumnSketch,
    cell: Ints,
    drawn: tuple[Codes, Places],
    rng: np.random.Generator,
) -> tuple[Codes, Places]:
    """The bins and places that were drawn, dealt out anew so that all rows of a parent have one.

    `cell` is what each row was drawn by. A text that is not told, since fewer than k rows share it, is not
    given to a parent with more of them. Rows that point nowhere keep theirs.
    """
    points = one.points[column.alike]
    parents = _Parents(points)
    if not len(parents.first):
        return drawn
    chosen = parents.first
    if len(chosen) <= MANY_PARENTS:
        rare = len(column.bins) if column.kind == "text" else -1  # as `_values` numbers the last bin
        group = _together(table, one, column, cell)
        chosen = _dealt(parents, group, _values(column, drawn), rare, one.k, rng)
    codes, places = drawn[0].copy(), drawn[1].copy()
    codes[parents.rows], places[parents.rows] = (of[chosen][parents.which] for of in drawn)
    return codes, places


def say_alike(table: TableSketch, one: Made, rng: np.random.Generator) -> None:
    """Let all rows of a parent say what its first row says, in `one`, once that keeps the rules about it."""
    for link in dict.fromkeys(column.alike for column in table.columns if column.alike):
        parents = _Parents(one.points[link])
        if not len(parents.first):
            continue
        own = [column.name for column in table.columns if column.alike == link and column.name in one.values]
        given = [
            column.name
            for column in table.columns
            if column.copies and column.copies[0] == link and column.name in one.values
        ]
        said = {name: one.values[name].take(parents.first) for name in (*own, *given)}
        said = repair(table, said, rng, frozenset(given))
        for name in own:
            array, valid = one.values[name].array.copy(), one.values[name].valid.copy()
            spread = said[name].take(parents.which)
            array[parents.rows], valid[parents.rows] = spread.array, spread.valid
            one.values[name] = Values(array, valid)


class _Parents:
    """The parents that rows point at: the first row of each, and which of them each row that points has."""

    def __init__(self, points: Ints) -> None:
        there = np.flatnonzero(points >= 0)
        _, first, which = np.unique(points[there], return_index=True, return_inverse=True)
        self.rows = there
        self.first: Ints = there[first].astype(np.int64)
        self.which: Ints = which.ravel().astype(np.int64)
        self.sizes: Ints = np.bincount(self.which, minlength=len(first)).astype(np.int64)


def _dealt(parents: _Parents, group: Ints, value: Ints, rare: int, k: int, rng: np.random.Generator) -> Ints:
    """For each parent the row whose draw it takes, among the rows of its group.

    The parents with most rows choose first, among the values that still lack as many rows, by how many each
    lacks; where none does, they take the one that lacks most. Those with `k` rows or more take the `rare` one
    only where there is no other.
    """
    rows = parents.rows
    _, group = np.unique(group[rows], return_inverse=True)
    kinds, value = np.unique(value[rows], return_inverse=True)
    pairs, pair = np.unique(group.ravel() * len(kinds) + value.ravel(), return_inverse=True)
    pair = pair.ravel()
    lacking = np.bincount(pair).astype(np.float64)
    of_all = np.bincount(value.ravel()).astype(np.float64)
    kind_of = pairs % len(kinds)
    starts = np.searchsorted(pairs // len(kinds), np.arange(int(group.max()) + 2))
    by_pair = np.lexsort((rng.random(len(rows)), pair))
    first_of_pair = np.searchsorted(pair[by_pair], np.arange(len(pairs)))
    group_of = np.empty(len(parents.first), dtype=np.int64)
    group_of[parents.which] = group.ravel()
    taken = np.zeros(len(pairs), dtype=np.int64)
    size_of = np.bincount(pair)
    chosen = np.empty(len(parents.first), dtype=np.int64)
    few = kinds[kind_of] == rare
    for one in np.lexsort((rng.random(len(parents.first)), -parents.sizes)):
        size, at = int(parents.sizes[one]), np.arange(*starts[group_of[one] : group_of[one] + 2])
        if k and size >= k and not few[at].all():
            at = at[~few[at]]
        lack = np.minimum(lacking[at], of_all[kind_of[at]])
        picked = at[int(np.argmax(lack))]
        if (lack >= size).any():
            weights = np.where(lack >= size, lack, 0.0)
            picked = at[int(rng.choice(len(at), p=weights / weights.sum()))]
        lacking[picked] -= size
        of_all[kind_of[picked]] -= size
        chosen[one] = rows[by_pair[first_of_pair[picked] + taken[picked] % size_of[picked]]]
        taken[picked] += 1
    return chosen


def _together(table: TableSketch, one: Made, column: ColumnSketch, cell: Ints) -> Ints:
    """The group of each row: what it was drawn by, and what the columns say that go together with it in lists
    and are one value for each parent too."""
    group = np.unique(cell, return_inverse=True)[1].ravel()
    for rule in table.rules:
        if rule.kind != "accepted" or column.name not in rule.columns:
            continue
        (other,) = (name for name in rule.columns if name != column.name)
        theirs = table.column(other)
        link = theirs.alike or (theirs.copies or ("", ""))[0]
        if other in one.codes and link == column.alike:
            said = _values(theirs, (one.codes[other], one.places.get(other, np.zeros(one.rows, np.float32))))
            _, said = np.unique(said, return_inverse=True)
            _, group = np.unique(group * (int(said.max()) + 1) + said.ravel(), return_inverse=True)
            group = group.ravel()
    return group.astype(np.int64)


def _values(column: ColumnSketch, drawn: tuple[Codes, Places]) -> Ints:
    """A number for each row that differs where values do: its bin, and in a pool its text."""
    codes, places = drawn
    found = codes.astype(np.int64) + 1
    for code, one in enumerate(column.bins):
        if one.kind == "pool":
            rows = np.flatnonzero(codes == code)
            laid = np.cumsum(one.shares) / sum(one.shares)
            picked = np.minimum(np.searchsorted(laid, places[rows], side="right"), len(laid) - 1)
            found[rows] = len(column.bins) + 1 + picked
    return found
