"""Ways through a model: several hops, roles, circles and forks; nothing is ever counted twice or guessed."""

import datetime as dt
import json
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.data import ossie
from handrail.data.compile_metric import compile_metric
from handrail.data.models import MetricRequest
from handrail.kernel import Invalid, Refusal
from tests.cases import cases


def expression(sql: str) -> dict[str, Any]:
    return {"expression": {"dialects": [{"dialect": "ANSI_SQL", "expression": sql}]}}


def dataset(name: str, source: str = "", *fields: str, **times: str) -> dict[str, Any]:
    """A dataset with the key `id`; fields are columns of the same name, times have a type."""
    named = [{"name": field, **expression(field)} for field in fields]
    named += [{"name": field, "datatype": kind, **expression(field)} for field, kind in times.items()]
    return {"name": name, "source": source or name, "primary_key": ["id"], "fields": named}


def link(one: str, other: str, column: str, name: str = "") -> dict[str, Any]:
    ends = {"from": one, "to": other, "from_columns": [column], "to_columns": ["id"]}
    return {"name": name or f"{one}_{column}", **ends}


def definitions(
    datasets: list[dict[str, Any]],
    relationships: list[dict[str, Any]],
    metrics: dict[str, str],
    **general: Any,
) -> dict[str, ossie.Definition]:
    said = {
        "name": "model",
        "datasets": datasets,
        "relationships": relationships,
        "metrics": [{"name": name, **expression(sql)} for name, sql in metrics.items()],
        "custom_extensions": [{"vendor_name": "HANDRAIL", "data": json.dumps(general)}],
    }
    content = json.dumps({"version": ossie.VERSION, "semantic_model": [said]}).encode()
    return {one.metric.name: one for one in ossie.load(content, "model/model.yaml")}


def answered(db: duckdb.DuckDBPyConnection, one: ossie.Definition, **request: Any) -> list[tuple[Any, ...]]:
    question = compile_metric(one, MetricRequest(one.metric.name, **request))
    return db.execute(question.sql, question.params).fetchall()


FORK = definitions(
    [
        dataset("orders"),
        dataset("customers"),
        dataset("countries", "", "name"),
        dataset("regions", "", "area"),
    ],
    [
        link("orders", "customers", "customer"),
        link("customers", "countries", "country"),
        link("orders", "countries", "ship_to"),
        link("countries", "regions", "region"),
    ],
    {"revenue": "SUM(orders.amount)"},
)


@pytest.mark.parametrize("dimension", ["name", "countries.name", "regions.area"])
def test_a_fork_is_refused_also_where_one_way_is_shorter_and_behind_it(dimension: str) -> None:
    with pytest.raises(Invalid, match=r"in more than one way \(orders_ship_to and customers_country\)") as no:
        compile_metric(FORK["revenue"], MetricRequest("revenue", by=(dimension,)))
    assert "a dataset of its own with the same source" in no.value.next_step


def test_a_dataset_for_each_role_answers_by_either() -> None:
    roles = definitions(
        [
            dataset("orders"),
            dataset("customers"),
            dataset("home", "countries", "name"),
            dataset("ship", "countries", "name"),
        ],
        [
            link("orders", "customers", "customer"),
            link("customers", "home", "country"),
            link("orders", "ship", "ship_to"),
        ],
        {"revenue": "SUM(orders.amount)"},
    )
    with duckdb.connect() as db:
        db.execute("CREATE TABLE countries AS SELECT 1 AS id, 'DE' AS name UNION ALL SELECT 2, 'FR'")
        db.execute("CREATE TABLE customers AS SELECT 7 AS id, 1 AS country")
        db.execute("CREATE TABLE orders AS SELECT 7 AS customer, 2 AS ship_to, 10 AS amount")
        assert answered(db, roles["revenue"], by=("home.name", "ship.name")) == [("DE", "FR", 10)]


