"""Moments of schedules are claimed once each: by several servers, after an outage, and however clocks go."""

import datetime as dt
from collections.abc import Iterator
from itertools import count, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail import apps
from handrail.apps import schedules_store as store
from handrail.apps.scheduling import GRACE, Moment, due
from handrail.apps.store import promotions
from handrail.kernel import SYSTEM, Instance, Schedule, trail
from handrail.server import open_instance
from tests import forked
from tests.apps.conftest import hello
from tests.apps.scheduling import Clock, manifest, moments, promote, put_into_production
from tests.cases import cases
from tests.conftest import begun
from tests.data.asking import actors

DAILY = Schedule.parse("0 6 * * *", "Europe/Berlin")


@pytest.fixture
def clock(instance: Instance) -> Clock:
    instance.clock = Clock()
    return instance.clock


def coming(instance: Instance, count: int, schedule: Schedule = DAILY) -> tuple[dt.datetime, ...]:
    return schedule.after(instance.clock.now(), count)


def states(instance: Instance) -> list[str]:
    return [state for _, state in moments(instance)]


def finish(instance: Instance, state: str = "succeeded") -> None:
    """Let whatever is open be over."""
    with instance.context(SYSTEM) as ctx:
        for moment in store.in_state(ctx, "hello", "open"):
            store.set_moment(ctx, "hello", moment.at, "open", state)


def test_a_moment_is_claimed_when_it_comes_and_not_again(instance: Instance, clock: Clock) -> None:
    put_into_production(instance)
    assert apps.claim_what_is_due(instance) == ()  # none has come since it is in production
    first, second = coming(instance, 2)
    clock.put(first - dt.timedelta(seconds=5))
    assert apps.claim_what_is_due(instance) == ()
    clock.put(first + dt.timedelta(seconds=1))
    (claimed,) = apps.claim_what_is_due(instance)
    assert (claimed.at, claimed.state, claimed.person, claimed.missed) == (first, "open", "maker.sales", 0)
    assert apps.claim_what_is_due(instance) == ()
    finish(instance)
    clock.put(second)
    assert [one.at for one in apps.claim_what_is_due(instance)] == [second]


def test_of_the_moments_that_were_missed_the_latest_is_made_up_for(instance: Instance, clock: Clock) -> None:
    put_into_production(instance)
    three = coming(instance, 3)
    clock.put(three[-1] + dt.timedelta(hours=2))
    (claimed,) = apps.claim_what_is_due(instance)
    assert (claimed.at, claimed.state, claimed.missed) == (three[-1], "open", 2)
    assert apps.claim_what_is_due(instance) == ()


def test_or_none_is_where_the_manifest_says_so(instance: Instance, clock: Clock, acting) -> None:
    put_into_production(instance, policy='catch_up = "skip"\n')
    three = coming(instance, 4)
    clock.put(three[2] + GRACE + dt.timedelta(seconds=1))
    (claimed,) = apps.claim_what_is_due(instance)
    assert (claimed.at, claimed.state, claimed.missed) == (three[2], "skipped", 2)
    clock.put(three[3] + GRACE - dt.timedelta(seconds=1))  # a server that starts slowly is no outage
    assert [one.state for one in apps.claim_what_is_due(instance)] == ["open"]
    with acting("compliance") as ctx:
        told = [entry for entry in trail.entries(ctx, subject="app:hello") if entry.verb == "schedule.due"]
    assert sorted(entry.facts["state"] for entry in told) == ["open", "skipped"]


def test_a_moment_that_comes_while_one_goes_on_is_skipped(instance: Instance, clock: Clock) -> None:
    put_into_production(instance)
    for moment in coming(instance, 3):
        clock.put(moment)
        apps.claim_what_is_due(instance)
    assert states(instance) == ["open", "skipped", "skipped"]
    finish(instance)
    assert apps.claim_what_is_due(instance) == ()  # what was skipped stays so


def test_or_waits_its_turn_where_the_manifest_says_so(instance: Instance, clock: Clock) -> None:
    put_into_production(instance, policy='overlap = "queue"\n')
    for moment in coming(instance, 3):
        clock.put(moment)
        apps.claim_what_is_due(instance)
    assert states(instance) == ["open", "waiting", "waiting"]
    apps.claim_what_is_due(instance)
    assert states(instance) == ["open", "waiting", "waiting"]
    finish(instance)
    apps.claim_what_is_due(instance)
    assert states(instance) == ["succeeded", "open", "waiting"]
    finish(instance, "failed")
    apps.claim_what_is_due(instance)
    assert states(instance) == ["succeeded", "failed", "open"]


