"""Brings the means of a twin's numbers, cut as people cut them, to those that the sketch knows.

No value is changed. Rows exchange values, or the rows of another table that they add up, with others of
about the same size, until the means of the groups fit: the place of each row by size is leaned by how far its
groups are off (iterative proportional fitting, Deming and Stephan 1940, of ranks), and the values are dealt
out in that order.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from handrail.twins.assign import Made, reorder
from handrail.twins.holds import computed, natural, places
from handrail.twins.link_keys import copy_keys
from handrail.twins.mine_totals import ROWS
from handrail.twins.models import ColumnSketch, LinkSketch, TableSketch
from handrail.twins.repair import sums
from handrail.twins.rules import Means, Rule
from handrail.twins.series import still
from handrail.twins.values import Ints, Values

Floats = NDArray[np.float64]
Tiles = list[tuple[Ints, Floats]]  # the tile of each row, -1 for none, and the wanted mean of each tile
Known = dict[tuple[str, tuple[str, ...]], tuple[Values, Ints]]  # a column and its tiles: those of all rows
ROUNDS = 8
MANY_ROWS = 300_000  # beyond, means come out right by themselves
NEAR = 0.02  # relative difference that needs no work
DAMPED = 0.7
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # how far the order of an input follows what its results should be


def calibrate(table: TableSketch, one: Made) -> None:
    """Let the rows of a table exchange values of each measure that is drawn, not computed."""
    made = {rule.target for rule in table.rules} | still(table) | _explaining(table) | repeats(table)
    known: Known = {}
    for name in dict.fromkeys(means.measure for means in table.means):
        values = one.values.get(name)
        if name in made or values is None or one.rows > MANY_ROWS:
            continue
        rows = np.flatnonzero(values.valid)
        items = natural(table.column(name), values)[rows]
        _exchange(
            one, name, rows, dealt(items, items, _together(rows), _tiles(table, one, name, rows, known))
        )
    for rule in (rule for rule in table.rules if rule.kind == "formula" and one.rows <= MANY_ROWS):
        if set(rule.columns) <= one.values.keys() - still(table):
            _fit(table, one, rule)


def repeats(table: TableSketch) -> frozenset[str]:
    """The columns that repeat what stands in another table's row, or in other rows that point at the same:
    nothing that belongs to one row alone may change them."""
    return frozenset(column.name for column in table.columns if column.copies is not None or column.alike)


def _explaining(table: TableSketch) -> set[str]:
    """Numbers of few values, each by itself in the sketch, by which other columns are drawn.

    To exchange one would tear apart what goes together, as a code and its kind, for the sake of a mean.
    """
    needed = {name for column in table.columns for link, name in column.parents if not link}
    return {
        column.name
        for column in table.columns
        if column.name in needed and not any(one.kind == "range" for one in column.bins)
    }


def _fit(table: TableSketch, one: Made, rule: Rule) -> None:
    """Let rows exchange the finest input of a formula until its results are in the order that was drawn.

    What repeats another row's is left where it is: a price goes with its product. A result that is computed
    from inputs drawn apart strays from what was drawn for it. Of several lengths to go, the one is taken that
    brings the mean of all results nearest to the drawn.
    """
    columns = {name: table.column(name) for name in rule.columns}
    free = [name for name in rule.columns[1:3] if name not in repeats(table)]
    if not free:
        return
    made = computed(rule, columns, one.values)
    target = rule.columns[0]
    finest = max(free, key=lambda name: len(columns[name].bins))
    rows = np.flatnonzero(made.valid & one.values[target].valid)
    items = natural(columns[finest], one.values[finest])[rows]
    wanted, found = natural(columns[target], one.values[target])[rows], made.array[rows]
    if rule.how in ("b + c", "b - c"):
        sign = -1.0 if rule.how == "b - c" and finest == rule.columns[2] else 1.0
        by = sign * (wanted - found)
        tried = [items + share * by for share in SHARES]
    else:
        by = np.divide(wanted, found, out=np.ones(len(rows)), where=(found > 0) & (wanted > 0))
        tried = [items * by**share for share in SHARES]
    dealt_out = [dealt(keys, items, _together(rows), []) for keys in tried]
    here = {name: one.values[name].take(rows) for name in rule.columns}
    off = []
    for got in dealt_out:
        made = computed(rule, columns, {**here, finest: here[finest].take(got)})
        off.append(abs(float(made.array.mean() - wanted.mean())) if len(rows) else 0.0)
    _exchange(one, finest, rows, dealt_out[int(np.argmin(off))])


def _together(rows: Ints) -> Ints:
    return np.zeros(len(rows), dtype=np.int64)


def _exchange(one: Made, name: str, rows: Ints, got: Ints) -> None:
    """Give each of the rows the value, and the bin, of the one that it was dealt."""
    values = one.values[name]
    array = values.array.copy()
    array[rows] = values.array[rows[got]]
    one.values[name] = Values(array, values.valid)
    if name in one.codes:
        codes = one.codes[name].copy()
        codes[rows] = one.codes[name][rows[got]]
        one.codes[name] = codes


def regroup(table: TableSketch, made: Mapping[str, Made]) -> None:
    """Deal the rows that a total of this table adds up out again, in the order of the totals that were drawn.

    Only among rows with as many of them, and alike in all that these rows depend on.
    """
    one = made[table.name]
    for rule in [rule for rule in table.rules if rule.child and rule.child[2] != ROWS][:1]:
        child, name, _ = rule.child or ("", "", "")
        there = made[child]
        link = next(own for own in there.sketch.links if own.name == name)
        if there.keys.keys() & set(link.columns):
            return  # other links of these rows agree with this one
        added = sums(rule, one, made)
        rows = np.flatnonzero(added.valid)
        drawn = one.values[rule.columns[0]]
        keys = np.where(drawn.valid, natural(table.column(rule.columns[0]), drawn), 0.0)
        groups = _alike(one, there, link, rule, rows)
        got = dealt(keys[rows], added.array[rows], groups, _tiles(table, one, rule.columns[0], rows, {}))
        moved = np.arange(one.rows + 1)
        moved[rows[got]], moved[-1] = rows, -1
        there.points[name] = moved[there.points[name]]
        _in_order(there, link, made)
        copy_keys(link, one, there.points[name], there)


def dealt(keys: Floats, items: Floats, groups: Ints, tiles: Tiles) -> Ints:
    """Which item each row gets, within its group: by the rank of its key, leaned until the means fit."""
    several = bool((groups != groups[:1]).any())
    in_order = np.lexsort((items, groups) if several else (items,))
    leaned = np.ones(len(keys))
    best, best_off = np.arange(len(keys)), np.inf
    usable = bool(len(items)) and items.min() >= 0
    for _ in range(ROUNDS if usable and tiles else 1):
        got = np.empty(len(keys), dtype=np.int64)
        got[np.lexsort((keys * leaned, groups) if several else (keys * leaned,))] = in_order
        ratios = [_ratio(codes, wanted, items[got]) for codes, wanted in tiles]
        off = float(np.mean([np.abs(np.log(ratio)).mean() for ratio, _ in ratios])) if ratios else 0.0
        if off < best_off:
            best, best_off = got, off
        if all(np.abs(ratio - 1).max(initial=0) < NEAR for ratio, _ in ratios):
            break
        for ratio, codes in ratios:
            leaned *= np.where(codes >= 0, ratio[codes], 1.0) ** DAMPED
    return best


def _ratio(codes: Ints, wanted: Floats, values: Floats) -> tuple[Floats, Ints]:
    """How much greater each tile's mean should be, the whole left as it is."""
    known = codes >= 0
    count = np.bincount(codes[known], minlength=len(wanted))
    total = np.bincount(codes[known], values[known], len(wanted))
    full = (count > 0) & (total > 0) & (wanted > 0)
    ratio = np.ones(len(wanted))
    if full.any():
        whole = (wanted * count)[full].sum() / total[full].sum()
        ratio[full] = wanted[full] * count[full] / total[full] / whole
    return np.clip(ratio, 0.25, 4.0), codes


