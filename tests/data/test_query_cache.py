"""What is kept of a question never answers somebody else, another day, by other rules, or elsewhere.

Each test asks the same text twice with one thing changed between; a key without that thing fails it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from handrail import data
from handrail.data import plans
from handrail.data.govern import Entitlement, rewritten
from handrail.data.plans import Plan, named
from handrail.kernel import Caller, Instance, Invalid, NotAllowed, NotFound, NotReady, identity, storage
from tests.data.asking import TODAY, actors, asking, furnished, run
from tests.data.governing import CONTRACTS, EMEA, viewer

BY_REGION = "SELECT region, count(*) AS n FROM orders GROUP BY region"
NAMES = "SELECT name FROM customers WHERE id = 0"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Instance]:
    instance = furnished(tmp_path)
    yield instance
    instance.close()


@pytest.fixture
def ask(shop: Instance) -> Any:
    return asking(shop)


def test_two_viewers_who_ask_the_same_each_see_their_own_rows(ask: Any) -> None:
    for person, region in (("viewer.emea", "EMEA"), ("viewer.apac", "APAC")) * 2:
        assert ask(person, BY_REGION) == [{"region": region, "n": 6}]


def test_a_viewer_who_moves_sees_the_rows_of_the_new_region_at_once(shop: Instance, ask: Any) -> None:
    assert ask("viewer.emea", BY_REGION) == [{"region": "EMEA", "n": 6}]
    with actors(shop)("admin") as ctx:
        moved = replace(identity.found(ctx, "viewer.emea"), attributes={"region": "APAC"})
        identity.change_person(ctx, moved)
    assert ask("viewer.emea", BY_REGION) == [{"region": "APAC", "n": 6}]


def test_a_viewer_who_leaves_the_group_is_refused_at_once(shop: Instance, ask: Any) -> None:
    assert ask("viewer.emea", BY_REGION)
    with actors(shop)("admin") as ctx:
        identity.change_person(ctx, replace(identity.found(ctx, "viewer.emea"), groups=frozenset()))
    with pytest.raises(NotAllowed, match="members of sales"):
        ask("viewer.emea", BY_REGION)


def certify(shop: Instance, name: str, **changes: Any) -> None:
    with actors(shop)("steward.sales") as ctx:
        data.propose(ctx, name, data.Changes(**changes))
    with actors(shop)("steward.hr") as ctx:
        data.certify(ctx, name)


def test_a_contract_that_was_changed_and_certified_counts_at_once(shop: Instance, ask: Any) -> None:
    assert ask("viewer.emea", NAMES) == [{"name": "A***"}]
    certify(shop, "customers", masks={"name": data.Mask("null")})
    assert ask("viewer.emea", NAMES) == [{"name": None}]
    certify(shop, "customers", masks={"name": data.Mask("null", ("sales",))})
    assert ask("viewer.emea", NAMES) == [{"name": "Ana"}]
    certify(shop, "customers", masks={"name": data.Mask("null")})
    assert ask("viewer.emea", NAMES) == [{"name": None}]


def test_a_mask_is_lifted_for_its_group_only_whoever_asks_first(shop: Instance, ask: Any) -> None:
    certify(shop, "customers", masks={"name": data.Mask("null", ("hr",))}, readers=("sales", "hr"))
    for person, name in (("steward.hr", "Ana"), ("viewer.emea", None)) * 2:
        assert ask(person, NAMES) == [{"name": name}]


def test_an_edited_contract_file_is_not_certified_at_the_very_next_question(shop: Instance, ask: Any) -> None:
    assert ask("viewer.emea", BY_REGION)
    file = shop.settings.home / "definitions" / "contracts" / "orders.odcs.yaml"
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"region = viewer.region", b"region > 'A'"))
    with pytest.raises(NotReady, match="edited"):
        ask("viewer.emea", BY_REGION)
    file.write_bytes(whole)
    assert ask("viewer.emea", BY_REGION) == [{"region": "EMEA", "n": 6}]


def test_a_revoked_dataset_is_refused_at_the_very_next_question(shop: Instance, ask: Any) -> None:
    assert ask("viewer.emea", BY_REGION)
    with actors(shop)("steward.hr") as ctx:
        data.revoke(ctx, "orders", "The source counted twice.")
    with pytest.raises(NotReady, match="revoked"):
        ask("viewer.emea", BY_REGION)


def test_an_expired_dataset_is_refused_from_the_first_moment_of_the_next_day(
    shop: Instance, ask: Any
) -> None:
    assert ask("viewer.emea", BY_REGION)

    class Later:
        def now(self) -> dt.datetime:
            return dt.datetime.combine(TODAY + dt.timedelta(days=91), dt.time(), dt.UTC)

    shop.clock = Later()
    with pytest.raises(NotReady, match="expired"):
        ask("viewer.emea", BY_REGION)


def test_a_rule_that_was_added_counts_at_once(shop: Instance, ask: Any) -> None:
    assert ask("viewer.emea", BY_REGION)
    folder = shop.settings.home / "definitions" / "policies"
    folder.mkdir(exist_ok=True)
    (folder / "stop.cedar").write_text(
        '@id("stop") @because("Nobody reads {resource} today.") @next("Wait.")\n'
        'forbid(principal, action == Action::"query", resource == Dataset::"orders");\n'
    )
    shop.reload_policies()
    with pytest.raises(NotAllowed, match="Nobody reads orders today"):
        ask("viewer.emea", BY_REGION)


def test_a_purpose_that_was_allowed_does_not_allow_another(ask: Any) -> None:
    assert ask("viewer.emea", BY_REGION)
    with pytest.raises(NotAllowed, match="may be used for sales-reporting"):
        ask("viewer.emea", BY_REGION, purpose="finance")


def test_the_twin_and_the_data_never_answer_for_each_other(ask: Any) -> None:
    for _ in range(2):
        assert ask("maker.sales", BY_REGION, run("sandbox")) == [{"region": "TWIN", "n": 1}]
        assert ask("viewer.emea", BY_REGION, run("production", app="report")) == [{"region": "EMEA", "n": 6}]


def test_another_file_of_the_same_dataset_answers_with_its_own_rows(shop: Instance, ask: Any) -> None:
    assert ask("viewer.emea", "SELECT sum(amount) AS amount FROM orders") == [{"amount": 300}]
    source = shop.settings.home.parent / "orders.csv"
    source.write_text(source.read_text() + "\n100,1,EMEA,1000,2026-01-15")
    with actors(shop)("steward.sales") as ctx:
        data.import_source(ctx, str(source), name="orders")
    assert ask("viewer.emea", "SELECT sum(amount) AS amount FROM orders") == [{"amount": 1300}]


def test_values_of_parameters_are_those_of_each_question(ask: Any) -> None:
    sql = "SELECT id FROM orders WHERE id = $id"
    for wanted in (2, 4, 2):
        assert ask("viewer.emea", sql, params={"id": wanted}) == [{"id": wanted}]
    with pytest.raises(Invalid, match=r"\$id, and none was given"):
        ask("viewer.emea", sql)
    shown = "SELECT typeof($x) AS kind FROM orders WHERE id = 2"
    kinds = [ask("viewer.emea", shown, params={"x": value})[0]["kind"] for value in (1, True, "1", 1.0)]
    assert kinds == ["INTEGER", "BOOLEAN", "VARCHAR", "DOUBLE"]


def test_the_key_of_the_masks_is_that_of_the_instance(shop: Instance, ask: Any) -> None:
    certify(shop, "customers", masks={"name": data.Mask("hash")})
    before = ask("viewer.emea", NAMES)
    storage.write_file(shop.settings.home / "keys" / "mask.key", b"1" * 32, mode=0o600)
    after = ask("viewer.emea", NAMES)
    assert before != after
    assert ask("viewer.emea", NAMES) == after


def test_rows_read_for_a_reconciliation_open_nothing_for_viewers(shop: Instance, ask: Any) -> None:
    from handrail.data import whole

    with actors(shop)("steward.sales") as ctx:
        everything = whole.ask(ctx, BY_REGION, {}).table
    assert everything.num_rows == 2
    assert ask("viewer.emea", BY_REGION) == [{"region": "EMEA", "n": 6}]


def test_a_table_that_is_no_dataset_yet_is_one_as_soon_as_it_is(shop: Instance, ask: Any) -> None:
    sql = "SELECT count(*) AS n FROM refunds"
    with pytest.raises(NotFound, match="No dataset is called refunds"):
        ask("steward.sales", sql)
    (shop.settings.home.parent / "refunds.csv").write_text("id\n1\n")
    with actors(shop)("steward.sales") as ctx:
        data.import_source(ctx, str(shop.settings.home.parent / "refunds.csv"))
    with pytest.raises(NotReady, match="it is draft"):
        ask("steward.sales", sql)


def test_a_closed_account_is_told_from_an_open_one(shop: Instance, ask: Any) -> None:
    assert ask("viewer.emea", BY_REGION)
    with shop.context(shop.system()) as ctx:
        person = replace(identity.found(ctx, "viewer.emea"), active=False)
    with pytest.raises(NotAllowed), shop.context(Caller(person, "rest")) as ctx:
        data.query(ctx, data.Request(BY_REGION, purpose="sales-reporting")).table()


def test_a_kept_rewriting_is_the_one_that_would_be_made() -> None:
    sql = "SELECT name, phone, region, amount FROM orders JOIN customers ON customers.id = customer_id"
    alike = (viewer(), viewer("stewards"), viewer("sales", region=("A", "B")))
    people = (EMEA, viewer("sales", region="APAC"), *alike)
    for environment in ("production", "sandbox", "production"):
        for person in (*people, *people):
            plan = Plan.of(named(sql), {n: replace(c, digest=n) for n, c in CONTRACTS.items()})
            entitled = Entitlement.of(person, environment)  # type: ignore[arg-type]
            kept = plan.rewritten(plan.resolved, entitled, environment)  # type: ignore[arg-type]
            assert kept == rewritten(plan.resolved, CONTRACTS, entitled, environment)  # type: ignore[arg-type]
    assert plans.named(sql).tree is None  # it was known, and nothing was parsed again
