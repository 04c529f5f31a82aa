"""Texts are drawn for whatever a contract's pattern may say."""

from __future__ import annotations

import string

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.twins.patterns import LONGEST, MOST_MADE, matching

PLAIN = st.sampled_from(string.ascii_letters + string.digits + " -_/@#,:<>=!")
ESCAPED = st.sampled_from(
    [*(f"\\{sign}" for sign in "dwsDWS.-+*?()[]{}|^$\\/nt"), r"\x41", r"\x{e9}", r"\101"]
)
ITEM = st.one_of(
    PLAIN.filter(lambda sign: sign != "-"),
    st.sampled_from(["a-z", "A-F", "0-9", "2-7", "À-ÿ", r"\d", r"\w", r"\]", r"\-", r"\."]),
)
CLASS = st.builds(
    lambda negated, items: f"[{negated}{''.join(items)}]",
    st.sampled_from(["", "", "", "^"]),
    st.lists(ITEM, min_size=1, max_size=4),
)
REPEAT = st.sampled_from(["", "", "", "*", "+", "?", "{3}", "{2,}", "{0,2}", "{1,4}", "*?", "+?", "{2,3}?"])
OPENED = st.sampled_from(["(", "(?:", "(?i:", "(?P<name>"])


def _group(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    sequence = st.lists(inner, min_size=1, max_size=4).map("".join)
    choice = st.lists(sequence, min_size=1, max_size=3).map("|".join)
    return st.builds(lambda opened, ways, times: f"{opened}{ways}){times}", OPENED, choice, REPEAT)


ATOM = st.builds(lambda one, times: one + times, PLAIN | ESCAPED | CLASS | st.just("."), REPEAT)
PATTERN = st.lists(st.recursive(ATOM, _group, max_leaves=6), min_size=1, max_size=5).map("".join)


def found(pattern: str, texts: list[str]) -> bool:
    """Whether DuckDB, which checks contracts, finds the pattern in each of these."""
    told = duckdb.execute(
        "SELECT bool_and(regexp_matches(t, $2)) FROM (SELECT unnest($1) AS t)", [texts, pattern]
    )
    return bool(told.fetchall()[0][0])


@settings(deadline=None)
@given(PATTERN.filter(lambda one: one.count("<name>") < 2), st.booleans(), st.integers(0, 9))
def test_every_row_gets_a_text_in_which_the_pattern_is_found(pattern: str, whole: bool, seed: int) -> None:
    pattern = f"^(?:{pattern})$" if whole else pattern
    texts = matching(pattern, 7, np.random.default_rng(seed))
    assert texts is not None
    assert len(texts) == 7
    assert found(pattern, texts)


@settings(deadline=None)
@given(st.text(alphabet=r"ab01\dwDxQ()[]{}^$.*+?|,-:<>P=!i#", max_size=12))
def test_whatever_is_written_there_makes_matching_texts_or_none(pattern: str) -> None:
    texts = matching(pattern, 3, np.random.default_rng(1))
    assert texts is None or found(pattern, texts)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"(?i)abc", "abc"),
        (r"^(?P<year>2024)-0[1]\z", "2024-01"),
        (r"\x41\x{42}\103\t", "ABC\t"),
        (r"[]]", "]"),
        (r"a{,2}", "a{,2}"),  # a brace like any other sign
        (r"\bword\b", "word"),
        ("", ""),
    ],
)
def test_signs_mean_what_re2_says(pattern: str, text: str) -> None:
    texts = matching(pattern, 5, np.random.default_rng(0))
    assert texts is not None
    assert set(texts) == {text}


@pytest.mark.parametrize("pattern", [r"\D", r"\W", r"\S", r"[^0-9]", r"^[^\w ]x"])
def test_what_must_not_stand_there_leaves_something_that_may(pattern: str) -> None:
    assert matching(pattern, 3, np.random.default_rng(0))


@pytest.mark.parametrize(
    "pattern", [r"(a)\1", "a(?=b)", "(", "[", "*", "\\", r"^[^\w\W]$", "a{2000}", r"\pL", r"\Qa\E", r"[\d-z]"]
)
def test_no_text_is_made_for_what_cannot_be_drawn(pattern: str) -> None:
    assert matching(pattern, 3, np.random.default_rng(0)) is None


def test_texts_do_not_grow_without_bounds() -> None:
    texts = matching("((((a+)+)+)+)+", 3, np.random.default_rng(0))
    assert texts is None or max(map(len, texts)) <= LONGEST


def test_texts_are_not_all_alike_and_of_many_rows_some_share_one() -> None:
    texts = matching(r"^[A-Z]{3}-\d{4,}$", 3 * MOST_MADE, np.random.default_rng(0))
    assert texts is not None
    assert MOST_MADE // 2 < len(set(texts)) <= MOST_MADE
