"""A column is told given its parents only where k stand for it, and all its shares still come out right."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest
from tests.rows import fill

from handrail.twins.binned import Binned
from handrail.twins.columns import Source
from handrail.twins.depend import Dependence, depend
from handrail.twins.nodes import Node

K = 10
CHILD, PARENT = Node("", "child", "c", 4), Node("", "parent", "p", 3)


def told(rows: list[tuple[int, int | None, int]], entity: str | None = None) -> Dependence:
    """The dependence of the child on its parent, of rows (child, parent, who)."""
    with duckdb.connect() as con:
        con.execute("CREATE TABLE t (c UTINYINT, p UTINYINT, who INTEGER)")
        fill(con, "t", rows)
        source = Source(con, "t", len(rows), K, entity)
        return depend(Binned(source, {"c": CHILD.bins, "p": PARENT.bins}), CHILD, [PARENT])


def test_cells_that_fewer_than_k_stand_for_are_not_told() -> None:
    rows = [(0, 0, n) for n in range(60)] + [(1, 1, n) for n in range(60)] + [(2, 0, n) for n in range(K - 1)]
    found = told(rows)
    assert found.parents == (PARENT,)
    assert dict(found.given)[0] == ((0, 1.0),)
    assert found.shares[2] == 0.0


def test_whoever_is_counted_once_is_not_told_however_many_rows_they_have() -> None:
    rows = [(n % 2, n % 2, n) for n in range(200)] + [(3, 2, 7)] * 50
    assert told(rows).shares[3] > 0
    assert told(rows, "who").shares[3] == 0.0
    assert 2 not in dict(told(rows, "who").given)


def test_what_small_cells_leave_out_is_given_back_where_it_was_lost() -> None:
    """A bin that is rare in each cell and not rare in all of them keeps its share of all rows."""
    rows = [(p % 2, p, n) for p in range(3) for n in range(300)] + [
        (2, p, n) for p in range(3) for n in range(6)
    ]
    found = told(rows)
    whole = np.array([306.0, 306.0, 306.0])
    shares = np.zeros((3, 4))
    for cell, bins in found.given:
        for code, share in bins:
            shares[cell, code] = share
    assert (whole @ shares / whole.sum())[2] == pytest.approx(found.shares[2], abs=5e-4)


def test_a_column_that_its_parent_says_nothing_about_has_none() -> None:
    rows = [(n % 4, (n // 4) % 3, n) for n in range(1200)]
    found = told(rows)
    assert found.parents == () and found.given == ()
    assert found.shares == (0.25, 0.25, 0.25, 0.25)
