"""Sketches the numbers of one column: common values alone, and ranges cut into pieces that k or more share.

A range is a bin, coarse enough that k rows fall into most pairs of bins. Its pieces are finer and only shape
the numbers within it. What lies beyond the k-th lowest and k-th highest holder is not kept: how far the tails
reach is extrapolated on the same side of zero, as a generalised Pareto tail (Pickands 1975) that fits the
distances between the k-th number, the 2k-th, and so on to the 32k-th, and the mean distance of k holders from
the k-th. That mean is about k, each of whom counts for at most `FARTHEST`, and it is written coarsely: one
number far from all others moves it little. Without it, few rows do not tell an even spread from a bell.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from handrail.twins.columns import MOST_BINS
from handrail.twins.models import Bin
from handrail.twins.spread import Floats, Spread
from handrail.twins.values import Ints, Mask

MOST_PIECES = 256
RANKS = 6  # of a tail: the k-th number, the 2k-th, and so on to the 32k-th
USUAL = -0.3  # shape of a tail that few numbers tell of: it ends, but not at once
SURE = 2.0  # how much that counts for, beside 1, 2 and 4 for the first distances and 4 for each of the others
MEAN = 2.0  # and how much the mean counts for
LONGEST = 0.25  # shape
SHAPES = np.linspace(-1.0, LONGEST, 26)
FARTHEST = 6.0  # distances from the k-th to the 2k-th at which a number counts as lying at most
PARTS = 8  # of such a distance, in which the mean is written


@dataclass(frozen=True)
class _Tail:
    """One end of the numbers: those of some ranks, the k-th first, and how far k holders lie beyond it."""

    ranks: tuple[float, ...]
    apart: float  # from the k-th number to the 2k-th
    mean: float  # distance from the k-th, in parts of `apart`


@dataclass(frozen=True)
class _Point:
    """A number, how many rows are below it, and whether a bin ends there."""

    x: float
    below: float
    edge: bool = False


def number_bins(spread: Spread, step: float, ranks: int = RANKS) -> tuple[Bin, ...]:
    """Null, then common values alone and ranges of about equal depth, the lowest first.

    `ranks` are those that the tails are judged by.
    """
    distinct, filled = len(spread.x), int(spread.n.sum())
    few = distinct <= MOST_BINS
    alone = 1 if few else max(1, math.ceil(filled / MOST_BINS))
    common = np.flatnonzero((spread.held >= spread.k) & (spread.n >= alone))
    common = common[np.argsort(-spread.n[common], kind="stable")][: MOST_BINS if few else MOST_BINS // 2]
    bins = [Bin("null"), *(Bin("value", value=float(x)) for x in np.sort(spread.x[common]))]
    if len(common) < distinct:
        bins += _ranges(spread, common, step, ranks)
    return (bins[0], *sorted(bins[1:], key=_least))


def _least(one: Bin) -> float:
    return one.low if one.kind == "range" else float(one.value or 0)


def _ranges(spread: Spread, common: Ints, step: float, ranks: int) -> list[Bin]:
    """Ranges for the rows that have no common value."""
    rest = np.ones(len(spread.x), dtype=bool)
    rest[common] = False
    x, n = spread.x[rest], spread.n[rest]
    rows = int(n.sum())
    if rows < spread.k:
        return []
    ends = [spread.ranked(rest, upwards) for upwards in (True, False)]
    lower, upper = (_ranks(end, spread.k, ranks) for end in ends)
    if not lower or not upper or lower[0] > upper[0]:
        return _middle(x, n, step)
    low, high = lower[0], upper[0]
    under, over = int(n[x < low].sum()), int(n[x > high].sum())
    k = spread.k
    first, last = (max(1, round(n / k)) * k for n in (under, over))  # not who is out there
    if first + last > rows:
        return _middle(x, n, step)
    width = (high - low) * k / max(k, rows - first - last)
    below, above = _tail(ends[0], k, lower, width), _tail(ends[1], k, upper, width)
    inner = _inner(spread, rest, (low, high), (first, last))
    line = _rounded(
        [
            *(_Point(x, first * left) for x, left in reversed(_reach(below, -1))),
            _Point(low, first),
            *_edges(inner, rows, max(1, min(spread.bins, MOST_BINS - len(common), rows // (2 * k)))),
            _Point(high, rows - last),
            *(_Point(x, rows - last * left) for x, left in _reach(above, 1)),
        ],
        step,
    )
    end = line[-1].x + (step or max(abs(line[-1].x) * 1e-9, 1e-9))
    return _cut([_Point(line[0].x, 0), *line[1:], _Point(end, rows)])


def _middle(x: Floats, n: Ints, step: float) -> list[Bin]:
    """One range for too few rows to cut: an even spread with their mean and mean distance from it, which one
    great value moves less than a deviation."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float((x * n).sum() / n.sum())
        apart = float((np.abs(x - mean) * n).sum() / n.sum())
    low, high = mean - 2 * apart, mean + 2 * apart
    if not math.isfinite(high - low):  # as great as a float can be
        return []
    low = max(low, 0.0) if x.min() >= 0 else low
    unit = _unit((high - low) / 4, step)
    bottom, top = _round(low, unit), _round(high, unit)
    return [Bin("range", low=bottom, high=max(top, bottom) + (step or unit or 1e-9))]


