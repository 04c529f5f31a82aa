"""Dates that nobody may know lie in the time of the database, not of whoever wrote the generator."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from handrail.twins.era import dated
from handrail.twins.generate import generate
from handrail.twins.models import Field, Sketch, Table
from handrail.twins.plane import open_plane
from handrail.twins.sketch import take

KEY = Field("id", "", required=True, primary_key=True)


def days(first: str, offsets: Any) -> pa.Array:
    return pa.array(np.datetime64(first, "D") + np.asarray(offsets, dtype=np.int64))


def office(make_table: Any, people: int = 9) -> list[Table]:
    """A handful of people who took the orders of 1996 and 1997."""
    rng = np.random.default_rng(1)
    staff = {
        "id": pa.array(range(people)),
        "hired": days("1993-01-01", rng.integers(0, 900, people)),
        "birth_date": days("1950-01-01", rng.integers(0, 7000, people)),
    }
    orders = {
        "id": pa.array(range(600)),
        "taken_by": pa.array(rng.integers(0, people, 600)),
        "ordered": days("1996-01-01", rng.integers(0, 700, 600)),
    }
    born = Field("birth_date", "", personal=True, semantic="birth_date")
    points = Field("taken_by", "", required=True, references=("staff", "id"))
    return [make_table("staff", staff, KEY, born), make_table("orders", orders, KEY, points)]


def sketched(tables: list[Table]) -> Sketch:
    plane = open_plane(tables, 10)
    with plane.con:
        return take(plane).sketch


def test_few_people_were_hired_before_the_orders_that_they_took_and_born_long_before(make_table: Any) -> None:
    sketch = sketched(office(make_table))
    made = generate(sketch, 1, "plain")["staff"].table
    assert all(date(1990, 1, 1) < one < date(1996, 3, 1) for one in made["hired"].to_pylist())
    assert all(date(1930, 1, 1) < one < date(1980, 1, 1) for one in made["birth_date"].to_pylist())
    (hired,) = (one for one in sketch.table("staff").columns if one.name == "hired")
    assert not any(one.kind == "range" for one in hired.bins), "the sketch itself says nothing of them"


def test_dates_that_are_told_stay_as_they_are(make_table: Any) -> None:
    sketch = sketched(office(make_table, 200))
    assert dated(sketch) == sketch


def test_a_birth_date_that_is_withheld_is_told_nothing_of(make_table: Any) -> None:
    staff, orders = office(make_table, 200)
    fields = tuple(
        Field("birth_date", "", personal=True, semantic="birth_date", withheld=True)
        if one.name == "birth_date"
        else one
        for one in staff.fields
    )
    (told,) = (one for one in sketched([staff, orders]).table("staff").columns if one.name == "birth_date")
    (silent,) = (
        one
        for one in sketched([Table("staff", fields, staff.path), orders]).table("staff").columns
        if one.name == "birth_date"
    )
    assert any(one.kind == "range" for one in told.bins)
    assert not any(one.kind == "range" for one in silent.bins) and silent.shares == (0.0, pytest.approx(1.0))
