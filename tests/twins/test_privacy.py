"""Nobody of the original may be found in a sketch or a twin: canaries, attacks on the gate, the gate's reasons."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handrail.twins import codec
from handrail.twins.generate import generate
from handrail.twins.make import make
from handrail.twins.models import Bin, Field, Sketch, TwinRefused
from handrail.twins.plane import open_plane
from handrail.twins.privacy import judge, rare_in_sketch
from handrail.twins.sketch import take

ROWS = 2000
NAME, SALARY, CITY, DAY = "Zebulon Quixotrix", 98_765_432, "Nowhere-upon-Sea", 44_444


@pytest.fixture
def staff(make_table: Any) -> Any:
    """Two thousand employees, one of whom has a name, salary, city and start date like nobody else."""
    rng = np.random.default_rng(3)
    salary = rng.integers(30, 90, ROWS) * 1000
    city = rng.choice(["Bergen", "Lyon", "Graz"], ROWS).astype(object)
    day = rng.integers(15_000, 19_000, ROWS)
    salary[7], city[7], day[7] = SALARY, CITY, DAY
    return make_table(
        "staff",
        {
            "id": pa.array(range(1, ROWS + 1)),
            "name": [NAME if i == 7 else f"Person {i}" for i in range(ROWS)],
            "nickname": [NAME if i == 7 else f"Nick {i}" for i in range(ROWS)],
            "salary": pa.array(salary),
            "bonus": pa.array(salary / 7.0),
            "city": pa.array(city),
            "started": pa.array(day.astype("int32")).cast(pa.date32()),
            "grade": rng.integers(1, 6, ROWS),
        },
        Field("id", "", required=True, primary_key=True),
        Field("name", "", personal=True, semantic="person_name"),
    )


def found_in(text: str) -> list[str]:
    return [canary for canary in (NAME, "Quixotrix", str(SALARY), CITY) if canary in text]


def test_canaries_never_appear_in_sketch_or_twin(staff: Any) -> None:
    made = make([staff], k=10)
    assert found_in(codec.to_json(made.sketch).decode()) == []
    twin = made.twins["staff"].table
    assert found_in(str(twin.to_pylist())) == []
    plain = generate(made.sketch, variant="plain")["staff"].table
    assert max(plain["salary"].to_pylist()) < 100_000
    assert max(plain["bonus"].to_pylist()) < 100_000 / 7 + 1
    assert max(plain["started"].cast(pa.int32()).to_pylist()) < DAY


def test_without_suppression_the_canaries_would_appear(staff: Any) -> None:
    sketch = codec.to_json(take(open_plane([staff], 1)).sketch).decode()
    assert str(SALARY) in sketch or CITY in sketch
    with pytest.raises(TwinRefused, match="planted value"):
        make([staff], k=1)


def test_one_person_with_many_rows_is_still_one_person(make_table: Any) -> None:
    columns = {
        "person": pa.array([1] * 50 + list(range(2, 252))),
        "city": pa.array([CITY] * 50 + ["Lyon"] * 250),
        "amount": pa.array([SALARY] * 50 + [int(x) for x in np.random.default_rng(1).integers(1, 99, 250)]),
    }
    counted_by_row = take(open_plane([make_table("visits", columns)], 10)).sketch
    assert len(found_in(codec.to_json(counted_by_row).decode())) > 0, "the attack works by rows"
    counted_by_person = take(open_plane([make_table("visits", columns, entity="person")], 10)).sketch
    assert found_in(codec.to_json(counted_by_person).decode()) == []


def test_every_share_in_a_sketch_stands_for_at_least_k_rows(staff: Any) -> None:
    sketch = take(open_plane([staff], 10)).sketch
    for column in sketch.table("staff").columns:
        assert all(share == 0 or share * ROWS >= 9.99 for share in column.shares), column.name
        for one in column.bins:
            assert one.value is None or one.kind == "value"


def test_a_twin_that_copies_rows_is_refused_with_the_column(staff: Any) -> None:
    plane = open_plane([staff], 10)
    table = take(plane).sketch.table("staff")
    real = pq.read_table(staff.path)
    copied = pa.concat_tables([real.slice(0, 200)] * 5)
    verdict = judge(plane, table, copied, (), seed=0)
    assert not verdict.passed
    assert verdict.column in table.order
    assert verdict.copies == 1.0


def test_one_copied_row_in_twenty_is_enough(staff: Any) -> None:
    plane = open_plane([staff], 10)
    taken = take(plane).sketch
    twin = generate(taken, variant="plain")["staff"].table
    assert judge(plane, taken.table("staff"), twin, (), seed=0).passed
    leaking = pa.concat_tables([twin.slice(100), pq.read_table(staff.path).slice(0, 100).cast(twin.schema)])
    assert not judge(plane, taken.table("staff"), leaking, (), seed=0).passed


def test_a_sketch_that_names_a_rare_value_is_found(staff: Any) -> None:
    plane = open_plane([staff], 10)
    table = take(plane).sketch.table("staff")
    assert rare_in_sketch(plane, table) is None
    for name, value in (("city", CITY), ("salary", float(SALARY))):
        column = table.column(name)
        leaking = replace(column, bins=(*column.bins, Bin("value", value=value)))
        columns = tuple(leaking if one.name == name else one for one in table.columns)
        assert rare_in_sketch(plane, replace(table, columns=columns)) == name


def test_a_refused_twin_is_a_refusal_that_says_what_to_do(
    staff: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = generate
    monkeypatch.setattr(
        "handrail.twins.make.generate",
        lambda *given, **named: {
            "staff": replace(plain(*given, **named)["staff"], table=pq.read_table(staff.path), hostile=())
        },
    )
    with pytest.raises(TwinRefused, match="equal a real row") as refused:
        make([staff], k=10)
    assert "Classify" in refused.value.next_step


def test_an_invented_address_that_is_a_real_one_is_refused_with_its_column(make_table: Any) -> None:
    mails = [f"real{i}@firma.de" for i in range(ROWS)]
    table = make_table(
        "people", {"n": [i % 7 for i in range(ROWS)], "email": mails}, Field("email", "", personal=True)
    )
    plane = open_plane([table], 10)
    with plane.con:
        sketch = take(plane).sketch.table("people")
        twin = generate(Sketch(10, (sketch,)), variant="plain")["people"].table
        found = judge(plane, sketch, twin, (), seed=0)
        ((name, share, most),) = found.reused
        assert found.passed and (name, share) == ("email", 0.0) and most < 0.01
        mixed = [
            real if i % 50 == 0 else made
            for i, (real, made) in enumerate(zip(mails, twin["email"].to_pylist(), strict=True))
        ]
        leaking = twin.set_column(1, "email", pa.array(mixed))
        refused = judge(plane, sketch, leaking, (), seed=0)
    assert not refused.passed and refused.column == "email" and "are real ones" in str(refused.reason)


def test_where_a_shape_has_little_room_chance_is_not_held_against_a_twin(make_table: Any) -> None:
    codes = [f"{chr(65 + i // 10 % 26)}{i % 10}" for i in range(240)]
    table = make_table("codes", {"code": codes}, Field("code", "", required=True, unique=True))
    made = make([table], k=10)
    ((name, share, most),) = made.reports[0].privacy.reused
    assert name == "code" and share <= most


def test_columns_may_be_called_as_the_gate_calls_its_own(make_table: Any) -> None:
    names = ("x", "y", "n", "held", "p", "d", "v", "holder", "twin", "real", "half", "nothing", "c0")
    made = make(
        [make_table("t", {name: [i % (3 + place) for i in range(900)] for place, name in enumerate(names)})],
        10,
    )
    assert made.twins["t"].table.column_names == list(names)
