"""Questions over several places: the same answers as in one place, little brought, nothing left behind."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.adapters.engines import DuckDB
from handrail.adapters.engines.gather import gather
from handrail.kernel import Invalid, LimitReached, Refusal
from handrail.kernel.ports import EngineLimits, Remote, Rows
from tests.cases import cases

LIMITS = EngineLimits(30, 64, 1)
ORDERS = (
    '(SELECT "_row"."id" AS "id", "_row"."region" AS "region", "_row"."amount" AS "amount"'
    ' FROM "governed"."orders" AS "_row" WHERE "_row"."id" < $viewer_0)'
)
PLAN = (
    '(SELECT "_row"."region" AS "region", "_row"."target" AS "target" FROM "governed"."plan" AS "_row"'
    ' WHERE "_row"."target" > $viewer_1)'
)
COLUMNS = (("id", "INTEGER"), ("region", "VARCHAR"), ("amount", "BIGINT"))
WAREHOUSE = Remote("warehouse", "orders", COLUMNS)
VIEWER = {"viewer_0": 900, "viewer_1": 0}
Asks = Callable[..., list[dict[str, Any]]]


class Places:
    """A server that has orders, which is DuckDB as well, and files that have the plan; it keeps what is asked."""

    def __init__(self, folder: Path) -> None:
        self.files = {name: folder / f"{name}.parquet" for name in ("orders", "plan")}
        with duckdb.connect() as db:
            for name, sql in (
                ("orders", "SELECT n::INT id, 'r' || n % 7 AS region, n * 2 AS amount FROM range(1000) t(n)"),
                ("plan", "SELECT 'r' || n AS region, n::INT * 100 AS target FROM range(5) t(n)"),
            ):
                db.execute(f"COPY ({sql}) TO '{self.files[name]}' (FORMAT parquet)")
        self.asked: list[str] = []
        self.handed: list[Mapping[str, Any]] = []
        self.words: tuple[str, ...] = ()  # that the server does not know
        self.engine = DuckDB()

    def there(
        self,
        sql: str,
        values: Mapping[str, Any],
        schema: str,
        tables: Mapping[str, Remote],
        limits: EngineLimits,
    ) -> Rows:
        if any(word in sql for word in self.words):
            raise Invalid("This means something else there.", next_step="Say it otherwise.")
        self.asked.append(sql)
        self.handed.append(values)
        return self.engine.run(sql, values, schema, {name: self.files[name] for name in tables}, limits)

    def ask(self, sql: str, limits: EngineLimits = LIMITS, **values: Any) -> list[dict[str, Any]]:
        """Over both places."""
        remote = {"orders": WAREHOUSE} if "governed" in sql and "orders" in sql else {}
        given = {name: value for name, value in {**VIEWER, **values}.items() if f"${name}" in sql}
        files = {"plan": self.files["plan"]}
        rows = gather(sql, given, "governed", files, remote, limits, self.there, self.engine.run)
        return [row for batch in rows.batches() for row in batch.to_pylist()]

    def in_one(self, sql: str, **values: Any) -> list[dict[str, Any]]:
        """The same by one engine over both."""
        given = {name: value for name, value in {**VIEWER, **values}.items() if f"${name}" in sql}
        rows = self.engine.run(sql, given, "governed", self.files, LIMITS)
        return [row for batch in rows.batches() for row in batch.to_pylist()]


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory: pytest.TempPathFactory) -> Places:
    return Places(tmp_path_factory.mktemp("places"))


@pytest.fixture
def places(everywhere: Places) -> Places:
    everywhere.asked, everywhere.handed, everywhere.words = [], [], ()
    return everywhere


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    assert not parts()


def parts() -> list[str]:
    """Files in memory that hold what was brought."""
    every = Path("/proc/self/fd").iterdir()
    return [str(one) for one in every if one.is_symlink() and "handrail-part" in str(one.readlink())]


def sort(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(map(str, rows))


QUESTIONS = {
    "a join": f"SELECT o.id, p.target FROM {ORDERS} AS o JOIN {PLAN} AS p ON p.region = o.region",
    "with conditions": f"SELECT * FROM {ORDERS} AS o JOIN {PLAN} AS p USING (region) WHERE amount > 1000 AND target > 200",
    "those without": f"SELECT p.*, o.id FROM {PLAN} AS p LEFT JOIN {ORDERS} AS o ON o.region = p.region"
    " AND o.id < 3 WHERE o.id IS NULL",
    "kept by the left": f"SELECT * FROM {ORDERS} AS o LEFT JOIN {PLAN} AS p USING (region) WHERE o.amount < 20",
    "full": f"SELECT o.id, target FROM {ORDERS} AS o FULL JOIN {PLAN} AS p USING (region) WHERE o.id < 5 OR o.id IS NULL",
    "a total first": f"SELECT * FROM (SELECT region, sum(amount) AS s FROM {ORDERS} AS orders GROUP BY region) AS x"
    f" JOIN {PLAN} AS p USING (region) WHERE s > 5",
    "a common table": f"WITH t AS (SELECT region, count(*) AS n FROM {ORDERS} AS o WHERE amount > 3 GROUP BY 1)"
    f" SELECT * FROM t JOIN {PLAN} AS p USING (region) JOIN t AS again USING (region)",
    "in a condition": f"SELECT * FROM {PLAN} AS p WHERE region IN (SELECT region FROM {ORDERS} AS o WHERE amount > p.target)",
    "correlated from within": f"SELECT (SELECT max(id) FROM (SELECT id FROM {ORDERS} AS o"
    f" WHERE o.region = p.region) AS x) AS m FROM {PLAN} AS p",
    "one after the other": f"SELECT region FROM {ORDERS} AS o UNION SELECT region FROM {PLAN} AS p",
    "a check of references": 'SELECT (SELECT count(*) FROM "governed"."orders" AS a WHERE a."region" IS NOT NULL)'
    ' - (SELECT count(*) FROM "governed"."orders" AS a WHERE a."region" IS NOT NULL'
    ' AND (a."region") IN (SELECT b."region" FROM "governed"."plan" AS b)) AS n',
    "a bare table and its like": 'SELECT count_if(EXISTS (SELECT 1 FROM "governed"."plan" AS p'
    ' WHERE p.region = o.region)) AS n FROM "governed"."orders" AS o WHERE o.amount > 100',
    "a bare table within": 'SELECT p.region, (SELECT max(o.amount) FROM "governed"."orders" AS o'
    ' WHERE o.region = p.region) AS m FROM "governed"."plan" AS p',
    "a value from there": f"SELECT p.*, (SELECT max(amount) FROM {ORDERS} AS o) AS m FROM {PLAN} AS p",
    "all of a bare table": 'SELECT * FROM "governed"."orders" JOIN "governed"."plan" USING (region)',
}  # fmt: skip


@pytest.mark.parametrize("name", QUESTIONS)
def test_an_answer_is_the_same_as_in_one_place(places: Places, name: str) -> None:
    assert sort(places.ask(QUESTIONS[name])) == sort(places.in_one(QUESTIONS[name]))
    assert places.asked
    assert all("plan" not in sql for sql in places.asked)
    assert all("viewer_1" not in handed for handed in places.handed)


def test_what_is_asked_of_one_side_alone_is_asked_there(places: Places) -> None:
    found = places.ask(
        f"SELECT o.id FROM {ORDERS} AS o JOIN {PLAN} AS p ON p.region = o.region"
        " WHERE amount > $least AND o.id < 510 AND target > 200 AND o.id + target > 0",
        least=1000,
    )
    (asked,) = places.asked
    assert "o.id < 510" in asked and "amount > $least" in asked
    assert "target" not in asked
    assert places.handed == [{"viewer_0": 900, "least": 1000}]
    assert {row["id"] for row in found} == {n for n in range(501, 510) if n % 7 in (3, 4)}


def test_a_subquery_of_one_place_is_answered_there(places: Places) -> None:
    places.ask(QUESTIONS["a total first"])
    (asked,) = places.asked
    assert "GROUP BY region" in asked and "s > 5" in asked


def test_what_the_server_has_no_word_for_is_asked_here(places: Places) -> None:
    sql = QUESTIONS["with conditions"]
    places.words = ("1000",)
    assert sort(places.ask(sql)) == sort(places.in_one(sql))
    places.words = ("SUM", "sum")
    assert sort(places.ask(QUESTIONS["a total first"])) == sort(places.in_one(QUESTIONS["a total first"]))
    places.words = ("orders",)
    with pytest.raises(Invalid, match="something else there"):
        places.ask(sql)


def test_no_more_is_brought_than_one_question_may_hold(places: Places) -> None:
    wide = ORDERS.replace('"_row"."amount" AS "amount"', "repeat('x', 5000) AS amount")
    sql = f"SELECT count(*) AS n FROM {wide} AS o JOIN {PLAN} AS p USING (region)"
    small = EngineLimits(30, 6, 1)
    with pytest.raises(
        LimitReached, match="bring more of orders from the engine warehouse than the 3 MB"
    ) as no:
        places.ask(sql, small)
    assert "which is answered there" in no.value.next_step
    assert not parts()
    assert places.ask(f"{sql} WHERE o.id < 70", small) == [{"n": 40}]


def test_all_of_it_takes_no_longer_than_one_question(places: Places) -> None:
    slow = "SELECT count(*) AS n FROM range(100000) a, range(100000) b"
    with pytest.raises(LimitReached, match="took longer"):
        places.ask(f"{QUESTIONS['a join']} WHERE p.target < ({slow})", EngineLimits(0.5, 64, 1))


def test_who_stops_early_leaves_nothing_behind(places: Places) -> None:
    remote = {"orders": WAREHOUSE}
    files = {"plan": places.files["plan"]}
    rows = gather(
        QUESTIONS["a join"], VIEWER, "governed", files, remote, LIMITS, places.there, places.engine.run
    )
    assert parts()
    rows.close()


_OPERATORS = st.sampled_from(["=", "<>", "<", ">", "<=", ">="])
_CONDITIONS = st.one_of(
    st.builds("o.amount {} {}".format, _OPERATORS, st.integers(0, 2000)),
    st.builds("amount % 3 {} {}".format, _OPERATORS, st.integers(0, 3)),
    st.builds("target {} {}".format, _OPERATORS, st.integers(0, 500)),
    st.builds("o.id + p.target {} {}".format, _OPERATORS, st.integers(0, 1500)),
    st.sampled_from(
        ["o.id IS NULL", "o.id IS NOT NULL", "target IS NULL", "coalesce(amount, 0) = 0", "TRUE"]
    ),
)
_WHERE = st.recursive(
    _CONDITIONS,
    lambda inner: st.one_of(
        st.builds("({} AND {})".format, inner, inner),
        st.builds("({} OR {})".format, inner, inner),
        st.builds("(NOT {})".format, inner),
    ),
    max_leaves=5,
)
_JOINS = st.sampled_from(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"])


@settings(max_examples=cases(60), deadline=None)
@given(_JOINS, _WHERE, st.booleans())
def test_any_join_and_condition_is_answered_as_in_one_place(
    everywhere: Places, join: str, where: str, turned: bool
) -> None:
    sides = [f"{ORDERS} AS o", f"{PLAN} AS p"]
    first, second = reversed(sides) if turned else sides
    sql = f"SELECT o.id, o.amount, p.target FROM {first} {join} {second} ON o.region = p.region WHERE {where}"
    try:
        expected: Any = sort(everywhere.in_one(sql))
    except Refusal as refused:
        expected = refused.code
    try:
        found: Any = sort(everywhere.ask(sql))
    except Refusal as refused:
        found = refused.code
    assert found == expected
