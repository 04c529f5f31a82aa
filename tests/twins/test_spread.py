"""What a spread counts is what counting row by row gives: rows, or people, of whom nobody is none."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cases import cases
from tests.rows import fill

from handrail.twins.columns import Source
from handrail.twins.spread import Spread, step_of

Row = tuple[float | None, int | None]
numbers = st.sampled_from([-2.5, -1.0, 0.0, 0.5, 1.0, 3.0, 7.25])
rows_of = st.lists(st.tuples(st.none() | numbers, st.none() | st.integers(0, 4)), max_size=30)


def spread(rows: list[Row], entity: str | None, k: int = 2) -> Spread:
    with duckdb.connect() as con:
        con.execute("CREATE TABLE t (v DOUBLE, who VARCHAR)")
        fill(con, "t", rows)
        return Spread(Source(con, "t", len(rows), k, entity), "v")


@settings(max_examples=cases(60), deadline=None)
@given(rows_of, st.sets(numbers), st.booleans())
def test_people_are_counted_as_counting_row_by_row_does(
    rows: list[Row], wanted: set[float], upwards: bool
) -> None:
    found = spread(rows, "who")
    known = [(x, who) for x, who in rows if x is not None]
    assert found.x.tolist() == sorted({x for x, _ in known})
    assert found.n.tolist() == [sum(1 for x, _ in known if x == one) for one in found.x]
    people = {one: {who for x, who in known if x == one and who is not None} for one in found.x.tolist()}
    assert found.held.tolist() == [len(people[one]) for one in found.x.tolist()]
    chosen = np.isin(found.x, list(wanted))
    assert found.holders(chosen) == len(set().union(*(people[x] for x in wanted & people.keys())))
    nearest: dict[int, float] = {}
    for x, who in sorted(known, key=lambda row: row[0] if upwards else -row[0]):
        if who is not None and x in wanted:
            nearest.setdefault(who, x)
    ends, counted = found.ranked(chosen, upwards)
    assert ends.tolist() == sorted(nearest.values(), reverse=not upwards)
    assert counted.tolist() == list(range(1, len(nearest) + 1))
    starts = np.array([-1.0, 1.0])
    between = [
        {w for x, who in people.items() if x in wanted and low <= x < high for w in who}
        for low, high in ((-1.0, 1.0), (1.0, np.inf))
    ]
    assert found.holders_between(chosen, starts).tolist() == [len(one) for one in between]


@settings(max_examples=cases(40), deadline=None)
@given(rows_of, st.sets(numbers), st.booleans())
def test_rows_are_counted_where_nobody_is_behind_them(
    rows: list[Row], wanted: set[float], upwards: bool
) -> None:
    found = spread(rows, None)
    values = [x for x, _ in rows if x is not None]
    chosen = np.isin(found.x, list(wanted))
    mine = [x for x in values if x in wanted]
    assert found.held.tolist() == found.n.tolist() == [values.count(one) for one in found.x]
    assert found.holders(chosen) == len(mine)
    ends, counted = found.ranked(chosen, upwards)
    assert ends.tolist() == sorted(set(mine), reverse=not upwards)
    assert counted.tolist() == [sum(1 for x in mine if (x <= end if upwards else x >= end)) for end in ends]
    assert found.holders_between(chosen, np.array([0.0])).tolist() == [sum(1 for x in mine if x >= 0)]


@pytest.mark.parametrize(
    ("values", "step"),
    [
        ([50.0 * i for i in range(400)], 50.0),
        ([50.0 * i for i in range(400)] + [1.0], 50.0),  # one in four hundred keeps to none
        ([50.0 * i for i in range(400)] + [1.0] * 20, 1.0),
        ([0.0] * 400 + [50.0], 1.0),  # fewer than k are not nought
    ],
)
def test_a_step_is_what_nearly_all_numbers_keep_to(values: list[float], step: float) -> None:
    assert step_of(spread([(x, None) for x in values], None, k=10), "integer") == step
