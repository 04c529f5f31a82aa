"""Few parents share their children as unequally as the sketch says, with any seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.twins.assign import unequal
from handrail.twins.models import LinkSketch


def link(spread: float) -> LinkSketch:
    return LinkSketch(
        "shipper",
        ("shipper",),
        "shippers",
        ("id",),
        "inside",
        null_share=0.0,
        unique=False,
        degree=None,
        distinct=3,
        spread=spread,
    )


@given(st.integers(2, 9), st.sampled_from([0.1, 0.2, 0.4, 0.6, 0.8]), st.integers(0, 99))
def test_few_parents_are_as_unequal_as_is_told(parents: int, spread: float, seed: int) -> None:
    shares = unequal(link(spread), parents, np.random.default_rng(seed)) / 1e6
    assert (shares > 0).all()
    assert shares.std() / shares.mean() == pytest.approx(spread, abs=0.03)


def test_which_parent_has_most_is_drawn() -> None:
    most = {int(np.argmax(unequal(link(0.5), 3, np.random.default_rng(seed)))) for seed in range(40)}
    assert most == {0, 1, 2}
