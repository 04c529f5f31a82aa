"""What all rows come to is what the sketch says, whatever the cells that they were drawn by came to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from handrail.twins.assign import Made
from handrail.twins.by_lists import drawn_by_lists
from handrail.twins.draw import placed
from handrail.twins.models import Bin, ColumnSketch, TableSketch
from handrail.twins.raking import MOST, leaned, raked
from handrail.twins.rules import Rule

TOWN = ColumnSketch(
    "town",
    "VARCHAR",
    "text",
    "model",
    bins=(Bin("null"), Bin("value", value="a"), Bin("value", value="b"), Bin("other")),
    shares=(0.0, 0.5, 0.3, 0.2),
    parents=(("", "land"),),
    groups=(2,),
    given=((0, ((1, 0.9), (3, 0.1))), (1, ((1, 0.1), (2, 0.6), (3, 0.3)))),
)


def test_all_rows_come_to_the_shares_of_the_column_though_cells_came_in_other_numbers() -> None:
    cell = np.repeat([0, 1], [600, 400])  # as many of each in reality
    before, _ = placed(TOWN, cell, np.random.default_rng(1))
    assert np.mean(before == 1) == pytest.approx(0.58, abs=0.01), "without"
    codes, _ = placed(leaned(TOWN, cell), cell, np.random.default_rng(1))
    assert np.bincount(codes, minlength=4) / 1000 == pytest.approx(TOWN.shares, abs=0.01)
    assert not (codes[:600] == 2).any(), "what a cell never has it does not get"


def test_what_already_fits_stays_as_it_is() -> None:
    cell = np.repeat([0, 1], 500)
    fits = leaned(TOWN, cell)
    assert [[share for _, share in found] for _, found in fits.given] == [
        pytest.approx([0.9, 0.1], abs=0.002),
        pytest.approx([0.1, 0.6, 0.3], abs=0.002),
    ]


shares = arrays(np.float64, (3, 4), elements=st.floats(0.01, 1.0))
wholes = arrays(np.float64, 4, elements=st.floats(0.2, 1.0))
numbers = arrays(np.int64, 3, elements=st.integers(1, 500))


@given(shares, numbers, wholes)
def test_shares_stay_shares_and_come_nearer_to_what_is_wanted(
    told: np.ndarray[Any, Any], rows: np.ndarray[Any, Any], wanted: np.ndarray[Any, Any]
) -> None:
    found, factors = raked(told, rows, wanted)
    assert found.sum(axis=1) == pytest.approx(np.ones(3))
    assert (factors >= 1 / MOST).all() and (factors <= MOST).all()
    goal = wanted / wanted.sum()
    before, after = (
        np.abs(rows @ (one / one.sum(axis=1, keepdims=True)) / rows.sum() - goal).sum()
        for one in (told, found)
    )
    assert after <= before + 1e-3


def test_rows_that_are_drawn_by_a_list_come_with_all_others_to_the_shares_of_the_column() -> None:
    """In reality as many rows are of each land; in the twin three in five are of the first."""
    land = ColumnSketch(
        "land",
        "VARCHAR",
        "text",
        "model",
        bins=(Bin("null"), Bin("value", value="A"), Bin("value", value="B"), Bin("other")),
        shares=(0.0, 0.5, 0.5, 0.0),
    )
    town = replace(
        land,
        name="town",
        bins=(Bin("null"), *(Bin("value", value=text) for text in "abc"), Bin("other")),
        shares=(0.0, 0.3, 0.5, 0.2, 0.0),
    )
    pairs = (("A", "a", 0.3), ("A", "b", 0.2), ("B", "b", 0.3), ("B", "c", 0.2))
    rule = Rule("accepted", ("land", "town"), pairs=pairs)
    table = TableSketch("shipments", 1000, (land, town), ("land", "town"), rules=(rule,))
    lands = np.repeat([1, 2], [600, 400]).astype(np.int16)
    one = Made(table, 1000, codes={"land": lands}, places={"land": np.zeros(1000, dtype=np.float32)})
    drawn = np.full(1000, 4, dtype=np.int16), np.zeros(1000, dtype=np.float32)
    everywhere = np.ones(1000, dtype=bool)
    codes, _ = drawn_by_lists(table, one, town, everywhere, drawn, np.random.default_rng(1))
    assert np.bincount(codes, minlength=5) / 1000 == pytest.approx(town.shares, abs=0.01)
    assert not (codes[lands == 1] == 3).any() and not (codes[lands == 2] == 1).any()
