"""Whom a rule is about is counted in some rows, then in groups, and one by one where these do not tell."""

from functools import partial

import duckdb
import pytest

from handrail.twins import count_rules
from handrail.twins.columns import Source
from handrail.twins.count_rules import count_own, counted
from handrail.twins.models import ColumnSketch
from handrail.twins.rules import Rule

COUNT = partial(count_own, columns={"x": ColumnSketch("x", "BIGINT", "integer", "model")})
POSITIVE = Rule("range", ("x",), low=0.0)


@pytest.fixture(autouse=True, params=[5, 500, 20_000])
def some_rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows looked at first: too few to tell of k people, enough, and more than there are."""
    monkeypatch.setattr(count_rules, "SOME", request.param)


def rules_about(who: str) -> list[Rule]:
    with duckdb.connect() as con:
        con.execute(f"CREATE TABLE t AS SELECT i AS x, {who} AS who FROM range(1000) AS r(i)")
        return counted(Source(con, "t", 1000, 10, "who"), [POSITIVE], COUNT)


def test_a_rule_about_k_people_is_told_however_few_groups_they_are_put_into(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(count_rules, "GROUPS", 3)
    assert [rule.kept for rule in rules_about("i % 10")] == [1.0]


def test_a_rule_about_fewer_people_is_not_told_however_many_rows_they_have() -> None:
    assert rules_about("i % 9") == []


def test_rows_that_are_about_nobody_are_no_further_person() -> None:
    assert rules_about("CASE WHEN i % 10 < 9 THEN i % 10 END") == []
