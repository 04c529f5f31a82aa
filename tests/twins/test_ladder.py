"""A number is found between the same edges as by halving, however many edges lie together."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from handrail.twins.ladder import SLOTS, Ladder

PLACE = st.floats(0, 3, allow_subnormal=False) | st.integers(0, 3 * SLOTS).map(lambda slot: slot / SLOTS)


@given(st.lists(PLACE, max_size=12), st.lists(PLACE, max_size=12))
@example([1.0, 1.0, 1.0], [np.nextafter(1.0, 0.0), 1.0, np.nextafter(1.0, 2.0), 3.0])
@example([], [0.5])
def test_numbers_are_found_as_by_halving(edges: list[float], others: list[float]) -> None:
    line, numbers = np.array(sorted(edges), dtype=np.float64), np.array([*edges, *others], dtype=np.float64)
    assert (Ladder(line, 3).at(numbers) == np.searchsorted(line, numbers, side="right")).all()
