"""Sharing says what it costs before it is done, and lets people open an app without its code or its owners' rows."""

from dataclasses import replace

import pytest

from handrail import apps
from handrail.kernel import Conflict, Invalid, NotAllowed, NotFound, identity, trail


def test_the_preview_says_the_new_tier_and_its_costs_and_changes_nothing(push, acting):
    push()
    with acting("maker.sales") as ctx:
        preview = apps.share_preview(ctx, "hello", groups=["sales"], people=["viewer.apac"])
        assert preview.adds == ("sales", "viewer.apac")
        assert (preview.before.name, preview.after.name) == ("self-service", "handoff")
        assert any("reviewer" in cost for cost in preview.costs)
        assert apps.app(ctx, "hello").groups == ()
        assert apps.tier(ctx, "hello").name == "self-service"


def test_sharing_makes_it_handoff_and_taking_it_back_makes_it_self_service_again(push, acting):
    push()
    with acting("maker.sales") as ctx:
        shared = apps.share(ctx, "hello", groups=["sales"])
        assert shared.groups == ("sales",) and apps.tier(ctx, "hello").handoff
        again = apps.share_preview(ctx, "hello", groups=["hr"])
        assert again.costs == ()  # it is a handoff already
        assert apps.tier(ctx, "hello").name != "self-service"
        apps.unshare(ctx, "hello", groups=["sales"])
        assert apps.tier(ctx, "hello").name == "self-service"
    with acting("viewer.emea") as ctx, pytest.raises(NotFound):
        apps.app(ctx, "hello")


def test_sharing_with_a_co_owner_alone_is_still_self_service(push, acting):
    push()
    with acting("maker.sales") as ctx:
        apps.add_coowner(ctx, "hello", "maker.ops")
        apps.share(ctx, "hello", people=["maker.ops"])
        assert not apps.tier(ctx, "hello").handoff


@pytest.mark.parametrize("person", ["maker.ops", "reviewer.platform", "admin", "viewer.emea"])
def test_nobody_but_its_owners_shares_an_app(push, acting, person):
    push()
    for verb in (apps.share, apps.share_preview, apps.unshare):
        with acting(person) as ctx, pytest.raises((NotAllowed, NotFound)):
            verb(ctx, "hello", groups=["sales"])
    with acting(person) as ctx, pytest.raises((NotAllowed, NotFound)):
        apps.add_coowner(ctx, "hello", person)


def test_names_that_do_not_exist_and_sharing_with_nobody_are_refused(push, acting):
    push()
    with acting("maker.sales") as ctx:
        with pytest.raises(Invalid, match="group 'marketing'"):
            apps.share(ctx, "hello", groups=["marketing"])
        with pytest.raises(NotFound, match="nobody"):
            apps.share(ctx, "hello", people=["nobody.here"])
        with pytest.raises(Conflict, match="Nobody is added"):
            apps.share(ctx, "hello")
        with pytest.raises(Conflict, match="not shared with sales"):
            apps.unshare(ctx, "hello", groups=["sales"])
        apps.share(ctx, "hello", groups=["sales"])
        with pytest.raises(Conflict, match="Nobody is added"):
            apps.share(ctx, "hello", groups=["sales"])
        with pytest.raises(Conflict, match="owns hello already"):
            apps.add_coowner(ctx, "hello", "maker.sales")


def test_each_change_of_who_may_open_it_stands_on_the_trail(push, acting):
    push()
    with acting("maker.sales") as ctx:
        apps.share(ctx, "hello", groups=["sales"])
        apps.unshare(ctx, "hello", groups=["sales"])
        apps.add_coowner(ctx, "hello", "maker.ops")
    with acting("compliance") as ctx:
        verbs = [entry.verb for entry in trail.entries(ctx, subject="app:hello")]
    assert {"app.shared", "app.unshared", "app.coowned"} <= set(verbs)


def test_an_app_is_handed_over_and_its_maker_stays_co_owner(push, acting):
    push()
    with acting("maker.sales") as ctx:
        app = apps.hand_over(ctx, "hello", "maker.ops")
        assert (app.owner, app.coowners) == ("maker.ops", ("maker.sales",))
        with pytest.raises(Conflict, match="owns hello already"):
            apps.hand_over(ctx, "hello", "maker.ops")
    with acting("maker.ops") as ctx:
        assert apps.hand_over(ctx, "hello", "maker.sales").coowners == ("maker.ops",)


def test_when_its_owner_has_left_the_gate_is_shut_until_an_admin_hands_it_over(push, acting):
    push()
    with acting("admin") as ctx:
        identity.change_person(ctx, replace(identity.found(ctx, "maker.sales"), active=False))
        assert apps.app(ctx, "hello").owner == "maker.sales"
    with acting("reviewer.platform") as ctx:
        gate = apps.gates(ctx, "hello")[0]
        assert (gate.key, gate.state) == ("ownership", "shut") and "admin" in gate.next_step
        with pytest.raises(NotAllowed, match="handed over by its owners or an admin"):
            apps.hand_over(ctx, "hello", "maker.ops")
    with acting("admin") as ctx:
        apps.hand_over(ctx, "hello", "maker.ops")
    with acting("reviewer.platform") as ctx:
        assert apps.gates(ctx, "hello")[0].open
    with acting("maker.ops") as ctx, pytest.raises(Invalid, match="no longer active"):
        apps.hand_over(ctx, "hello", "maker.sales")
