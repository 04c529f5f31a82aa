"""What a schedule, a review or a question still needs of a run keeps it, and says so on its page."""

from datetime import UTC, datetime, timedelta

from handrail import apps, runtime
from handrail.apps import causes_store, schedules_store
from handrail.apps.needed import needed
from handrail.apps.scheduling import Turn, TurnState
from handrail.kernel import SYSTEM, Context, Instance
from handrail.runtime import RunsSwept
from tests.apps.conftest import Push
from tests.conftest import Acting

FIRST = datetime(2026, 1, 5, 6, tzinfo=UTC)
VERSION = ("orders", "c0ffee", "production")


def turn(ctx: Context, run: str, weeks: int, state: TurnState, person: str = "viewer.emea") -> None:
    moment = FIRST + timedelta(weeks=weeks)
    given = Turn("orders", moment, person, "subscriber", state, run, 1, 0, run, moment, "")
    assert schedules_store.add_turn(ctx, given)


def test_the_last_that_each_person_got_from_a_schedule_is_needed_and_what_goes_on(instance: Instance) -> None:
    with instance.context(SYSTEM) as ctx:
        turn(ctx, "run_1", 1, "succeeded")
        turn(ctx, "run_2", 2, "succeeded")
        turn(ctx, "run_3", 3, "failed")
        turn(ctx, "run_4", 4, "running")
        turn(ctx, "run_5", 1, "succeeded", "viewer.apac")
        found = needed(ctx, {f"run_{n}": VERSION for n in range(1, 7)})
    assert set(found) == {"run_2", "run_4", "run_5"}
    assert found["run_2"] == "it is the last that viewer.emea got from the schedule of orders"


def test_a_run_whose_failure_is_being_explained_is_needed_until_that_is_known(instance: Instance) -> None:
    with instance.context(SYSTEM) as ctx:
        causes_store.add(ctx, "run_1", "It is looked into.")
        assert set(needed(ctx, {"run_1": VERSION, "run_2": VERSION})) == {"run_1"}
        causes_store.change(ctx, "run_1", state="done")
        assert not needed(ctx, {"run_1": VERSION})


def test_what_a_run_failed_on_is_forgotten_with_its_record_and_not_before(instance: Instance) -> None:
    with instance.context(SYSTEM) as ctx:
        causes_store.add(ctx, "run_1", "It is looked into.")
        ctx.events.publish(RunsSwept("outputs", ("run_1",)))
        assert causes_store.find(ctx, "run_1")
        ctx.events.publish(RunsSwept("record", ("run_1",)))
        assert causes_store.find(ctx, "run_1") is None


def test_the_sandbox_runs_of_a_version_that_waits_for_a_reviewer_are_needed_until_the_verdict(
    instance: Instance, push: Push, acting: Acting
) -> None:
    version = push()
    with acting("maker.sales") as ctx:
        run = apps.run(ctx, "hello")
    assert runtime.execute(instance, run.id).state == "succeeded"
    asked = {run.id: ("hello", version.commit, "sandbox"), "run_2": ("hello", version.commit, "production")}
    with acting("maker.sales") as ctx:
        assert not needed(ctx, asked)  # type: ignore[arg-type]
        apps.ask(ctx, "hello")
        assert set(needed(ctx, asked)) == {run.id}  # type: ignore[arg-type]
        kept = runtime.kept(ctx, run.id).of("outputs")
    assert kept and "went well" in kept.needed
