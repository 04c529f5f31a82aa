"""How closely numbers follow each other is added up for all pairs at once, and comes out as if pair by pair."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from handrail.twins.following import AT_ONCE, _Sums

NUMBERS = st.one_of(st.just(float("nan")), st.integers(0, 40).map(lambda n: n / 8))


@given(arrays.arrays(np.float32, (25, 3), elements=NUMBERS))
def test_each_pair_is_compared_over_the_rows_that_have_both(high: np.ndarray) -> None:
    sums = _Sums(high)
    for own, other in ((0, 1), (1, 0), (2, 1)):
        both = ~np.isnan(high[:, [own, other]]).any(axis=1)
        x, y = high[both, own].astype(float), high[both, other].astype(float)
        close, rows = sums.close(own, other)
        assert rows == both.sum()
        moves = rows > 1 and np.ptp(x) > 0 and np.ptp(y) > 0
        assert close == pytest.approx(np.corrcoef(x, y)[0, 1] if moves else 0.0, abs=1e-9)


def test_numbers_far_from_zero_keep_their_small_distances() -> None:
    rng = np.random.default_rng(3)
    cause = rng.normal(size=3 * AT_ONCE + 7)
    high = np.column_stack([200 + cause, 100 - cause + rng.normal(size=len(cause)) / 2]).astype(np.float32)
    high[::5, 1] = np.nan
    there = ~np.isnan(high[:, 1])
    close, rows = _Sums(high).close(0, 1)
    assert rows == there.sum()
    assert close == pytest.approx(np.corrcoef(high[there].astype(float).T)[0, 1], abs=1e-9)
