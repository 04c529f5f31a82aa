"""Rules on rows and masks apply below the joins of a metric, in every dataset that it touches."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from handrail import data
from handrail.kernel import Instance, NotReady, definitions
from tests.data import asking

FIELDS = b"""\
          - name: name
            expression: {dialects: [{dialect: ANSI_SQL, expression: name}]}
"""
MODEL = asking.MODEL.replace(b"          - name: city\n", FIELDS + b"          - name: city\n")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Instance]:
    """Orders of the viewer's region only, and of customers only those who live in Rome."""
    instance = asking.furnished(tmp_path)
    act = asking.actors(instance)
    with act("steward.sales") as ctx:
        definitions.write(ctx, "model/shop.yaml", MODEL, "Name customers")
        data.propose(ctx, "customers", data.Changes(row_filters=(data.RowFilter("city = 'Rome'"),)))
    with act("steward.hr") as ctx:
        data.certify(ctx, "customers")
    yield instance
    instance.close()


def asked(shop: Instance, person: str, name: str, **request: Any) -> list[tuple[Any, ...]]:
    found = asking.asking(shop)(person, metric=data.MetricRequest(name, **request))
    return [tuple(row.values()) for row in found]


def test_rows_of_a_joined_dataset_that_are_hidden_take_no_row_of_the_counted_one_away(
    shop: Instance,
) -> None:
    """EMEA's orders are of Ana and Cy (Rome); APAC's of Bo (Oslo) and Di (Kyoto), whom nobody sees here."""
    assert asked(shop, "viewer.emea", "sales", by=("city",)) == [("Rome", 300)]
    assert asked(shop, "viewer.apac", "sales", by=("city",)) == [(None, 360)]
    assert asked(shop, "viewer.apac", "sales") == [(360,)]


def test_a_condition_on_hidden_rows_finds_nothing(shop: Instance) -> None:
    assert asked(shop, "viewer.apac", "sales", where={"city": "Oslo"}) == [(None,)]
    assert asked(shop, "viewer.emea", "sales", where={"region": "APAC"}) == [(None,)]


def test_a_masked_dimension_groups_by_what_is_shown(shop: Instance) -> None:
    names = [name for name, _ in asked(shop, "viewer.emea", "sales", by=("name",))]
    assert not {"Ana", "Cy"} & set(names)
    assert len(names) == 2
    assert asked(shop, "viewer.emea", "sales", where={"name": "Ana"}) == [(None,)]


def test_without_one_of_its_datasets_a_metric_answers_what_needs_it_not(shop: Instance) -> None:
    with asking.actors(shop)("steward.sales") as ctx:
        data.revoke(ctx, "customers", "Wrong rows.")
    assert asked(shop, "viewer.emea", "sales") == [(300,)]
    with pytest.raises(NotReady, match="customers is not certified: it is revoked"):
        asked(shop, "viewer.emea", "sales", by=("city",))
