"""Guesses about numbers are refuted by few rows, and never one that hardly any row breaks."""

from __future__ import annotations

import numpy as np
import pytest

from handrail.twins import screen_guesses
from handrail.twins.holds import Floats
from handrail.twins.models import ColumnSketch
from handrail.twins.rules import Rule
from handrail.twins.screen_guesses import refuted

NUMBERS = [
    ColumnSketch(name, "DOUBLE", "float", "model", step=0.01) for name in ("net", "tax", "gross", "pct")
]
HOLD = [
    Rule("formula", ("gross", "net", "tax"), how="b + c"),
    Rule("formula", ("tax", "net", "pct"), how="b * c"),
    Rule("formula", ("gross", "net", "pct"), how="b * (1 + c)"),
    Rule("order", ("net", "gross")),
    Rule("offset", ("pct", "pct"), by=0.0),
]
FAIL = [
    Rule("formula", ("net", "gross", "tax"), how="b + c"),
    Rule("formula", ("gross", "net", "pct"), how="b * (1 - c)"),
    Rule("formula", ("gross", "net", "tax", "pct"), how="b * c * (1 - d)"),
    Rule("order", ("gross", "net")),
    Rule("offset", ("net", "gross"), by=1.0),
]


@pytest.fixture
def rows() -> Floats:
    net = 10.0 + np.arange(60)
    pct = (1 + np.arange(60) % 3) / 10
    tax = np.round(net * pct, 2)
    return np.column_stack([net, tax, net + tax, pct])


def test_what_holds_stays_and_what_rows_break_goes(rows: Floats) -> None:
    assert refuted(rows, [*HOLD, *FAIL], NUMBERS, 5) == set(range(len(HOLD), len(HOLD) + len(FAIL)))


def test_a_guess_that_few_rows_break_or_that_cannot_be_tried_stays(rows: Floats) -> None:
    rows[:5, 2] += 9
    others = [Rule("derived", ("net", "tax"), how="same"), Rule("order", ("net", "elsewhere"))]
    assert refuted(rows, [*HOLD[:1], *others], NUMBERS, 5) == set()
    assert refuted(rows, HOLD[:1], NUMBERS, 4) == {0}


def test_a_row_without_one_of_the_numbers_says_nothing(rows: Floats) -> None:
    rows[:, 1] = np.nan
    assert refuted(rows, FAIL[:1], NUMBERS, 5) == set()


def test_guesses_beyond_those_that_are_tried_at_once_are_tried_too(
    rows: Floats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen_guesses, "AT_ONCE", 2)
    assert refuted(rows, [*HOLD[:3], *FAIL[:3]], NUMBERS, 5) == {3, 4, 5}
