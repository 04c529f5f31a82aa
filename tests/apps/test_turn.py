"""A moment comes to its end: its run is tried again where that helps, made up for after a crash, and told of."""

import datetime as dt
import json
import signal
from dataclasses import replace

import pytest

from handrail import apps, runtime
from handrail.apps import schedules_store as store
from handrail.apps import store as apps_store
from handrail.apps.events import MomentFailed, SchedulePaused
from handrail.apps.scheduling import backoff
from handrail.kernel import SYSTEM, Instance, Schedule, identity, trail
from handrail.runtime.close import End, close
from handrail.runtime.execute import claim
from handrail.runtime.reasons import interrupted
from tests import forked
from tests.apps.scheduling import (
    Clock,
    manifest,
    moments,
    promote,
    put_into_production,
    settle,
)

DAILY = Schedule.parse("0 6 * * *", "Europe/Berlin")
TELLS = """\
import json
from handrail_sdk import me, text, this_run

run = this_run()
text(json.dumps({"key": run.key, "moment": str(run.moment), "attempt": run.attempt, "for": me().id}))
"""
FAILS = TELLS + "raise SystemExit(3)\n"


@pytest.fixture
def clock(instance: Instance) -> Clock:
    instance.clock = Clock()
    return instance.clock


@pytest.fixture
def told(instance: Instance) -> list[object]:
    """What is published of schedules."""
    found: list[object] = []
    for kind in (MomentFailed, SchedulePaused):
        instance.subscriptions.add(kind, lambda _, event: found.append(event))
    return found


def come(clock: Clock, days: int = 1) -> dt.datetime:
    """Let the next moment come, or one after it."""
    moment = DAILY.after(clock.now(), days)[-1]
    clock.put(moment + dt.timedelta(seconds=1))
    return moment


def runs(acting, person: str = "maker.sales") -> list[runtime.Run]:
    """The runs in production, oldest first."""
    with acting(person) as ctx:
        return list(reversed(runtime.runs(ctx, app="hello", environment="production")))


def said(acting, run: runtime.Run, person: str = "maker.sales") -> dict[str, object]:
    with acting(person) as ctx:
        return json.loads(runtime.output(ctx, run.id, 1)[1])


def turn(instance: Instance) -> store.Turn:
    """The one turn that there is."""
    with instance.context(SYSTEM) as ctx:
        found = [one for state in ("waiting", "running") for one in store.find_turns(ctx, state, 10)]
    (one,) = found
    return one


def test_a_moment_runs_as_its_owner_and_the_app_can_tell_which_it_is(instance, acting, clock) -> None:
    put_into_production(instance, code=TELLS)
    at = come(clock)
    assert settle(instance) == 1
    assert moments(instance) == [(at, "succeeded")]
    (run,) = runs(acting)
    assert (run.person, run.state, run.environment) == ("maker.sales", "succeeded", "production")
    key = f"hello@{at:%Y-%m-%dT%H:%M:%S.%fZ}/maker.sales"
    assert said(acting, run) == {"key": key, "moment": str(at), "attempt": 1, "for": "maker.sales"}
    with acting("compliance") as ctx:
        verbs = [entry.verb for entry in trail.entries(ctx, subject="app:hello")]
        started = [
            entry for entry in trail.entries(ctx, subject=f"run:{run.id}") if entry.verb == "run.started"
        ]
    assert {"schedule.due", "schedule.ended"} <= set(verbs)
    assert [(entry.person, entry.via) for entry in started] == [("maker.sales", "system")]


def test_a_run_that_somebody_starts_is_for_no_moment(instance, acting, clock) -> None:
    put_into_production(instance, code=TELLS)
    with acting("maker.sales") as ctx:
        started = apps.open(ctx, "hello")
    runtime.execute(instance, started.id)
    answer = {"key": started.id, "moment": "None", "attempt": 1, "for": "maker.sales"}
    assert said(acting, started) == answer


def test_an_app_that_fails_is_not_tried_again_unless_that_is_declared(instance, acting, clock, told) -> None:
    put_into_production(instance, code=FAILS, policy="retries = 3\n")
    at = come(clock)
    settle(instance)
    clock.shift += dt.timedelta(hours=3)
    assert settle(instance) == 0
    assert moments(instance) == [(at, "failed")]
    assert len(runs(acting)) == 1
    assert told == [MomentFailed("hello", at, "maker.sales", told[0].because)]
    assert "error" in told[0].because


