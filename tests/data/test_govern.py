"""What a viewer gets: their rows, masked columns, and nothing from a name that shadows a dataset."""

import datetime
import decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from handrail.data.filters import check_filter
from handrail.data.govern import _sights, govern
from handrail.data.models import RowFilter
from handrail.data.parse import read
from handrail.data.resolve import resolve
from handrail.kernel import Invalid, Refusal
from tests.data.governing import CONTRACTS, CUSTOMERS, EMEA, ORDERS, SECRET, House, contract, viewer


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path)
    made.put(
        "orders",
        pa.table(
            {
                "id": [1, 2, 3, 4],
                "customer_id": [10, 20, 10, 30],
                "region": ["EMEA", "APAC", "EMEA", None],
                "amount": [5.0, 7.0, 11.0, 13.0],
                "ordered": [datetime.date(2026, 1, n) for n in (1, 2, 3, 4)],
                "Ship Name": ["Alfa", "Beta", "Gamma", "Delta"],
            }
        ),
    )
    made.put(
        "customers",
        pa.table(
            {
                "id": [10, 20, 30],
                "name": ["Ana", "Bo", None],
                "email": ["ana@x.example", "@y.example", "no address"],
                "phone": ["123", "456", None],
                "salary": pa.array([decimal.Decimal("1.00")] * 3, pa.decimal128(12, 2)),
                "born": [datetime.date(1990, 5, 4), None, datetime.date(2001, 12, 31)],
            }
        ),
    )
    return made


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM orders ORDER BY id",
        "SELECT id FROM orders WHERE true OR region = 'APAC' ORDER BY id",
        "WITH orders AS (SELECT * FROM orders) SELECT id FROM orders ORDER BY id",
        "WITH orders AS (SELECT id FROM orders), o AS (SELECT * FROM orders) SELECT id FROM o ORDER BY id",
        'WITH ORDERS AS (SELECT id FROM "orders") SELECT orders.id FROM orders ORDER BY 1',
        "SELECT id FROM (SELECT * FROM orders UNION SELECT * FROM orders) AS u ORDER BY id",
        "SELECT a.id FROM orders a JOIN orders b ON a.id = b.id ORDER BY 1",
        "SELECT id FROM orders o WHERE EXISTS (SELECT 1 FROM orders i WHERE i.id = o.id) ORDER BY id",
        "SELECT o.id FROM orders AS o, LATERAL (SELECT o.id AS same) AS l ORDER BY o.id",
        "SELECT id FROM (SELECT id FROM orders) AS _row ORDER BY id",
        "SELECT o.id FROM customers c RIGHT JOIN orders o ON c.id = o.customer_id ORDER BY o.id",
    ],
)
def test_a_viewer_sees_only_their_own_rows_however_they_ask(house: House, sql: str) -> None:
    assert house.ask(sql).to_pydict() == {"id": [1, 3]}


def test_a_filter_cannot_be_reached_from_above(house: House) -> None:
    for sql in ("SELECT region FROM orders", "SELECT max(region) AS region FROM orders GROUP BY id"):
        assert set(house.ask(sql)["region"].to_pylist()) == {"EMEA"}


def test_counting_rows_counts_only_the_viewers(house: House) -> None:
    assert house.ask("SELECT count(*) AS n FROM orders")["n"].to_pylist() == [2]


def test_the_sandbox_has_no_row_filter_and_lifts_no_mask(house: House) -> None:
    sql = "SELECT count(*) AS n, max(name) AS name FROM orders JOIN customers c ON c.id = customer_id"
    for person in (EMEA, viewer("stewards")):
        assert house.ask(sql, person, environment="sandbox").to_pylist() == [{"n": 4, "name": "B***"}]


def test_masks_hide_by_kind_and_lift_by_group(house: House) -> None:
    sql = "SELECT name, email, phone, salary, born FROM customers ORDER BY id"
    answer = house.ask(sql).to_pydict()
    assert answer["name"] == ["A***", "B***", None]
    assert answer["email"] == ["a***@x.example", "***@y.example", "n***"]
    assert answer["salary"] == [None, None, None]
    assert answer["born"] == [datetime.date(1990, 1, 1), None, datetime.date(2001, 1, 1)]
    assert answer["phone"][2] is None
    assert len(answer["phone"][0]) == 20
    assert "123" not in answer["phone"][0]
    assert house.ask(sql, viewer("stewards"))["name"].to_pylist() == ["Ana", "Bo", None]


def test_a_mask_cannot_be_undone_by_filtering_on_the_plain_value(house: House) -> None:
    assert house.ask("SELECT id FROM customers WHERE salary > 0").num_rows == 0
    assert house.ask("SELECT id FROM customers WHERE name = 'Ana'").num_rows == 0
    assert house.ask("SELECT id FROM customers WHERE phone = '123'").num_rows == 0
    assert house.ask("SELECT c.id FROM customers c JOIN (VALUES ('Ana')) v(n) ON v.n = c.name").num_rows == 0