def test_no_more_wait_than_anybody_will_look_at(instance: Instance, clock: Clock) -> None:
    put_into_production(instance, policy='overlap = "queue"\n')
    for moment in coming(instance, 13):
        clock.put(moment)
        apps.claim_what_is_due(instance)
    assert states(instance) == ["open", *["waiting"] * 10, "skipped", "skipped"]


def test_a_new_version_with_the_same_schedule_loses_no_moment_that_came_just_before_it(
    instance: Instance, clock: Clock, push
) -> None:
    put_into_production(instance)
    first, _ = coming(instance, 2)
    clock.put(first + dt.timedelta(seconds=2))
    promote(instance, push(code="print('two')\n", manifest=manifest()))
    assert [(one.at, one.n) for one in apps.claim_what_is_due(instance)] == [(first, 2)]


def test_a_schedule_that_a_new_version_brings_begins_with_it(instance: Instance, clock: Clock, push) -> None:
    put_into_production(instance)
    first, _ = coming(instance, 2)
    clock.put(first + dt.timedelta(hours=1))
    promote(instance, push(code="print('two')\n", manifest=manifest(cron="30 5 * * *")))
    assert apps.claim_what_is_due(instance) == ()


def test_a_version_without_a_schedule_ends_it(instance: Instance, clock: Clock, push) -> None:
    put_into_production(instance)
    promote(instance, push(code="print('two')\n"))
    clock.put(coming(instance, 1)[0])
    assert apps.claim_what_is_due(instance) == ()


def test_a_clock_that_ran_far_ahead_takes_no_moment_from_those_that_are_right(
    instance: Instance, clock: Clock
) -> None:
    put_into_production(instance)
    days = coming(instance, 3)
    clock.put(days[2])
    assert [one.at for one in apps.claim_what_is_due(instance)] == [days[2]]
    finish(instance)
    for day in days:  # and now it is right
        clock.put(day)
        assert [one.at for one in apps.claim_what_is_due(instance)] == [day]
        assert apps.claim_what_is_due(instance) == ()
        finish(instance)
    assert states(instance) == ["succeeded"] * 3


def test_a_clock_that_is_put_back_runs_nothing_twice(instance: Instance, clock: Clock) -> None:
    put_into_production(instance, cron="*/10 * * * *")
    clock.shift += dt.timedelta(minutes=25)
    (claimed,) = apps.claim_what_is_due(instance)
    finish(instance)
    clock.shift -= dt.timedelta(minutes=15)
    assert apps.claim_what_is_due(instance) == ()
    clock.put(claimed.at + dt.timedelta(minutes=1))
    assert apps.claim_what_is_due(instance) == ()


def test_only_the_last_moments_are_kept_and_none_of_them_comes_again(
    instance: Instance, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handrail.apps.due.MOST_KEPT", 3)
    put_into_production(instance)
    days = coming(instance, 6)
    for day in days:
        clock.put(day)
        assert len(apps.claim_what_is_due(instance)) == 1
        finish(instance)
        assert apps.claim_what_is_due(instance) == ()
    assert [at for at, _ in moments(instance)] == list(days[-3:])


def test_the_claim_itself_lets_one_of_two_servers_through(instance: Instance, clock: Clock) -> None:
    """Attack: two servers have both found a moment due, and come to claim it."""
    put_into_production(instance)
    at = coming(instance, 1)[0]
    moment = Moment("hello", at, "", 1, "maker.sales", "open", "", 0, clock.now(), None)
    got = []
    for _ in range(2):
        with instance.context(SYSTEM) as ctx:
            got.append(store.claim(ctx, moment))
    assert got == [True, False]


SERVER = """\
import datetime as dt, sys
from pathlib import Path
from handrail import apps
from handrail.server import open_instance

class Clock:
    def now(self):
        return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=float(sys.argv[2]))

instance = open_instance(Path(sys.argv[1]))
instance.clock = Clock()
print("ready", flush=True)
sys.stdin.readline()
print(len(apps.claim_what_is_due(instance)), flush=True)
"""


def test_of_several_servers_one_claims_each_moment(instance: Instance, clock: Clock) -> None:
    put_into_production(instance)
    clock.put(coming(instance, 1)[0] + dt.timedelta(minutes=1))
    ahead = clock.shift.total_seconds()
    servers = [
        forked.Process(SERVER, str(instance.settings.home), str(ahead + off)) for off in (-20, 0, 0, 20)
    ]
    assert [one.stdout.readline().strip() for one in servers] == ["ready"] * 4
    for one in servers:
        one.stdin.write("go\n")
        one.stdin.flush()
    assert sorted(one.stdout.readline().strip() for one in servers) == ["0", "0", "0", "1"]
    assert [one.wait() for one in servers] == [0] * 4
    assert states(instance) == ["open"]


numbers = count(1)
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]
lines = st.sampled_from(["0 6 * * *", "30 2 * * *", "*/15 * * * *", "0 */6 * * MON-FRI", "0 0 1 * *"])


