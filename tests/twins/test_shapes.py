"""Shapes of identifiers: kept where all share a letter, open elsewhere, and different for different numbers."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from handrail.data.checksums import is_card_number
from handrail.twins.shapes import (
    BLOCKS,
    classes,
    counted,
    distinct_texts_of,
    is_code,
    room_of,
    shaped,
    spread,
)

SHAPES = st.lists(
    st.sampled_from(["A", "a", "9", "-", "\\A", "\\9", "\\O", "é"]), min_size=1, max_size=8
).map("".join)


def fits(shape: str) -> re.Pattern[str]:
    """A shape as the regular expression that it stands for."""
    parts = re.findall(r"\\.|.", shape)
    return re.compile(
        "".join({"A": "[A-Z]", "a": "[a-z]", "9": "[0-9]"}.get(p) or re.escape(p[-1]) for p in parts)
    )


@given(shape=SHAPES, seed=st.integers(0, 99))
def test_what_is_drawn_has_the_shape(shape: str, seed: int) -> None:
    assert all(fits(shape).fullmatch(text) for text in shaped(shape, 20, np.random.default_rng(seed)))


@given(shape=SHAPES, first=st.integers(0, 10**6))
def test_different_numbers_are_different_texts_of_the_shape(shape: str, first: int) -> None:
    room = room_of(shape)
    numbers = np.unique((np.arange(30) + first) % room)
    made = counted(shape, numbers)
    assert len(set(made)) == len(numbers) and all(fits(shape).fullmatch(text) for text in made)


@given(rows=st.integers(1, 300), block=st.integers(0, BLOCKS))
def test_keys_differ_also_within_one_part_of_the_room(rows: int, block: int) -> None:
    shapes = (("\\O\\R\\D-99999", 0.7), ("AA999", 0.3))
    made = distinct_texts_of(shapes, rows, np.random.default_rng(rows), block)
    assert made is not None and len(set(made)) == rows


def test_parts_of_the_room_do_not_meet() -> None:
    parts = [
        distinct_texts_of((("9999999", 1.0),), 500, np.random.default_rng(1), block) for block in (1, 9, 32)
    ]
    assert len({text for part in parts if part is not None for text in part}) == 1500


def test_a_last_digit_proves_the_others() -> None:
    made = distinct_texts_of((("\\4999 9999 9999 9999", 1.0),), 400, np.random.default_rng(1), 0, "luhn")
    assert made is not None and len(set(made)) == 400 and all(is_card_number(text) for text in made)


def test_a_shape_without_room_gets_more_digits_and_words_are_no_keys() -> None:
    made = distinct_texts_of((("\\K99", 1.0),), 80, np.random.default_rng(1))
    assert made is not None and len(set(made)) == 80 and all(re.fullmatch("K[0-9]{3}", key) for key in made)
    assert distinct_texts_of((("aaaaa aaa aaa", 1.0),), 80, np.random.default_rng(1)) is None


def test_numbers_are_written_in_the_groups_of_a_shape() -> None:
    found = spread(np.array(["DE12345678"], dtype=object), "AA99 9999 99")
    assert found is not None and list(found) == ["DE12 3456 78"]
    assert spread(np.array(["DE1"], dtype=object), "AA99") is None


def test_a_code_is_told_from_words() -> None:
    assert is_code("AA-9999") and is_code("\\O\\R\\D-9") and is_code("AAA")
    assert not is_code("Aaaaa aaa") and not is_code("aaa 9 aa aa aa 99")
    assert classes("\\O\\r\\7-9A") == "Aa9-9A"
