"""Renewing: one click, another steward, and nothing that answers stops meanwhile."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from handrail import data
from handrail.kernel import Instance, NotAllowed, NotReady, definitions
from tests.conftest import Acting
from tests.data import shop
from tests.data.test_certify import imported, instance, proposed
from tests.data.test_pages import SignedIn, signed_in

__all__ = ["imported", "instance", "proposed", "signed_in"]


@pytest.fixture
def certified(acting: Acting, proposed: Path) -> Path:
    """Sales orders, certified for 300 days."""
    with acting("steward.hr") as ctx:
        data.certify(ctx, "sales_orders")
    return proposed


def later(instance: Instance, monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """Let so many days pass."""
    then = instance.clock.now() + timedelta(days=days)
    monkeypatch.setattr(instance.clock, "now", lambda: then)


def year_after(day: str) -> date:
    whole = date.fromisoformat(day)
    return whole.replace(year=whole.year + 1, day=28 if (whole.month, whole.day) == (2, 29) else whole.day)


def test_a_renewal_ends_nothing_while_it_waits_and_changes_only_the_last_day(
    acting: Acting, certified: Path, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(instance, monkeypatch, 280)
    with acting("steward.sales") as ctx:
        before = data.dataset(ctx, "sales_orders")
        waits = data.renew(ctx, "sales_orders")
    assert (before.state, waits.state, waits.hash) == ("expiring", "expiring", before.hash)
    until = year_after(shop.TOMORROW_YEAR)
    assert waits.renewal and (waits.renewal.by, waits.renewal.until) == ("steward.sales", until)
    with acting("viewer.emea") as ctx:
        assert data.extract_path(ctx, "sales_orders")
    with pytest.raises(NotAllowed, match="proposed this contract"), acting("steward.sales") as ctx:
        data.certify(ctx, "sales_orders")
    with acting("steward.hr") as ctx:
        now = data.certify(ctx, "sales_orders")
        text = (definitions.read(ctx, "contracts/sales_orders.odcs.yaml") or b"").decode()
    assert (now.state, now.certified_until, now.renewal, now.missing) == ("certified", until, None, ())
    assert until.isoformat() in text
    with acting("steward.hr") as ctx:
        changes = data.compare_contracts(before.contract, now.contract)
    assert [change.text for change in changes] == [f"The last day is {until} now."]


def test_what_has_expired_comes_back_by_a_renewal(
    acting: Acting, certified: Path, instance: Instance, monkeypatch: pytest.MonkeyPatch, signed_in: SignedIn
) -> None:
    later(instance, monkeypatch, 302)
    with acting("steward.hr") as ctx:
        assert data.dataset(ctx, "sales_orders").state == "expired"
        assert data.renew(ctx, "sales_orders").state == "expired"
    with pytest.raises(NotReady), acting("viewer.emea") as ctx:
        data.extract_path(ctx, "sales_orders")
    with acting("steward.sales") as ctx:
        now = data.certify(ctx, "sales_orders")
    assert now.certified
    assert now.certified_until and now.certified_until > instance.clock.now().date() + timedelta(days=360)


def test_an_edit_takes_a_waiting_renewal_away(acting: Acting, certified: Path) -> None:
    with acting("steward.sales") as ctx:
        data.renew(ctx, "sales_orders")
        path = "contracts/sales_orders.odcs.yaml"
        text = (definitions.read(ctx, path) or b"") + b"tenant: other\n"
        definitions.write(ctx, path, text, "Edit it")
    with acting("steward.hr") as ctx:
        assert data.dataset(ctx, "sales_orders").state == "edited"
    with pytest.raises(NotReady, match="not proposed as it is now"), acting("steward.hr") as ctx:
        data.certify(ctx, "sales_orders")


def test_what_cannot_be_renewed_is_refused(acting: Acting, proposed: Path) -> None:
    with pytest.raises(NotReady, match="is proposed, so"), acting("steward.sales") as ctx:
        data.renew(ctx, "sales_orders")
    with acting("steward.hr") as ctx:
        data.certify(ctx, "sales_orders")
    with pytest.raises(NotAllowed), acting("maker.sales") as ctx:
        data.renew(ctx, "sales_orders")
    with acting("steward.sales") as ctx:
        data.renew(ctx, "sales_orders")
    with pytest.raises(NotReady, match=r"steward\.sales has already asked"), acting("steward.hr") as ctx:
        data.renew(ctx, "sales_orders")
    with acting("steward.hr") as ctx:
        data.revoke(ctx, "sales_orders", "wrong rows")
    with pytest.raises(NotReady), acting("steward.hr") as ctx:
        data.certify(ctx, "sales_orders")


def test_the_page_says_who_must_act(acting: Acting, certified: Path, signed_in: SignedIn) -> None:
    mine, theirs = signed_in("steward.sales"), signed_in("steward.hr")
    assert "waits for another steward to certify it until" in mine.post("/datasets/sales_orders/renew").text
    page = mine.get("/datasets/sales_orders").text
    assert "steward.sales asked to renew it until" in page
    assert "Certify until" not in page
    assert "Certify until" in theirs.get("/datasets/sales_orders").text
    assert "as steward.sales asks" in theirs.get("/").text
    assert "sales_orders is certified until" in theirs.post("/datasets/sales_orders/certify").text
