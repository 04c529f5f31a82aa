"""Starting a run: into the queue, with its code."""

from dataclasses import replace

import pytest

from handrail import runtime
from handrail.kernel import Instance, Invalid, LimitReached, Manifest, trail
from handrail.runtime import store
from tests.conftest import Acting
from tests.runtime.conftest import Start


def test_a_started_run_waits_with_its_code_and_stands_on_the_trail(start: Start, acting: Acting) -> None:
    run = start("print(1)", files={"data/x.bin": b"\0\1"})
    assert run.state == "queued"
    with acting("maker.sales") as ctx:
        assert runtime.run(ctx, run.id) == run
        assert store.find_files(ctx, run.id) == {"app.py": b"print(1)", "data/x.bin": b"\0\1"}
    with acting("compliance") as ctx:
        (entry,) = trail.entries(ctx, verb="run.started")
    assert (entry.person, entry.subject, entry.facts["app"]) == ("maker.sales", f"run:{run.id}", "tried")


@pytest.mark.parametrize("kind", ["web", "static"])
def test_apps_that_people_open_are_not_queued(acting: Acting, kind: str) -> None:
    with acting("maker.sales") as ctx, pytest.raises(Invalid, match="does not run to an end"):
        runtime.start(
            ctx, "a", "c", {"app.py": b""}, Manifest.parse(Manifest.render("a", kind=kind)), "sandbox"
        )


def test_an_app_without_its_entrypoint_is_refused(acting: Acting) -> None:
    with acting("maker.sales") as ctx, pytest.raises(Invalid, match="entrypoint"):
        runtime.start(ctx, "a", "c", {"other.py": b""}, Manifest.parse(Manifest.render("a")), "sandbox")


def test_the_same_code_is_kept_once(start: Start, acting: Acting) -> None:
    start("print(1)")
    start("print(1)")
    start("print(2)")
    with acting("maker.sales") as ctx:
        assert ctx.db.scalar(store.sa.select(store.sa.func.count()).select_from(store.code)) == 2


def test_nothing_is_queued_when_the_transaction_is_undone(instance: Instance, acting: Acting) -> None:
    manifest = Manifest.parse(Manifest.render("a"))
    with pytest.raises(Invalid), acting("maker.sales") as ctx:
        runtime.start(ctx, "a", "c", {"app.py": b""}, manifest, "sandbox")
        raise Invalid("no", next_step="no")
    with acting("maker.sales") as ctx:
        assert runtime.runs(ctx) == ()


def test_one_person_cannot_fill_the_queue_for_everybody(
    instance: Instance, start: Start, acting: Acting
) -> None:
    instance.settings = replace(instance.settings, runtime=replace(instance.settings.runtime, waiting=2))
    first = start("pass", person="viewer.emea")
    start("pass", person="viewer.emea")
    with pytest.raises(LimitReached, match="2 of your runs"):
        start("pass", person="viewer.emea")
    start("pass", person="viewer.apac")
    with acting("viewer.emea") as ctx:
        runtime.stop(ctx, first.id)
    start("pass", person="viewer.emea")
