"""A right that is taken while an answer leaves ends it there."""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from handrail import data
from handrail.kernel import Instance, NotAllowed, NotReady, definitions, identity
from handrail.kernel.audit import recent
from tests.data.asking import Hands, actors, furnished, run

MANY = "SELECT o.region, r.i FROM orders o, range(50000) r(i)"  # 300,000 rows, of which a batch has 20,000


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def shop(tmp_path: Path, hands: Hands) -> Iterator[Instance]:
    instance = furnished(tmp_path)
    instance.clock = hands
    yield instance
    instance.close()


def change(shop: Instance, **changes: Any) -> None:
    with actors(shop)("admin") as ctx:
        identity.change_person(ctx, replace(identity.found(ctx, "viewer.emea"), **changes))


def revoke(shop: Instance) -> None:
    with actors(shop)("steward.hr") as ctx:
        data.revoke(ctx, "orders", "Wrong numbers")


def edit(shop: Instance) -> None:
    with actors(shop)("steward.sales") as ctx:
        path = "contracts/orders.odcs.yaml"
        definitions.write(ctx, path, (definitions.read(ctx, path) or b"") + b"# a byte more\n", "Touch it")


def recertify(shop: Instance) -> None:
    with actors(shop)("steward.sales") as ctx:
        data.propose(ctx, "orders", data.Changes(row_filters=(data.RowFilter("region <> viewer.region"),)))
    with actors(shop)("steward.hr") as ctx:
        data.certify(ctx, "orders")


def forbid(shop: Instance) -> None:
    folder = shop.settings.home / "definitions" / "policies"
    folder.mkdir(exist_ok=True)
    (folder / "stop.cedar").write_text(
        '@id("stop") @because("Nobody reads {resource} today.") @next("Wait.")\n'
        'forbid(principal, action == Action::"query", resource == Dataset::"orders");\n'
    )
    shop.reload_policies()


TAKEN: dict[str, tuple[Callable[[Instance], None], type[Exception], str]] = {
    "the certification": (revoke, NotReady, "revoked"),
    "the contract that was certified": (edit, NotReady, "edited"),
    "the rows that it leaves": (recertify, NotReady, "changed while this was being answered"),
    "the group": (lambda shop: change(shop, groups=frozenset()), NotAllowed, "members of sales"),
    "the region": (lambda shop: change(shop, attributes={"region": "APAC"}), NotReady, "changed while"),
    "the account": (lambda shop: change(shop, active=False), NotAllowed, "active"),
    "all reading": (forbid, NotAllowed, "Nobody reads orders today"),
}


@pytest.mark.parametrize("what", TAKEN)
@pytest.mark.parametrize("days", [1, -1])  # the clock may be set back meanwhile
def test_what_is_taken_while_an_answer_leaves_ends_it(
    shop: Instance, hands: Hands, what: str, days: int
) -> None:
    take, kind, said = TAKEN[what]
    sent = 0
    with actors(shop)("viewer.emea") as ctx:
        answer = data.query(ctx, data.Request(MANY, purpose="sales-reporting"))
    rows = answer.batches()
    sent += next(rows).num_rows
    take(shop)
    hands.shift = dt.timedelta(days=days)
    with pytest.raises(kind, match=said) as refused:
        next(rows)
    assert getattr(refused.value, "next_step", "")
    with shop.context(shop.system()) as ctx:
        ctx.audit.settle()
        [ended] = recent(ctx.db, verb="query.answered")
    assert (ended.facts["ended"], ended.facts["rows"]) == (getattr(refused.value, "code", ""), sent)


@pytest.mark.parametrize(
    "by", ["a token that is revoked", "a token whose day is over", "a session that ends"]
)
def test_an_answer_ends_with_the_proof_that_it_was_asked_with(shop: Instance, hands: Hands, by: str) -> None:
    cookie = ""
    with actors(shop)("viewer.emea") as ctx:
        if "token" in by:
            token, secret = identity.issue_token(ctx, "a sheet", days=1)
            caller = identity.by_token(ctx, secret, "rest")
        else:
            with actors(shop)("admin") as admin:
                link = identity.issue_link(admin, "viewer.emea")
            cookie = identity.use_link(ctx, link)
            caller, _ = identity.session(ctx, cookie, "web") or (None, None)
    assert caller is not None
    with shop.context(caller) as ctx:
        answer = data.query(ctx, data.Request(MANY, purpose="sales-reporting"))
    rows = answer.batches()
    next(rows)
    hands.shift = dt.timedelta(seconds=1)
    next(rows)
    with actors(shop)("viewer.emea") as ctx:
        if by.endswith("revoked"):
            identity.revoke_token(ctx, token.id)
        elif cookie:
            identity.sign_out(ctx, cookie)
    hands.shift = dt.timedelta(days=2) if by.endswith("over") else dt.timedelta(seconds=2)
    with pytest.raises(NotAllowed, match="has ended") as refused:
        next(rows)
    assert "Sign in" in refused.value.next_step


@pytest.mark.parametrize("of", [None, run("sandbox")])
def test_what_changes_nothing_for_its_viewer_ends_nothing(shop: Instance, hands: Hands, of: Any) -> None:
    purpose = None if of else "sales-reporting"
    with actors(shop)("viewer.emea", via="socket" if of else "cli", run=of) as ctx:
        answer = data.query(ctx, data.Request(MANY, purpose=purpose))
    taken = 0
    for number, batch in enumerate(answer.batches()):
        taken += batch.num_rows
        hands.shift += dt.timedelta(seconds=1)
        change(shop, name=f"Vera {number}", attributes={"region": "EMEA", "floor": str(number)})
    assert taken == (50_000 if of else 300_000)
