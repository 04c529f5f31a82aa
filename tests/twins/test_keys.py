"""Keys of several columns differ as a whole, also where nearly all combinations are taken."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cases import cases

from handrail.twins.keys import redraw_repeats
from handrail.twins.make import make
from handrail.twins.models import Field, Table
from handrail.twins.without_repeats import without_repeats

KEY = Field("id", "", required=True, primary_key=True)


@settings(deadline=None, max_examples=cases(60))
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


def spoken(make_table: Any, languages: dict[str, float], rows: list[int]) -> list[Table]:
    """Countries and the languages of each, so many a country, each of them once."""
    rng = np.random.default_rng(4)
    names, shares = list(languages), np.array(list(languages.values()))
    pairs = [
        (country, name)
        for country, n in enumerate(rows)
        for name in rng.choice(names, n, replace=False, p=shares / shares.sum())
    ]
    countries = make_table("countries", {"id": pa.array(range(len(rows)))}, KEY)
    of = {
        "country": pa.array([country for country, _ in pairs]),
        "language": pa.array([str(name) for _, name in pairs]),
        "percent": pa.array(rng.integers(1, 100, len(pairs))),
    }
    pointing = Field("country", "", required=True, primary_key=True, references=("countries", "id"))
    own = Field("language", "", required=True, primary_key=True)
    return [countries, make_table("spoken", of, pointing, own)]


def shares_of(table: pa.Table) -> dict[str, float]:
    names = table["language"].to_pylist()
    return {name: names.count(name) / len(names) for name in set(names)}


def test_each_parent_has_different_ones_of_what_does_not_count(make_table: Any) -> None:
    """A country's first language is not the commonest of all."""
    languages = dict.fromkeys("abcdefghijkl", 1.0)
    tables = spoken(make_table, languages, [1 + n % 8 for n in range(200)])
    made = make(tables, 10, 1, "plain").twins["spoken"].table
    found = shares_of(made)
    assert max(found.values()) < 0.12 and len(found) == 12
    keys = list(zip(made["country"].to_pylist(), made["language"].to_pylist(), strict=True))
    assert len(set(keys)) == len(keys) == sum(1 + n % 8 for n in range(200))


def test_common_ones_stay_common_and_rare_ones_are_new(make_table: Any) -> None:
    languages = {"english": 30.0, "french": 15.0, "arabic": 8.0} | {f"rare {n}": 0.4 for n in range(40)}
    tables = spoken(make_table, languages, [1 + n % 4 for n in range(200)])
    real = shares_of(pq.read_table(tables[1].path))
    made = make(tables, 10, 1, "plain").twins["spoken"].table
    found = shares_of(made)
    assert all(abs(found[name] - real[name]) < 0.06 for name in ("english", "french", "arabic"))
    assert not [name for name in found if name.startswith("rare")]
    assert not set(found) & {"1", "2", "3"}
    keys = list(zip(made["country"].to_pylist(), made["language"].to_pylist(), strict=True))
    assert len(set(keys)) == len(keys)


def test_what_counts_is_counted(make_table: Any) -> None:
    at = [order for order in range(120) for _ in range(1 + order % 6)]
    line = [n + 1 for order in range(120) for n in range(1 + order % 6)]
    orders = make_table("orders", {"id": pa.array(range(120))}, KEY)
    lines = make_table(
        "lines",
        {"order": pa.array(at), "line": pa.array(line)},
        Field("order", "", required=True, primary_key=True, references=("orders", "id")),
        Field("line", "", required=True, primary_key=True),
    )
    made = make([orders, lines], 10, 1, "plain").twins["lines"].table.to_pandas()
    assert all(sorted(of) == list(range(1, len(of) + 1)) for of in made.groupby("order")["line"].apply(list))


@settings(deadline=None, max_examples=cases(60))
@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=40),
    st.lists(st.integers(1, 50), min_size=1, max_size=10),
    st.integers(0, 2**32),
)
def test_no_group_has_a_value_twice_and_as_many_as_it_has_room_for(
    sizes: list[int], wanted: list[int], seed: int
) -> None:
    group = np.array([n for n, size in enumerate(sizes) for _ in range(size)], dtype=np.int64)
    rank = np.array([n for size in sizes for n in range(size)], dtype=np.int64)
    found = without_repeats(group, rank, np.array(wanted, dtype=float), np.random.default_rng(seed))
    for n, size in enumerate(sizes):
        mine = found[group == n]
        assert len(set(mine[mine >= 0])) == (mine >= 0).sum() == min(size, len(wanted))
