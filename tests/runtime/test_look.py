"""Who sees what of a run."""

from dataclasses import replace

import pytest

from handrail import runtime
from handrail.kernel import Caller, Context, Environment, Instance, Manifest, NotAllowed, NotFound
from handrail.runtime import store
from handrail.runtime.download import download_log
from handrail.runtime.look import seen
from tests.conftest import Acting
from tests.runtime.conftest import Start

PRINTS = "import handrail_sdk as h\nprint('a row')\nh.text('a row')"


def test_a_person_sees_what_was_made_for_them(ended: Start, acting: Acting) -> None:
    run = ended(PRINTS, person="viewer.emea", environment="production")
    with acting("viewer.emea") as ctx:
        assert runtime.log(ctx, run.id) == "a row\n"
        assert runtime.output(ctx, run.id, 1)[1] == b"a row"


@pytest.mark.parametrize(
    "other", ["viewer.apac", "maker.ops", "admin", "reviewer.platform", "compliance", "lead"]
)
def test_others_do_not_even_learn_that_there_is_such_a_run(ended: Start, acting: Acting, other: str) -> None:
    run = ended(PRINTS, person="viewer.emea", environment="production")
    for look in (
        runtime.run,
        runtime.log,
        runtime.outputs,
        lambda ctx, run_id: runtime.output(ctx, run_id, 1),
    ):
        with acting(other) as ctx, pytest.raises(NotFound):
            look(ctx, run.id)


def hosted(ctx: Context, reads: str = "", environment: Environment = "production") -> runtime.Run:
    manifest = Manifest.parse(Manifest.render("tried", kind="web") + reads)
    return runtime.host(ctx, "tried", "c0ffee", {"app.py": b"app = None"}, manifest, environment)


READS = '[data.sales_orders]\ncolumns = ["region"]\n'


def test_what_answers_everybody_shows_what_it_printed_to_nobody_and_is_stopped_by_its_owners(
    acting: Acting, owned: None
) -> None:
    with acting("viewer.emea") as ctx:
        run = hosted(ctx)
        store.finish(
            ctx,
            replace(run, state="failed", reason="KeyError: 'Ms. Somebody'", outline="It failed."),
            "running",
        )
    for look in (runtime.log, runtime.outputs, download_log):
        for person, why in (
            ("viewer.emea", "may be of any of them"),
            ("maker.sales", "made for viewer.emea"),
        ):
            with acting(person) as ctx, pytest.raises(NotAllowed, match=why):
                look(ctx, run.id)
    with acting("viewer.emea") as ctx:
        seen_run = runtime.run(ctx, run.id)
        assert (seen_run.state, seen_run.reason) == ("failed", "It failed.")


def test_who_woke_what_answers_everybody_does_not_end_it_for_the_others(acting: Acting, owned: None) -> None:
    with acting("viewer.emea") as ctx:
        run, own = hosted(ctx), hosted(ctx, READS)
    with acting("viewer.emea") as ctx:
        assert runtime.stop(ctx, own.id).id == own.id
    with acting("viewer.emea") as ctx, pytest.raises(NotAllowed, match="answers everybody"):
        runtime.stop(ctx, run.id)
    with acting("maker.sales") as ctx:
        assert runtime.stop(ctx, run.id).id == run.id


@pytest.mark.parametrize(("reads", "environment"), [(READS, "production"), ("", "sandbox")])
def test_what_answers_one_person_shows_them_what_it_printed(
    acting: Acting, reads: str, environment: Environment
) -> None:
    with acting("viewer.emea") as ctx:
        run = hosted(ctx, reads, environment)
    with acting("viewer.emea") as ctx:
        assert runtime.log(ctx, run.id) == ""


