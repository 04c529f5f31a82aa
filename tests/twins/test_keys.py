"""Keys of several columns differ as a whole, also where nearly all combinations are taken."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.twins.keys import redraw_repeats
from handrail.twins.make import make
from handrail.twins.models import Field, Table

KEY = Field("id", "", required=True, primary_key=True)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(1, 9), min_size=2, max_size=3), st.floats(0, 1), st.integers(0, 2**32), st.booleans()
)
def test_every_row_gets_a_combination_as_long_as_there_are_some(
    parents: list[int], share: float, seed: int, few: bool
) -> None:
    rng = np.random.default_rng(seed)
    rows = round(share * np.prod(parents))
    used = [1 if few else n for n in parents]
    links = [rng.integers(0, n, rows) for n in used]
    found = redraw_repeats(links, parents, rng)
    assert len(set(zip(*(link.tolist() for link in found), strict=True))) == rows
    assert all(not rows or 0 <= link.min() <= link.max() < n for link, n in zip(found, parents, strict=True))


def test_more_rows_than_combinations_repeat_as_few_as_can_be() -> None:
    rng = np.random.default_rng(1)
    found = redraw_repeats([rng.integers(0, 3, 20), rng.integers(0, 4, 20)], [3, 4], rng)
    assert len(set(zip(*(link.tolist() for link in found), strict=True))) == 12


def junction(make_table: Any, parents: tuple[int, int], pairs: list[tuple[int, int]]) -> list[Table]:
    tables = [
        make_table(name, {"id": pa.array(range(n))}, KEY)
        for name, n in zip(("shops", "goods"), parents, strict=True)
    ]
    columns = dict(zip(("shop", "good"), map(pa.array, zip(*pairs, strict=True)), strict=True))
    fields = [Field(one, "", True, primary_key=True, references=(f"{one}s", "id")) for one in columns]
    return [*tables, make_table("stock", columns | {"count": pa.array(np.arange(len(pairs)) % 50)}, *fields)]


@pytest.mark.parametrize("left_out", [0, 7])
def test_a_table_of_nearly_all_combinations_keeps_all_its_rows(make_table: Any, left_out: int) -> None:
    pairs = list(product(range(30), range(25)))
    made = make(junction(make_table, (30, 25), pairs[left_out:]), 10, variant="plain")
    twin = made.twins["stock"].table
    keys = set(zip(twin["shop"].to_pylist(), twin["good"].to_pylist(), strict=True))
    assert len(keys) == twin.num_rows == len(pairs) - left_out
    (report,) = (one for one in made.reports if one.dataset == "stock")
    assert not any("missing" in said for said in report.simplifications)
