"""How many rows of a twin may equal real rows before that is no coincidence any more.

Two questions, each answered exactly where there are few rows: may so many equal ones come of a known rate,
and may they come of two samples of one population? Each is passed by chance in at most one of 1,000 twins.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist

import numpy as np

FALSE_ALARM = 0.001  # how often a twin that copies nothing is held to copy, at most
SHUFFLES = (
    1_999  # of 2,000 ways to tell the rows apart, the true one among them, it is of the two most extreme
)
FEW = 5_000  # rows with equals, up to which all of them are shuffled
AT_ONCE = 1_000_000  # shuffled rows


def most_at_rate(rate: float, rows: int) -> int:
    """How many of so many rows may be equal to real ones where each is with this chance (binomial).

    More than these are so in at most one of 1,000 cases.
    """
    if rate <= 0:
        return 0
    if rate >= 1:
        return rows
    first = math.floor(rate * rows)
    last = min(rows, first + math.ceil(12 * math.sqrt(rows * rate * (1 - rate))) + 60)
    at = np.arange(first, last + 1)
    start = (
        math.lgamma(rows + 1)
        - math.lgamma(first + 1)
        - math.lgamma(rows - first + 1)
        + first * math.log(rate)
        + (rows - first) * math.log1p(-rate)
    )
    steps = np.log((rows - at[:-1]) / (at[:-1] + 1)) + math.log(rate / (1 - rate))
    chances = np.exp(start + np.concatenate([[0.0], np.cumsum(steps)]))
    beyond = np.cumsum(chances[::-1])[::-1] - chances  # that there are more than each
    return int(at[np.flatnonzero(beyond <= FALSE_ALARM)[0]])


def most_of_one_kind(sizes: Mapping[int, int], real: int, twin: int, seed: int) -> int:
    """How many of `twin` rows may have an equal among `real` ones where both are drawn from one population.

    `sizes` says how many different rows there are so many times in both together. Who is real is dealt out
    anew, which leaves alone what rows there are: equal rows are then as often two of the twin's or two real
    ones as one of each. A copy is always one of each.
    """
    several = np.repeat(list(sizes), list(sizes.values()))
    several = several[several > 1]
    rows = int(several.sum())
    if rows > FEW:
        return _most_of_many(several, real, twin)
    if not rows:
        return 0
    rng = np.random.default_rng([seed, 78])
    invented = rng.hypergeometric(rows, real + twin - rows, twin, SHUFFLES)
    start = np.cumsum(several) - several
    found: list[int] = []
    for some in np.array_split(invented, -(-SHUFFLES * rows // AT_ONCE)):
        dealt = rng.permuted(np.tile(np.arange(rows), (len(some), 1)), axis=1) < some[:, None]
        of_each = np.add.reduceat(dealt, start, axis=1, dtype=np.int64)
        found += np.where(of_each < several, of_each, 0).sum(axis=1).tolist()
    return sorted(found)[-2]


def _most_of_many(several: np.ndarray[tuple[int], np.dtype[np.int64]], real: int, twin: int) -> int:
    """The same by a normal distribution of the same mean and spread; how many rows the twin has is fixed."""
    share = twin / (real + twin)
    n = several.astype(np.float64)
    alone = share**n  # the chance that all rows that are equal are the twin's
    mean = n * share - n * alone
    square = n * share * (1 - share) + n**2 * share**2 - n**2 * alone
    both = square - mean * n * share  # how a group's equals go with how many of it the twin has
    spread = float((square - mean**2).sum()) - float(both.sum()) ** 2 / ((real + twin) * share * (1 - share))
    beyond = NormalDist().inv_cdf(1 - FALSE_ALARM) * math.sqrt(max(spread, 0.0))
    return math.ceil(float(mean.sum()) + beyond)
