"""Rows that point at rows of their own table stand on as many levels as the real ones, in no circle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.cases import cases

from handrail.twins import codec
from handrail.twins.generate import generate
from handrail.twins.models import Bin, Field, First, LinkSketch
from handrail.twins.plane import open_plane
from handrail.twins.sketch import take
from handrail.twins.trees import grown

LEVELS = (1, 15, 180, 1500)


def levels_of(above: Any) -> Any:
    """The level of each row; fails where rows stand in a circle."""
    level = np.full(len(above), -1)
    level[(above < 0) | (above == np.arange(len(above)))] = 0
    for _ in range(100):
        open_ = np.flatnonzero(level < 0)
        if not len(open_):
            return level
        found = level[above[open_]]
        level[open_] = np.where(found >= 0, found + 1, -1)
    raise AssertionError("rows stand in a circle")


@pytest.mark.parametrize("to_itself", [False, True])
def test_an_organisation_has_one_head_and_its_levels_and_spans(make_table: Any, to_itself: bool) -> None:
    rng = np.random.default_rng(1)
    ends = np.cumsum((0, *LEVELS))
    above = [-1]
    for level, size in enumerate(LEVELS[1:]):
        leads = rng.choice(
            np.arange(ends[level], ends[level + 1]), max(1, LEVELS[level] * 2 // 3), replace=False
        )
        above += list(rng.choice(leads, size))
    count = len(above)
    real = np.array(above)
    names = rng.permutation(count) + 1  # numbers that say nothing about the level
    chief = pa.array([None if a < 0 and not to_itself else int(names[max(a, 0)]) for a in above], pa.int64())
    order = np.argsort(names)
    table = make_table(
        "staff",
        {
            "id": pa.array(names[order]),
            "chief": chief.take(pa.array(order)),
            "grade": rng.choice(["A", "B"], count),
        },
        Field("id", "", required=True, primary_key=True),
        Field("chief", "", required=to_itself, references=("staff", "id")),
    )
    sketch = take(open_plane([table], 10)).sketch
    assert codec.from_json(codec.to_json(sketch)) == sketch
    assert not any("chief" in said for said in sketch.table("staff").simplifications)
    twin = generate(sketch, 1, "plain")["staff"].table
    at = {key: row for row, key in enumerate(twin["id"].to_pylist())}
    made = np.array([-1 if one is None else at[one] for one in twin["chief"].to_pylist()])
    found = np.bincount(levels_of(made))
    assert found[0] == 1
    assert len(found) == len(LEVELS)
    assert np.abs(found - np.array(LEVELS)).max() <= 5
    leads, real_leads = (len(np.unique(one[one >= 0])) for one in (made, real))
    assert abs(leads - real_leads) < 0.2 * real_leads, "as many have people under them"


def test_a_source_with_circles_gives_none(make_table: Any) -> None:
    rng = np.random.default_rng(2)
    above = np.concatenate([[1, 0], rng.integers(0, 100, 98), rng.integers(0, 100, 400)])
    table = make_table(
        "parts",
        {"id": pa.array(range(500)), "of": pa.array(above), "grade": rng.choice(["A", "B"], 500)},
        Field("id", "", required=True, primary_key=True),
        Field("of", "", references=("parts", "id")),
    )
    twin = generate(take(open_plane([table], 10)).sketch, 1, "plain")["parts"].table
    at = {key: row for row, key in enumerate(twin["id"].to_pylist())}
    levels_of(np.array([-1 if one is None else at[one] for one in twin["of"].to_pylist()]))


@settings(max_examples=cases(100), deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 500),
    st.lists(st.floats(0.001, 1), min_size=2, max_size=32),
    st.booleans(),
    st.booleans(),
)
@example(seed=0, rows=10, levels=[0.3, 0.3, *[0.05] * 8], required=False, counted=False)
def test_whatever_its_levels_a_tree_grows_without_circles(
    seed: int, rows: int, levels: list[float], required: bool, counted: bool
) -> None:
    children = First("", (Bin("null"), Bin("value", value=3.0), Bin("value", value=9.0)), (0.0, 0.8, 0.2))
    link = LinkSketch(
        "up", ("up",), "t", ("id",), "self", 0.0, False, None, 0, levels=tuple(levels), children=children
    )
    if not counted:
        link = LinkSketch("up", ("up",), "t", ("id",), "self", 0.0, False, None, 0, levels=tuple(levels))
    made = grown(link, rows, required, np.random.default_rng(seed))
    assert len(made) == rows
    assert (made <= np.arange(rows)).all()
    assert (made >= (0 if required else -1)).all()
    if rows:
        assert len(np.bincount(levels_of(made))) == min(len(levels), rows)


def test_a_key_that_is_text_points_at_one_that_is_a_number(make_table: Any) -> None:
    above = [-1] * 4 + [row // 5 for row in range(4, 300)]
    table = make_table(
        "staff",
        {"id": pa.array(range(300)), "chief": ["nobody" if one < 0 else str(one) for one in above]},
        Field("id", "", required=True, primary_key=True),
        Field("chief", "", references=("staff", "id")),
    )
    twin = generate(take(open_plane([table], 10)).sketch, 1, "plain")["staff"].table
    ids = {str(one) for one in twin["id"].to_pylist()}
    assert set(twin["chief"].drop_null().to_pylist()) <= ids


def test_whoever_stands_for_a_parent_is_the_same_each_time(make_table: Any) -> None:
    rng = np.random.default_rng(4)
    columns = {
        "id": pa.array(range(3000)),
        "above": pa.array([None if row < 20 else int(rng.integers(0, row)) for row in range(3000)]),
        "owner": pa.array(rng.integers(0, 40, 3000)),
    }
    fields = Field("id", "", required=True, primary_key=True), Field("above", "", references=("notes", "id"))
    table = make_table("notes", columns, *fields, entity="owner")
    assert len({codec.digest(take(open_plane([table], 10)).sketch) for _ in range(3)}) == 1