def test_a_token_that_is_bound_to_another_purpose_is_shown_nothing_of_a_run(
    instance: Instance, ended: Start, acting: Acting
) -> None:
    run = ended(PRINTS, person="viewer.emea", environment="production")
    with acting("viewer.emea") as ctx:
        person = ctx.caller.person
    other = Caller(person, "rest", purposes=frozenset({"staffing"}))
    for look in (
        runtime.log,
        runtime.outputs,
        runtime.inputs,
        lambda ctx, run_id: runtime.output(ctx, run_id, 1),
        lambda ctx, run_id: runtime.download(ctx, run_id, 1),
        download_log,
    ):
        with instance.context(other) as ctx, pytest.raises(NotAllowed, match="for staffing"):
            look(ctx, run.id)
    with instance.context(other) as ctx:
        assert not runtime.may_see_outputs(ctx, run.id)
    its_own = Caller(person, "rest", purposes=frozenset({run.manifest.purpose, "staffing"}))
    with instance.context(its_own) as ctx:
        assert runtime.may_see_outputs(ctx, run.id) and runtime.log(ctx, run.id) == "a row\n"


def test_the_owner_of_the_app_sees_that_it_ran_in_production_but_not_what_it_showed(
    ended: Start, acting: Acting, owned: None
) -> None:
    run = ended(PRINTS, person="viewer.emea", environment="production")
    with acting("maker.sales") as ctx:
        assert runtime.run(ctx, run.id).state == "succeeded"
        assert not runtime.may_see_outputs(ctx, run.id)
    for look in (runtime.log, runtime.outputs, lambda ctx, run_id: runtime.output(ctx, run_id, 1)):
        with acting("maker.sales") as ctx, pytest.raises(NotAllowed) as refusal:
            look(ctx, run.id)
        assert "viewer.emea" in refusal.value.message
        assert refusal.value.next_step


def test_the_owner_sees_what_somebody_elses_sandbox_run_showed(
    ended: Start, acting: Acting, owned: None
) -> None:
    run = ended(PRINTS, person="reviewer.platform")
    with acting("maker.sales") as ctx:
        assert runtime.log(ctx, run.id) == "a row\n"


def test_support_sees_how_it_ended_and_no_row(ended: Start, acting: Acting) -> None:
    run = ended(PRINTS, person="viewer.emea", environment="production")
    with acting("support.oncall") as ctx:
        assert runtime.run(ctx, run.id).state == "succeeded"
        assert [one.id for one in runtime.runs(ctx, "tried")] == [run.id]
    with acting("support.oncall") as ctx, pytest.raises(NotAllowed):
        runtime.outputs(ctx, run.id)


def test_lists_hold_what_one_may_see(start: Start, acting: Acting, owned: None) -> None:
    mine = start("pass", person="viewer.emea", environment="production").id
    theirs = start("pass", person="viewer.apac", environment="production").id
    with acting("viewer.emea") as ctx:
        assert [run.id for run in runtime.runs(ctx, "tried")] == [mine]
        assert [run.id for run in runtime.runs(ctx)] == [mine]
        assert runtime.runs(ctx, "tried", person="viewer.apac") == ()
    with acting("maker.sales") as ctx:
        assert [run.id for run in runtime.runs(ctx, "tried", "production")] == [theirs, mine]
        assert runtime.runs(ctx, "tried", "sandbox") == ()
        assert len(runtime.runs(ctx, "tried", limit=1)) == 1


def test_the_end_of_a_long_log_is_read_without_the_rest(start: Start, acting: Acting) -> None:
    run = start("pass")
    with acting("maker.sales") as ctx:

        def log_end(most: int) -> tuple[str, int]:
            shown = seen(ctx, run.id, most)
            return shown.log, shown.cut

        assert log_end(10) == ("", 0)
        for n in range(1, 101):
            store.add_log(ctx, run.id, n, b"%05d" % n)
        assert log_end(12) == ("980009900100"[-12:], 488)
        assert log_end(1000) == (runtime.log(ctx, run.id), 0)


def test_an_output_that_is_not_there_is_not_found(ended: Start, acting: Acting) -> None:
    run = ended("pass")
    with acting("maker.sales") as ctx, pytest.raises(NotFound):
        runtime.output(ctx, run.id, 1)
