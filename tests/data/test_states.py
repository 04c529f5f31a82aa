"""A contract through all its states on the pages: what each says, who acts next, and by which button."""

import datetime as dt
import re
from pathlib import Path

import pytest

from handrail import data
from handrail.kernel import Instance
from tests.conftest import Acting
from tests.data import shop
from tests.data.test_pages import SignedIn, signed_in
from tests.data.test_scheduled import Later, clock

__all__ = ["clock", "signed_in"]

DATASET = "/datasets/sales_orders"


@pytest.fixture
def imported(acting: Acting, tmp_path: Path) -> None:
    with acting("steward.sales") as ctx:
        data.import_source(ctx, str(shop.make(tmp_path / "shop.sqlite")))


def buttons(page: str) -> set[str]:
    return set(re.findall(rf'action="{DATASET}/(\w+)"', page))


def home(page: str) -> str:
    """What the start page says of the dataset to do."""
    found = re.search(r'href="/datasets/sales_orders">sales_orders</a>.*?</tr>', page, re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[0] if found else ""))


def test_each_state_says_who_acts_next_and_lets_them(
    instance: Instance, imported: None, signed_in: SignedIn, clock: Later
) -> None:
    first, second = signed_in("steward.sales"), signed_in("steward.hr")
    page = first.get(DATASET).text
    assert "Nobody has proposed this contract yet" in page
    assert "It has no owner." in page
    assert "Complete the contract" in home(first.get("/").text)

    sent = {
        **{key: shop.COMPLETE[key] for key in ("owner", "deputy", "expires")},
        "purposes": ["sales-reporting"],
        "readers": "sales",
        "filter_sql": "region = viewer.region",
        "filter_groups": "",
        "mask:note": "null",
    }
    page = first.post(f"{DATASET}/propose", data=sent).text
    assert "Another steward looks at it" in page
    assert "certify" not in buttons(page)
    assert "Another steward certifies what you proposed" in home(first.get("/").text)
    assert "Look at what steward.sales proposed" in home(second.get("/").text)
    assert "What changed" in second.get(DATASET).text

    page = second.post(f"{DATASET}/certify").text
    assert "Certified by steward.hr" in page
    assert buttons(page) >= {"renew", "revoke"}
    assert home(second.get("/").text) == ""

    clock.ahead = dt.timedelta(days=280)  # of 300
    first, second = signed_in("steward.sales"), signed_in("steward.hr")
    assert "a steward should renew it" in first.get(DATASET).text
    assert "Renew it" in home(first.get("/").text)
    page = first.post(f"{DATASET}/renew").text
    assert "waits for another steward" in page
    assert "certify" not in buttons(page)  # not by the same steward
    page = second.get(DATASET).text
    assert "asked to renew it" in page
    assert "certify" in buttons(page)
    page = second.post(f"{DATASET}/certify").text
    assert "production answers from it until" in page

    clock.ahead = dt.timedelta(days=800)
    first, second = signed_in("steward.sales"), signed_in("steward.hr")
    assert "The certification has expired" in first.get(DATASET).text
    assert "Renew it" in home(first.get("/").text)
    first.post(f"{DATASET}/renew")
    assert "production answers from it until" in second.post(f"{DATASET}/certify").text

    page = second.post(f"{DATASET}/revoke", data={"reason": "The regions are wrong."}).text
    assert "The certification was revoked" in page
    assert "The regions are wrong." in page
    assert "Propose it" in home(second.get("/").text)
    assert "revoked" in home(signed_in("steward.sales").get("/").text).lower()


def test_a_contract_edited_by_hand_is_not_certified_any_more(
    instance: Instance, imported: None, acting: Acting, signed_in: SignedIn
) -> None:
    with acting("steward.sales") as ctx:
        data.propose(ctx, "sales_orders", shop.COMPLETE)
    with acting("steward.hr") as ctx:
        data.certify(ctx, "sales_orders")
    file = instance.settings.home / "definitions" / "contracts" / "sales_orders.odcs.yaml"
    file.write_text(file.read_text().replace("region = viewer.region", "id > 1"))
    page = signed_in("steward.hr").get(DATASET).text
    assert "The contract was edited after it was certified" in page
    assert "breaking" in page  # and whom that touches stands beside it
    data.check_what_is_due(instance)  # the server looks at each file now and then
    assert "Propose it" in home(signed_in("steward.hr").get("/").text)
