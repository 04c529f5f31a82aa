"""Notices: who answers for data, and whose apps use it, are told once, until they put it away or it is mended."""

import datetime as dt
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from handrail import apps, data, server
from handrail.data import notices_store
from handrail.data.notices import tell_of_last_days
from handrail.kernel import Instance, NotFound
from tests.conftest import Acting
from tests.data import asking
from tests.data.test_check_quality import ROWS, instance, orders
from tests.data.test_pages import SignedIn, signed_in
from tests.data.test_scheduled import Later, clock

__all__ = ["clock", "instance", "orders", "signed_in"]


def told(acting: Acting, person: str) -> list[tuple[str, str]]:
    with acting(person) as ctx:
        return [(one.kind, one.dataset) for one in data.notices(ctx)]


def owned(acting: Acting) -> None:
    with acting("steward.sales") as ctx:
        wanted = data.Changes(owner="steward.hr", deputy="lead", purposes=("finance",), readers=("sales",))
        data.propose(ctx, "orders", wanted)


def break_it(acting: Acting, orders: Path, name: str = "ATLANTIS") -> None:
    orders.write_text(ROWS.replace("7,APAC", f"7,{name}", 1))
    with acting("steward.sales") as ctx:
        data.import_source(ctx, str(orders), "orders")


def test_broken_quality_is_told_to_owner_and_deputy_and_to_nobody_else(acting: Acting, orders: Path) -> None:
    owned(acting)
    break_it(acting, orders)
    assert told(acting, "steward.hr") == [("quality", "orders")]
    assert told(acting, "lead") == [("quality", "orders")]
    assert told(acting, "steward.sales") == []


def test_a_notice_says_what_is_broken_and_shows_no_value(acting: Acting, orders: Path) -> None:
    owned(acting)
    break_it(acting, orders)
    with acting("lead") as ctx:
        (one,) = data.notices(ctx)
    assert "region is one of APAC, EMEA" in one.text
    assert "ATLANTIS" not in one.text
    assert one.next_step


def test_what_stays_broken_is_told_once_even_after_it_was_put_away(
    acting: Acting, orders: Path, instance: Instance, clock: Later
) -> None:
    owned(acting)
    break_it(acting, orders)
    with acting("lead") as ctx:
        data.dismiss(ctx, data.notices(ctx)[0].id)
    clock.ahead = dt.timedelta(days=1)
    assert data.check_what_is_due(instance) == ("orders",)
    assert told(acting, "lead") == []
    assert told(acting, "steward.hr") == [("quality", "orders")]


def test_what_is_mended_ends_the_notice_and_what_breaks_again_is_told_again(
    acting: Acting, orders: Path
) -> None:
    owned(acting)
    break_it(acting, orders)
    orders.write_text(ROWS)
    with acting("steward.sales") as ctx:
        data.import_source(ctx, str(orders), "orders")
    assert told(acting, "lead") == []
    break_it(acting, orders)
    assert told(acting, "lead") == [("quality", "orders")]


def test_nobody_puts_away_what_somebody_else_was_told(acting: Acting, orders: Path) -> None:
    owned(acting)
    break_it(acting, orders)
    with acting("lead") as ctx:
        theirs = data.notices(ctx)[0].id
    with pytest.raises(NotFound), acting("steward.hr") as ctx:
        data.dismiss(ctx, theirs)
    assert told(acting, "lead") == [("quality", "orders")]


def test_a_changed_schema_is_told(acting: Acting, orders: Path) -> None:
    owned(acting)
    orders.write_text(ROWS.replace(",code,", ",article,"))
    with acting("steward.sales") as ctx:
        data.import_source(ctx, str(orders), "orders")
    assert ("schema", "orders") in told(acting, "lead")


class Owners(apps.Directory):
    """The apps room's directory, with an app that no test has to push."""

    def owners(self, ctx: object, app: str) -> frozenset[str]:
        return frozenset({"maker.sales"}) if app == "report" else frozenset()


def test_the_owners_of_apps_that_use_it_hear_of_a_revocation(tmp_path: Path) -> None:
    instance = asking.opened(tmp_path)
    object.__setattr__(instance.ports, "apps", Owners())
    asking.furnish(instance, tmp_path)
    act, ask = asking.actors(instance), asking.asking(instance)
    ask("maker.sales", "SELECT region FROM orders", of=asking.run("sandbox"))
    with act("steward.hr") as ctx:
        data.revoke(ctx, "orders", "the regions are wrong")
    for person in ("maker.sales", "steward.sales", "steward.hr"):
        with act(person) as ctx:
            (one,) = data.notices(ctx)
        assert (one.kind, one.dataset) == ("revoked", "orders")
        assert "the regions are wrong" in one.text
    with act("steward.sales") as ctx:
        data.propose(ctx, "orders", {"description": "Orders, mended"})
    with act("steward.hr") as ctx:
        data.certify(ctx, "orders")
    with act("maker.sales") as ctx:
        assert data.notices(ctx) == ()
    instance.close()


def test_a_certification_that_ends_soon_is_told_once_and_again_when_it_has_ended(
    tmp_path: Path,
) -> None:
    instance = asking.furnished(tmp_path)
    instance.clock = clock = Later()
    act = asking.actors(instance)

    def kinds() -> list[str]:
        with instance.context(instance.system()) as ctx:
            tell_of_last_days(ctx)
        with act("steward.hr") as ctx:  # the deputy
            return sorted({one.kind for one in data.notices(ctx)})

    assert kinds() == []
    clock.ahead = dt.timedelta(days=70)
    assert kinds() == kinds() == ["expiring"]
    with act("steward.hr") as ctx:
        assert len(data.notices(ctx)) == 2  # orders and customers, once each
    clock.ahead = dt.timedelta(days=95)
    assert kinds() == ["expired"]
    instance.close()


def test_people_see_them_on_the_page_and_put_them_away(
    acting: Acting, orders: Path, signed_in: SignedIn
) -> None:
    owned(acting)
    break_it(acting, orders)
    home = signed_in("lead").get("/").text
    assert "Needs you" in home
    with acting("lead") as ctx:
        (one,) = data.notices(ctx)
    assert f"/notices/{one.id}/dismiss" in home
    assert "Needs you" not in signed_in("lead").post(f"/notices/{one.id}/dismiss").text
    assert "Needs you" not in signed_in("viewer.emea").get("/").text


def test_the_command_line_lists_and_puts_away(acting: Acting, orders: Path, instance: Instance) -> None:
    owned(acting)
    break_it(acting, orders)
    root = server.command()
    home = ["--home", str(instance.settings.home), "--as", "lead", "--json"]
    listed = json.loads(CliRunner().invoke(root, ["notices", *home]).stdout)
    assert [one["kind"] for one in listed] == ["quality"]
    assert CliRunner().invoke(root, ["notices", "--dismiss", listed[0]["id"], *home]).exit_code == 0
    assert json.loads(CliRunner().invoke(root, ["notices", *home]).stdout) == []


def test_two_servers_that_tell_at_once_tell_once(instance: Instance, acting: Acting) -> None:
    with acting("lead") as ctx:
        told_now = [
            notices_store.add(ctx, {"lead"}, "expiring", "orders", "the same", "Text", "Step")
            for _ in range(2)
        ]
    assert told_now == [1, 0]
