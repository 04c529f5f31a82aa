"""Random questions: the answer is as without a budget, and whoever can be read off it was counted."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.data.budgets import pseudonym
from handrail.kernel import Instance
from tests.cases import cases
from tests.data import budgeting
from tests.data.asking import asking, opened

pytestmark = pytest.mark.long

LEAST = 5

_condition = st.one_of(
    st.just("TRUE"),
    st.builds("c.id < {}".format, st.integers(0, 40)),
    st.builds("c.id % {} = 0".format, st.integers(1, 9)),
    st.builds("c.city = '{}'".format, st.sampled_from(budgeting.CITIES)),
    st.builds("c.id IN (SELECT customer_id FROM orders WHERE amount > {})".format, st.integers(0, 200)),
)
_source = st.one_of(
    st.just("customers c"),
    st.builds("(SELECT * FROM customers ORDER BY id LIMIT {}) c".format, st.integers(0, 40)),
    st.builds("(SELECT DISTINCT id, city FROM customers WHERE id > {}) c".format, st.integers(0, 40)),
    st.just("customers c JOIN orders o ON o.customer_id = c.id"),
    st.just("customers c LEFT JOIN orders o ON o.customer_id = c.id"),
    st.just(
        "customers c JOIN (SELECT customer_id k, count(*) n FROM orders GROUP BY customer_id) g ON g.k = c.id"
    ),
)
_rows = st.builds(
    "SELECT {} c.id AS shown FROM {} WHERE {} ORDER BY 1 LIMIT {}".format,
    st.sampled_from(("", "DISTINCT")),
    _source,
    _condition,
    st.integers(0, 60),
)
_groups = st.builds(
    "SELECT {} AS key, count(DISTINCT c.id) AS people, {} FROM {} WHERE {} GROUP BY 1".format,
    st.sampled_from(("c.id % 3", "c.id // 7", "c.city", "c.id", "c.id % 9")),
    st.sampled_from(("count(*)", "count(c.city)", "min(c.id)")),
    _source,
    _condition,
)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Instance, Instance]]:
    """The shop with a budget that stops nobody, and without one."""
    made = [opened(tmp_path_factory.mktemp("shop")) for _ in range(2)]
    for instance, budget in zip(made, (100_000, 0), strict=True):
        budgeting.furnish(instance, tmp_path_factory.mktemp("files"), budget)
    yield made[0], made[1]
    for instance in made:
        instance.close()


@settings(max_examples=cases(40), deadline=None)
@given(_rows)
def test_rows_are_the_same_and_everybody_in_them_is_counted(
    both: tuple[Instance, Instance], sql: str
) -> None:
    counted, plain = both
    budgeting.forget(counted)
    rows = asking(counted)("viewer.emea", sql)
    assert rows == asking(plain)("viewer.emea", sql)
    seen = budgeting.seen(counted)
    assert {pseudonym(counted, "customer", str(row["shown"])) for row in rows} <= seen


@settings(max_examples=cases(40), deadline=None)
@given(_groups)
def test_groups_are_the_same_and_everybody_in_a_small_one_is_counted(
    both: tuple[Instance, Instance], sql: str
) -> None:
    counted, plain = both
    budgeting.forget(counted)
    rows = asking(counted)("viewer.emea", sql)
    assert sorted(map(str, rows)) == sorted(map(str, asking(plain)("viewer.emea", sql)))
    members = sql.replace("count(DISTINCT c.id) AS people", "list(DISTINCT c.id) AS people")
    small = [row["people"] for row in asking(plain)("viewer.emea", members) if len(row["people"]) < LEAST]
    names = {pseudonym(counted, "customer", str(one)) for group in small for one in group}
    assert names <= budgeting.seen(counted)
