"""Tables with more columns than can depend on each other are binned some columns at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from handrail.twins.generate import generate
from handrail.twins.network import MOST_NODES
from handrail.twins.plane import open_plane
from handrail.twins.scores import score_columns
from handrail.twins.sketch import take


def test_every_column_of_a_wide_table_is_sketched_and_scored(make_table: Any) -> None:
    rng, many = np.random.default_rng(3), 2 * MOST_NODES + 3
    shares = [np.roll([0.7, 0.2, 0.1], place % 3) for place in range(many)]
    columns = {f"n{place}": rng.choice(3, 400, p=one) for place, one in enumerate(shares)}
    plane = open_plane([make_table("wide", columns)], 10)
    with plane.con:
        taken = take(plane)
        coded = taken.coded["wide"]
        twin = generate(taken.sketch, 1, "plain")["wide"].table
        scored, pairs = score_columns(plane, taken.sketch.table("wide"), coded, twin)
    assert len({coded.relation_of(node.code) for node in coded.nodes}) == 3
    assert [one.name for one in scored] == list(columns)
    assert min(one.score or 0.0 for one in scored) > 0.95
    assert pairs


def test_a_number_with_a_bin_of_its_own_stands_in_its_middle(make_table: Any) -> None:
    rng = np.random.default_rng(4)
    plane = open_plane([make_table("t", {"n": np.append(np.zeros(300), rng.normal(50, 9, 300))})], 10)
    with plane.con:
        coded = take(plane).coded["t"]
        (node,) = coded.nodes
        column = next(one for one in coded.columns if one.name == "n")
        zero = next(code for code, one in enumerate(column.bins) if one.kind == "value" and not one.value)
        asked = f"SELECT DISTINCT u_{node.code} FROM {coded.relation} WHERE {node.code} = {zero}"
        assert plane.con.execute(asked).fetchall() == [(0.5,)]
        (shares,) = plane.con.execute(
            f"SELECT avg((u_{node.code} < 0.5)::INTEGER) FROM {coded.relation} WHERE {node.code} <> {zero}"
        ).fetchall()[0]
        assert 0.3 < shares < 0.7
