"""No table reaches the engine unless it was decided to be a dataset behind its rules, or a common table."""

from collections.abc import Iterator

import pytest

from handrail.data.govern import Entitlement, rewritten
from handrail.data.parse import read
from handrail.data.resolve import Resolved
from handrail.kernel import Refusal
from tests.data.governing import House
from tests.data.test_aggregate_only import DEPTS, PAID, STAFF, pa, staff

TRICKS = {
    "the engine's copy": "SELECT * FROM ((SELECT 1 z) q JOIN governed.staff ON TRUE), (SELECT count(*) n FROM staff) w",
    "a guess on it": "SELECT z FROM ((SELECT 1 z) q JOIN governed.staff g ON g.salary > 1500) "
    "WHERE (SELECT count(*) FROM staff) > 0",
    "with more parentheses": "SELECT z FROM (((SELECT 1 z) q JOIN governed.staff g ON TRUE)), staff",
    "beside another join": "SELECT staff.id FROM staff JOIN ((SELECT 1 z) q JOIN governed.staff g ON TRUE) ON TRUE",
    "in a natural join": "SELECT z FROM ((SELECT 1 z) q NATURAL JOIN governed.staff), (SELECT count(*) FROM staff) w",
    "in a common table": "WITH c AS (SELECT * FROM ((SELECT 1 z) q JOIN governed.staff ON TRUE)) "
    "SELECT * FROM c, (SELECT count(*) n FROM staff) w",
    "in a subquery": "SELECT * FROM ((SELECT 1 z) q JOIN (SELECT * FROM governed.staff) g ON TRUE), "
    "(SELECT count(*) n FROM staff) w",
    "in a common table that hides one": "SELECT * FROM ((SELECT 1 z) q JOIN (WITH sqlite_master AS (SELECT 1) "
    "SELECT 1) g ON TRUE JOIN sqlite_master ON TRUE), staff",
    "the engine's list of tables": "SELECT * FROM ((SELECT 1 z) q JOIN duckdb_tables ON TRUE)",
    "another list": "SELECT * FROM ((SELECT 1 z) q JOIN information_schema.tables ON TRUE)",
    "a file": 'SELECT * FROM ((SELECT 1 z) q JOIN "/etc/passwd" ON TRUE)',
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("house"), {"staff": STAFF, "depts": DEPTS})
    made.put("staff", staff(PAID))
    made.put("depts", pa.table({"id": [1, 2, 3], "title": ["Sales", "IT", "Board"], "salary": [1, 2, 3]}))
    yield made


@pytest.mark.parametrize("name", TRICKS)
def test_what_is_no_dataset_is_not_read(house: House, name: str) -> None:
    with pytest.raises(Refusal, match=r"No dataset is called|without a schema"):
        house.ask(TRICKS[name])


@pytest.mark.parametrize("sql", [*TRICKS.values(), "SELECT 1 FROM staff"])
def test_nothing_reaches_the_engine_of_which_it_was_not_decided_what_it_is(house: House, sql: str) -> None:
    undecided = Resolved(read(sql), {"staff": ()}, frozenset())
    with pytest.raises(Refusal, match="cannot be told what") as refused:
        rewritten(undecided, house.contracts, Entitlement(), "production")
    assert "SELECT … FROM … JOIN …" in str(refused.value.next_step)


@pytest.mark.parametrize(
    "sql",
    [
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT max(n) AS n FROM r",
        "WITH c AS (SELECT id FROM depts) SELECT count(*) AS n FROM ((c JOIN depts ON c.id = depts.id))",
        "SELECT count(*) AS n FROM range(3) r(i)",
        "SELECT count(*) AS n FROM (depts JOIN (SELECT 1 z) q ON TRUE)",
        "SELECT count(*) AS n FROM ((SELECT 1 z) q JOIN depts ON TRUE)",
        "SELECT count(*) AS n FROM (((SELECT 1 z) q JOIN depts ON TRUE) JOIN depts d ON d.id = depts.id)",
        "SELECT count(*) AS n FROM ((VALUES (1)) v(z) JOIN depts ON TRUE)",
    ],
)
def test_what_was_decided_is(house: House, sql: str) -> None:
    assert house.ask(sql)["n"].to_pylist() == [3]
