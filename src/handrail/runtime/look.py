"""Look at runs: metadata for those who look after the app, what they show only for whom they were made."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from handrail import data
from handrail.kernel import Context, Environment, NotFound, NotReady, Resource, access, storage
from handrail.runtime import store
from handrail.runtime.models import Output, Run
from handrail.runtime.outline import NEXT_STEP


def known(ctx: Context, run_id: str) -> tuple[Run, Resource]:
    """A run that the caller may know of, as rules see it; NotFound also for all others."""
    run = store.find_run(ctx, run_id)
    if run is not None:
        resource = run.resource(ctx.ports.apps.owners(ctx, run.app))
        if access.decide(ctx, "see-run", resource, run_person=run.person).allowed:
            return _as_seen(ctx, run), resource
    raise NotFound(
        f"There is no run {run_id[:40]!r} that you may see{_any_more(ctx, run_id)}.",
        next_step="Look at your runs on the page of the app.",
        subject=f"run:{run_id[:40]}",
    )


def _any_more(ctx: Context, run_id: str) -> str:
    """What is said of runs so old that they are deleted: of each alike, whether it was there or not."""
    days, begun = ctx.settings.retention.records_days, storage.moment_of(run_id)
    if days and begun and begun < ctx.clock.now() - timedelta(days=days):
        return f": it would be of {begun:%-d %B %Y}, and what runs leave is kept for {days:,} days at most"
    return ""


def run(ctx: Context, run_id: str) -> Run:
    """One run: for its person, the app's owners and support."""
    return known(ctx, run_id)[0]


def recalled(ctx: Context, run_id: str) -> Run | None:
    """One run, or None. Asks no rule: for rooms that do their own work about it."""
    return store.find_run(ctx, run_id)


def runs(
    ctx: Context,
    app: str | None = None,
    environment: Environment | None = None,
    person: str | None = None,
    limit: int = 50,
) -> tuple[Run, ...]:
    """The newest runs that the caller may know of; those who do not look after `app` get their own."""
    mine = ctx.caller.person
    owners = ctx.ports.apps.owners(ctx, app) if app else frozenset()
    if mine.id not in owners and "support" not in mine.roles:
        person = mine.id if person in (None, mine.id) else ""
    found = store.find_runs(ctx, limit, app=app, environment=environment, person=person)
    return tuple(
        _as_seen(ctx, one)
        for one in found
        if access.decide(
            ctx, "see-run", one.resource(ctx.ports.apps.owners(ctx, one.app)), run_person=one.person
        ).allowed
    )


def tried(ctx: Context, app: str, commit: str) -> tuple[Run, ...]:
    """The sandbox runs of one version on the usual twins, newest first; on others a run shows less, or cannot
    succeed. Asks no rule: the gates of apps say how they ended.
    """
    return store.find_runs(ctx, 500, app=app, environment="sandbox", commit=commit, variant="hostile")


def may_see_outputs(ctx: Context, run_id: str) -> bool:
    """Whether the caller may see what a run shows: for pages, which show the rest without it."""
    found, resource = known(ctx, run_id)
    bound = ctx.caller.purposes is not None and found.manifest.purpose not in ctx.caller.purposes
    return not bound and access.decide(ctx, "see-outputs", resource, run_person=found.person).allowed


def outputs(ctx: Context, run_id: str) -> tuple[Output, ...]:
    """What a run handed over: for its person, and in the sandbox for the app's owners. Refuses NotFound once
    that is deleted.
    """
    _require_outputs(ctx, run_id)
    return store.find_outputs(ctx, run_id)


def output(ctx: Context, run_id: str, n: int) -> tuple[Output, bytes]:
    """One output with its content, to be looked at; refuses as `outputs` does, and NotFound."""
    _require_outputs(ctx, run_id)
    return found_output(ctx, run_id, n)


