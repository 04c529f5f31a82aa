"""Few parents share their children as unequally as the sketch says, and where it says nothing, as chance does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.twins.assign import TOLD_FROM, loaded, spread_of, unequal
from handrail.twins.models import LinkSketch


def link(spread: float = 0.0, loads: tuple[float, ...] = (), in_order: bool = False) -> LinkSketch:
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
        loads=loads,
        in_order=in_order,
    )


@given(st.integers(2, 9), st.sampled_from([0.1, 0.2, 0.4, 0.6, 0.8]), st.integers(0, 99))
def test_few_parents_are_as_unequal_as_is_told(parents: int, spread: float, seed: int) -> None:
    shares = unequal(spread, parents, np.random.default_rng(seed)) / 1e6
    assert (shares > 0).all()
    assert shares.std() / shares.mean() == pytest.approx(spread, abs=0.03)


def test_which_parent_has_most_is_drawn() -> None:
    most = {int(np.argmax(unequal(0.5, 3, np.random.default_rng(seed)))) for seed in range(40)}
    assert most == {0, 1, 2}


def test_where_too_few_children_tell_it_parents_are_as_unequal_as_chance_makes_them() -> None:
    assert spread_of(link(), 9, 49) == pytest.approx((9 / 49) ** 0.5)
    assert spread_of(link(0.7), 9, 49) == 0.7, "what is told counts"
    assert spread_of(link(), 9, TOLD_FROM) == 0.0, "of so many it would have been told: they are even"
    assert spread_of(link(), 1, 9) == spread_of(link(), 9, 4) == 0.0


@pytest.mark.parametrize("in_order", [True, False])
def test_children_that_are_left_over_are_somebodys(in_order: bool) -> None:
    """Three of four regions are told, with 45 of 53 territories: the fourth has eight and not none."""
    shares = (0.358491, 0.283019, 0.207547, 0.0)
    given = loaded(link(loads=shares, in_order=in_order), None, 4, 53, np.random.default_rng(0))
    assert sorted(given.tolist()) == [8, 11, 15, 19]
    if in_order:
        assert given.tolist() == [19, 15, 11, 8]
