"""See as somebody: the rule, the rows by number and the masks, and not one row."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from handrail import data
from handrail.kernel import Instance, Invalid, NotAllowed, NotFound
from tests.conftest import Acting
from tests.data import asking
from tests.data.test_pages import SignedIn, signed_in

__all__ = ["signed_in"]


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    """Orders and customers, certified."""
    opened = asking.furnished(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def shop(instance: Instance) -> Instance:
    """Orders and customers, certified."""
    return instance


@pytest.mark.parametrize("person", ["viewer.emea", "viewer.apac", "maker.sales"])
def test_the_preview_counts_what_the_person_really_gets(acting: Acting, shop: Instance, person: str) -> None:
    with acting("steward.hr") as ctx:
        seen = data.preview(ctx, "orders", person)
    assert (seen.purpose, seen.rows) == ("sales-reporting", 12)
    try:
        rows = asking.asking(shop)(person, "SELECT count(*) AS n FROM orders")
    except NotAllowed as refused:
        assert not seen.allowed
        assert seen.rule == refused.facts["rule"]
    else:
        assert seen.allowed
        assert seen.remaining == rows[0]["n"]


def test_the_filter_is_told_with_the_persons_own_attribute(acting: Acting, shop: Instance) -> None:
    with acting("steward.hr") as ctx:
        emea = data.preview(ctx, "orders", "viewer.emea")
        without = data.preview(ctx, "orders", "compliance")
        customers = data.preview(ctx, "customers", "viewer.emea")
    assert (emea.filter, emea.remaining) == ("rows where region = “EMEA”", 6)
    assert without.remaining == 0
    assert "needs the attribute region" in without.filter
    assert (customers.filter[:8], customers.remaining) == ("all rows", 4)
    assert customers.masked == (("name", "shown in part"),)


def test_a_contract_can_be_tried_before_it_is_certified(acting: Acting, shop: Instance) -> None:
    with acting("steward.sales") as ctx:
        rules = [{"sql": "amount > 50", "groups": ["nobody"]}]
        data.propose(ctx, "orders", {"row_filters": rules, "masks": {"amount": "bucket(10)"}})
    with acting("steward.hr") as ctx:
        seen = data.preview(ctx, "orders", "viewer.emea")
    assert (seen.allowed, seen.rule, seen.remaining) == (False, "query-needs-certification", 0)
    assert "for any of the person's groups" in seen.filter
    assert seen.masked == (("amount", "the lower end of a range of 10"),)


def test_only_stewards_look_and_the_trail_says_so(acting: Acting, shop: Instance) -> None:
    for person in ("viewer.apac", "admin", "maker.sales"):
        with pytest.raises(NotAllowed, match="Stewards look at what others"), acting(person) as ctx:
            data.preview(ctx, "orders", "viewer.emea")
    with pytest.raises(NotFound), acting("steward.hr") as ctx:
        data.preview(ctx, "orders", "nobody.here")
    with pytest.raises(Invalid, match="no purpose"), acting("steward.hr") as ctx:
        data.preview(ctx, "orders", "viewer.emea", "curiosity")


def test_the_page_and_rest_show_counts_and_no_row(shop: Instance, signed_in: SignedIn) -> None:
    client = signed_in("steward.hr")
    assert "/datasets/customers/see-as" in client.get("/datasets/customers").text
    assert "See as …" not in signed_in("viewer.emea").get("/datasets/customers").text
    assert client.get("/datasets/customers/see-as").status_code == 200
    page = client.get("/datasets/customers/see-as", params={"person": "viewer.emea"}).text
    assert "4 of 4" in page
    assert "shown in part" in page
    assert "Kyoto" not in page
    told = client.get("/api/v1/datasets/customers/see-as/viewer.emea").json()
    assert told["remaining"] == 4
    assert signed_in("viewer.emea").get("/datasets/customers/see-as").status_code == 403