def test_a_pseudonym_depends_on_the_secret_of_the_instance() -> None:
    sql = "SELECT phone FROM customers"
    query = resolve(read(sql), sql, CONTRACTS)
    one, two = (govern(query, CONTRACTS, EMEA, "production", s, {}) for s in (SECRET, b"1" * 32))
    assert one.sql == two.sql
    assert one.values != two.values
    assert not any(str(value) in one.sql for value in one.values.values())


def test_the_same_value_has_the_same_pseudonym_so_joins_work(house: House) -> None:
    sql = "SELECT count(*) AS n FROM customers a JOIN customers b ON a.phone = b.phone"
    assert house.ask(sql)["n"].to_pylist() == [2]


def test_viewers_attributes_are_bound_and_never_spliced() -> None:
    sql = "SELECT id FROM orders"
    evil = viewer(region="EMEA' OR 'a' = 'a")
    statement = govern(resolve(read(sql), sql, CONTRACTS), CONTRACTS, evil, "production", SECRET, {})
    assert "EMEA" not in statement.sql
    assert "EMEA' OR 'a' = 'a" in statement.values.values()


@pytest.mark.parametrize(
    ("filters", "person", "seen"),
    [
        ((), viewer(), 4),
        ((RowFilter("region = viewer.region"),), viewer(region="APAC"), 1),
        ((RowFilter("region = viewer.region"),), viewer(), 0),
        ((RowFilter("region = viewer.region OR true"),), viewer(), 0),
        ((RowFilter("region = viewer.region"),), viewer(region=("EMEA", "APAC")), 0),
        ((RowFilter("region IN viewer.region"),), viewer(region=("EMEA", "APAC")), 3),
        ((RowFilter("region IN (viewer.region)"),), viewer(region=("EMEA", "APAC")), 3),
        ((RowFilter("region IN (viewer.region, 'APAC')"),), viewer(region="EMEA"), 3),
        ((RowFilter("region IN viewer.region"),), viewer(region=()), 0),
        ((RowFilter("customer_id = viewer.number"),), viewer(number="10"), 2),
        ((RowFilter("customer_id = viewer.number"),), viewer(number="ten"), 0),
        ((RowFilter("amount > 6"), RowFilter("true")), viewer(), 3),
        ((RowFilter("true", ("hr",)), RowFilter("amount > 6", ("sales",))), viewer("sales"), 3),
        ((RowFilter("true", ("hr",)),), viewer("sales"), 0),
    ],
)
def test_the_first_filter_for_the_viewer_counts_and_doubt_means_no_row(
    house: House, filters: tuple[RowFilter, ...], person: object, seen: int
) -> None:
    house.contracts = {"orders": contract("orders", ORDERS.columns, *filters)}
    assert house.ask("SELECT id FROM orders", person).num_rows == seen  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "sql",
    [
        "region = viewer.region; DROP TABLE x",
        "region = 'a') OR (1 = 1",
        "id IN (SELECT id FROM customers)",
        "sum(amount) > 1",
        "row_number() OVER () = 1",
        "region = $x",
        "colour = 'red'",
        "orders.region = 'x'",
        "read_text('x') = region",
        "",
        "region =",
    ],
)
def test_a_row_filter_is_one_plain_condition_on_its_own_columns(sql: str) -> None:
    with pytest.raises(Refusal):
        check_filter(sql, ORDERS)


def test_users_parameters_are_bound_by_name_and_by_position(house: House) -> None:
    assert house.ask("SELECT id FROM orders WHERE amount > $least", least=6)["id"].to_pylist() == [3]
    statement = "SELECT id, ? AS n FROM orders WHERE amount > ? LIMIT ?"
    assert house.ask(statement, **{"1": "x", "2": 0.5, "3": 1}).to_pylist() == [{"id": 1, "n": "x"}]
    hostile = "1 OR region = 'APAC' --"
    assert house.ask('SELECT id FROM orders WHERE "Ship Name" = $name', name=hostile).num_rows == 0
    assert house.ask("SELECT id FROM orders WHERE id IN (SELECT unnest($ids))", ids=[2, 3])[
        "id"
    ].to_pylist() == [3]


@pytest.mark.parametrize(
    ("sql", "parameters"),
    [
        ("SELECT id FROM orders WHERE id = $id", {}),
        ("SELECT id FROM orders", {"id": 1}),
        ("SELECT id FROM orders WHERE id = $id", {"id": object()}),
        ("SELECT id FROM orders WHERE id = $mask_key", {}),
    ],
)
def test_parameters_must_be_given_used_and_plain(
    house: House, sql: str, parameters: dict[str, object]
) -> None:
    with pytest.raises(Invalid):
        house.ask(sql, **parameters)


