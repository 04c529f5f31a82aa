"""What the gate against copies takes for coincidence: seldom too little, and never a table that was copied."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.twins.coincidence import FALSE_ALARM, FEW, most_at_rate, most_of_one_kind
from handrail.twins.models import Privacy
from handrail.twins.plane import open_plane
from handrail.twins.privacy import TOLERATED, judge
from handrail.twins.sketch import take


def binomial(rows: int, rate: float, more_than: int) -> float:
    return sum(
        math.comb(rows, n) * rate**n * (1 - rate) ** (rows - n) for n in range(more_than + 1, rows + 1)
    )


@given(st.integers(1, 300), st.floats(0.0, 1.0))
def test_a_known_rate_is_passed_by_chance_once_in_a_thousand_twins(rows: int, rate: float) -> None:
    most = most_at_rate(rate, rows)
    assert binomial(rows, rate, most) <= FALSE_ALARM * (1 + 1e-6)
    assert not most or binomial(rows, rate, most - 1) > FALSE_ALARM * (1 - 1e-6), "and it is the least such"


def test_of_many_rows_too_the_rate_is_held_by_counting() -> None:
    rows, rate = 4_000_000, 0.31
    beyond = (most_at_rate(rate, rows) - rate * rows) / math.sqrt(rows * rate * (1 - rate))
    assert 3.08 < beyond < 3.10, "a thousandth of a normal distribution lies above"
    assert most_at_rate(1e-9, rows) == 1


def test_pairs_that_are_all_one_of_each_are_no_coincidence_where_there_are_more_than_some() -> None:
    assert most_of_one_kind({1: 80 - 2 * 14, 2: 14}, 40, 40, seed=0) < 14
    assert most_of_one_kind({1: 80 - 2 * 6, 2: 6}, 40, 40, seed=0) == 6
    assert most_of_one_kind({1: 80}, 40, 40, seed=0) == 0


def test_what_is_held_usual_of_many_rows_is_what_is_found_by_shuffling_few() -> None:
    sizes = {1: 3000, 2: 700, 3: 300, 9: 300}
    few = most_of_one_kind(sizes, 5000, 3000, seed=0)
    many = most_of_one_kind({size: 20 * n for size, n in sizes.items()}, 100_000, 60_000, seed=0)
    assert 700 * 2 + 300 * 3 + 300 * 9 <= FEW < 20 * 700 * 2, "one is shuffled, the other is not"
    assert many / 20 < few < many / 20 * 1.05, "of fewer rows a greater share is chance"


def twice(rng: np.random.Generator, rows: int, different: int) -> tuple[int, int, Counter[int]]:
    """Two samples of one population: how many of the second are in the first, how many of the first come
    back in it, and how often each of both is there."""
    first, second = Counter(rng.integers(0, different, rows)), Counter(rng.integers(0, different, rows))
    equal = sum(n for one, n in second.items() if one in first)
    return equal, sum(n for n in first.values() if n > 1), Counter((first + second).values())


def test_a_second_sample_of_forty_rows_is_hardly_ever_held_to_be_a_copy() -> None:
    rng, by_rate, by_both = np.random.default_rng(5), 0, 0
    for _ in range(500):
        equal, usual, sizes = twice(rng, 40, 400)
        if equal > most_at_rate(min(1.0, TOLERATED * usual / 40), 40):
            by_rate += 1
            by_both += equal > most_of_one_kind(sizes, 40, 40, seed=0)
    assert by_both <= 3, "one in a thousand, of five hundred"
    assert by_rate > 10, "what a few real rows tell of what is usual is not enough"


def shops(rng: np.random.Generator, rows: int) -> pa.Table:
    """Rows of two texts that go together: few rows come back, and none is met by mixing the columns."""
    which = rng.integers(0, 280, rows)
    return pa.table({"town": [f"town {n}" for n in which], "trade": [f"trade {n // 2}" for n in which]})


@pytest.fixture
def verdict(make_table: Any) -> Callable[[pa.Table, pa.Table], Privacy]:
    def judged(real: pa.Table, twin: pa.Table) -> Privacy:
        table = make_table("shops", {name: real[name] for name in real.column_names})
        plane = open_plane([table], 10)
        with plane.con:
            return judge(plane, take(plane).sketch.table("shops"), twin, (), seed=0)

    return judged


def test_a_small_table_that_meets_real_rows_by_chance_is_published(verdict: Any) -> None:
    """Of two samples of one population, one whose own rows hardly come back, and a twin that meets six of it."""
    rng = np.random.default_rng(0)
    while True:
        real, twin = shops(rng, 40), shops(rng, 40)
        known = Counter(map(str, real.to_pylist()))
        equal = sum(1 for row in twin.to_pylist() if str(row) in known)
        if equal >= 6 and max(known.values()) == 1:
            break
    found = verdict(real, twin)
    assert found.hold_out == 0 and found.copies >= 6 / 40
    assert found.passed


@pytest.mark.parametrize("copied", [24, 40])
def test_forty_rows_of_which_most_are_real_ones_are_refused(verdict: Any, copied: int) -> None:
    rng = np.random.default_rng(6)
    real, others = shops(rng, 40), shops(rng, 40)
    found = verdict(real, pa.concat_tables([real.slice(0, copied), others.slice(copied)]))
    assert not found.passed and found.column in ("town", "trade")


def test_one_real_row_that_comes_back_a_hundred_times_is_refused(verdict: Any) -> None:
    real = pa.table({"town": [f"town {n}" for n in range(400)], "trade": [f"trade {n}" for n in range(400)]})
    other = pa.table({"town": [f"other {n}" for n in range(300)], "trade": ["none"] * 300})
    found = verdict(real, pa.concat_tables([real.slice(7, 1)] * 100 + [other]))
    assert found.copies == 0.25 and not found.passed
