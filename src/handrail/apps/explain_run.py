"""Say which awkward rows a sandbox run failed on: to whoever may run the app, and by itself."""

from __future__ import annotations

from handrail import runtime
from handrail.apps import causes_store as store
from handrail.apps import find
from handrail.apps import store as apps
from handrail.apps.causes import Explained
from handrail.apps.visit import sessions_ended
from handrail.kernel import Context, NotReady, access, identity
from handrail.runtime import Run, RunFinished, RunsSwept

# How a run ends that rows can have ended; the others say themselves what was wrong.
BY_ROWS = frozenset({"exited", "timeout", "output", "memory", "signal"})
WAITING = "It is being repeated with fewer awkward values, to find the rows that it fails on."


def explain_run(ctx: Context, run_id: str) -> Explained:
    """Ask which rows made a run fail, or look how far that is; a server finds out in the background.

    Refuses those who may not run the app in the sandbox, and NotReady runs that rows did not end: those in
    production, on another variant of the twins, still going on or well ended.
    """
    run = _reached(ctx, run_id)
    if why := _no_question(run):
        raise NotReady(why, next_step="Ask about a sandbox run that failed.", subject=f"run:{run.id}")
    found = store.find(ctx, run.id)
    if found is None:
        store.add(ctx, run.id, WAITING)
    elif found.state == "failed":
        store.again(ctx, run.id, WAITING)
    if found is None or found.state == "failed":
        ctx.audit.note("run.explaining", f"run:{run.id}", app=run.app, commit=run.commit)
    return store.find(ctx, run.id) or Explained(run.id, "waiting", WAITING)


def explained(ctx: Context, run_id: str) -> Explained | None:
    """What is known of why a run failed; None when nobody asked. Refuses as `explain_run` does."""
    return store.find(ctx, _reached(ctx, run_id).id)


def may_ask(ctx: Context, run: Run) -> bool:
    """Whether there is, or may still be, anything to ask about a run, for pages."""
    if run.environment != "sandbox" or run.variant != "hostile" or (run.over and _no_question(run)):
        return False
    app = apps.find_app(ctx, run.app)
    return bool(app and access.decide(ctx, "run-sandbox", app.resource).allowed)


def run_finished(ctx: Context, event: RunFinished) -> None:
    """A run that failed after it had read something is asked about by itself."""
    failed = event.state == "failed" and event.environment == "sandbox"
    if failed and event.reads and event.ended in BY_ROWS and ctx.settings.apps.explain:
        run = runtime.recalled(ctx, event.run)
        if run and not _no_question(run) and store.find(ctx, event.run) is None:
            store.add(ctx, event.run, WAITING)


def runs_swept(ctx: Context, event: RunsSwept) -> None:
    """Of a run whose record is gone nobody asks any more."""
    if event.part == "record":
        store.forget(ctx, event.runs)


def _reached(ctx: Context, run_id: str) -> Run:
    run = runtime.run(ctx, run_id)
    find.reach(ctx, run.app, "run-sandbox")
    return run


def _no_question(run: Run) -> str:
    if run.environment != "sandbox":
        return "Awkward rows are put into the twins of the sandbox alone."
    if run.variant != "hostile":
        return f"It ran on the {run.variant} variant of its twins; only hostile ones have awkward rows."
    if not run.over:
        return "It is not over yet."
    if run.state != "failed" or run.ended not in BY_ROWS:
        return "It did not fail on rows that it read."
    return ""


subscriptions = (
    (RunFinished, run_finished),
    (RunsSwept, runs_swept),
    (identity.SessionsEnded, sessions_ended),
)
