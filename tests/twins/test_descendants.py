"""Small tables are told row by row where enough stand behind each, and nobody is told of by that."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.cases import cases

from handrail.twins import codec
from handrail.twins.descendants import told_rows
from handrail.twins.gates import gates
from handrail.twins.generate import generate
from handrail.twins.make import Made, make
from handrail.twins.models import Field, Sketch, Table
from handrail.twins.plane import open_plane
from handrail.twins.privacy import rare_in_sketch
from handrail.twins.sketch import take

KEY = Field("code", "", required=True, primary_key=True)
POINTS = Field("status", "", required=True, references=("statuses", "code"))
ORDERS = 600
LABELS = ("Ordered, and not yet paid", "Paid in full", "Sent out of the house", "Sent back by the buyer")


def statuses(make_table: Any, labels: Any = LABELS, *fields: Field, **more: Any) -> Table:
    columns = {"code": list("OPSB"), "label": list(labels), "rank": pa.array([40, 30, 20, 10]), **more}
    return make_table("statuses", columns, KEY, *fields)  # type: ignore[no-any-return]


def orders(make_table: Any, counts: tuple[int, ...] = (300, 200, 80, 20), **more: Any) -> Table:
    status = np.repeat(list("OPSB"), counts)
    size = np.repeat([10, 200, 3000, 40_000], counts) + np.arange(len(status)) % 7
    columns = {"id": pa.array(range(len(status))), "status": status, "size": pa.array(size)}
    given = more.pop("fields", ())
    entity = more.pop("entity", None)
    named = Field("id", "", required=True, primary_key=True)
    return make_table("orders", columns | more, named, POINTS, *given, entity=entity)  # type: ignore[no-any-return]


def said(made: Made) -> str:
    """All that left production: the sketch, and the rows of the twins."""
    rows = {name: twin.table.to_pylist() for name, twin in made.twins.items()}
    return codec.to_json(made.sketch).decode() + json.dumps(rows, default=str)


def test_a_lookup_table_is_told_to_the_letter_where_k_stand_behind_each_row(make_table: Any) -> None:
    tables = [statuses(make_table), orders(make_table)]
    made = make(tables, 10, variant="plain")
    assert made.twins["statuses"].table.to_pylist() == pq.read_table(tables[0].path).to_pylist()
    (report,) = (one for one in made.reports if one.dataset == "statuses")
    assert "4 rows are real" in report.privacy.real and "orders" in report.privacy.real
    assert report.overall == 1.0 and not report.verbatim
    copies = next(one for one in gates(report, 10) if "equal" in one.name)
    assert copies.held and "on purpose" in copies.measured


def test_children_follow_the_rows_that_they_point_at(make_table: Any) -> None:
    made = make([statuses(make_table), orders(make_table)], 10, variant="plain")
    found = made.twins["orders"].table.to_pandas()
    counts = found["status"].value_counts()
    assert [counts[code] for code in "OPSB"] == pytest.approx([300, 200, 80, 20], abs=3)
    usual = found.groupby("status")["size"].median()
    assert [usual[code] for code in "OPSB"] == pytest.approx([13, 203, 3003, 40_003], rel=0.4)


def test_the_same_sketch_gives_the_same_rows_after_it_was_written_and_read(make_table: Any) -> None:
    sketch = take(open_plane([statuses(make_table), orders(make_table)], 10)).sketch
    again = codec.from_json(codec.to_json(sketch))
    assert again == sketch
    first, second = (generate(one, 3, "plain")["statuses"].table for one in (sketch, again))
    assert first == second


def test_a_row_behind_which_fewer_than_k_stand_does_not_appear(make_table: Any) -> None:
    made = make([statuses(make_table), orders(make_table, (300, 200, 91, 9))], 10, variant="plain")
    assert LABELS[3] not in said(made) and "40000" not in said(made)
    twin = made.twins["statuses"].table
    assert twin["label"].to_pylist()[:3] == list(LABELS[:3]) and twin.num_rows == 4
    assert not set(twin["code"].to_pylist()) & set("OPSB"), "whose key is missing would tell of the row"
    (report,) = (one for one in made.reports if one.dataset == "statuses")
    assert "3 of its 4 rows" in report.privacy.real
    assert any("Fewer than 10" in one for one in report.simplifications)


def test_with_fewer_behind_every_row_nothing_is_told(make_table: Any) -> None:
    made = make([statuses(make_table), orders(make_table, (9, 9, 9, 9))], 10, variant="plain")
    assert not any(label in said(made) for label in LABELS)
    assert not made.reports[0].privacy.real


def test_people_are_counted_not_their_rows(make_table: Any) -> None:
    buyer = np.concatenate([np.arange(580) % 100, np.full(20, 7)])  # twenty came back, all from one buyer
    made = make([statuses(make_table), orders(make_table, buyer=pa.array(buyer), entity="buyer")], 10)
    assert LABELS[0] in said(made) and LABELS[3] not in said(made)


def test_people_are_counted_also_where_the_rows_lead_to_them_by_another_table(make_table: Any) -> None:
    lines, bought = np.arange(ORDERS * 2) // 2, np.repeat(list("OPSB"), (700, 300, 160, 40))
    whose = np.where(np.arange(ORDERS) >= 580, 7, np.arange(ORDERS) % 90)
    tables = [
        statuses(make_table),
        make_table(
            "baskets",
            {"id": pa.array(range(ORDERS)), "member": pa.array(whose)},
            Field("id", "", required=True, primary_key=True),
            entity="member",
        ),
        make_table(
            "lines",
            {"basket": pa.array(lines), "status": bought},
            Field("basket", "", required=True, references=("baskets", "id")),
            POINTS,
        ),
    ]
    made = make(tables, 10)
    assert LABELS[2] in said(made) and LABELS[3] not in said(made)


PEOPLE = ("Zebulon Quixotrix", "Anna Schmidt", "John Smith", "Maria Garcia")


@pytest.mark.parametrize(
    ("labels", "field"),
    [
        (PEOPLE, Field("label", "", personal=True, semantic="person_name")),
        (PEOPLE, Field("label", "", semantic="person_name")),
        (("a@real.example", "b@real.example", "c@real.example", "d@real.example"), Field("label", "")),
        (("John Smith", "Anna Brown", "James Wilson", "Mary Davis"), Field("label", "")),
    ],
    ids=["classified", "by meaning", "by content", "names by content"],
)
def test_a_small_table_with_anything_personal_in_it_is_never_told(
    make_table: Any, labels: tuple[str, ...], field: Field
) -> None:
    made = make([statuses(make_table, labels, field), orders(make_table)], 10)
    assert not any(label in said(made) for label in labels)
    assert not any(one.privacy.real for one in made.reports)


def test_a_small_table_with_a_column_called_like_a_persons_is_never_told(make_table: Any) -> None:
    calls = ["0170 99", "0170 98", "0170 97", "0170 96"]
    made = make([statuses(make_table, LABELS, phone=calls), orders(make_table)], 10)
    assert not any(one in said(made) for one in (*calls, *LABELS))


@pytest.mark.parametrize("name", ["employees", "hr_contacts", "drivers"])
def test_a_table_of_people_is_never_told(make_table: Any, name: str) -> None:
    people = make_table(name, {"code": list("OPSB"), "grade": ["first", "second", "third", "fourth"]}, KEY)
    field = Field("status", "", required=True, references=(name, "code"))
    made = make([people, replace(orders(make_table), fields=(*orders(make_table).fields[:1], field))], 10)
    assert "fourth" not in said(made)


def test_a_table_that_other_rows_are_about_is_never_told(make_table: Any) -> None:
    events = make_table("events", {"status": np.repeat(list("OPSB"), 50)}, POINTS)
    made = make([statuses(make_table), orders(make_table, entity="status"), events], 10)
    assert not any(label in said(made) for label in LABELS)


@pytest.mark.parametrize("devices", [4, 40])
def test_a_small_table_whose_rows_belong_to_people_is_never_told(make_table: Any, devices: int) -> None:
    whose = make_table("patients", {"id": pa.array(range(60))}, Field("id", "", primary_key=True))
    colours = [f"colour {n % (devices // 2)}" for n in range(devices)]
    pumps = make_table(
        "pumps",
        {"id": pa.array(range(devices)), "worn_by": pa.array(range(devices)), "colour": colours},
        Field("id", "", required=True, primary_key=True),
        Field("worn_by", "", references=("patients", "id")),
    )
    doses = make_table(
        "doses",
        {"id": pa.array(range(ORDERS)), "pump": pa.array([n % devices for n in range(ORDERS)])},
        Field("id", "", required=True, primary_key=True),
        Field("pump", "", required=True, references=("pumps", "id")),
    )
    sketch = take(open_plane([whose, pumps, doses], 10)).sketch.table("pumps")
    assert not sketch.told and not any(one.below for one in sketch.columns)


def test_a_table_that_asks_for_more_than_k_gets_it(make_table: Any) -> None:
    asks = replace(statuses(make_table), k=50)
    made = make([asks, orders(make_table)], 10)
    assert LABELS[2] in said(made) and LABELS[3] not in said(made)
    assert {one.k for one in made.reports} == {50}, "a row of a child tells of its parent as well"


def test_a_told_row_behind_which_too_few_stand_is_found_when_looked_up_again(make_table: Any) -> None:
    tables = [statuses(make_table), orders(make_table, (300, 200, 91, 9))]
    plane = open_plane(tables, 10)
    with plane.con:
        honest = take(plane).sketch.table("statuses")
        assert rare_in_sketch(plane, honest) is None
        label = honest.column("label")
        leaking = replace(label, kept=(*label.kept, LABELS[3]))
        assert rare_in_sketch(plane, replace(honest, columns=(leaking,), told=4)) == "label"


def test_what_cannot_be_looked_through_is_invented(make_table: Any) -> None:
    pictures = pa.array([f"picture {n}".encode() for n in range(4)])
    made = make([statuses(make_table, picture=pictures), orders(make_table)], 10, variant="plain")
    twin = made.twins["statuses"].table
    assert twin["label"].to_pylist() == list(LABELS) and not set(twin["picture"].to_pylist()) & set(
        pictures.to_pylist()
    )


def test_every_kind_of_value_comes_back_exactly(make_table: Any) -> None:
    more = {
        "price": pa.array([None, "0.10", "99.99", "-1.00"], pa.string()).cast(pa.decimal128(9, 2)),
        "share": pa.array([0.1, 1 / 3, None, -2e-9]),
        "since": pa.array([0, 20_000, None, 5], pa.int32()).cast(pa.date32()),
        "seen": pa.array([1, 2_000_000_003, None, 4], pa.int64()).cast(pa.timestamp("us")),
        "open": pa.array([True, False, None, True]),
    }
    tables = [statuses(make_table, **more), orders(make_table)]
    made = make(tables, 10, variant="plain")
    real = pq.read_table(tables[0].path)
    assert made.twins["statuses"].table.cast(real.schema).to_pylist() == real.to_pylist()


def test_a_told_table_points_at_the_rows_that_the_real_one_points_at(make_table: Any) -> None:
    groups = make_table("groups", {"code": ["x", "y"], "label": ["goes out", "comes in"]}, KEY)
    inner = statuses(
        make_table, LABELS, Field("kind", "", references=("groups", "code")), kind=["x", "y", None, "x"]
    )
    made = make([groups, inner, orders(make_table)], 10, variant="plain")
    assert made.twins["groups"].table["label"].to_pylist() == ["goes out", "comes in"]
    assert made.twins["statuses"].table["kind"].to_pylist() == ["x", "y", None, "x"]


def test_a_sketch_alone_says_whose_rows_are_real(make_table: Any) -> None:
    sketch: Sketch = take(open_plane([statuses(make_table), orders(make_table)], 10)).sketch
    assert sketch.table("statuses").told == 4 and sketch.table("orders").told == 0


@settings(max_examples=cases(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.tuples(*[st.integers(0, 25)] * 4), st.integers(10, 15))
def test_exactly_the_rows_are_told_behind_which_k_stand(
    make_table: Any, counts: tuple[int, int, int, int], k: int
) -> None:
    plane = open_plane([statuses(make_table), orders(make_table, counts)], k)
    with plane.con:
        told = told_rows(plane, "statuses")
    assert (told.rows if told else ()) == tuple(place for place, n in enumerate(counts) if n >= k)


def test_with_a_great_k_only_tables_of_few_rows_are_told(make_table: Any) -> None:
    for rows, told in ((250, 250), (260, 0)):
        codes = [f"c{n}" for n in range(rows)]
        lookup = make_table("statuses", {"code": codes, "label": [f"Label {n}" for n in range(rows)]}, KEY)
        many = make_table("orders", {"id": pa.array(range(rows * 300)), "status": codes * 300}, POINTS)
        sketch = take(open_plane([lookup, many], 300)).sketch
        assert sketch.table("statuses").told == told
        assert generate(sketch, 1, "plain")["orders"].table.num_rows == rows * 300


def test_numbers_beyond_what_is_told_exactly_are_invented(make_table: Any) -> None:
    marks = pa.array([2**64 - 1, 2**63, 2**53 + 1, 7], pa.uint64())
    made = make([statuses(make_table, mark=marks), orders(make_table)], 10, variant="plain")
    assert str(2**64 - 1) not in said(made) and made.twins["statuses"].table.num_rows == 4
    assert made.twins["statuses"].table["label"].to_pylist() == list(LABELS)


def test_what_has_no_end_is_invented_and_leaves_no_gap(make_table: Any) -> None:
    until = pa.array([2**31 - 1, 20_000, 20_100, 20_200], pa.int32()).cast(pa.date32())  # DuckDB's infinity
    needed = Field("until", "", required=True)
    made = make([statuses(make_table, LABELS, needed, until=until), orders(make_table)], 10, variant="plain")
    twin = made.twins["statuses"].table
    assert twin["label"].to_pylist() == list(LABELS) and not twin["until"].null_count


def test_pay_is_no_lookup_whatever_type_holds_it(make_table: Any) -> None:
    pay = pa.array([Decimal(n) for n in (3100, 4200, 5300, 6400)], pa.decimal128(9, 2))
    tables = [statuses(make_table, wages=pay), orders(make_table)]
    assert told_rows(open_plane(tables, 10), "statuses") is None


def test_how_many_rows_point_at_told_rows_is_learned_where_no_row_has_k(make_table: Any) -> None:
    """Half of the courses have no lecturer and the others one to five; enrolments are told course by course."""
    codes = [f"{chr(65 + n // 26)}{chr(65 + n % 26)}9" for n in range(60)]
    courses = make_table("courses", {"code": codes, "points": pa.array([n % 3 for n in range(60)])}, KEY)
    points = Field("course", "", required=True, references=("courses", "code"))
    enrolments = make_table("enrolments", {"course": [codes[n % 60] for n in range(1500)]}, points)
    taught = [codes[n] for n in range(30) for _ in range(1 + n % 5)]
    teaches = make_table("teaches", {"course": taught}, points)
    made = make([courses, enrolments, teaches], 10, variant="plain")
    assert made.twins["courses"].table["code"].to_pylist() == codes
    counts = [one.name for one in made.sketch.table("courses").columns if one.role == "degree"]
    assert counts == ["#teaches.course"], "of enrolments each course's share is told, and nothing besides"
    (degree,) = (one for one in made.sketch.table("courses").columns if one.role == "degree")
    assert all(round(share * 60) >= 10 for share in degree.shares if share)
    found = made.twins["teaches"].table["course"].to_pylist()
    assert len(found) == len(taught)
    assert 24 <= len(set(found)) <= 36