def found_output(ctx: Context, run_id: str, n: int) -> tuple[Output, bytes]:
    """One output with its content, for verbs that ask their own rule; refuses NotFound."""
    found = store.find_output(ctx, run_id, n)
    if found is None:
        raise NotFound(f"The run has no output {n}.", next_step="List its outputs.", subject=f"run:{run_id}")
    return found


def log(ctx: Context, run_id: str) -> str:
    """What a run has printed so far; refuses as `outputs` does, since an app may print rows."""
    _require_outputs(ctx, run_id)
    return store.find_log(ctx, run_id).decode(errors="replace")


@dataclass(frozen=True)
class Seen:
    """What a page shows of a run: outputs, those to be read with their content, and the end of the log.

    `cut` is how many bytes of the log came before that end.
    """

    outputs: tuple[tuple[Output, bytes], ...]
    log: str
    cut: int


READ = frozenset({"table", "text", "markdown"})  # kinds whose content stands in the page


def seen(ctx: Context, run_id: str, most: int) -> Seen:
    """What a run shows, with the last `most` bytes of its log; refuses as `outputs` does."""
    found = outputs(ctx, run_id)
    content, total = store.find_log_end(ctx, run_id, most)
    read = (found_output(ctx, run_id, one.n) if one.kind in READ else (one, b"") for one in found)
    end = content[-most:]
    return Seen(tuple(read), end.decode(errors="replace"), total - len(end))


def must_be_kept(run: Run) -> None:
    """Refuse NotFound a run of which what it showed was deleted, with when and what to do."""
    if run.outputs_swept is not None:
        raise NotFound(
            f"What this run handed over and printed was deleted on {run.outputs_swept:%-d %B %Y}, as it is "
            "kept no longer.",
            next_step="Start a new run. That there was this one, and how it ended, is still known.",
            subject=f"run:{run.id}",
        )


def mark(ctx: Context, run_id: str) -> str:
    """What tells whether a page of a run still says all that there is; shows nothing of the run itself."""
    run = known(ctx, run_id)[0]
    return f"{run.state}-{store.count_outputs(ctx, run_id)}-{store.log_size(ctx, run_id)}"


def again(ctx: Context, run: Run) -> Mapping[str, object]:
    """Count whom a production run showed once more where today is not the day on which it asked; gives facts
    for the trail.

    What an app was shown may be in any of its outputs and in its log, in whatever form. On the day of its
    questions everybody in there is counted already. Refuses LimitReached beyond a budget, and NotReady a run
    of which it is not known whom it showed.
    """
    if run.environment != "production" or run.queued.date() == ctx.clock.now().date():
        return {}
    if not run.traced or run.manifest.kind != "job":
        raise NotReady(
            "Whom this run showed was not kept, so nobody can count them today.",
            next_step="Start a new run.",
            subject=f"run:{run.id}",
        )
    return data.count_again(ctx, run.id, run.app, storage.new_id("look"))


def _as_seen(ctx: Context, run: Run) -> Run:
    """The run without what the app could have written rows into, where they were or may be
    another person's.
    """
    if not run.shared and (run.environment == "sandbox" or run.person == ctx.caller.person.id):
        return run
    failed = run.over and run.state != "succeeded"
    reason = run.outline or "It failed." if failed else ""
    return replace(run, reason=reason, next_step=NEXT_STEP if failed else "", exit_code=None)


def shown_run(ctx: Context, run_id: str) -> tuple[Run, Resource]:
    """A run of which the caller may see what it shows: for the verbs of this room.

    Refuses as `outputs` does, and NotAllowed a token that is bound to other purposes than the run's.
    """
    found, resource = known(ctx, run_id)
    access.require(ctx, "see-outputs", resource, run_person=found.person)
    access.require_purpose(ctx, found.manifest.purpose, f"run:{run_id}")
    return found, resource


def _require_outputs(ctx: Context, run_id: str) -> None:
    found, _ = shown_run(ctx, run_id)
    must_be_kept(found)
    if facts := again(ctx, found):
        ctx.audit.note("output.seen_again", f"run:{run_id}", app=found.app, **facts)
