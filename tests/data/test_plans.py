"""What a question comes to: the keys that help to plan it."""

from dataclasses import replace

from handrail.data.models import Column
from handrail.data.plans import Plan, named
from tests.data.governing import contract

PARENT = contract(
    "parent", (Column("id", "BIGINT", primary_key=True), Column("code", "VARCHAR", unique=True))
)
CHILD = contract("child", (
    Column("day", "DATE", primary_key=True), Column("line", "INT", primary_key=True),
    Column("parent", "BIGINT", references=("parent", "id")), Column("n", "INT"),
))  # fmt: skip


def test_the_keys_of_a_plan_are_those_that_its_contracts_declare() -> None:
    both = {"parent": PARENT, "child": CHILD}
    plan = Plan.of(named("SELECT c.n FROM child c JOIN parent p ON p.id = c.parent"), both)
    assert plan.keys == (
        ("child", "parent", "parent"),
        ("parent", "code", "parent"),
        ("parent", "id", "parent"),
    )


def test_a_part_of_a_key_is_none_and_neither_is_one_that_points_at_what_is_not_read() -> None:
    assert Plan.of(named("SELECT n FROM child"), {"child": CHILD}).keys == ()


def test_another_version_of_a_contract_has_its_own_keys() -> None:
    sql = "SELECT id FROM parent"
    newer = replace(PARENT, digest="newer", columns=(Column("id", "BIGINT"),))
    assert Plan.of(named(sql), {"parent": PARENT}).keys
    assert Plan.of(named(sql), {"parent": newer}).keys == ()
