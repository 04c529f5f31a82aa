"""Attack: whoever may count rows that they may not see, counts them by conditions that leave one person."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from handrail import data, server
from handrail.data import quality_store, spoken
from handrail.data.tell_counts import sight
from handrail.kernel import Instance, NotReady
from handrail.server import open_instance
from tests.conftest import Acting
from tests.data import budgeting
from tests.data.asking import actors
from tests.data.test_pages import SignedIn, signed_in
from tests.prepared import copied

__all__ = ["signed_in"]

STAFF = "id,name,dept,salary\n" + "\n".join(f"{n},N{n},{'AB'[n % 2]},{1000 + n * n}" for n in range(40))
ABOUT = {"entity_key": "id", "subject": "employee", "owner": "steward.hr", "readers": ["hr"]}
ABOVE = {"rule": "range", "column": "salary", "value": "..1400"}  # 20 of 40 are above


def firm(folder: Path) -> None:
    """Forty employees, whom only hr reads, looked after by steward.hr; steward.sales is another steward."""
    folder.mkdir()
    instance = budgeting.furnished(folder, 10)
    (folder / "staff.csv").write_text(STAFF)
    with actors(instance)("steward.sales") as ctx:
        data.import_source(ctx, str(folder / "staff.csv"))
    budgeting.certify(instance, "staff", {**ABOUT, "deputy": "lead"})
    instance.close()


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    """The firm, as it was made, for each test."""
    copied(firm, tmp_path)
    opened = open_instance(tmp_path / "home")
    yield opened
    opened.close()


@pytest.fixture
def staff(instance: Instance, tmp_path: Path) -> Path:
    """The employees' file, to import again with whatever it says by then."""
    return tmp_path / "staff.csv"


def proposed(acting: Acting, changes: dict[str, Any]) -> None:
    with acting("steward.sales") as ctx:
        data.propose(ctx, "staff", changes)


def of_salary(found: tuple[data.Result, ...]) -> tuple[float | None, str]:
    (one,) = (one for one in found if "salary" in one.promise)
    return one.count, one.said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("..1400", "About 20 rows are otherwise."),
        ("..2368", "Fewer than 5 rows are otherwise."),
        ("..9999", ""),
    ],
)
def test_a_steward_who_may_not_read_the_rows_counts_none_by_proposing_and_checking(
    acting: Acting, staff: Path, value: str, said: str
) -> None:
    proposed(acting, {"quality": [{**ABOVE, "value": value}]})
    with acting("steward.sales") as ctx:
        assert of_salary(data.check_quality(ctx, "staff").results) == (None, said)
        assert of_salary(data.quality_history(ctx, "staff")[0].results) == (None, said)
        (kept,) = quality_store.checks_of(ctx, "staff", 1)
    assert of_salary(kept.results)[0] == {"..1400": 19, "..2368": 3, "..9999": 0}[value]


@pytest.mark.parametrize(
    ("person", "told"),
    [
        ("steward.hr", "exact"),  # its owner
        ("lead", "exact"),  # its deputy
        ("steward.sales", "rough"),
        ("compliance", "rough"),
        ("admin", "rough"),
        ("viewer.emea", "outcome"),
    ],
)
def test_who_is_told_how_much(acting: Acting, staff: Path, person: str, told: str) -> None:
    with acting(person) as ctx:
        assert sight(ctx, "staff") == told


def test_a_reader_is_told_exactly_while_nothing_is_hidden_from_them(
    acting: Acting, staff: Path, instance: Instance
) -> None:
    def told(changes: dict[str, Any]) -> str:
        budgeting.certify(instance, "staff", {**ABOUT, "deputy": "lead", "readers": ["sales"], **changes})
        with acting("viewer.emea") as ctx:
            return sight(ctx, "staff")

    assert told({}) == "exact"
    assert told({"masks": {"salary": "null"}}) == "rough"
    assert told({"masks": {}, "row_filters": ["dept = 'A'"]}) == "rough"
    assert told({"readers": ["hr"], "row_filters": []}) == "outcome"


def test_nobody_becomes_the_owner_by_saying_so(acting: Acting, staff: Path) -> None:
    proposed(acting, {"owner": "steward.sales", "readers": ["sales"], "quality": [ABOVE]})
    with acting("steward.sales") as ctx:
        assert of_salary(data.check_quality(ctx, "staff").results)[0] is None


def test_nobody_is_told_of_a_copy_under_another_name(acting: Acting, staff: Path) -> None:
    copy = staff.with_name("people.csv")
    copy.write_text(STAFF)
    with acting("steward.sales") as ctx:
        data.import_source(ctx, str(copy))
        changes = {"quality": [ABOVE], "owner": "steward.sales", "readers": ["sales"]}
        assert of_salary(data.try_promises(ctx, "people", changes)[1])[0] is None


def test_seeing_as_somebody_counts_nobody_by_a_filter_that_leaves_one(
    acting: Acting, staff: Path, signed_in: SignedIn
) -> None:
    seen = {}
    for salary in (1048, 1049):
        proposed(acting, {"row_filters": [f"id = 7 AND salary > {salary}"]})  # it is 1049
        with acting("steward.sales") as ctx:
            seen[salary] = data.preview(ctx, "staff", "steward.hr")
        page = signed_in("steward.sales").get("/datasets/staff/see-as", params={"person": "lead"}).text
        assert "fewer than 5 of 40" in page
    assert {(one.remaining, one.left) for one in seen.values()} == {(None, "fewer than 5")}
    with acting("steward.hr") as ctx:
        assert data.preview(ctx, "staff", "lead").left == "0"


def test_a_refusal_to_certify_and_an_import_hold_no_number(acting: Acting, staff: Path) -> None:
    required = {"required": {"name": True}}
    proposed(acting, required)
    staff.write_text(STAFF.replace("7,N7", "7,"))
    with acting("steward.sales") as ctx:
        report = data.import_source(ctx, str(staff), name="staff")
    assert "name is required and has no value in some rows" in str(report)
    proposed(acting, required)
    with acting("steward.hr") as ctx, pytest.raises(NotReady, match="has no value in some rows"):
        data.certify(ctx, "staff")


def test_every_face_says_the_same(
    acting: Acting, staff: Path, signed_in: SignedIn, instance: Instance
) -> None:
    proposed(acting, {"quality": [ABOVE]})
    client = signed_in("steward.sales")
    told = client.post("/api/v1/datasets/staff/quality").json()["results"]
    where = ("--home", str(instance.settings.home), "--as", "steward.sales", "--json")
    command = server.command()
    assert json.loads(CliRunner().invoke(command, ["quality", "staff", *where]).stdout)["results"] == told
    assert client.get("/api/v1/datasets/staff/quality").json()[0]["results"] == told
    page = client.get("/datasets/staff").text
    assert "About 20 rows are otherwise." in page
    assert not any(" of 40 rows" in one["said"] or one["count"] not in (None, 40) for one in told)


@given(st.integers(0, 10_000_000), st.integers(2, 50))
def test_what_is_rounded_says_nothing_of_few_and_is_near_for_many(count: int, least: int) -> None:
    said = spoken.roughly(count, least)
    if count < least:
        assert said == f"fewer than {least}"
    else:
        assert abs(float(said.removeprefix("about ").replace(",", "")) - count) <= count / 2
