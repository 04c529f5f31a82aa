"""Attack: whoever filters a metric's tiles writes values and names that would be more than values and names."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from handrail import data
from handrail.data import compile_leaf
from handrail.data.compile_metric import compile_metric
from handrail.data.metrics import definition
from handrail.kernel import Instance, Invalid, NotAllowed, Refusal
from tests.conftest import Acting
from tests.data import asking
from tests.data.test_pages import SignedIn, signed_in

__all__ = ["signed_in"]
Ask = Callable[..., list[dict[str, Any]]]

WORDS = (
    "EMEA' OR '1'='1",
    'EMEA" OR "1"="1',
    "EMEA'; DROP TABLE orders; --",
    "' UNION SELECT name FROM customers --",
    "$m0",
    "${region}",
    "%",
    "\\'",
    "EMEA\0",
    "\ud800",
    "é" * 100_000,
    "",
)
NOT_VALUES: tuple[object, ...] = ({"a": 1}, [["EMEA"]], [{"a": 1}], float("nan"), 10**40, b"EMEA", True)
NAMES = (
    'region" = "region" OR "region',
    "orders.region OR 1=1",
    "orders.amount",  # a column, and no dimension
    "customers.name",  # masked, and no dimension
    "salaries.amount",  # of a dataset that the model does not know
    "sqlite_master.name",
    "governed.orders.region",
    "",
)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    """Orders of four regions, of which viewer.emea sees one."""
    opened = asking.furnished(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def shop(instance: Instance) -> Instance:
    """Orders of four regions, of which viewer.emea sees one."""
    return instance


@pytest.fixture
def ask(shop: Instance) -> Iterator[Ask]:
    asks = asking.asking(shop)

    def filtered(where: dict[str, object]) -> list[dict[str, Any]]:
        request = data.MetricRequest("sales", by=("region",), where=where)
        return asks("viewer.emea", metric=request)

    return filtered


def found(ask: Ask, where: dict[str, object]) -> object:
    """What is answered, or the kind of refusal; whatever else is raised fails the test."""
    try:
        return [row["region"] for row in ask(where)]
    except Refusal as refused:
        assert refused.message and refused.next_step
        return refused.code


def test_what_is_filtered_by_is_a_value_whatever_it_says(ask: Ask) -> None:
    assert found(ask, {"region": "EMEA"}) == ["EMEA"]
    for text in WORDS:
        assert found(ask, {"region": text}) in ([], "invalid"), text
        assert found(ask, {"region": [text, "EMEA"]}) in (["EMEA"], "invalid"), text


def test_what_is_no_value_is_refused_or_matches_nothing(ask: Ask) -> None:
    for value in NOT_VALUES:
        assert found(ask, {"region": value}) in ([], "invalid"), value


def test_only_dimensions_of_the_metrics_own_model_are_filtered_by(ask: Ask) -> None:
    for name in NAMES:
        assert found(ask, {name: "EMEA"}) == "not_found", name


def test_a_dimension_of_a_dataset_that_one_may_not_read_is_refused(
    ask: Ask, shop: Instance, acting: Acting
) -> None:
    with acting("steward.sales") as ctx:
        data.propose(ctx, "customers", {"readers": ["hr"]})
    with acting("steward.hr") as ctx:
        data.certify(ctx, "customers")
    with pytest.raises(NotAllowed, match="customers may be read by members of hr"):
        ask({"customers.city": "Rome"})


def test_a_huge_list_is_refused_before_a_statement_is_made_of_it(ask: Ask, shop: Instance) -> None:
    most = compile_leaf.MOST_VALUES
    assert found(ask, {"region": ["EMEA", *map(str, range(most - 1))]}) == ["EMEA"]
    with pytest.raises(Invalid, match=f"at most {most:,}"):
        ask({"region": list(map(str, range(10 * most)))})
    question = data.MetricRequest("sales", where={"region": ["EMEA"] * (most + 1)})
    with shop.context(shop.system()) as ctx:
        one = definition(ctx, "sales")
    assert len(compile_metric(one, question).params) == 1  # the same value again is one value


def test_a_page_and_an_address_filter_by_values_too(shop: Instance, signed_in: SignedIn) -> None:
    client = signed_in("viewer.emea")
    for text in WORDS[:4]:
        asked = {"ask": "1", "by": "region", "on": "region", "is": text, "purpose": "sales-reporting"}
        assert client.get("/metrics/sales", params=asked).status_code == 200
        addressed = {"by": "region", "where": f"region={text}", "purpose": "sales-reporting"}
        got = client.get("/api/v1/metrics/sales.csv", params=addressed)
        assert got.status_code == 200, got.text
        assert "EMEA" not in got.text