def _tiles(table: TableSketch, one: Made, measure: str, rows: Ints, known: Known) -> Tiles:
    """The tiles of some rows by each column that a measure's means are cut by; `known` are those of all rows,
    for several measures are cut by the same."""
    tiles = []
    for means in table.means:
        values = one.values.get(means.by)
        if means.measure != measure or values is None:
            continue
        cut = means.by, tuple(tile for tile, _ in means.means)
        of, codes = known.get(cut, (None, None))
        if codes is None or of is not values:  # which may have been exchanged themselves
            codes = tile_codes(table.column(means.by), values, means)
            known[cut] = values, codes
        tiles.append((codes[rows], np.array([mean for _, mean in means.means])))
    return tiles


def tile_codes(column: ColumnSketch, values: Values, means: Means) -> Ints:
    """The place of each row's tile among those of the means, -1 for others."""
    if column.kind not in ("date", "timestamp"):
        texts = [None if tile == "\0" else tile for tile, _ in means.means]
        return places(column, values, texts if column.kind == "text" else [float(one or 0) for one in texts])
    unit = "datetime64[D]" if column.kind == "date" else "datetime64[us]"
    months = values.array.astype(np.int64).astype(unit).astype("datetime64[M]").astype(np.int64)
    quarters = np.array([int(tile) for tile, _ in means.means])
    asked = np.where(values.valid, 1970 * 4 + months // 3, -1)
    order = np.argsort(quarters)
    near = order[np.minimum(np.searchsorted(quarters[order], asked), len(order) - 1)]
    return np.where(quarters[near] == asked, near, -1)


def _alike(one: Made, there: Made, link: LinkSketch, rule: Rule, rows: Ints) -> Ints:
    """One number for rows that have as many rows pointing at them, which depend on the same."""
    points = there.points[link.name]
    group = np.bincount(points[points >= 0], minlength=one.rows)[rows]
    needed = {name for column in there.sketch.columns for via, name in column.parents if via == link.name}
    for name in sorted(needed - {rule.columns[0]}):
        if name in one.codes and not name.startswith("#"):
            _, group = np.unique(group * 1000 + one.codes[name][rows] + 1, return_inverse=True)
    return group.astype(np.int64)


def _in_order(there: Made, link: LinkSketch, made: Mapping[str, Made]) -> None:
    """Sort rows by what they point at, as they were drawn, where nothing hangs on their place."""
    hangs = any(own.to == there.sketch.name for other in made.values() for own in other.sketch.links)
    if not hangs and there.sketch.sorted_by is None and there.sketch.links[0].name == link.name:
        reorder(there, np.argsort(there.points[link.name], kind="stable"))