def test_who_reports_to_whom_is_two_roles_of_one_source() -> None:
    staff = definitions(
        [dataset("employees", "staff"), dataset("managers", "staff", "name")],
        [link("employees", "managers", "boss")],
        {"pay": "SUM(employees.pay)"},
    )
    with duckdb.connect() as db:
        db.execute("CREATE TABLE staff (id INT, name VARCHAR, boss INT, pay INT)")
        db.execute("INSERT INTO staff VALUES (1, 'Ana', NULL, 9), (2, 'Bo', 1, 5), (3, 'Cy', 1, 4)")
        assert answered(db, staff["pay"], by=("managers.name",)) == [("Ana", 9), (None, 9)]


def test_a_dataset_that_relates_to_itself_is_refused_with_a_way_out() -> None:
    with pytest.raises(Invalid, match=r"line \d+: “staff” relates to itself; give its other role"):
        definitions([dataset("staff")], [link("staff", "staff", "boss")], {"pay": "SUM(staff.pay)"})


def test_a_circle_leads_back_and_is_no_second_way() -> None:
    circle = definitions(
        [dataset("staff", "", "name"), dataset("departments", "", "title")],
        [link("staff", "departments", "department"), link("departments", "staff", "head")],
        {"pay": "SUM(staff.pay)"},
    )
    question = compile_metric(circle["pay"], MetricRequest("pay", by=("title", "name")))
    assert question.sql.count("JOIN") == 1


ROLES = definitions(
    [dataset("orders", "", ordered="Date", shipped="Date", made="DateTimeTz", seen="DateTime")],
    [],
    {"orders_made": "COUNT(orders.id)"},
    time="orders.ordered",
    time_zone="Europe/Berlin",
)


@pytest.fixture(scope="module")
def dated() -> Any:
    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'America/New_York'")  # where the server happens to be means nothing
        db.execute(
            "CREATE TABLE orders (id INT, ordered DATE, shipped DATE, made TIMESTAMPTZ, seen TIMESTAMP)"
        )
        db.execute(
            "INSERT INTO orders VALUES"
            " (1, '2024-12-30', '2025-01-02', '2024-12-31 23:30:00+00', '2024-12-31 00:00:00'),"
            " (2, '2024-12-29', NULL, '2024-12-31 22:30:00+00', '2024-12-30 23:59:59.999999'),"
            " (3, '2024-02-29', '2024-03-01', NULL, NULL)"
        )
        yield db


@pytest.mark.parametrize(
    ("request_", "rows"),
    [
        ({"grain": "month"}, [(dt.date(2024, 2, 1), 1), (dt.date(2024, 12, 1), 2)]),
        (
            {"grain": "month", "by": ("shipped",)},
            [(dt.date(2024, 3, 1), 1), (dt.date(2025, 1, 1), 1), (None, 1)],
        ),
        # the week of 30 December 2024 is the first of 2025, and begins on that Monday
        (
            {"grain": "week", "start": "2024-12-01"},
            [(dt.date(2024, 12, 23), 1), (dt.date(2024, 12, 30), 1)],
        ),
        # half past eleven in the evening in London is the next day, and the next year, in Berlin
        (
            {"grain": "year", "by": ("made",)},
            [(dt.date(2024, 1, 1), 1), (dt.date(2025, 1, 1), 1), (None, 1)],
        ),
        ({"grain": "day", "by": ("seen",), "start": "2024-12-31"}, [(dt.date(2024, 12, 31), 1)]),
        ({"grain": "day", "by": ("seen",), "end": "2024-12-31"}, [(dt.date(2024, 12, 30), 1)]),
    ],
)
def test_time_is_cut_where_the_business_cuts_it(
    dated: Any, request_: dict[str, Any], rows: list[tuple[Any, ...]]
) -> None:
    assert answered(dated, ROLES["orders_made"], **request_) == rows


def test_a_time_zone_that_does_not_exist_is_refused_with_its_line() -> None:
    with pytest.raises(Invalid, match=r"line \d+: .*there is no time zone Europe/Berlyn"):
        definitions([dataset("orders")], [], {"n": "COUNT(orders.id)"}, time_zone="Europe/Berlyn")


