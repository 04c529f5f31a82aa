"""Whether customers are companies: only where everything says so, and people wherever anything is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handrail import data
from handrail.twins.stand_alone import stand_alone
from handrail.twins.whom import about_companies

ROWS = 40
FIRMS = [f"{word} {kind}" for word in ("Alpine", "Harbour", "Northern", "Copper", "Delta") for kind in
         ("Foods", "Tools", "Paper", "Glass", "Energy", "Foundry", "Traders", "Optics")]  # fmt: skip
PEOPLE = [f"{first} {last}" for first in ("Anna", "John", "Maria", "Peter", "James") for last in
          ("Smith", "Brown", "Wilson", "Taylor", "Miller", "Davis", "Clark", "Lewis")]  # fmt: skip
BASE = {"id": list(range(ROWS)), "company_name": FIRMS, "contact_name": PEOPLE, "city": ["Graz"] * ROWS}


def column(name: str, values: list[Any], key: str, points: tuple[str, str] | None) -> data.Column:
    kind = "BIGINT" if isinstance(values[0], int) else "VARCHAR"
    return data.Column(name, kind, primary_key=name == key, references=points)


def draft(
    folder: Path,
    name: str,
    columns: dict[str, list[Any]],
    entity: str | None,
    subject: str | None,
    **more: Any,
) -> tuple[data.Contract, Path]:
    """A drafted contract of a table that is written down."""
    path = folder / f"{name}.parquet"
    pq.write_table(pa.table(columns), path)
    points = more.pop("points", {})
    found = tuple(column(one, values, "id", points.get(one)) for one, values in columns.items())
    contract = data.Contract(
        name=name,
        version="1.0.0",
        digest="",
        description="",
        owner=None,
        deputy=None,
        purposes=(),
        readers=(),
        columns=more.pop("described", None) or found,
        row_filters=(),
        entity_key=entity,
        subject=subject,
        expires=None,
        source="source",
        physical_name=name,
        rows=len(next(iter(columns.values()))),
    )
    return contract, path


def drafts(folder: Path, columns: dict[str, list[Any]], who: str = "customers") -> Any:
    subject = data.kind_of_person(who)
    orders = {"number": list(range(80)), "customer": [n % ROWS for n in range(80)]}
    return [
        draft(folder, who, columns, "id", subject),
        draft(folder, "orders", orders, "customer", subject, points={"customer": (who, "id")}),
    ]


def test_customers_with_a_companys_name_in_each_row_are_companies(tmp_path: Path) -> None:
    found = about_companies(drafts(tmp_path, BASE))
    assert set(found) == {"customers", "orders"}
    assert "company_name" in found["orders"] and "40 of 40 rows" in found["orders"]


def test_a_table_that_names_the_key_without_pointing_at_it_is_about_the_same(tmp_path: Path) -> None:
    known = [draft(tmp_path, "customers", BASE, "id", "customer")]
    lists = draft(tmp_path, "lists", {"no": [1], "id": [3]}, "id", "customer")
    assert set(about_companies([*known, lists])) == {"customers", "lists"}
    twice = draft(tmp_path, "old_customers", BASE, "id", "customer")
    assert "lists" not in about_companies([*known, twice, lists]), "which of two is meant nobody knows"


@pytest.mark.parametrize(
    "columns",
    [
        {"id": list(range(ROWS)), "name": PEOPLE},
        BASE | {"first_name": ["Anna"] * ROWS},
        BASE | {"birth_date": ["1970-01-01"] * ROWS},
        BASE | {"gender": ["f"] * ROWS},
        BASE | {"customer_name": PEOPLE},
        BASE | {"company_name": PEOPLE},
        BASE | {"company_name": [*FIRMS[:30], *[None] * 10]},
        BASE | {"company_name": [*FIRMS[:30], *[" "] * 10]},
        BASE | {"company_name": ["Alpine Foods"] * ROWS},
        {name: values[:9] for name, values in BASE.items()},
    ],
    ids=["names", "first", "birth", "sex", "own", "people", "gaps", "blanks", "employer", "few"],
)
def test_people_are_counted_where_any_evidence_is_missing(
    tmp_path: Path, columns: dict[str, list[Any]]
) -> None:
    assert about_companies(drafts(tmp_path, columns)) == {}


@pytest.mark.parametrize("who", ["employees", "patients", "applicants", "students", "people", "users"])
def test_people_by_their_kind_are_people_whatever_stands_beside_them(tmp_path: Path, who: str) -> None:
    assert about_companies(drafts(tmp_path, BASE, who)) == {}


def test_what_is_sensitive_is_a_persons(tmp_path: Path) -> None:
    found = drafts(tmp_path, BASE)
    described = (*found[0][0].columns[:3], data.Column("city", "VARCHAR", classification="sensitive"))
    made = draft(tmp_path, "customers", BASE, "id", "customer", described=described)
    assert about_companies([made, found[1]]) == {}


def test_a_row_that_points_at_nobody_known_is_about_people(tmp_path: Path) -> None:
    (orders,) = drafts(tmp_path, BASE)[1:]
    assert about_companies([orders]) == {}


def city_in_the_twin(folder: Path, customers: dict[str, list[Any]]) -> tuple[bool, tuple[str, ...]]:
    """Whether a city to which one customer's twelve orders went is in the twin, and what is said of it."""
    source = folder / "source"
    source.mkdir()
    whose = [*range(ROWS)] * 20 + [7] * 12
    cities = ["Graz", "Lyon"] * (ROWS * 10) + ["Nowhere-upon-Sea"] * 12
    pq.write_table(pa.table({"customer_id": customers.pop("id"), **customers}), source / "customers.parquet")
    orders = {"order_id": list(range(len(whose))), "customer_id": whose, "ship_city": cities}
    pq.write_table(pa.table(orders), source / "orders.parquet")
    told = stand_alone(str(source), folder / "twin", "plain")
    made = pq.read_table(folder / "twin" / "orders.parquet")["ship_city"].to_pylist()
    return "Nowhere-upon-Sea" in made, told.table("orders").simplifications  # type: ignore[union-attr]


def test_rows_of_companies_are_counted_and_the_report_says_why(tmp_path: Path) -> None:
    there, said = city_in_the_twin(tmp_path, dict(BASE))
    assert there and any("customers are companies" in one for one in said)


def test_one_private_customer_with_many_rows_is_still_one(tmp_path: Path) -> None:
    there, said = city_in_the_twin(
        tmp_path, {"id": list(range(ROWS)), "name": PEOPLE, "city": ["Graz"] * ROWS}
    )
    assert not there and not any("companies" in one for one in said)
