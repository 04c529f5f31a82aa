"""Guesses about numbers are refuted by few rows, and never one that hardly any row breaks."""

from __future__ import annotations

import duckdb
import pytest

from handrail.twins.columns import Source
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
def source() -> Source:
    con = duckdb.connect()
    con.execute(
        "CREATE TABLE tried AS SELECT [net, round(net * pct, 2), net + round(net * pct, 2), pct] AS v FROM "
        "(SELECT 10.0 + i AS net, (1 + i % 3) / 10 AS pct FROM range(60) AS r(i))"
    )
    return Source(con, "tried", 60, 10, None)


def test_what_holds_stays_and_what_rows_break_goes(source: Source) -> None:
    assert refuted(source, "tried", [*HOLD, *FAIL], NUMBERS, 5) == set(
        range(len(HOLD), len(HOLD) + len(FAIL))
    )


def test_a_guess_that_few_rows_break_or_that_cannot_be_tried_stays(source: Source) -> None:
    source.con.execute("UPDATE tried SET v = [v[1], v[2], v[3] + 9, v[4]] WHERE v[1] < 15")
    others = [Rule("derived", ("net", "tax"), how="same"), Rule("order", ("net", "elsewhere"))]
    assert refuted(source, "tried", [*HOLD[:1], *others], NUMBERS, 5) == set()
    assert refuted(source, "tried", HOLD[:1], NUMBERS, 4) == {0}


def test_a_row_without_one_of_the_numbers_says_nothing(source: Source) -> None:
    source.con.execute("UPDATE tried SET v = [v[1], NULL, v[3], v[4]]")
    assert refuted(source, "tried", FAIL[:1], NUMBERS, 5) == set()
