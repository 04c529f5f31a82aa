"""Somebody who sees no row is told why, from the contract and themselves, and of the rows learns nothing."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from handrail import data
from handrail.data import formats
from handrail.data.doubts import doubts
from handrail.kernel import Caller, Instance, NotAllowed, Person, identity
from tests.data import asking


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = asking.furnished(tmp_path_factory.mktemp("rows"))
    yield made
    made.close()


def answer(instance: Instance, person: Person, sql: str = "SELECT * FROM orders") -> dict[str, Any]:
    with instance.context(Caller(person, "cli")) as ctx:
        made = data.query(ctx, data.Request(sql, purpose="sales-reporting"))
        return dict(json.loads(b"".join(formats.encoded(made, "json"))))


def somebody(instance: Instance, person: str) -> Person:
    with instance.context(instance.system()) as ctx:
        return identity.found(ctx, person)


def test_an_attribute_that_is_not_set_is_named_with_whom_to_ask(instance: Instance) -> None:
    viewer = replace(somebody(instance, "viewer.emea"), attributes={})
    found = answer(instance, viewer)
    assert (found["count"], found["complete"]) == (0, True)
    assert found["no_row"] == [
        "No row of orders, because your region is not set; ask steward.sales, or an admin to set it."
    ]


def test_who_sees_rows_or_may_see_some_is_told_nothing(instance: Instance) -> None:
    viewer = somebody(instance, "viewer.emea")
    assert "no_row" not in answer(instance, viewer)
    elsewhere = replace(viewer, attributes={"region": "MARS"})  # no such rows: that would be a leak to tell
    found = answer(instance, elsewhere)
    assert found["count"] == 0
    assert "no_row" not in found


def test_what_is_said_does_not_depend_on_the_rows(instance: Instance) -> None:
    """Attack: ask for a row that is there and for one that is not, and compare what is said."""
    viewer = replace(somebody(instance, "viewer.emea"), attributes={})
    there, not_there = (answer(instance, viewer, f"SELECT id FROM orders WHERE id = {n}") for n in (1, 4711))
    assert there["no_row"] == not_there["no_row"]
    assert there["count"] == not_there["count"] == 0


def test_a_filter_for_other_groups_is_told_too(tmp_path: Path) -> None:
    instance = asking.furnished(tmp_path)
    act = asking.actors(instance)
    with act("steward.sales") as ctx:
        data.propose(ctx, "orders", {"row_filters": [{"sql": "true", "groups": ["management"]}]})
    with act("steward.hr") as ctx:
        data.certify(ctx, "orders")
    found = answer(instance, somebody(instance, "viewer.emea"))
    assert found["no_row"] == [
        "No row of orders, because no row filter is for any of your groups; ask steward.sales."
    ]
    instance.close()


def test_stewards_are_warned_of_groups_that_nobody_is_in_and_of_readers_who_see_nothing(
    tmp_path: Path,
) -> None:
    instance = asking.furnished(tmp_path)
    act = asking.actors(instance)
    changes = {
        "readers": ["sales", "astronauts"],
        "row_filters": [{"sql": "true", "groups": ["pilots"]}, {"sql": "region = viewer.planet"}],
        "classifications": {"amount": "sensitive"},
    }
    with act("steward.sales") as ctx:
        data.propose(ctx, "orders", changes)
        said = doubts(ctx, data.contract(ctx, "orders"))
    assert said[0] == "Nobody is in the group astronauts, which may read it."
    assert said[1] == "Nobody is in the group pilots, which a filter or a mask names."
    assert any("have no planet, so they see no row." in one for one in said)
    assert said[-1] == "Every reader would see these as they are: amount."
    assert not [one for one in said if "viewer.emea" in one]  # people are counted, not named
    with pytest.raises(NotAllowed), act("maker.sales") as ctx:
        doubts(ctx, data.contract(ctx, "orders"))
    instance.close()
