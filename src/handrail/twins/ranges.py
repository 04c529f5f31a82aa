"""Sketches the numbers of one column: common values alone, and ranges cut into pieces that k or more share.

A range is a bin, coarse enough that k rows fall into most pairs of bins. Its pieces are finer and only shape
the numbers within it. What lies beyond the k-th lowest and k-th highest holder is not kept: how far the tails
reach is extrapolated from the k-th, 2k-th, 4k-th and so on to the 32k-th, on the same side of zero. Their
shape is Pickands's (1975), but the one that fits all distances between these: two of them are mostly chance.
"""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from handrail.twins.columns import MOST_BINS, Source, carry, held
from handrail.twins.models import Bin

MOST_PIECES = 256
RANKS = 6  # of a tail: the k-th number, the 2k-th, and so on to the 32k-th
USUAL = -0.3  # shape of a tail that few numbers tell of: it ends, but not at once
SURE = 2.0  # how much that counts for, beside 1, 2 and 4 for the first distances and 4 for each of the others
LONGEST = 0.25  # shape


@dataclass(frozen=True)
class _Point:
    """A number, how many rows are below it, and whether a bin ends there."""

    x: float
    below: float
    edge: bool = False


def number_bins(source: Source, value: str, step: float, ranks: int = RANKS) -> tuple[Bin, ...]:
    """Null, then common values alone and ranges of about equal depth, the lowest first.

    `ranks` are those that the tails are judged by.
    """
    source.con.execute(
        f"CREATE OR REPLACE TEMP TABLE spread AS SELECT x, count(*) AS n, {held(source)} AS held "
        f"FROM {_carried(source, value)} WHERE x IS NOT NULL GROUP BY x"
    )
    distinct, filled = source.one("SELECT count(*), coalesce(sum(n), 0) FROM spread")
    few = distinct <= MOST_BINS
    alone = 1 if few else max(1, math.ceil(filled / MOST_BINS))
    common = source.all(
        "SELECT x, n FROM spread WHERE held >= ? AND n >= ? ORDER BY n DESC, x LIMIT ?",
        [source.k, alone, MOST_BINS if few else MOST_BINS // 2],
    )
    spikes = sorted(float(x) for x, _ in common)
    bins = [Bin("null"), *(Bin("value", value=spike) for spike in spikes)]
    if len(spikes) < distinct:
        bins += _ranges(source, value, spikes, int(filled - sum(n for _, n in common)), step, ranks)
    return (bins[0], *sorted(bins[1:], key=_least))


def _least(one: Bin) -> float:
    return one.low if one.kind == "range" else float(one.value or 0)


def _ranges(source: Source, value: str, spikes: list[float], rows: int, step: float, ranks: int) -> list[Bin]:
    """Ranges for the `rows` that have no common value."""
    if rows < source.k:
        return []
    source.con.execute(
        "CREATE OR REPLACE TEMP TABLE summed AS SELECT x, n, sum(n) OVER (ORDER BY x) - n AS below "
        "FROM spread WHERE NOT list_contains(?::DOUBLE[], x)",
        [spikes],
    )
    low, high = (_tail(source, value, side, ranks) for side in ("below", "above"))
    if not low or not high or low[0] > high[0]:
        return _middle(source, step)
    under, over = source.one(
        "SELECT coalesce(sum(n) FILTER (x < ?), 0), coalesce(sum(n) FILTER (x > ?), 0) FROM summed",
        [low[0], high[0]],
    )
    first, last = (max(1, round(n / source.k)) * source.k for n in (under, over))  # not who is out there
    if first + last > rows:
        return _middle(source, step)
    width = (high[0] - low[0]) * source.k / max(source.k, rows - first - last)
    inner = _inner(source, value, rows, (low[0], high[0]), (first, last))
    line = _rounded(
        [
            *(_Point(x, first * left) for x, left in reversed(_reach(low, width, -1))),
            _Point(low[0], first),
            *_edges(inner, rows, max(1, min(source.bins, MOST_BINS - len(spikes), rows // (2 * source.k)))),
            _Point(high[0], rows - last),
            *(_Point(x, rows - last * left) for x, left in _reach(high, width, 1)),
        ],
        step,
    )
    end = line[-1].x + (step or max(abs(line[-1].x) * 1e-9, 1e-9))
    return _cut([_Point(line[0].x, 0), *line[1:], _Point(end, rows)])


def _middle(source: Source, step: float) -> list[Bin]:
    """One range for too few rows to cut: an even spread with their mean and mean distance from it, which one
    great value moves less than a deviation."""
    mean, apart, least = source.one(
        "SELECT any_value(m), sum(abs(x - m) * n) / sum(n), min(sign(x)) FROM summed, "
        "(SELECT sum(x * n) / sum(n) AS m FROM summed)"
    )
    low, high = mean - 2 * apart, mean + 2 * apart
    if not math.isfinite(high - low):  # as great as a float can be
        return []
    low = max(low, 0.0) if least >= 0 else low
    unit = _unit((high - low) / 4, step)
    bottom, top = _round(low, unit), _round(high, unit)
    return [Bin("range", low=bottom, high=max(top, bottom) + (step or unit or 1e-9))]


def _tail(source: Source, value: str, side: str, most: int) -> list[float]:
    """The k-th, 2k-th, 4k-th … number from one end, as far as half of the rows go; holders count once."""
    ranks = [source.k * 2**place for place in range(most)]
    if source.entity:
        of, way = ("min", "ASC") if side == "below" else ("max", "DESC")
        found = source.all(
            f"SELECT v, total FROM (SELECT v, row_number() OVER (ORDER BY v {way}) AS place, "
            f"count(*) OVER () AS total FROM (SELECT {of}(x) AS v FROM {_carried(source, value)} "
            "SEMI JOIN summed USING (x) GROUP BY holder)) WHERE list_contains(?, place) ORDER BY place",
            [ranks],
        )
        return [float(v) for (v, total), rank in zip(found, ranks, strict=False) if rank * 2 <= total]
    if side == "below":
        picked = ", ".join(f"max(x) FILTER (below < {rank})" for rank in ranks)
    else:
        picked = ", ".join(f"min(x) FILTER (total - below - n < {rank})" for rank in ranks)
    *numbers, total = source.one(
        f"SELECT {picked}, any_value(total) FROM (SELECT *, sum(n) OVER () AS total FROM summed)"
    )
    return [float(v) for v, rank in zip(numbers, ranks, strict=True) if rank * 2 <= total]


def _reach(tail: list[float], width: float, way: int) -> list[tuple[float, float]]:
    """How far the rows beyond the k-th go, nearest first: number, and the share of them still beyond it.

    `width` is what an even spread would take, for too few rows to know better.
    """
    if len(tail) > 1 and tail[0] == tail[1]:
        return []
    first, shape = _shape(tail) if len(tail) > 1 else (width, -1.0)
    found = []
    for left, beyond in ((0.5, 0.5), (0.25, 0.25), (0.05, 0.0)):
        grown = -math.log2(left) if abs(shape) < 0.01 else (left**-shape - 1) / (1 - 2**-shape)
        end = tail[0] + way * first * grown
        if math.isfinite(end):
            found.append((0.0 if tail[0] * end <= 0 else end, beyond))
    return found


def _shape(tail: list[float]) -> tuple[float, float]:
    """The distance from the k-th number to the 2k-th, and by which power of two distances grow outwards.

    A line through the logarithms of all distances, by least squares, in which those that rest on more numbers
    count for more, and which leans towards the usual shape.
    """
    apart = [(place, abs(a - b)) for place, (a, b) in enumerate(pairwise(tail)) if a != b]
    known = [(min(2.0**place, 4.0), place, math.log2(gap)) for place, gap in apart if math.isfinite(gap)]
    if not known:
        return 0.0, USUAL
    if len(tail) == 3 and len(known) == 2:  # as Pickands has it
        (_, _, first), (_, _, second) = known
        return 2.0**first, min(LONGEST, max(-1.0, first - second))
    whole = sum(weight for weight, _, _ in known)
    middle = sum(weight * place for weight, place, _ in known) / whole
    height = sum(weight * gap for weight, _, gap in known) / whole
    across = sum(weight * (place - middle) ** 2 for weight, place, _ in known)
    fall = sum(weight * (place - middle) * (gap - height) for weight, place, gap in known)
    shape = min(LONGEST, max(-1.0, (SURE * USUAL - fall) / (SURE + across)))
    return 2.0 ** min(1023.0, height + shape * middle), shape


def _inner(
    source: Source, value: str, rows: int, ends: tuple[float, float], outside: tuple[int, int]
) -> list[_Point]:
    """Numbers at about even distances in rank, each k rows (and holders) or more after the one before, also
    once they are rounded."""
    apart = source.k * 3 // 2
    pieces = max(1, min(MOST_PIECES, rows // apart))
    found = source.all(
        "SELECT min(x) AS v, min(below) FROM summed WHERE x > ? AND x < ? "
        f"GROUP BY below * {pieces} // {rows} ORDER BY v",
        ends,
    )
    holders: dict[int, int] = {}
    if source.entity and found:
        numbers = [x for x, _ in found]
        counted = source.all(
            f"SELECT place, count(DISTINCT holder) FROM {_carried(source, value)} AS r ASOF JOIN "
            "(SELECT unnest(?::DOUBLE[]) AS v, generate_subscripts(?::DOUBLE[], 1) - 1 AS place) AS p "
            "ON r.x >= p.v SEMI JOIN summed ON r.x = summed.x GROUP BY place",
            [numbers, numbers],
        )
        holders = {int(place): int(n) for place, n in counted}
    kept: list[_Point] = []
    before, enough = float(outside[0]), True
    for place, (x, below) in enumerate(found):
        if enough and below - before >= apart and rows - outside[1] - below >= apart:
            kept.append(_Point(float(x), float(below)))
            before, enough = float(below), not source.entity
        enough = enough or holders.get(place, 0) >= source.k
    return kept if enough else kept[:-1]


def _edges(points: list[_Point], rows: int, wanted: int) -> list[_Point]:
    """The same points; those at about even distances are the edges of `wanted` bins."""
    depth, found = rows / wanted, []
    target = depth
    for point in points:
        edge = point.below >= target and rows - point.below >= depth / 2
        if edge:
            target = (math.floor(point.below / depth) + 1) * depth
        found.append(_Point(point.x, point.below, edge))
    return found


def _rounded(points: list[_Point], step: float) -> list[_Point]:
    """Numbers with no more digits than their distances need, strictly growing."""
    line: list[_Point] = []
    for place, point in enumerate(points):
        gaps = [abs(point.x - points[at].x) for at in (place - 1, place + 1) if 0 <= at < len(points)]
        number = _round(point.x, _unit(min((gap for gap in gaps if gap), default=0.0) / 8, step))
        if not line or number > line[-1].x:
            line.append(_Point(number, point.below, point.edge))
    return line


def _cut(line: list[_Point]) -> list[Bin]:
    """Bins between the edges, with the pieces inside them."""
    ends = [0, *(i for i, point in enumerate(line) if point.edge and 0 < i < len(line) - 1), len(line) - 1]
    bins = []
    for a, b in pairwise(ends):
        part = line[a : b + 1]
        knots = tuple(point.x for point in part[1:-1])
        total = part[-1].below - part[0].below or 1.0
        shares = tuple(round((y.below - x.below) / total, 4) for x, y in pairwise(part))
        bins.append(Bin("range", low=part[0].x, high=part[-1].x, knots=knots, shares=shares if knots else ()))
    return bins


def _carried(source: Source, value: str) -> str:
    return f"(SELECT {value} AS x{carry(source)} FROM {source.relation})"


def _unit(raw: float, step: float) -> float:
    """The power of ten of steps that is not above `raw`."""
    if raw <= 0 or not math.isfinite(raw) or (step and raw <= step):
        return step
    if not step:
        return 10.0 ** math.floor(math.log10(raw))
    return float(step * 10.0 ** math.floor(math.log10(raw / step)))


def _round(value: float, unit: float) -> float:
    return float(f"{round(round(value / unit, 6)) * unit:.12g}") if unit else float(value)
