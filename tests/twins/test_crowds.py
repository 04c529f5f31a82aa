"""How many parents are alike is counted once, by whom the parents are about, however many tables point at them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from handrail.twins.models import Field, Table
from handrail.twins.plane import open_plane
from handrail.twins.sketch import take

KEY = Field("id", "", required=True, primary_key=True)
POINTS = Field("clerk", "", required=True, references=("clerks", "id"))
CLERKS, NIGHT = 300, 7  # the second of them work at night


def clerks(make_table: Any, *, whose: int = 0) -> Table:
    """Few of them work at night; they belong to so many people, or each is one."""
    shift = ["night" if n < NIGHT else ("late" if n % 2 else "early") for n in range(CLERKS)]
    columns = {"id": pa.array(range(CLERKS)), "shift": shift}
    columns |= {"who": pa.array([n % whose for n in range(CLERKS)])} if whose else {}
    return make_table("clerks", columns, KEY, entity="who" if whose else None)  # type: ignore[no-any-return]


def pointing(make_table: Any, name: str) -> Table:
    rows = range(600)
    columns = {"id": pa.array(rows), "clerk": pa.array([n % CLERKS for n in rows])}
    kinds = ["dear" if n % CLERKS < NIGHT else "cheap" for n in rows]
    return make_table(name, {**columns, "kind": kinds}, KEY, POINTS)  # type: ignore[no-any-return]


def test_parents_of_several_tables_are_counted_once(make_table: Any) -> None:
    plane = open_plane(
        [clerks(make_table), *(pointing(make_table, name) for name in ("orders", "visits"))], 10
    )
    sketch = take(plane).sketch
    assert list(plane.crowds) == ["clerks"]
    (shifts,) = plane.crowds["clerks"]
    assert [n for _, n in shifts] == [147, 146, NIGHT]
    for name in ("orders", "visits"):  # the few count with most in each table of their children
        (towards,) = (shares for _, shares in sketch.table(name).links[0].towards)
        assert sorted(share for share in towards if share) == [0.4867, 0.5133]


def test_people_are_counted_where_parents_are_about_some(make_table: Any) -> None:
    plane = open_plane([clerks(make_table, whose=20), pointing(make_table, "orders")], 10)
    take(plane)
    assert max(n for column in plane.crowds["clerks"] for _, n in column) <= 20


def test_a_table_that_nothing_points_at_is_not_counted(make_table: Any) -> None:
    plane = open_plane([clerks(make_table)], 10)
    take(plane)
    assert not plane.crowds
