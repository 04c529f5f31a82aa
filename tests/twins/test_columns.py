"""Bins are found by halving, and the shapes of many texts from some of them."""

from __future__ import annotations

from itertools import pairwise

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cases import cases

from handrail.twins import columns
from handrail.twins.columns import Source, code_sql, text_shapes
from handrail.twins.models import Bin

CON = duckdb.connect()
numbers = st.floats(allow_nan=False, allow_infinity=False, width=32)
ends = st.lists(numbers, min_size=2, max_size=12, unique=True).map(sorted)


def coded(bins: tuple[Bin, ...], values: list[float | None]) -> list[int | None]:
    sql, given_values = code_sql(bins, "x", True, "")
    asked = f"SELECT {sql} FROM (SELECT unnest(?::DOUBLE[]) AS x)"
    with CON.cursor() as con:
        return [row[0] for row in con.execute(asked, [*given_values, values]).fetchall()]


def placed(bins: tuple[Bin, ...], value: float | None) -> int | None:
    """The bin of a value, looked for one by one."""
    if value is None:
        return 0
    for code, one in enumerate(bins):
        if one.kind == "value" and one.value == value:
            return code
    ranges = [(code, one) for code, one in enumerate(bins) if one.kind == "range"]
    for (code, _), (_, after) in pairwise(ranges):
        if value < after.low:
            return code
    return ranges[-1][0] if ranges else None


@settings(max_examples=cases(20), deadline=None)
@given(ends, st.lists(numbers, max_size=6, unique=True), st.lists(numbers, max_size=10))
def test_a_number_gets_the_bin_of_its_own_value_or_the_range_it_lies_in(
    edges: list[float], spikes: list[float], values: list[float]
) -> None:
    ranges = [Bin("range", low=low, high=high) for low, high in zip(edges[:-1:2], edges[1::2], strict=False)]
    alone = [Bin("value", value=one) for one in spikes]
    for made in ([*ranges, *alone], ranges, alone):
        least = sorted(made, key=lambda one: one.low if one.kind == "range" else float(one.value or 0))
        bins = (Bin("null"), *least)
        asked: list[float | None] = [None, *values, *edges, *spikes]
        assert coded(bins, asked) == [placed(bins, one) for one in asked]


def test_a_number_with_many_digits_is_read_as_that_very_float() -> None:
    number = 0.1 + 0.2
    bins = (Bin("null"), Bin("value", value=0.3), Bin("value", value=number))
    assert coded(bins, [0.3, number, 1234567.8901234567]) == [1, 2, None]


def test_the_shapes_of_many_different_texts_are_told_by_some_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "SHAPED_TEXTS", 500)
    with duckdb.connect() as con:
        con.execute(
            "CREATE TABLE t AS SELECT CASE WHEN i % 4 = 0 THEN 'one' WHEN i % 4 = 1 THEN 'AB-' || i "
            "ELSE lpad(i::VARCHAR, 6, '0') END AS x FROM range(20000) AS r(i)"
        )
        shapes, _ = text_shapes(Source(con, "t", 20_000, 10, None), "x")
    shares = dict(shapes)
    assert shares["aaa"] == pytest.approx(0.25, abs=0.03)  # one text, that many share
    assert shares["999999"] == pytest.approx(0.5, abs=0.05)
    assert sum(share for shape, share in shapes if shape.startswith("AA-")) == pytest.approx(0.25, abs=0.05)
