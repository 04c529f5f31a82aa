"""Proposing, certifying and revoking: two people, exactly this content, until a day."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from handrail import data
from handrail.data.events import CertificationEnded, DatasetCertified
from handrail.kernel import Instance, Invalid, NotAllowed, NotFound, NotReady
from handrail.kernel.events import Subscriptions
from handrail.server import open_instance
from tests.conftest import Acting, begun, inhabited
from tests.data import shop
from tests.data.asking import actors
from tests.prepared import copied


def with_drafts(folder: Path) -> None:
    """Make an instance that has imported the shop; every contract is a draft."""
    folder.mkdir()
    made = inhabited(folder / "home")
    with actors(made)("steward.sales") as ctx:
        data.import_source(ctx, str(shop.make(folder / "shop.sqlite")))
    made.close()


def with_proposal(folder: Path) -> None:
    """Make one in which steward.sales has proposed sales orders, complete."""
    copied(with_drafts, folder)
    made = open_instance(folder / "home")
    with actors(made)("steward.sales") as ctx:
        assert data.propose(ctx, "sales_orders", shop.COMPLETE).missing == ()
    made.close()


@pytest.fixture
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Instance]:
    """A fresh instance: with the shop imported, or sales orders proposed, where a test names that."""
    named = request.fixturenames
    make = with_proposal if "proposed" in named else with_drafts if "imported" in named else None
    with begun(tmp_path, make) as opened:
        yield opened


@pytest.fixture
def imported(instance: Instance, tmp_path: Path) -> Path:
    """The shop, imported; every contract a draft. Its file, which is the source `shop` in another place."""
    return tmp_path / "shop.sqlite"


@pytest.fixture
def proposed(imported: Path) -> Path:
    """Sales orders, complete and proposed by steward.sales."""
    return imported


def test_two_stewards_certify_a_contract_and_it_names_the_content(
    acting: Acting, proposed: Path, instance: Instance
) -> None:
    heard: list[object] = []
    instance.subscriptions = Subscriptions([(DatasetCertified, lambda _ctx, event: heard.append(event))])
    with acting("steward.hr") as ctx:
        now = data.certify(ctx, "sales_orders")
    assert (now.state, now.certified_by, str(now.certified_until)) == (
        "certified",
        "steward.hr",
        shop.TOMORROW_YEAR,
    )
    assert heard == [DatasetCertified("sales_orders", now.hash, now.certified_until)]  # type: ignore[arg-type]
    with acting("viewer.emea") as ctx:
        assert data.extract_path(ctx, "sales_orders").name == "sales_orders.parquet"


def test_a_draft_cannot_be_certified_by_its_own_author(acting: Acting, proposed: Path) -> None:
    with (
        pytest.raises(NotAllowed, match="Sven Steward proposed this contract") as refused,
        acting("steward.sales") as ctx,
    ):
        data.certify(ctx, "sales_orders")
    assert "another steward" in refused.value.next_step
    with acting("steward.sales") as ctx:
        assert data.dataset(ctx, "sales_orders").state == "proposed"


@pytest.mark.parametrize("person", ["maker.sales", "admin", "compliance", "viewer.emea"])
def test_only_stewards_touch_contracts(acting: Acting, proposed: Path, person: str) -> None:
    verbs: list[Callable[[Any], Any]] = [
        lambda ctx: data.propose(ctx, "sales_orders", {"owner": person}),
        lambda ctx: data.certify(ctx, "sales_orders"),
        lambda ctx: data.revoke(ctx, "sales_orders", "because"),
    ]
    for verb in verbs:
        with pytest.raises(NotAllowed, match="stewards"), acting(person) as ctx:
            verb(ctx)


def test_a_file_edited_after_the_proposal_cannot_be_certified(
    acting: Acting, proposed: Path, instance: Instance
) -> None:
    _edit(instance, "viewer.region", "viewer.area")
    with pytest.raises(NotReady, match="as it is now"), acting("steward.hr") as ctx:
        data.certify(ctx, "sales_orders")


def test_editing_the_file_afterwards_ends_the_certification(
    acting: Acting, proposed: Path, instance: Instance
) -> None:
    with acting("steward.hr") as ctx:
        data.certify(ctx, "sales_orders")
    _edit(instance, "region = viewer.region", "region IS NOT NULL")
    with acting("steward.hr") as ctx:
        assert data.dataset(ctx, "sales_orders").state == "edited"
        with pytest.raises(NotReady, match="edited"):
            data.extract_path(ctx, "sales_orders")
    _edit(instance, "region IS NOT NULL", "region = viewer.region")
    with acting("steward.hr") as ctx:
        assert data.dataset(ctx, "sales_orders").state == "certified"  # exactly the certified content again


def test_a_misspelt_dataset_is_answered_with_the_nearest(acting: Acting, imported: Path) -> None:
    with pytest.raises(NotFound) as refused, acting("steward.hr") as ctx:
        data.certify(ctx, "sales_order")
    assert refused.value.next_step == "Did you mean sales_orders?"


def test_an_incomplete_contract_says_everything_that_is_missing(acting: Acting, imported: Path) -> None:
    with acting("steward.sales") as ctx:
        now = data.propose(ctx, "sales_orders", {"owner": "nobody.here", "deputy": "nobody.here"})
    assert now.missing == (
        "Its owner nobody.here has no active account.",
        "Its deputy nobody.here has no active account.",
        "Owner and deputy are the same person.",
        "No purpose is allowed yet.",
        "No group may read it yet.",
        "It has no expiry date.",
    )
    with pytest.raises(NotReady, match="No purpose is allowed yet"), acting("steward.hr") as ctx:
        data.certify(ctx, "sales_orders")


@pytest.mark.parametrize("without", ["deputy", "purposes", "readers", "expires"])
def test_one_missing_thing_is_enough_to_refuse(acting: Acting, imported: Path, without: str) -> None:
    some = {key: value for key, value in shop.COMPLETE.items() if key != without}
    with acting("steward.sales") as ctx:
        assert len(data.propose(ctx, "sales_orders", some).missing) == 1
    with pytest.raises(NotReady, match="cannot be certified yet"), acting("steward.hr") as ctx:
        data.certify(ctx, "sales_orders")


def test_a_purpose_that_is_no_longer_declared_stops_the_certification(
    acting: Acting, proposed: Path, instance: Instance
) -> None:
    purposes = instance.settings.home / "definitions" / "purposes.yaml"
    purposes.write_text("operations: Running stock.\n")
    with pytest.raises(NotReady, match=r"sales-reporting is not declared"), acting("steward.hr") as ctx:
        data.certify(ctx, "sales_orders")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"owners": "x"}, "owners"),
        ({"masks": {"nota": "null"}}, "note"),
        ({"masks": {"note": "nul"}}, "null"),
        ({"purposes": ["sales-reportin"]}, "sales-reporting"),
        ({"purposes": "sales-reporting"}, "list"),
        ({"row_filters": ["regio = viewer.region"]}, "region"),
        ({"row_filters": ["region = (SELECT 1)"]}, "condition"),
        ({"row_filters": ["region = 'x'; DROP TABLE t"]}, "condition"),
        ({"row_filters": ["region = viewer.region", {"sql": "true", "groups": ["sales"]}]}, "last"),
        ({"expires": "2001-01-01"}, "later"),
        ({"expires": "soon"}, "date"),
        ({"classifications": {"note": "persnal"}}, "personal"),
        ({"entity_key": "customer"}, "customer_id"),
    ],
)
def test_a_change_that_cannot_work_is_refused_and_changes_nothing(
    acting: Acting, imported: Path, changes: dict[str, Any], says: str
) -> None:
    with acting("steward.sales") as ctx:
        before = data.dataset(ctx, "sales_orders")
    with pytest.raises(Invalid) as refused, acting("steward.sales") as ctx:
        data.propose(ctx, "sales_orders", changes)
    assert says in refused.value.message + refused.value.next_step
    with acting("steward.sales") as ctx:
        assert data.dataset(ctx, "sales_orders") == before


def test_data_that_does_not_keep_the_contract_cannot_be_certified(
    acting: Acting, imported: Path, instance: Instance
) -> None:
    _edit(
        instance,
        "physicalType: VARCHAR",
        "physicalType: VARCHAR\n    unique: true\n    required: true",
        last=True,
    )
    with acting("steward.sales") as ctx:
        data.propose(ctx, "sales_orders", shop.COMPLETE)
    with (
        pytest.raises(NotReady, match="The column note is required and has no value in some rows"),
        acting("steward.hr") as ctx,
    ):
        data.certify(ctx, "sales_orders")


def test_revoking_needs_a_reason_and_ends_it_for_good(
    acting: Acting, proposed: Path, instance: Instance
) -> None:
    heard: list[object] = []
    instance.subscriptions = Subscriptions([(CertificationEnded, lambda _ctx, event: heard.append(event))])
    with acting("steward.hr") as ctx:
        data.certify(ctx, "sales_orders")
    with pytest.raises(Invalid, match="reason"), acting("steward.hr") as ctx:
        data.revoke(ctx, "sales_orders", "  ")
    with acting("steward.sales") as ctx:
        assert data.revoke(ctx, "sales_orders", "regions are wrong").state == "revoked"
    assert heard == [CertificationEnded("sales_orders", "regions are wrong")]
    for verb in (data.certify, data.extract_path):
        with pytest.raises(NotReady), acting("steward.hr") as ctx:
            verb(ctx, "sales_orders")
    with acting("steward.hr") as ctx:
        assert data.propose(ctx, "sales_orders", {}).state == "proposed"
    with acting("steward.sales") as ctx:
        assert data.certify(ctx, "sales_orders").state == "certified"


def test_a_change_to_a_certified_contract_ends_it_until_certified_again(
    acting: Acting, proposed: Path
) -> None:
    with acting("steward.hr") as ctx:
        data.certify(ctx, "sales_orders")
    with pytest.raises(Invalid, match="certified as it is"), acting("steward.hr") as ctx:
        data.propose(ctx, "sales_orders", {"owner": "steward.sales"})
    with acting("steward.hr") as ctx:
        now = data.propose(ctx, "sales_orders", {"readers": ["sales", "management"]})
        assert (now.state, now.certified_until) == ("proposed", None)


class _Later:
    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment


def test_a_certification_expires_after_its_day_and_warns_a_month_before(
    acting: Acting, proposed: Path, instance: Instance
) -> None:
    with acting("steward.hr") as ctx:
        until = data.certify(ctx, "sales_orders").certified_until
        start = ctx.clock.now()
    assert until is not None
    days = (until - start.date()).days
    states = []
    for later in (days - 31, days - 29, days, days + 1):
        instance.clock = _Later(start + timedelta(days=later))  # type: ignore[assignment]
        with acting("viewer.emea") as ctx:
            states.append(data.dataset(ctx, "sales_orders").state)
    assert states == ["certified", "expiring", "expiring", "expired"]
    with pytest.raises(NotReady, match="expired"), acting("viewer.emea") as ctx:
        data.extract_path(ctx, "sales_orders")


@pytest.mark.parametrize("name", ["nothing", "../purposes", "Sales_Orders", "", "a/b"])
def test_a_dataset_that_is_not_there_is_not_found(acting: Acting, imported: Path, name: str) -> None:
    with pytest.raises(NotFound), acting("steward.sales") as ctx:
        data.dataset(ctx, name)


def test_every_step_stands_on_the_timeline(acting: Acting, proposed: Path) -> None:
    with acting("steward.hr") as ctx:
        data.certify(ctx, "sales_orders")
    with acting("viewer.emea") as ctx:
        proposals, certifications = data.timeline(ctx, "sales_orders")
    assert [(one.by, one.digest) for one in proposals] == [("steward.sales", certifications[0].digest)]
    assert (certifications[0].proposed_by, certifications[0].by) == ("steward.sales", "steward.hr")


def _edit(instance: Instance, old: str, new: str, *, last: bool = False) -> None:
    file = instance.settings.home / "definitions" / "contracts" / "sales_orders.odcs.yaml"
    text = file.read_text()
    assert old in text
    head, found, tail = text.rpartition(old) if last else text.partition(old)
    assert found
    file.write_text(head + new + tail)


def test_the_second_steward_sees_what_changed_since_the_draft_and_later_since_the_certified_text(
    acting: Acting, proposed: Path
) -> None:
    from handrail.data.certify import before
    from handrail.kernel import definitions

    with acting("steward.hr") as ctx:
        since, draft = before(ctx, "sales_orders")
        proposal = definitions.read(ctx, "contracts/sales_orders.odcs.yaml")
        data.certify(ctx, "sales_orders")
    assert (since, draft == proposal) == ("the draft of the import", False)
    with acting("steward.sales") as ctx:
        data.propose(ctx, "sales_orders", {"description": "Another sentence."})
    with acting("steward.hr") as ctx:
        assert before(ctx, "sales_orders") == ("the contract that was last certified", proposal)
