"""How much of the budgets is used and who saw whom: by page, REST and command, in exact and in bounded space."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail import data
from handrail.data.sketches import Tally
from handrail.kernel import Caller, Instance, LimitReached, NotAllowed, identity
from handrail.server import application, command
from tests.cases import cases
from tests.data import budgeting
from tests.data.asking import actors, asking, opened, run
from tests.web import Client


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """A budget of 20 customers a viewer, and of 30 an app."""
    instance = opened(tmp_path_factory.mktemp("shop"))
    budgeting.furnish(instance, tmp_path_factory.mktemp("files"), budget=20)
    for name in ("customers", "orders"):
        budgeting.certify(instance, name, {"app_budget": 30})
    yield instance
    instance.close()


@pytest.fixture(autouse=True)
def fresh_day(shop: Instance) -> None:
    budgeting.forget(shop)


def browser(instance: Instance, person: str) -> Client:
    client = Client(application(instance), headers={"Sec-Fetch-Site": "same-origin"})
    with instance.context(Caller(identity_of(instance, "admin"), "cli")) as ctx:
        token = identity.issue_link(ctx, person)
    client.get("/sign-in/link", params={"token": token})
    return client


def identity_of(instance: Instance, person: str) -> Any:
    with instance.context(instance.system()) as ctx:
        return identity.found(ctx, person)


# Counting in bounded space.


@settings(max_examples=cases(30), deadline=None)
@given(st.lists(st.integers(0, 200), max_size=300), st.integers(1, 5))
def test_a_tally_counts_exactly_up_to_its_size_whatever_comes_twice(marks: list[int], pieces: int) -> None:
    packed = b""
    for piece in range(pieces):
        tally = Tally(packed, 256)
        tally.add([f"{mark:016x}" for mark in marks[piece::pieces]])
        packed = tally.packed()
    assert tally.is_exact
    assert tally.most == len(set(marks))
    assert len(packed) <= 8 * (len(set(marks)) + 3)


def test_a_tally_beyond_its_size_is_never_too_low_and_no_larger() -> None:
    packed, over = b"", []
    for batch in range(60):
        tally = Tally(packed, 1024)
        tally.add([f"{n:016x}" for n in range(batch * 500, batch * 500 + 500)])
        packed = tally.packed()
        over.append(tally.most / (batch * 500 + 500) - 1)
    assert min(over) >= 0  # the decision is on the safe side at every step
    assert max(over) < 6 / math.sqrt(1024)
    assert not tally.is_exact and len(packed) <= 8 * 1024 + 24


def test_what_comes_one_by_one_does_not_slip_through_a_sketch() -> None:
    """Nearly none of a few marks changes a sketch: whatever it does not notice must not be free."""
    packed, limit, shown, before = b"", 2000, 0, 0
    for n in range(20_000):
        tally = Tally(packed, 512, "somebody's day")
        fresh = tally.fresh({str(n)})
        if before + fresh > limit:
            continue
        tally.add({str(n)})
        packed, before, shown = tally.packed(), max(before, tally.most), shown + 1
    assert limit * 0.7 < shown <= limit


def test_what_is_known_to_have_been_counted_is_not_fresh() -> None:
    tally = Tally(b"", 512)
    tally.add([str(n) for n in range(100)])
    assert tally.fresh([str(n) for n in range(150)]) == 50
    tally.add([str(n) for n in range(5000)])
    assert 4000 < tally.fresh([str(n) for n in range(5000)]) < 5000  # of most a sketch does not know
    assert Tally(tally.packed(), 512).fresh({"a new one"}) == 1


def test_a_merged_tally_is_that_of_everything_together() -> None:
    halves = [Tally(b"", 4096) for _ in range(2)]
    for half, tally in enumerate(halves):
        tally.add([str(n) for n in range(half * 1000, half * 1000 + 2000)])
    both = Tally(halves[0].packed(), 4096)
    both.add([str(n) for n in range(1000, 3000)])
    assert both.most == 3000


# Limits by app.


def test_an_app_that_has_shown_its_budget_shows_nobody_new_to_anybody(shop: Instance) -> None:
    ask = asking(shop)
    sql = "SELECT region FROM orders WHERE amount < {} AND amount >= {}"
    ask("viewer.emea", sql.format(25, 0), run("production"))  # customers 0 to 19
    with pytest.raises(LimitReached) as refused:
        ask("viewer.apac", sql.format(43.75, 25), run("production"))  # 20 to 34: too many for the app
    said = "The app report has shown 20 of 30 customers today, to all its viewers together"
    assert said in str(refused.value) and refused.value.facts["app"] == "report"
    assert ask("viewer.apac", sql.format(25, 12.5), run("production"))  # whom it has shown already
    assert ask("viewer.apac", sql.format(37.5, 25), run("production"))
    with pytest.raises(LimitReached):
        ask("maker.sales", sql.format(43.75, 37.5), run("production"))
    assert ask("viewer.emea", "SELECT id FROM customers WHERE id = 3")  # not through the app


def test_nobody_is_counted_for_an_app_where_the_viewers_own_budget_refuses(shop: Instance) -> None:
    with pytest.raises(LimitReached, match="You have seen 0 of 20"):
        asking(shop)("viewer.emea", "SELECT region FROM orders WHERE amount < 31.25", run("production"))
    with actors(shop)("steward.sales") as ctx:
        assert [one.seen for one in data.everybodys_budgets(ctx)] in ([], [0, 0])


# Who has used what.


def test_each_sees_their_own_use_and_stewards_everybodys(shop: Instance) -> None:
    ask, act = asking(shop), actors(shop)
    ask("viewer.emea", "SELECT name FROM customers WHERE id < 7")
    ask("viewer.emea", "SELECT region FROM orders WHERE amount < 5", run("production"))
    ask("viewer.apac", "SELECT name FROM customers WHERE id < 2")
    with act("viewer.emea") as ctx:
        [mine] = data.my_budgets(ctx)
    assert (mine.seen, mine.budget, mine.apps, mine.owner) == (7, 20, {"": 7, "report": 4}, "steward.sales")
    for person in ("steward.hr", "compliance", "admin"):
        with act(person) as ctx:
            found = data.everybodys_budgets(ctx)
    assert [(one.who, one.name, one.seen, one.budget) for one in found] == [
        ("person", "viewer.emea", 7, 20),
        ("app", "report", 4, 30),
        ("person", "viewer.apac", 2, 20),
    ]
    with pytest.raises(NotAllowed, match="stewards, compliance and admins"), act("maker.sales") as ctx:
        data.everybodys_budgets(ctx)


def test_the_page_of_budgets_shows_bars_and_what_to_do_next(shop: Instance) -> None:
    viewer, steward = browser(shop, "viewer.emea"), browser(shop, "steward.sales")
    empty = steward.get("/budgets").text
    assert "Nobody has seen anybody" in empty and 'max="20"' in empty
    asking(shop)("viewer.emea", "SELECT name FROM customers WHERE id < 17")
    page = viewer.get("/budgets").text
    assert '<progress value="17" max="20"' in page and "17 outside apps" in page
    assert "What to do next" in page and "ask steward.sales, who sets the limit" in page
    assert "Everybody on" not in page and "Who saw" not in page
    page = steward.get("/budgets").text
    assert "Everybody on" in page and "nearly used up" in page and "viewer.emea" in page
    assert "Nobody has seen anybody" in steward.get("/budgets", params={"day": "2020-02-02"}).text
    assert steward.get("/budgets", params={"day": "rubbish"}).status_code == 200


def test_budgets_by_rest_and_command_are_the_same(shop: Instance) -> None:
    asking(shop)("viewer.emea", "SELECT name FROM customers WHERE id < 3")
    home = ["--home", str(shop.settings.home)]

    def told(*arguments: str) -> Any:
        answer = CliRunner().invoke(command(), [*arguments, *home, "--json"])
        assert answer.exit_code == 0, answer.output
        return json.loads(answer.stdout)

    mine = told("budgets", "--as", "viewer.emea")
    assert mine == browser(shop, "viewer.emea").get("/api/v1/budgets").json()
    assert [(one["subject"], one["seen"], one["budget"]) for one in mine] == [("customer", 3, 20)]
    everybody = told("budgets", "--everybody", "--as", "compliance")
    assert everybody == browser(shop, "compliance").get("/api/v1/budgets/everybody").json()
    assert [one["name"] for one in everybody] == ["viewer.emea"]
    assert told("budgets", "--everybody", "--day", "2020-02-02", "--as", "compliance") == []
    table = CliRunner().invoke(command(), ["budgets", "--everybody", *home, "--as", "compliance"])
    assert "viewer.emea" in table.stdout and "20" in table.stdout


def test_the_page_of_who_saw_says_how_certain_it_is(shop: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handrail.data.budgets.NAMED", 5)
    ask = asking(shop)
    ask("maker.sales", "SELECT name FROM customers WHERE id = 25")
    ask("maker.sales", "SELECT name FROM customers WHERE id BETWEEN 20 AND 28")
    client = browser(shop, "compliance")
    assert "Look up" in client.get("/who-saw").text
    page = client.post("/who-saw", data={"about": "customer", "entity": "25"}).text
    assert "2 sightings" in page
    assert "yes, but for 1 case in 477,218,589" in page
    assert "Nobody has seen 39" in client.post("/who-saw", data={"about": "customer", "entity": "39"}).text
    refused = browser(shop, "maker.sales")
    assert refused.get("/who-saw").status_code == 403
    assert refused.post("/who-saw", data={"about": "customer", "entity": "25"}).status_code == 403
    found = client.post("/api/v1/who-saw", json={"about": "customer", "entity": "25"}).json()
    assert [one["certain"] for one in found] == [False, True]
    assert found[0]["false_positive_rate"] == pytest.approx(9 / 2**32)


def test_beyond_what_is_exact_no_row_is_kept_and_who_saw_still_answers(
    shop: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shop, "settings", replace(shop.settings, data=replace(shop.settings.data, exact=32)))
    for name in ("customers", "orders"):
        budgeting.certify(shop, name, {"budget": 5000, "app_budget": 0})
    ask = asking(shop)
    ask("viewer.emea", "SELECT name FROM customers WHERE id < 30")
    ask("viewer.emea", "SELECT name FROM customers")  # 40: sketches count from here on
    ask("viewer.emea", "SELECT name FROM customers WHERE id = 35")
    with actors(shop)("viewer.emea") as ctx:
        [mine] = data.my_budgets(ctx)
    assert not mine.exact and 40 <= mine.seen < 90
    assert len(budgeting.seen(shop)) == 30
    with actors(shop)("compliance") as ctx:
        [small, large] = data.who_saw(ctx, "customer", "35")
    assert small.certain and large.certain  # both are small enough for the trail to name whom they showed
    for name in ("customers", "orders"):
        budgeting.certify(shop, name, {"budget": 20, "app_budget": 30})


def test_reviewers_and_compliance_learn_which_columns_an_app_really_read(shop: Instance) -> None:
    asking(shop)("viewer.emea", "SELECT region FROM orders WHERE amount < 2", run("production"))
    for person in ("reviewer.privacy", "compliance", "steward.sales"):
        with actors(shop)(person) as ctx:
            found = data.columns_read(ctx, "report")
    columns = {(one.environment, one.dataset, one.column) for one in found}
    assert columns == {("production", "orders", name) for name in ("", "amount", "region")}
    assert all(one.version == "c" * 40 and one.times for one in found)
    client = browser(shop, "compliance")
    assert {one["column"] for one in client.get("/api/v1/reads/report").json()} == {"", "amount", "region"}
    assert client.get("/api/v1/reads/nothing").status_code == 404
    command_ = ["reads", "report", "--home", str(shop.settings.home), "--as", "reviewer.privacy"]
    assert "region" in CliRunner().invoke(command(), command_).stdout
    with pytest.raises(NotAllowed), actors(shop)("viewer.emea") as ctx:
        data.columns_read(ctx, "report")


def test_the_limits_of_an_app_are_part_of_the_contract(shop: Instance, tmp_path: Path) -> None:
    with actors(shop)("steward.sales") as ctx:
        assert data.contract(ctx, "customers").app_budget == 30
        text = (shop.settings.home / "definitions" / "contracts" / "customers.odcs.yaml").read_text()
    assert "property: appBudget" in text
