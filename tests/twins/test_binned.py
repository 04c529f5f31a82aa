"""Cells of binned columns are counted in memory as a query by groups counts them, holders once each."""

from __future__ import annotations

from itertools import product

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cases import cases
from tests.rows import fill

from handrail.twins.binned import Binned
from handrail.twins.columns import Source
from handrail.twins.nodes import fold

BINS = {"a": 5, "b": 3}
rows = st.lists(
    st.tuples(
        st.none() | st.integers(0, BINS["a"] - 1),
        st.none() | st.integers(0, BINS["b"] - 1),
        st.none() | st.integers(0, 3),
    ),
    max_size=40,
)


@pytest.mark.parametrize("entity", [None, "who"])
@settings(max_examples=cases(40), deadline=None)
@given(rows, st.integers(1, BINS["a"]), st.integers(1, BINS["b"]))
def test_cells_have_the_rows_and_holders_of_the_groups_of_a_query(
    entity: str | None, told: list[tuple[int | None, int | None, int | None]], most_a: int, most_b: int
) -> None:
    groups = (most_a, most_b)
    with duckdb.connect() as con:
        con.execute("CREATE TABLE t (a UTINYINT, b UTINYINT, who INTEGER)")
        fill(con, "t", told)
        source = Source(con, "t", len(told), 2, entity)
        binned = Binned(source, BINS)
        counts, holders = binned.counted(binned.folded(["a", "b"], groups), most_a * most_b)
        a, b = (fold(name, BINS[name], most) for name, most in zip(BINS, groups, strict=True))
        wanted = {
            (int(x), int(y)): (n, held)
            for x, y, n, held in con.execute(
                f"SELECT {a} AS x, {b} AS y, count(*), {source.holders} FROM t "
                "WHERE a IS NOT NULL AND b IS NOT NULL GROUP BY 1, 2"
            ).fetchall()
        }
    for cell, (x, y) in enumerate(product(range(most_a), range(most_b))):
        assert (counts[cell], holders[cell]) == wanted.get((x, y), (0, 0))


def test_where_a_bin_is_not_known_the_row_is_in_no_cell_but_has_a_number() -> None:
    with duckdb.connect() as con:
        con.execute("CREATE TABLE t AS SELECT unnest([0, NULL, 4])::UTINYINT AS a")
        binned = Binned(Source(con, "t", 3, 1, None), {"a": 5})
        assert binned.folded(["a"], [5]).tolist() == [0, -1, 4]
        assert binned.of("a").tolist() == [0, 5, 4]
