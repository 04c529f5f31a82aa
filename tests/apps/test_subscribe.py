"""Subscribers get what a scheduled app finds by runs of their own: their rows, and only while they may open it."""

import datetime as dt
from dataclasses import replace

import pytest

from handrail import apps, runtime
from handrail.kernel import Conflict, Instance, NotAllowed, NotFound, NotReady, Schedule, identity, trail
from tests.apps.scheduling import Clock, moments, put_into_production, settle, share_orders
from tests.web import Client

pytestmark = pytest.mark.long

DAILY = Schedule.parse("0 6 * * *", "Europe/Berlin")


@pytest.fixture
def clock(instance: Instance) -> Clock:
    instance.clock = Clock()
    return instance.clock


@pytest.fixture
def shared(instance: Instance, orders: str, clock: Clock) -> str:
    """An app about orders in production, shared with the sales group, that runs each morning."""
    share_orders(instance)
    return "orders"


def come(instance: Instance) -> None:
    """Let the next moment come, and see everything that follows from it through."""
    instance.clock.put(DAILY.after(instance.clock.now(), 1)[0] + dt.timedelta(seconds=1))
    settle(instance)


def act(acting, person: str, verb, *arguments: object, **options: object) -> object:
    with acting(person) as ctx:
        return verb(ctx, *arguments, **options)


def delivered(acting, person: str) -> list[str]:
    """What runs in production showed somebody, newest first."""
    with acting(person) as ctx:
        mine = runtime.runs(ctx, app="orders", environment="production", person=person)
        return [runtime.output(ctx, one.id, 1)[1].decode() for one in mine]


def test_each_subscriber_gets_the_rows_that_this_person_may_see(instance, acting, shared) -> None:
    for person in ("viewer.emea", "viewer.apac"):
        assert act(acting, person, apps.subscribe, shared).wants
    come(instance)
    assert delivered(acting, "viewer.apac") == ["APAC=1000"]
    assert delivered(acting, "viewer.emea") == ["EMEA=900"]
    assert delivered(acting, "maker.sales") == ["EMEA=900"]
    with acting("maker.sales") as ctx:
        (moment,) = apps.schedule(ctx, shared).moments
    assert (moment.state, moment.delivered) == ("succeeded", {"succeeded": 2})
    with acting("compliance") as ctx:
        by = {
            entry.person
            for entry in trail.entries(ctx)
            if entry.verb == "run.started" and entry.via == "system"
        }
    assert by == {"maker.sales", "viewer.emea", "viewer.apac"}


def test_no_run_of_one_subscriber_can_be_seen_by_another_or_by_the_owner(instance, acting, shared) -> None:
    act(acting, "viewer.apac", apps.subscribe, shared)
    come(instance)
    with acting("viewer.apac") as ctx:
        run = runtime.runs(ctx, app=shared)[0].id
    for person, refusal in (("viewer.emea", NotFound), ("maker.sales", NotAllowed)):
        with acting(person) as ctx, pytest.raises(refusal):
            runtime.outputs(ctx, run)


def test_a_group_is_subscribed_by_owners_and_left_by_each_for_themselves(instance, acting, shared) -> None:
    with pytest.raises(NotAllowed):
        act(acting, "viewer.emea", apps.subscribe, shared, "sales")
    with pytest.raises(NotFound, match="not shared with a group"):
        act(acting, "maker.sales", apps.subscribe, shared, "hr")
    act(acting, "maker.sales", apps.subscribe, shared, "sales")
    act(acting, "viewer.emea", apps.unsubscribe, shared)
    with pytest.raises(NotFound):
        act(acting, "viewer.emea", apps.unsubscribe, shared)
    come(instance)
    assert delivered(acting, "viewer.emea") == []
    assert delivered(acting, "viewer.apac") == ["APAC=1000"]
    act(acting, "viewer.emea", apps.subscribe, shared)
    act(acting, "maker.sales", apps.unsubscribe, shared, "sales")
    come(instance)
    assert delivered(acting, "viewer.emea") == ["EMEA=900"]
    assert len(delivered(acting, "viewer.apac")) == 1


def test_who_may_no_longer_open_it_gets_nothing_and_can_end_the_subscription(
    instance, acting, shared
) -> None:
    """Attack: somebody is taken out of the group between subscribing and the moment, or after it."""
    act(acting, "viewer.apac", apps.subscribe, shared)
    with acting("admin") as ctx:
        identity.change_person(ctx, replace(identity.found(ctx, "viewer.apac"), groups=frozenset()))
    come(instance)
    assert delivered(acting, "viewer.apac") == []
    with pytest.raises(NotFound):
        act(acting, "viewer.apac", apps.subscribe, shared)
    assert not act(acting, "viewer.apac", apps.unsubscribe, shared).wants


def test_who_loses_the_app_after_the_moment_was_over_gets_no_run_either(instance, acting, shared) -> None:
    act(acting, "viewer.apac", apps.subscribe, shared)
    instance.clock.put(DAILY.after(instance.clock.now(), 1)[0])
    apps.claim_what_is_due(instance)
    apps.go_on(instance)
    with acting("maker.sales") as ctx:
        run = runtime.runs(ctx, app=shared, environment="production")[0].id
    runtime.execute(instance, run)
    with acting("maker.sales") as ctx:
        apps.unshare(ctx, shared, groups=["sales"])
    settle(instance)
    assert delivered(acting, "viewer.apac") == []


def test_only_who_may_open_it_subscribes_and_only_where_something_is_scheduled(
    instance, acting, push, clock
) -> None:
    push()
    with pytest.raises(NotReady, match="does not run by itself"):
        act(acting, "maker.sales", apps.subscribe, "hello")
    put_into_production(instance, code="print('two')\n")
    with pytest.raises(NotFound):
        act(acting, "viewer.emea", apps.subscribe, "hello")
    act(acting, "maker.sales", apps.subscribe, "hello")
    with pytest.raises(Conflict):
        act(acting, "maker.sales", apps.subscribe, "hello")
    for name in ("hello", "nothing-here"):
        with pytest.raises(NotFound, match="no such subscription"):
            act(acting, "viewer.emea", apps.unsubscribe, name)


def test_a_token_that_may_only_ask_neither_begins_nor_ends_a_subscription(
    instance, acting, client, token, clock
) -> None:
    put_into_production(instance)
    act(acting, "maker.sales", apps.subscribe, "hello")
    narrow: Client = client("maker.sales")
    headers = {"Authorization": f"Bearer {token('maker.sales', ['query', 'see-app'])}"}
    for verb in ("unsubscribe", "subscribe", "schedule/pause", "schedule/now"):
        narrow.cookies.clear()
        answer = narrow.post(f"/api/v1/apps/hello/{verb}", json={}, headers=headers)
        assert answer.status_code in (403, 404), (verb, answer.text)
    with acting("maker.sales") as ctx:
        assert apps.schedule(ctx, "hello").subscribed


def test_a_moment_that_failed_is_delivered_to_nobody(instance, acting, clock) -> None:
    put_into_production(instance, code="raise SystemExit(1)\n")
    with acting("maker.sales") as ctx:
        apps.add_coowner(ctx, "hello", "maker.ops")
    act(acting, "maker.ops", apps.subscribe, "hello")
    come(instance)
    assert [state for _, state in moments(instance)] == ["failed"]
    with acting("maker.ops") as ctx:
        assert [run.person for run in runtime.runs(ctx, app="hello")] == ["maker.sales"]
