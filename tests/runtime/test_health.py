"""How an app has been running: counted from its runs, for who looks after it, and of nobody's rows."""

from dataclasses import replace
from datetime import timedelta

import pytest

from handrail import runtime
from handrail.kernel import Context, Invalid, Manifest, NotAllowed
from handrail.runtime import lease_store, store
from handrail.runtime.models import Run, RunState
from tests.conftest import Acting
from tests.runtime.conftest import Start

DECLARED = Manifest.parse(Manifest.render("tried"))


def kept(
    ctx: Context, n: int, days: int, person: str, state: RunState = "succeeded", ended: str = "exited"
) -> None:
    """Keep a run of so many days ago that waited two seconds and took `n`."""
    queued = ctx.clock.now() - timedelta(days=days)
    run = Run(f"run_{n:04d}", "tried", "c0ffee", "production", person, DECLARED, "sha256:0", "queued", queued)
    store.add_run(ctx, run, {"app.py": b""})
    lease_store.claim(ctx, run.id, "nobody b 1 1", 60, False)
    over = replace(run, state=state, ended=ended, finished=queued + timedelta(seconds=2 + n))
    began = store.runs.update().where(store.runs.c.id == run.id).values(started=queued + timedelta(seconds=2))
    ctx.db.execute(began)
    assert store.finish(ctx, replace(over, peak_memory=n << 20), "running")


@pytest.fixture
def ran(acting: Acting, owned: None) -> None:
    """Five runs of four days for three people, two of which failed, and one of long ago."""
    with acting("maker.sales") as ctx:
        kept(ctx, 1, 0, "viewer.emea")
        kept(ctx, 3, 0, "viewer.apac")
        kept(ctx, 5, 0, "viewer.apac", "failed", "memory")
        kept(ctx, 7, 1, "viewer.emea", "failed", "memory")
        kept(ctx, 9, 27, "maker.sales")
        kept(ctx, 99, 28, "lead")


def test_each_day_and_all_together_are_counted(ran: None, acting: Acting) -> None:
    with acting("maker.sales") as ctx:
        found = runtime.health(ctx, "tried")
    assert len(found.days) == 28 and [day.runs for day in found.days][-2:] == [1, 3]
    today, whole = found.days[-1], found.whole
    assert (today.runs, today.failed, today.viewers, today.seconds, today.waited) == (3, 1, 2, 3, 2)
    assert (whole.runs, whole.failed, whole.viewers, whole.memory) == (5, 2, 3, 9 << 20)
    assert found.days[0].runs == 1 and found.failures == (("memory", 2),)


def test_another_environment_is_another_matter(ran: None, acting: Acting, ended: Start) -> None:
    ended("pass")
    with acting("support.oncall") as ctx:
        found = runtime.health(ctx, "tried", "sandbox", days=1)
    assert (found.whole.runs, found.whole.failed, len(found.days)) == (1, 0, 1)


@pytest.mark.parametrize("person", ["maker.ops", "viewer.emea", "steward.sales", "reviewer.platform"])
def test_who_does_not_look_after_it_learns_nothing(ran: None, acting: Acting, person: str) -> None:
    for app in ("tried", "never-was"):
        with acting(person) as ctx, pytest.raises(NotAllowed):
            runtime.health(ctx, app)


@pytest.mark.parametrize("days", [0, -1, 367])
def test_a_span_that_cannot_be_shown_is_refused(ran: None, acting: Acting, days: int) -> None:
    with acting("maker.sales") as ctx, pytest.raises(Invalid, match="cannot be shown"):
        runtime.health(ctx, "tried", days=days)


def test_an_app_that_never_ran_has_no_day_with_a_run(owned: None, acting: Acting) -> None:
    with acting("admin") as ctx:
        found = runtime.health(ctx, "tried")
    assert found.whole == found.days[-1] and found.failures == ()