def test_a_query_cannot_read_the_mask_key_or_a_viewers_attribute_through_a_parameter(house: House) -> None:
    sql = "SELECT $mask_key AS k, $viewer_0_0 AS v, phone FROM customers"
    answer = house.ask(sql, mask_key="mine", viewer_0_0="mine too")
    assert set(answer["k"].to_pylist()) == {"mine"}
    assert set(answer["v"].to_pylist()) == {"mine too"}


def test_output_names_are_those_of_the_question(house: House) -> None:
    sql = 'SELECT o.id, "Ship Name", amount AS "a b", count(*) FROM orders o GROUP BY ALL LIMIT 1'
    assert house.ask(sql).column_names == ["id", "Ship Name", "a b", "count_star()"]
    assert house.ask("SELECT * FROM customers LIMIT 1").column_names == [c.name for c in CUSTOMERS.columns]


def test_no_output_name_tells_the_row_filter(house: House) -> None:
    sql = "SELECT (SELECT max(amount) FROM orders), $n FROM (SELECT (SELECT max(id) FROM orders)) AS t"
    assert house.ask(sql, n=1).column_names == ["(SELECT MAX(amount) FROM orders)", "$n"]
    assert house.ask("FROM (SELECT (SELECT max(id) FROM orders)) AS t").column_names == [
        "(SELECT MAX(id) FROM orders)"
    ]


CASES = [
    (filters, person, environment, sql)
    for filters in (
        (),
        (RowFilter("id IN viewer.regions"),),
        (RowFilter("true", ("hr",)), RowFilter("id > 1")),
    )
    for person in (
        viewer(),
        viewer("hr", regions=("EMEA",)),
        viewer("hr", regions=("APAC",)),
    )
    for environment in ("production", "sandbox")
    for sql in (
        "SELECT id FROM orders",
        "SELECT id FROM orders WHERE levenshtein(region, 'x') > 1",
        "SELECT id, region FROM orders",
        "SELECT count(*) FROM orders",
        "SELECT count(*) FROM customers AS c, orders",
        "SELECT count(*) FROM orders, customers AS c",
        "SELECT a.id, b.region FROM orders AS a JOIN orders AS b ON a.id = b.customer_id",
    )
] + [
    ((RowFilter("id IN (viewer.numbers, 7) AND id < viewer.below"),), person, "production", sql)
    for person in (
        viewer(numbers="1", below="2"),
        viewer(numbers=("1", "x"), below="many"),  # not each is a number, which the engine casts
        viewer(numbers=("x", "1"), below="many"),
        viewer(numbers=(), below="2"),
    )
    for sql in ("SELECT id FROM orders", "SELECT count(*) FROM orders, customers AS c")
]


def test_what_is_kept_of_one_entitlement_is_what_is_made_for_it_anew() -> None:
    def statement(case: Any) -> object:
        filters, person, environment, sql = case
        known = kept[filters]
        made = govern(resolve(read(sql), sql, known), known, person, environment, SECRET, {})
        return made.sql, dict(made.values), made.masked

    def anew(case: Any) -> object:
        _sights._held.clear()
        return statement(case)

    kept = {
        filters: {one.name: contract(one.name, one.columns, *filters) for one in (ORDERS, CUSTOMERS)}
        for filters, *_ in CASES
    }
    first = [anew(case) for case in CASES]
    _sights._held.clear()
    assert [statement(case) for case in CASES] == first
    assert [statement(case) for case in reversed(CASES)] == first[::-1]
    assert len(_sights._held) < len(CASES)
    assert len({repr(one) for one in first}) >= len(CASES) / 3


def test_viewers_who_differ_in_values_alone_share_a_text_and_see_each_their_own_rows(house: House) -> None:
    _sights._held.clear()
    seen = {region: house.ask("SELECT id FROM orders", viewer(region=region)) for region in ("EMEA", "APAC")}
    assert len(_sights._held) == 1
    assert {region: rows["id"].to_pylist() for region, rows in seen.items()} == {"EMEA": [1, 3], "APAC": [2]}


def test_an_attribute_that_no_filter_names_changes_nothing_that_is_kept() -> None:
    _sights._held.clear()
    for desk in ("1", "2"):
        person = viewer("sales", region="EMEA", desk=desk)
        govern(
            resolve(read("FROM orders"), "FROM orders", CONTRACTS),
            CONTRACTS,
            person,
            "production",
            SECRET,
            {},
        )
    assert len(_sights._held) == 1