@pytest.mark.parametrize(
    ("request_", "rows"),
    [
        ({"order": ("-pay",), "limit": 2}, [("Cy", 9), ("Ana", 5)]),
        ({"order": ("pay", "-name")}, [("Di", 5), ("Ana", 5), ("Cy", 9), ("Bo", None)]),
        ({"order": ("-pay",)}, [("Cy", 9), ("Ana", 5), ("Di", 5), ("Bo", None)]),
        ({"order": ("-staff.name",), "limit": 1}, [("Di", 5)]),
        ({"limit": 1}, [("Ana", 5)]),
    ],
)
def test_answers_come_in_the_order_asked_for_and_ties_by_dimension(
    request_: dict[str, Any], rows: list[tuple[Any, ...]]
) -> None:
    one = definitions([dataset("staff", "", "name")], [], {"pay": "SUM(staff.pay)"})["pay"]
    with duckdb.connect() as db:
        db.execute("CREATE TABLE staff (name VARCHAR, pay INT)")
        db.execute("INSERT INTO staff VALUES ('Ana', 5), ('Bo', NULL), ('Cy', 9), ('Di', 5)")
        assert answered(db, one, by=("name",), **request_) == rows


@pytest.mark.parametrize(
    ("request_", "said"),
    [({"order": ("-wage",)}, "Nothing in the answer is called wage"), ({"limit": 0}, "at least 1")],
)
def test_an_order_by_what_is_not_asked_for_is_refused(request_: dict[str, Any], said: str) -> None:
    one = definitions([dataset("staff", "", "name")], [], {"pay": "SUM(staff.pay)"})["pay"]
    with pytest.raises(Invalid, match=said):
        compile_metric(one, MetricRequest("pay", by=("name",), **request_))


@st.composite
def trees(draw: st.DrawFn) -> tuple[list[int], list[list[int | None]]]:
    """Datasets t0, t1 …: which earlier one each points at, and, row by row, the rows that they point at.

    A dataset has up to five rows; a key may lead nowhere.
    """
    parents = [draw(st.integers(0, n - 1)) for n in range(1, draw(st.integers(2, 5)))]
    sizes = [draw(st.integers(0, 5)) for _ in range(len(parents) + 1)]
    keys = [
        [draw(st.none() | st.integers(0, 5)) for _ in range(sizes[place + 1])]
        for place in range(len(parents))
    ]
    return parents, keys


@settings(max_examples=cases(60), deadline=None)
@given(trees(), st.data())
def test_no_row_is_ever_counted_twice(
    tree: tuple[list[int], list[list[int | None]]], data: st.DataObject
) -> None:
    """Whatever the model, a sum over a dataset cut by any dimension is its rows' own sum, or it is refused.

    Each table points at an earlier one, so t0 is the one side of all. The oracle walks the keys row by row.
    """
    parents, keys = tree
    sizes = [3, *map(len, keys)]
    count = len(parents) + 1
    said = definitions(
        [dataset(f"t{n}", "", f"d{n}") for n in range(count)],
        [link(f"t{n + 1}", f"t{parents[n]}", "up") for n in range(count - 1)],
        {f"m{n}": f"SUM(t{n}.v)" for n in range(count)},
    )
    counted, by = data.draw(st.integers(0, count - 1)), data.draw(st.integers(0, count - 1))
    way, at = [counted], counted
    while at:
        at = parents[at - 1]
        way.append(at)
    request = MetricRequest(f"m{counted}", by=(f"d{by}",))
    if by not in way:
        with pytest.raises(Refusal, match="would count rows more than once"):
            compile_metric(said[request.name], request)
        return
    with duckdb.connect() as db:
        for n in range(count):
            db.execute(f"CREATE TABLE t{n} (id INT, up INT, v INT, d{n} INT)")
            for row in range(sizes[n]):
                up = keys[n - 1][row] if n else None
                db.execute(f"INSERT INTO t{n} VALUES (?, ?, ?, ?)", [row, up, 10**n + row, row % 2])
        expected: dict[int | None, int] = {}
        for row in range(sizes[counted]):
            here: int | None = row
            for n in way[: way.index(by)]:
                up = keys[n - 1][here] if here is not None else None
                here = up if up is not None and up < sizes[parents[n - 1]] else None
            found = None if here is None else here % 2
            expected[found] = expected.get(found, 0) + 10**counted + row
        assert dict(answered(db, said[request.name], by=(f"d{by}",))) == expected