def test_where_it_is_declared_tries_share_a_key_and_are_further_and_further_apart(
    instance, acting, clock, told
) -> None:
    put_into_production(instance, code=FAILS, policy='retries = 2\nretry_on = "any"\n')
    at = come(clock)
    for tried in (1, 2):
        assert settle(instance) == 1
        assert moments(instance) == [(at, "open")]
        assert settle(instance) == 0  # it waits
        clock.shift += backoff(tried) - dt.timedelta(seconds=20)
        assert settle(instance) == 0
        clock.shift += dt.timedelta(seconds=21)
    assert not told
    assert settle(instance) == 1
    assert moments(instance) == [(at, "failed")]
    every = [said(acting, run) for run in runs(acting)]
    assert [one["attempt"] for one in every] == [1, 2, 3]
    assert len({one["key"] for one in every}) == 1
    assert [type(one) for one in told] == [MomentFailed]


def test_what_a_system_behind_the_platform_did_is_tried_again(instance, acting, clock, monkeypatch) -> None:
    put_into_production(instance, code=FAILS, policy="retries = 1\n")
    come(clock)
    monkeypatch.setattr("handrail.apps.turn._PLATFORM", frozenset({"exited"}))  # as if it had been one
    assert settle(instance) == 1
    clock.shift += dt.timedelta(minutes=2)
    assert settle(instance) == 1
    clock.shift += dt.timedelta(hours=2)
    assert settle(instance) == 0
    assert [state for _, state in moments(instance)] == ["failed"]


def test_a_run_that_somebody_stops_is_not_started_again(instance, acting, clock) -> None:
    put_into_production(instance, policy='retries = 3\nretry_on = "any"\n')
    come(clock)
    apps.claim_what_is_due(instance)
    apps.go_on(instance)
    with acting("maker.sales") as ctx:
        runtime.stop(ctx, turn(instance).run)
    assert settle(instance) == 0
    assert [state for _, state in moments(instance)] == ["failed"]


def test_a_start_that_is_refused_for_now_is_made_up_for(instance, clock, told) -> None:
    put_into_production(instance)
    at = come(clock)
    usual = instance.settings
    object.__setattr__(usual.runtime, "waiting", 0)  # nobody may have a run that waits
    try:
        assert settle(instance) == 0
    finally:
        object.__setattr__(usual.runtime, "waiting", 20)
    assert moments(instance) == [(at, "open")]
    clock.shift += dt.timedelta(minutes=2)
    assert settle(instance) == 1
    assert moments(instance) == [(at, "succeeded")]
    assert not told


def test_an_owner_who_left_pauses_the_schedule_and_the_others_are_told(instance, acting, clock, told) -> None:
    put_into_production(instance)
    with acting("maker.sales") as ctx:
        apps.add_coowner(ctx, "hello", "maker.ops")
    leave(acting, "maker.sales")
    assert apps.claim_what_is_due(instance) == ()  # found out before its next moment
    assert [type(one) for one in told] == [SchedulePaused]
    with acting("maker.ops") as ctx:
        plan = apps.schedule(ctx, "hello")
    assert (plan.state, plan.owner, plan.coming) == ("paused", "maker.sales", ())
    assert "no longer active" in plan.because
    assert "resumes it" in plan.next_step
    come(clock)
    assert settle(instance) == 0
    assert moments(instance) == []
    with acting("maker.ops") as ctx:
        assert apps.resume(ctx, "hello").owner == "maker.ops"
    assert settle(instance) == 0  # what passed meanwhile stays passed
    at = come(clock)
    assert settle(instance) == 1
    assert moments(instance) == [(at, "succeeded")]
    assert [run.person for run in runs(acting, "maker.ops")] == ["maker.ops"]
    assert len(told) == 1


