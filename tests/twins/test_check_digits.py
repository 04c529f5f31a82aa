"""Check digits: what is invented proves itself, and nobody can have been given it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from handrail.data.checksums import is_card_number, is_iban, is_national_id
from handrail.twins import check_digits as made
from handrail.twins.locales import LANDS

ROWS = 300


def digits(text: str) -> list[int]:
    return [int(letter) for letter in text if letter.isdigit()]


def test_cards_are_right_by_luhn_and_in_the_range_of_test_cards() -> None:
    found = made.cards(ROWS, np.random.default_rng(1))
    assert all(is_card_number(card) and card.startswith("400000") for card in found)
    assert len(set(found)) == ROWS


@pytest.mark.parametrize("land", [land for land in LANDS if land.iban], ids=lambda land: land.code)
def test_accounts_have_a_right_check_number_and_no_bank(land: object) -> None:
    code, length = land.code, land.iban  # type: ignore[attr-defined]
    found = made.ibans(code, length, 50, np.random.default_rng(2))
    assert all(is_iban(one) and one.startswith(code) and len(one) == 4 + length for one in found)
    assert all(one[4:8] == "0000" for one in found)


@pytest.mark.parametrize("country", ["ES", "FR", "PL"])
def test_papers_pass_the_test_that_finds_real_ones(country: str) -> None:
    found = made.national_ids(country, ROWS, np.random.default_rng(3))
    assert found is not None and all(is_national_id(one) for one in found)


def test_american_numbers_are_in_an_area_that_is_never_given_out() -> None:
    found = made.national_ids("US", ROWS, np.random.default_rng(3))
    assert found is not None
    assert all(one[0] == "9" and int(one[4:6]) < 50 and len(one) == 11 for one in found)


def test_dutch_numbers_stand_the_test_of_eleven() -> None:
    found = made.national_ids("NL", ROWS, np.random.default_rng(4))
    assert found is not None
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    assert all(sum(d * w for d, w in zip(digits(one), weights, strict=True)) % 11 == 0 for one in found)


def test_brazilian_numbers_have_both_right_digits() -> None:
    found = made.national_ids("BR", ROWS, np.random.default_rng(4))
    assert found is not None
    for one in found:
        own = digits(one)
        for known in (9, 10):
            rest = sum(d * w for d, w in zip(own, range(known + 1, 1, -1), strict=False)) * 10 % 11 % 10
            assert own[known] == rest


def test_german_numbers_are_right_and_marked_as_tests() -> None:
    found = made.national_ids("DE", ROWS, np.random.default_rng(4))
    assert found is not None
    for one in found:
        product = 10
        for digit in digits(one)[:-1]:
            product = ((digit + product) % 10 or 10) * 2 % 11
        assert (11 - product) % 10 == digits(one)[-1] and one[0] == "0" and len(one) == 11


def test_an_ean_of_a_real_book_is_completed_as_printed() -> None:
    assert made.ean(np.array([digits("978030640615")])) == [7]
    assert made.luhn(np.array([digits("7992739871")])) == [3]


def test_numbers_of_a_country_that_nobody_taught_us_are_not_claimed() -> None:
    assert made.national_ids("IS", 3, np.random.default_rng(1)) is None


def test_the_same_seed_gives_the_same_numbers() -> None:
    found = [made.cards(20, np.random.default_rng(7)) for _ in range(2)]
    assert all(list(one) == list(other) for one, other in pairwise(found))
