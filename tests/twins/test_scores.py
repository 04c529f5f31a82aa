"""Scores of pairs are counted from the bins of both tables: a table is like itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow.parquet as pq

from handrail.twins.plane import open_plane
from handrail.twins.scores import score_columns
from handrail.twins.sketch import take


def test_a_table_is_like_itself_and_its_columns_depend_as_strongly_as_they_do(make_table: Any) -> None:
    rng = np.random.default_rng(5)
    grade = rng.integers(0, 4, 3000)
    made = {"grade": grade, "same": grade + 10, "noise": rng.integers(0, 4, 3000)}
    some = [None if place % 5 == 0 else int(one) for place, one in enumerate(grade)]
    table = make_table("marks", {**made, "some": some})
    plane = open_plane([table], 10)
    with plane.con:
        taken = take(plane)
        twin = pq.read_table(table.path)
        _, alike = score_columns(plane, taken.sketch.table("marks"), taken.coded["marks"], twin)
        other = twin.set_column(1, "same", [twin["noise"]])
        _, unlike = score_columns(plane, taken.sketch.table("marks"), taken.coded["marks"], other)
    pairs = {frozenset((pair.first, pair.second)): pair for pair in alike}
    assert {pair.score for pair in alike} == {1.0}
    assert all(pair.real == pair.twin for pair in alike)
    assert pairs[frozenset(("grade", "same"))].real == 1.0
    assert pairs[frozenset(("grade", "noise"))].real < 0.1
    assert 0.85 < pairs[frozenset(("grade", "some"))].real < 1.0  # where there is none, nothing is known
    worse = {frozenset((pair.first, pair.second)): pair for pair in unlike}
    assert worse[frozenset(("grade", "same"))].score < 0.5
    assert worse[frozenset(("grade", "same"))].twin < 0.1
