"""Categories of small tables are told by who stands behind them, and by nobody else."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from handrail.twins import codec
from handrail.twins.links import ramp
from handrail.twins.make import make
from handrail.twins.models import Field, Sketch, Table
from handrail.twins.plane import open_plane
from handrail.twins.privacy import rare_in_sketch
from handrail.twins.sketch import take

KEY = Field("code", "", required=True, primary_key=True)
SIDES = ["Europe"] * 9 + ["Asia"] * 8 + ["Africa"] * 7 + ["America"] * 5 + ["Antarctica"]


def countries(make_table: Any, *fields: Field, **more: Any) -> Table:
    columns = {"code": [f"{chr(65 + n % 26)}{n:02d}" for n in range(30)], "continent": SIDES, **more}
    return make_table("countries", columns, KEY, *fields)  # type: ignore[no-any-return]


def offices(make_table: Any, entity: str | None = None, rows: int = 240) -> Table:
    """Offices of countries, some of them in nearly every one; only one is on the last continent."""
    rng = np.random.default_rng(1)
    where = rng.choice(29, rows, p=np.arange(39, 10, -1) / sum(range(11, 40)))
    where[0] = 29
    code = [f"{chr(65 + n % 26)}{n:02d}" for n in where]
    columns = {"id": pa.array(range(rows)), "country": code, "tenant": pa.array(np.arange(rows) % 9)}
    return make_table(  # type: ignore[no-any-return]
        "offices",
        columns,
        Field("id", "", required=True, primary_key=True),
        Field("country", "", required=True, references=("countries", "code")),
        entity=entity,
    )


def sketched(tables: list[Table]) -> Sketch:
    plane = open_plane(tables, 10)
    with plane.con:
        return take(plane).sketch


def test_a_category_of_a_small_table_comes_as_often_as_it_does(make_table: Any) -> None:
    made = make([countries(make_table), offices(make_table)], 10, variant="plain")
    found = Counter(made.twins["countries"].table["continent"].to_pylist())
    assert sum(min(found[one], SIDES.count(one)) for one in set(SIDES)) >= 26


def test_what_fewer_than_k_stand_behind_is_not_told(make_table: Any) -> None:
    made = make([countries(make_table), offices(make_table)], 10, variant="plain")
    said = codec.to_json(made.sketch).decode() + str(made.twins["countries"].table.to_pylist())
    assert "Antarctica" not in said and "Africa" in said


def test_people_are_counted_behind_a_category_not_their_rows(make_table: Any) -> None:
    sketch = sketched([countries(make_table), offices(make_table, entity="tenant")])  # nine of them
    assert not any(one in codec.to_json(sketch).decode() for one in set(SIDES))


def test_a_table_with_anything_personal_in_it_is_told_by_its_own_rows_alone(make_table: Any) -> None:
    named = countries(make_table, Field("head", "", personal=True), head=[f"Anna {n}" for n in range(30)])
    sketch = sketched([named, offices(make_table)])
    assert not any(one in codec.to_json(sketch).decode() for one in set(SIDES))


def test_a_category_behind_which_too_few_stand_is_found_when_looked_up_again(make_table: Any) -> None:
    plane = open_plane([countries(make_table), offices(make_table)], 10)
    table = take(plane).sketch.table("countries")
    assert rare_in_sketch(plane, table) is None
    (column,) = (one for one in table.columns if one.name == "continent")
    alone = [place for place, one in enumerate(column.bins) if one.kind == "value"]
    bins = list(column.bins)
    bins[alone[-1]] = replace(bins[alone[-1]], value="Antarctica")
    columns = tuple(replace(one, bins=tuple(bins)) if one is column else one for one in table.columns)
    assert rare_in_sketch(plane, replace(table, columns=columns)) == "continent"


def test_a_table_of_more_than_k_rows_is_told_whole_or_not_at_all(make_table: Any) -> None:
    lookup = countries(make_table)
    many = offices(make_table, rows=3000)
    some = sketched([lookup, many]).table("countries")
    assert some.told == 0, "one country has a single office"
    without = make_table("countries", {"code": [f"{chr(65 + n % 26)}{n:02d}" for n in range(29)]}, KEY)
    everywhere = make_table(
        "sites",
        {
            "id": pa.array(range(2900)),
            "country": [f"{chr(65 + n % 29 % 26)}{n % 29:02d}" for n in range(2900)],
        },
        Field("id", "", required=True, primary_key=True),
        Field("country", "", required=True, references=("countries", "code")),
    )
    assert sketched([without, everywhere]).table("countries").told == 29


def test_parents_of_whom_only_the_mean_is_told_differ_and_keep_it() -> None:
    found = ramp(4.0, 20, 1.0, 9.0)
    assert sum(found) / 20 == 4.0 and min(found) >= 1 and max(found) <= 9 and max(found) - min(found) > 5
    assert ramp(8.5, 4, 1.0, 9.0) == sorted(ramp(8.5, 4, 1.0, 9.0)) and max(ramp(8.5, 4, 1.0, 9.0)) <= 9