def test_nothing_runs_as_somebody_who_left_after_the_moment_was_claimed(instance, acting, clock) -> None:
    """Attack: the account ends between a claim and its run."""
    put_into_production(instance)
    come(clock)
    assert len(apps.claim_what_is_due(instance)) == 1
    leave(acting, "maker.sales")
    apps.go_on(instance)
    assert [state for _, state in moments(instance)] == ["skipped"]
    assert settle(instance) == 0
    with acting("admin") as ctx:
        assert not [entry for entry in trail.entries(ctx) if entry.verb == "run.started"]


def test_who_puts_a_version_into_production_is_whom_it_runs_as(instance, acting, push, clock) -> None:
    put_into_production(instance)
    with acting("maker.sales") as ctx:
        apps.add_coowner(ctx, "hello", "maker.ops")
    promote(instance, push("maker.ops", code="print('two')\n", manifest=manifest()), "maker.ops")
    come(clock)
    assert settle(instance) == 1
    with acting("maker.ops") as ctx:
        assert apps.schedule(ctx, "hello").moments[0].person == "maker.ops"


def test_one_who_is_no_owner_any_more_is_nobody_to_run_as(instance, acting, clock) -> None:
    put_into_production(instance)
    with acting("maker.sales") as ctx:
        apps.hand_over(ctx, "hello", "maker.ops")
    come(clock)
    assert settle(instance) == 1  # the one before stays co-owner
    with instance.context(SYSTEM) as ctx:
        ctx.db.execute(apps_store.coowners.delete())
        ctx.audit.note("app.coowned", "app:hello", person="nobody")
    come(clock)
    assert settle(instance) == 0
    with acting("maker.ops") as ctx:
        assert "no longer one of its owners" in apps.schedule(ctx, "hello").because


def leave(acting, person: str) -> None:
    """Close somebody's account."""
    with acting("admin") as ctx:
        identity.change_person(ctx, replace(identity.found(ctx, person), active=False))


DYING = """\
import datetime as dt, os, signal, sys, threading
from pathlib import Path
from handrail import apps, runtime
from handrail.apps import due, turn
from handrail.runtime import supervise
from handrail.server import open_instance

class Clock:
    def now(self):
        return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=float(sys.argv[2]))

instance = open_instance(Path(sys.argv[1]))
instance.clock = Clock()
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
{where}
apps.claim_what_is_due(instance)
apps.go_on(instance)
supervise.take_one(instance, threading.Event())
"""
WHERE = {
    "in the claim": "due.begin = die",
    "after the claim": "apps.go_on = die",
    "in the start": "turn.open_app = die",
    "before the start is kept": "was = turn.open_app; turn.open_app = lambda *a: (was(*a), die())",
    "after the start": "supervise.take_one = die",
    "in the run": "instance.ports.isolation.run = die",
}


@pytest.mark.parametrize("where", WHERE)
def test_a_server_that_is_killed_loses_no_moment_and_runs_none_twice(
    instance, acting, clock, where: str
) -> None:
    put_into_production(instance, code=TELLS)
    at = come(clock)
    code = DYING.replace("{where}", WHERE[where])
    done = forked.run(code, str(instance.settings.home), str(clock.shift.total_seconds()))
    assert done.returncode == -signal.SIGKILL, done.stderr
    runtime.recover(instance)
    settle(instance)
    clock.shift += backoff(1) + dt.timedelta(seconds=1)
    settle(instance)
    clock.shift += dt.timedelta(hours=2)
    assert settle(instance) == 0
    assert moments(instance) == [(at, "succeeded")]
    ended = [run.ended for run in runs(acting)]
    assert ended == ["exited"]
    keys = {said(acting, run)["key"] for run in runs(acting) if run.state == "succeeded"}
    assert len(keys) == 1


def test_a_run_that_is_interrupted_again_and_again_is_given_up(instance, acting, clock, told) -> None:
    put_into_production(instance)
    at = come(clock)
    for _ in range(10):
        apps.claim_what_is_due(instance)
        apps.go_on(instance)
        _interrupt(instance)
        apps.go_on(instance)
        clock.shift += dt.timedelta(hours=1, minutes=1)
        if moments(instance) == [(at, "failed")]:
            break
    assert len(runs(acting)) == 6
    assert [type(one) for one in told] == [MomentFailed]


def _interrupt(instance: Instance) -> None:
    """End the run that waits as if its server had died in it."""
    run = claim(instance, turn(instance).run)
    assert run
    close(instance, run, End(interrupted()))