def _ranks(end: tuple[Floats, Ints], k: int, most: int) -> tuple[float, ...]:
    """The k-th, 2k-th, 4k-th … number from one end, as far as half of the rows go; holders count once."""
    x, counted = end
    ranks = [k * 2**place for place in range(most)]
    reached = [rank for rank in ranks if len(x) and rank * 2 <= counted[-1]]
    return tuple(float(x[np.searchsorted(counted, rank)]) for rank in reached)


def _tail(end: tuple[Floats, Ints], k: int, ranks: tuple[float, ...], width: float) -> _Tail:
    """What is known of one end; `width` is what k rows of an even spread would take, for a single rank."""
    apart = abs(ranks[0] - ranks[1]) if len(ranks) > 1 else width
    if not 0 < apart < math.inf:
        return _Tail(ranks, 0.0, 0.0)
    x, counted = end
    at = int(np.searchsorted(counted, k))
    each = np.diff(np.minimum(counted[: at + 1], k), prepend=0)  # of the k nearest to the end
    far = np.minimum(np.abs(x[: at + 1] - ranks[0]) / apart, FARTHEST)
    mean = float((far * each).sum()) / max(1, k - 1)  # the k-th itself lies at no distance
    return _Tail(ranks, apart, max(1, round(mean * PARTS)) / PARTS)


def _reach(tail: _Tail, way: int) -> list[tuple[float, float]]:
    """How far the rows beyond the k-th go, nearest first: number, and the share of them still beyond it."""
    if not tail.apart:
        return []
    shape, found = _shape(tail.ranks, tail.mean), []
    scale = tail.mean * tail.apart * (1 - shape)
    for left, beyond in ((0.5, 0.5), (0.25, 0.25), (0.05, 0.0)):
        end = tail.ranks[0] + way * scale * float(_grown(shape, left))
        if math.isfinite(end):
            found.append((0.0 if tail.ranks[0] * end <= 0 else end, beyond))
    return found


def _shape(ranks: Sequence[float], mean: float) -> float:
    """By which power of two the distances between ranks grow outwards.

    The slope of a line through the logarithms of all distances, by least squares, in which those that rest on
    more numbers count for more. It leans towards the usual shape, and towards the one by which k numbers lie
    as far out as they do on average.
    """
    apart = [(place, abs(a - b)) for place, (a, b) in enumerate(pairwise(ranks)) if a != b]
    known = [(min(2.0**place, 4.0), place, math.log2(gap)) for place, gap in apart if math.isfinite(gap)]
    whole = sum(weight for weight, _, _ in known) or 1.0
    middle = sum(weight * place for weight, place, _ in known) / whole
    height = sum(weight * gap for weight, _, gap in known) / whole
    across = sum(weight * (place - middle) ** 2 for weight, place, _ in known)
    fall = sum(weight * (place - middle) * (gap - height) for weight, place, gap in known)
    means = (1 / (1 - SHAPES)) / -_grown(SHAPES, 2.0)  # in distances from the k-th to the 2k-th
    fitting = float(SHAPES[np.argmin(np.abs(means - mean))])
    return min(LONGEST, max(-1.0, (SURE * USUAL + MEAN * fitting - fall) / (SURE + MEAN + across)))


def _grown(shape: Floats | float, left: float) -> Floats:
    """How far beyond the k-th lies what leaves the share `left` beyond itself; below 0 for shares above 1."""
    safe = np.where(np.abs(shape) < 0.01, 0.01, shape)
    return np.where(np.abs(shape) < 0.01, -math.log(left), (left**-safe - 1) / safe)


def _inner(spread: Spread, rest: Mask, ends: tuple[float, float], outside: tuple[int, int]) -> list[_Point]:
    """Numbers at about even distances in rank, each k rows (and holders) or more after the one before, also
    once they are rounded."""
    x, n = spread.x[rest], spread.n[rest]
    rows, below = int(n.sum()), np.cumsum(n) - n
    apart = spread.k * 3 // 2
    pieces = max(1, min(MOST_PIECES, rows // apart))
    within = np.flatnonzero((x > ends[0]) & (x < ends[1]))
    place = below[within] * pieces // rows
    starts = within[np.flatnonzero(np.diff(place, prepend=-1))]
    holders = spread.holders_between(rest, x[starts])
    kept: list[_Point] = []
    before, enough = float(outside[0]), True
    for number, under, held in zip(x[starts].tolist(), below[starts].tolist(), holders, strict=True):
        if enough and under - before >= apart and rows - outside[1] - under >= apart:
            kept.append(_Point(number, float(under)))
            before, enough = float(under), not spread.by_holders
        enough = enough or held >= spread.k
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


def _unit(raw: float, step: float) -> float:
    """The power of ten of steps that is not above `raw`."""
    if raw <= 0 or not math.isfinite(raw) or (step and raw <= step):
        return step
    if not step:
        return 10.0 ** math.floor(math.log10(raw))
    return float(step * 10.0 ** math.floor(math.log10(raw / step)))


def _round(value: float, unit: float) -> float:
    return float(f"{round(round(value / unit, 6)) * unit:.12g}") if unit else float(value)
