"""What keeps the totals of a twin right: where the mean of a range lies, and means by what people cut by.

Values beyond the k-th lowest and k-th highest holder count as if they were there, so that no mean tells of
one great value; of a range they count in full where no row has more than a fifth of what is beyond, as in
the dominance rule of official statistics. Groups of fewer than k are left out, and two or three digits kept.
"""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from handrail.twins.columns import Source, quoted
from handrail.twins.mine import NUMBERS
from handrail.twins.models import Bin, ColumnSketch
from handrail.twins.rule_sql import natural_sql
from handrail.twins.rules import Means
from handrail.twins.spread import Spread
from handrail.twins.values import scale

MOST_MEASURES = 8
MOST_DIMENSIONS = 8
MOST_TILES = 60
EVEN = 5  # beyond the ends, no row has more than a fifth
MOMENTS = ("date", "timestamp")


def leaning(spread: Spread, bins: tuple[Bin, ...]) -> tuple[Bin, ...]:
    """The bins of some numbers, each range with the place of their mean between its ends."""
    ranges = [place for place, one in enumerate(bins) if one.kind == "range"]
    if not ranges:
        return bins
    lows = np.array([bins[place].low for place in ranges])
    free = np.flatnonzero(~np.isin(spread.x, [float(one.value or 0) for one in bins if one.kind == "value"]))
    clipped = np.clip(spread.x, bins[ranges[0]].low, bins[ranges[-1]].high)
    # The numbers grow, so those of a range lie side by side; those below all ranges belong to the first.
    starts = np.append(np.searchsorted(spread.x[free], lows), len(free))
    starts[0] = 0
    made = list(bins)
    for number, place in enumerate(ranges):
        one, mine = bins[place], free[starts[number] : starts[number + 1]]
        if one.high <= one.low or not len(mine) or spread.holders(mine) < spread.k:
            continue
        x, inside, n = spread.x[mine], clipped[mine], spread.n[mine]
        beyond = np.abs(x - inside)
        even = not spread.by_holders and beyond.max() * EVEN <= (beyond * n).sum()
        mean = float(np.average(x if even else inside, weights=n))
        made[place] = replace(
            one, lean=round(min(0.98, max(0.02, (mean - one.low) / (one.high - one.low))), 2)
        )
    return tuple(made)


def means_of(source: Source, columns: Sequence[ColumnSketch]) -> tuple[Means, ...]:
    """Means of each measure by each column with few values, and by quarter."""
    free = [one for one in columns if one.role == "model"]
    measures = [one for one in free if one.kind in NUMBERS and _ends(one)][:MOST_MEASURES]
    dimensions = [one for one in free if _few(one) or one.kind in MOMENTS][:MOST_DIMENSIONS]
    if not measures or not dimensions:
        return ()
    picked = [f"{_tile(one)} AS d{place}" for place, one in enumerate(dimensions)]
    picked += [f"{_clipped(one)} AS m{place}" for place, one in enumerate(measures)]
    picked += [f"{source.entity} AS holder"] if source.entity else []
    names = [f"d{place}" for place in range(len(dimensions))]
    held = "count(DISTINCT holder)" if source.entity else "count(*)"
    counted = ["count(m{0})"] * len(measures)
    if source.entity:  # telling holders apart takes longest: where every row has a number, once is enough
        listed = ", ".join(f"count({_clipped(one)})" for one in measures)
        filled, rows = source.one(f"SELECT [{listed}], count(*) FROM {source.relation}")
        some = "count(DISTINCT holder) FILTER (m{0} IS NOT NULL)"
        counted = [held if n == rows else some for n in filled]
    found = source.all(
        f"SELECT grouping_id({', '.join(names)}), coalesce({', '.join(names)}), "
        + ", ".join(f"avg(m{place}), {one.format(place)}" for place, one in enumerate(counted))
        + f" FROM (SELECT {', '.join(picked)} FROM {source.relation}) "
        f"GROUP BY GROUPING SETS ({', '.join(f'({name})' for name in names)}) "
        f"HAVING {held} >= ? ORDER BY ALL",
        [source.k],
    )
    made = []
    for place, dimension in enumerate(dimensions):
        mask = 2 ** len(names) - 1 - 2 ** (len(names) - 1 - place)
        tiles = [row for row in found if row[0] == mask]
        if not 2 <= len(tiles) <= MOST_TILES:
            continue
        for number, measure in enumerate(measures):
            if measure is not dimension:
                known = [
                    (row[1], row[2 + 2 * number], row[3 + 2 * number]) for row in tiles if row[1] is not None
                ]
                kept = tuple((key, _digits(mean)) for key, mean, n in known if n >= source.k)
                if kept:  # in each tile too few may have any number
                    made.append(Means(measure.name, dimension.name, kept))
    return tuple(made)


def _few(column: ColumnSketch) -> bool:
    """Whether all that its values are stands in the sketch, a bin each."""
    return column.kind in ("text", "integer", "boolean", "decimal") and all(
        one.kind in ("null", "value", "other") for one in column.bins
    )


def _ends(column: ColumnSketch) -> tuple[float, float] | None:
    known = [(one.low, one.high) for one in column.bins if one.kind == "range"]
    known += [(float(one.value or 0), float(one.value or 0)) for one in column.bins if one.kind == "value"]
    return (min(low for low, _ in known), max(high for _, high in known)) if known else None


def _clipped(column: ColumnSketch) -> str:
    low, high = _ends(column) or (0.0, 0.0)
    unit = 10.0 ** scale(column.type)
    x = natural_sql(column)  # greatest and least skip what is null, as if it were as small as can be
    return f"CASE WHEN {x} IS NOT NULL THEN least(greatest({x}, {low / unit!r}), {high / unit!r}) END"


def _tile(column: ColumnSketch) -> str:
    """SQL for the text by which a value's tile is called; `calibrate` calls it the same."""
    name = quoted(column.name)
    if column.kind in MOMENTS:
        return f"(year({name}) * 4 + quarter({name}) - 1)::VARCHAR"
    return (
        f"coalesce({name}::VARCHAR, chr(0))" if column.kind == "text" else f"({natural_sql(column)})::VARCHAR"
    )


def _digits(mean: float) -> float:
    return float(f"{mean:.3g}")
