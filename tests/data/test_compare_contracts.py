"""Changes of a contract: what can break what works today, and who reads it."""

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from handrail import data
from handrail.data.compare_contracts import compare_contracts, widens
from handrail.data.models import Column, CombinedLink, Contract, Mask, RowFilter
from handrail.data.promises import Freshness, Rule
from handrail.kernel import Instance, NotAllowed
from tests.conftest import Acting
from tests.data import asking
from tests.data.governing import ORDERS
from tests.data.test_pages import SignedIn, signed_in

__all__ = ["signed_in"]

ID, CUSTOMER, REGION, *REST = ORDERS.columns
DAY, WEEK = dt.timedelta(days=1), dt.timedelta(weeks=1)
RULE = Rule("invalid", columns=("region",), values=("EMEA", "APAC"))
LINK = CombinedLink(("customer_id", "region"), "customers", ("id", "region"))
HINT = replace(RULE, blocking=False)


def having(region: Column | None = REGION, **values: Any) -> Contract:
    columns = tuple(column for column in (ID, CUSTOMER, region, *REST) if column)
    return replace(ORDERS, columns=columns, **values)


@pytest.mark.parametrize(
    ("old", "new", "breaking"),
    [
        (having(), having(None), True),
        (having(None), having(), False),
        (having(), having(replace(REGION, type="BIGINT")), True),
        (having(replace(REGION, type="INTEGER")), having(replace(REGION, type="BIGINT")), False),
        (having(replace(REGION, required=True)), having(), True),
        (having(), having(replace(REGION, required=True)), False),
        (having(replace(REGION, unique=True)), having(), True),
        (having(replace(REGION, primary_key=True)), having(), True),
        (having(replace(REGION, references=("regions", "id"))), having(), True),
        (having(), having(replace(REGION, references=("regions", "id"))), False),
        (having(combined=(LINK,)), having(), True),
        (having(), having(combined=(LINK,)), False),
        (having(), having(replace(REGION, mask=Mask("hash"))), True),
        (having(replace(REGION, mask=Mask("hash"))), having(replace(REGION, mask=Mask("null"))), True),
        (having(replace(REGION, mask=Mask("hash"))), having(), False),
        (
            having(replace(REGION, mask=Mask("hash", ("a",)))),
            having(replace(REGION, mask=Mask("hash"))),
            True,
        ),
        (
            having(replace(REGION, mask=Mask("hash"))),
            having(replace(REGION, mask=Mask("hash", ("a",)))),
            False,
        ),
        (having(), having(replace(REGION, classification="personal")), False),
        (having(), having(purposes=()), True),
        (having(), having(purposes=(*ORDERS.purposes, "finance")), False),
        (having(readers=("sales",)), having(), True),
        (having(), having(readers=("sales",)), False),
        (having(), having(row_filters=(RowFilter("true"),)), True),
        (having(quality=(RULE,)), having(), True),
        (having(quality=(HINT,)), having(), False),
        (having(), having(quality=(RULE,)), False),
        (having(freshness=Freshness(DAY)), having(freshness=Freshness(WEEK)), True),
        (having(freshness=Freshness(WEEK)), having(freshness=Freshness(DAY)), False),
        (having(freshness=Freshness(WEEK)), having(), True),
        (having(), having(freshness=Freshness(DAY)), False),
        (having(), having(owner="lead"), False),
        (having(), having(expires=dt.date(2030, 1, 1)), False),
        (having(), having(entity_key="customer_id"), False),
    ],
)
def test_each_change_has_its_class(old: Contract, new: Contract, breaking: bool) -> None:
    (change,) = compare_contracts(old, new)
    assert change.breaking is breaking
    assert change.text.endswith(".")


def test_the_same_contract_has_no_changes_and_breaking_ones_come_first() -> None:
    assert compare_contracts(ORDERS, ORDERS) == ()
    turned = replace(LINK, columns=LINK.columns[::-1], targets=LINK.targets[::-1])
    assert compare_contracts(having(combined=(LINK,)), having(combined=(turned,))) == ()
    moved = compare_contracts(having(combined=(LINK,)), having(combined=(replace(LINK, dataset="other"),)))
    assert [change.breaking for change in moved] == [True, False]
    changed = having(None, owner="lead", purposes=("finance",))
    assert [change.breaking for change in compare_contracts(ORDERS, changed)] == [True, True, False, False]


@pytest.mark.parametrize(
    ("old", "new", "wider"),
    [
        ("SMALLINT", "BIGINT", True),
        ("BIGINT", "INTEGER", False),
        ("FLOAT", "DOUBLE", True),
        ("DECIMAL(10,2)", "DECIMAL(12,2)", True),
        ("DECIMAL(10,2)", "DECIMAL(10,4)", False),
        ("DECIMAL(10,2)", "DECIMAL(12,4)", True),
        ("VARCHAR", "BIGINT", False),
        ("DATE", "TIMESTAMP", False),
    ],
)
def test_a_type_widens_when_every_value_stays_the_same(old: str, new: str, wider: bool) -> None:
    assert widens(old, new) is wider


def test_the_second_steward_sees_what_can_break_and_who_reads_it(
    acting: Acting, instance: Instance, tmp_path: Path, signed_in: SignedIn
) -> None:
    asking.furnish(instance, tmp_path)
    ask = asking.asking(instance)
    ask("maker.sales", "SELECT sum(amount) AS a FROM orders", asking.run("sandbox", "board"))
    ask("maker.sales", "SELECT region FROM orders", asking.run("production", "regions"))
    with acting("steward.sales") as ctx:
        data.propose(ctx, "orders", {"masks": {"amount": "null"}, "owner": "lead"})
    with acting("steward.hr") as ctx:
        found = data.contract_changes(ctx, "orders")
    assert [(change.column, change.breaking) for change in found.changes] == [("amount", True), (None, False)]
    assert found.touched == data.Touched(metrics=("sales",), apps=("board",))
    page = signed_in("steward.hr").get("/datasets/orders").text
    assert "Readers see amount as left empty." in page
    assert "breaking" in page
    assert "board" in page
    with acting("steward.sales") as ctx:
        data.propose(ctx, "orders", {"purposes": ["finance"]})
    with acting("compliance") as ctx:
        everybody = data.contract_changes(ctx, "orders").touched
    assert everybody == data.Touched(("buyers", "sales"), ("board", "regions"), ("regions",))


def test_who_reads_a_dataset_is_nothing_for_everybody(
    acting: Acting, instance: Instance, tmp_path: Path, signed_in: SignedIn
) -> None:
    asking.furnish(instance, tmp_path)
    asking.asking(instance)("maker.sales", "SELECT region FROM orders", asking.run("sandbox", "secretive"))
    with acting("steward.sales") as ctx:
        data.propose(ctx, "orders", {"purposes": ["finance"]})
    for person in ("viewer.emea", "maker.ops"):
        with pytest.raises(NotAllowed, match="for stewards and compliance"), acting(person) as ctx:
            data.contract_changes(ctx, "orders")
        assert "secretive" not in signed_in(person).get("/datasets/orders").text
    assert "secretive" in signed_in("steward.hr").get("/datasets/orders").text
