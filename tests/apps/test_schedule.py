"""Schedules by every face: an owner sees, pauses, resumes and runs one now, and nobody else does."""

import datetime as dt
import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from handrail import apps
from handrail.kernel import (
    Conflict,
    Instance,
    Invalid,
    Manifest,
    NotAllowed,
    NotFound,
    NotReady,
    Schedule,
    identity,
)
from handrail.server import command
from tests.apps.scheduling import (
    Clock,
    execute_what_waits,
    manifest,
    moments,
    promote,
    put_into_production,
    settle,
    share_orders,
)

DAILY = Schedule.parse("0 6 * * *", "Europe/Berlin")


@pytest.fixture
def clock(instance: Instance) -> Clock:
    instance.clock = Clock()
    return instance.clock


def come(clock: Clock) -> dt.datetime:
    moment = DAILY.after(clock.now(), 1)[0]
    clock.put(moment + dt.timedelta(seconds=1))
    return moment


def test_a_plan_says_when_and_as_whom_it_runs(instance, acting, clock) -> None:
    put_into_production(instance, policy='retries = 2\noverlap = "queue"\n')
    with acting("maker.sales") as ctx:
        plan = apps.schedule(ctx, "hello")
    assert (plan.cron, plan.timezone, plan.owner, plan.state) == (
        "0 6 * * *",
        "Europe/Berlin",
        "maker.sales",
        "runs",
    )
    assert plan.coming == DAILY.after(clock.now(), 3)
    assert (plan.unattended.retries, plan.unattended.overlap, plan.moments) == (2, "queue", ())


def test_a_pause_lets_no_moment_run_and_what_passed_in_it_stays_passed(instance, acting, clock) -> None:
    put_into_production(instance)
    with acting("maker.sales") as ctx:
        plan = apps.pause(ctx, "hello", "The source moves")
    assert (plan.state, plan.because, plan.coming) == ("paused", "The source moves", ())
    with acting("maker.sales") as ctx, pytest.raises(Conflict, match="paused already"):
        apps.pause(ctx, "hello")
    come(clock)
    assert settle(instance) == 0
    with acting("maker.sales") as ctx:
        assert apps.resume(ctx, "hello").state == "runs"
    assert settle(instance) == 0
    at = come(clock)
    assert settle(instance) == 1
    assert moments(instance) == [(at, "succeeded")]
    with acting("maker.sales") as ctx, pytest.raises(Conflict, match="runs as you already"):
        apps.resume(ctx, "hello")


def test_a_moment_that_was_claimed_before_a_pause_and_has_not_begun_is_skipped(
    instance, acting, clock
) -> None:
    put_into_production(instance)
    come(clock)
    apps.claim_what_is_due(instance)
    with acting("maker.sales") as ctx:
        apps.pause(ctx, "hello")
    assert settle(instance) == 0
    assert [state for _, state in moments(instance)] == ["skipped"]


def test_a_co_owner_takes_a_schedule_over(instance, acting, clock, push) -> None:
    put_into_production(instance)
    with acting("maker.sales") as ctx:
        apps.add_coowner(ctx, "hello", "maker.ops")
    with acting("maker.ops") as ctx:
        assert apps.resume(ctx, "hello").owner == "maker.ops"
    promote(instance, push(code="print('two')\n", manifest=manifest()))
    with acting("maker.ops") as ctx:
        assert apps.schedule(ctx, "hello").owner == "maker.sales"  # who put the new version there


def test_it_runs_now_when_an_owner_says_so_and_its_next_moment_comes_all_the_same(
    instance, acting, clock
) -> None:
    put_into_production(instance)
    with acting("maker.sales") as ctx:
        asked = apps.run_now(ctx, "hello")
    assert (asked.by, asked.state) == ("maker.sales", "open")
    with acting("maker.sales") as ctx, pytest.raises(Conflict, match="still going on"):
        apps.run_now(ctx, "hello")
    assert settle(instance) == 1
    at = come(clock)
    assert settle(instance) == 1
    assert moments(instance) == [(asked.at, "succeeded"), (at, "succeeded")]


def test_it_runs_now_in_a_pause_too_but_as_nobody_who_left(instance, acting, clock) -> None:
    put_into_production(instance)
    with acting("maker.sales") as ctx:
        apps.add_coowner(ctx, "hello", "maker.ops")
    with acting("maker.sales") as ctx:
        apps.pause(ctx, "hello")
    with acting("maker.ops") as ctx:
        apps.run_now(ctx, "hello")
    assert settle(instance) == 1
    with acting("admin") as ctx:
        identity.change_person(ctx, replace(identity.found(ctx, "maker.sales"), active=False))
    with acting("maker.ops") as ctx, pytest.raises(NotReady, match="no longer active"):
        apps.run_now(ctx, "hello")


@pytest.mark.parametrize("person", ["viewer.emea", "reviewer.platform", "admin", "maker.ops"])
def test_nobody_but_its_owners_touches_a_schedule(instance, acting, orders, clock, person: str) -> None:
    share_orders(instance)
    for verb in (apps.pause, apps.resume, apps.run_now):
        with acting(person) as ctx, pytest.raises((NotAllowed, NotFound)):
            verb(ctx, "orders")


