"""Steps are exchanged where a sum would leave its range: none is lost, and all lie nearer to it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from handrail.twins.bounded import ends, keep_within
from handrail.twins.models import Bin, ColumnSketch
from handrail.twins.values import Ints, full

NUMBERS = st.integers(-100, 100)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=40), st.integers(0, 2**32 - 1))
def test_no_step_is_lost_and_sums_lie_no_further_outside(drawn: list[tuple[int, int]], seed: int) -> None:
    before, moved = (np.array(part) for part in zip(*drawn, strict=True))
    rows = {"moved": full(moved.copy()), "closing": full(before + moved)}

    def compute(here: Ints) -> None:
        rows["closing"].array[here] = before[here] + rows["moved"].array[here]

    every, outside = np.arange(len(moved)), np.maximum(np.abs(before + moved) - 100, 0).sum()
    keep_within(rows, every, ["moved"], {"closing": (-100.0, 100.0)}, compute, np.random.default_rng(seed))
    assert sorted(rows["moved"].array) == sorted(moved)
    assert (rows["closing"].array == before + rows["moved"].array).all()
    assert np.maximum(np.abs(rows["closing"].array) - 100, 0).sum() <= outside


def test_who_would_leave_the_range_takes_a_step_of_somebody_else() -> None:
    rows = {"moved": full(np.array([50, *[-10] * 9])), "closing": full(np.array([140, *[-10] * 9]))}
    before = rows["closing"].array - rows["moved"].array

    def compute(here: Ints) -> None:
        rows["closing"].array[here] = before[here] + rows["moved"].array[here]

    keep_within(
        rows, np.arange(10), ["moved"], {"closing": (-100.0, 100.0)}, compute, np.random.default_rng(0)
    )
    assert rows["closing"].array.max() == 80 and sorted(rows["closing"].array)[-2] == 50


def test_a_column_without_ranges_has_no_ends_and_a_value_beside_ranges_widens_them() -> None:
    number = ColumnSketch("n", "BIGINT", "integer", "model")
    ranges = (Bin("null"), Bin("range", low=3.0, high=9.0), Bin("value", value=-7.0))
    assert ends([number]) == {}
    assert ends([ColumnSketch("n", "BIGINT", "integer", "model", bins=ranges)]) == {"n": (-7.0, 9.0)}