@settings(max_examples=cases(60), deadline=None)
@given(
    lines,
    st.sampled_from(ZONES),
    st.sampled_from([dt.datetime(2026, 3, 27, tzinfo=dt.UTC), dt.datetime(2026, 10, 23, tzinfo=dt.UTC)]),
    st.lists(st.integers(1, 40 * 60), min_size=1, max_size=25),
)
def test_whenever_a_server_looks_each_moment_is_claimed_or_counted_as_missed_once(
    line: str, zone: str, begin: dt.datetime, looks: list[int]
) -> None:
    schedule, now, last, claimed, missed = Schedule.parse(line, zone), begin, None, [], 0
    for minutes in looks:
        now += dt.timedelta(minutes=minutes)
        if found := due(schedule, begin, last, now, most=10_000):
            assert found.moment <= now
            assert found.late == (now - found.moment > GRACE)
            claimed.append(found.moment)
            missed += found.missed
            last = found.moment
            assert due(schedule, begin, last, now) is None
    assert all(one < other for one, other in pairwise(claimed))
    every = [moment for moment in schedule.after(begin, 5000) if moment <= now]
    assert len(claimed) + missed == len(every)
    assert set(claimed) <= set(every)
    assert claimed[-1:] == every[-1:]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Instance, Instance]]:
    """Two servers of one instance."""
    with begun(tmp_path_factory.mktemp("pair"), None) as one:
        other = open_instance(Path(one.settings.home))
        yield one, other
        other.close()


steps = st.tuples(
    st.integers(0, 1),  # which server
    st.sampled_from([-50, -3, 0, 2, 9, 31, 200]),  # minutes that pass, or that the clocks are put back
    st.sampled_from([0, 0, 0, 25, -25, 5 * 24 * 60]),  # minutes that this server's clock is off
    st.booleans(),  # whether what is open comes to its end
)


@settings(max_examples=cases(15), deadline=None)
@given(st.sampled_from(["", 'overlap = "queue"\n', 'catch_up = "skip"\n']), st.lists(steps, max_size=10))
def test_two_servers_with_clocks_that_go_wrong_start_no_moment_twice_and_lose_not_the_last(
    pair: tuple[Instance, Instance], policy: str, taken: list[tuple[int, int, int, bool]]
) -> None:
    one, other = pair
    app = f"a{next(numbers)}"
    time, clocks = dt.datetime.now(dt.UTC).replace(minute=1, second=0, microsecond=1), (Clock(), Clock())
    one.clock, other.clock = clocks
    clocks[0].put(time)
    code = manifest(policy, "*/10 * * * *", "UTC").replace('"hello"', f'"{app}"')
    with actors(one)("maker.sales") as ctx:
        version = apps.push(ctx, hello(manifest=code), "It is due", "")
    promote(one, version)
    right = time
    for server, minutes, off, over in taken:
        right += dt.timedelta(minutes=minutes)
        clocks[server].put(right + dt.timedelta(minutes=off))
        claimed = [m for m in apps.claim_what_is_due(pair[server]) if m.app == app]
        assert len(claimed) <= 1
        with one.context(SYSTEM) as ctx:
            going = store.in_state(ctx, app, "open")
            assert len(going) <= 1
            for moment in going if over else ():
                store.set_moment(ctx, app, moment.at, "open", "succeeded")
    right = max(right, time) + dt.timedelta(minutes=61)  # all clocks are right again
    schedule, before = Schedule.parse("*/10 * * * *", "UTC"), set()
    for _ in range(2):
        right += dt.timedelta(minutes=10)
        for server in (0, 1):
            clocks[server].put(right)
            before |= {m.at for m in apps.claim_what_is_due(pair[server]) if m.app == app}
    assert schedule.latest(right) in before | {at for at, _ in moments(one, app)}
    every = [at for at, _ in moments(one, app)]
    assert len(every) == len(set(every))
    with one.context(SYSTEM) as ctx:  # out of the way of the next example
        ctx.db.execute(promotions.delete().where(promotions.c.app == app))