def test_a_viewer_learns_when_it_runs_and_not_why_it_failed(instance, acting, orders, clock) -> None:
    share_orders(instance)
    with acting("viewer.emea") as ctx:
        apps.subscribe(ctx, "orders")
    come(clock)
    settle(instance)
    with acting("viewer.emea") as ctx:
        plan = apps.schedule(ctx, "orders")
    assert plan.subscribed
    assert plan.subscribers == ()
    assert [(one.state, one.run, one.because) for one in plan.moments] == [("succeeded", "", "")]


def test_an_app_that_runs_when_it_is_opened_has_no_schedule(acting, push) -> None:
    push()
    with (
        acting("maker.sales") as ctx,
        pytest.raises(NotReady, match="no version of hello that has a schedule"),
    ):
        apps.schedule(ctx, "hello")


def test_only_jobs_run_by_a_schedule() -> None:
    with pytest.raises(Invalid, match="only jobs run by a schedule") as refused:
        Manifest.parse(manifest().replace('"job"', '"web"'))
    assert refused.value.facts["key"] == "schedule"


def test_the_pages_show_it_and_its_buttons_do_what_they_say(instance, acting, client, clock) -> None:
    put_into_production(instance)
    maker = client("maker.sales")
    page = maker.get("/apps/hello").text
    assert "When it runs" in page and "Europe/Berlin" in page and "06:00" in page
    assert "No moment has come yet" in page
    assert maker.post("/apps/hello/schedule/pause", data={"reason": "It rests"}).status_code == 303
    assert "It rests" in maker.get("/apps/hello").text
    assert maker.post("/apps/hello/schedule/resume").status_code == 303
    assert maker.post("/apps/hello/schedule/now").status_code == 303
    settle(instance)
    page = maker.get("/apps/hello").text
    assert "asked for by maker.sales" in page and "succeeded" in page.lower()
    assert maker.post("/apps/hello/subscribe").status_code == 303
    assert "Unsubscribe" in maker.get("/open/hello").text
    assert maker.post("/apps/hello/unsubscribe").status_code == 303
    assert ">Subscribe<" in maker.get("/open/hello").text


def test_an_app_without_a_schedule_shows_how_to_write_one(client, push) -> None:
    push()
    assert "It runs when somebody opens it" in client("maker.sales").get("/apps/hello").text


def test_the_first_page_of_an_owner_says_what_failed_and_what_is_paused(
    instance, acting, client, clock
) -> None:
    put_into_production(instance, code="raise ValueError('rows of somebody')\n")
    with acting("maker.sales") as ctx:
        apps.add_coowner(ctx, "hello", "maker.ops")
    maker, other = client("maker.sales"), client("maker.ops")
    assert "failed at a moment" not in maker.get("/").text
    come(clock)
    settle(instance)
    for somebody in (maker, other):
        assert "hello failed at a moment of its schedule." in somebody.get("/apps/hello").text
        page = somebody.get("/").text
        assert "hello failed at a moment of its schedule." in page
        assert "rows of somebody" not in page
    assert "failed at a moment" not in client("viewer.emea").get("/").text
    with acting("admin") as ctx:
        identity.change_person(ctx, replace(identity.found(ctx, "maker.sales"), active=False))
    assert "hello is paused." in other.get("/").text


def test_rest_and_the_command_line_say_the_same(instance, acting, client, clock) -> None:
    put_into_production(instance)
    where = {"HANDRAIL_HOME": str(instance.settings.home), "HANDRAIL_PERSON": "maker.sales"}

    def said(*words: str) -> dict[str, object]:
        done = CliRunner().invoke(command(), [*words, "--json"], env=where, catch_exceptions=False)
        found: dict[str, object] = json.loads(done.stderr if done.exit_code else done.stdout)
        return found

    maker = client("maker.sales")
    rest = maker.get("/api/v1/apps/hello/schedule").json()
    line = said("schedule", "show", "hello")
    assert {**rest, "coming": 0} == {**line, "coming": 0}
    assert said("schedule", "pause", "hello", "--reason", "It rests")["because"] == "It rests"
    assert maker.post("/api/v1/apps/hello/schedule/pause", json={}).json()["code"] == "conflict"
    assert said("schedule", "pause", "hello")["code"] == "conflict"
    assert maker.post("/api/v1/apps/hello/schedule/resume").json()["state"] == "runs"
    assert said("subscribe", "hello")["wants"] is True
    assert maker.post("/api/v1/apps/hello/unsubscribe", json={}).json()["wants"] is False
    assert said("schedule", "now", "hello")["by"] == "maker.sales"
    assert maker.post("/api/v1/apps/hello/schedule/now").json()["code"] == "conflict"


def test_a_supervisor_does_all_of_it_by_itself(instance, acting, clock) -> None:
    put_into_production(instance)
    come(clock)
    supervisor = apps.Scheduler(instance)
    supervisor.start()
    try:
        deadline = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=90)
        while [state for _, state in moments(instance)] != ["succeeded"]:
            assert dt.datetime.now(dt.UTC) < deadline
            execute_what_waits(instance)  # as the supervisor of runs would
    finally:
        supervisor.stop()
