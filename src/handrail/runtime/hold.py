"""Keep a run whatever else says, for an incident or because the law says so; and let it go again."""

from handrail.kernel import Conflict, Context, Invalid, NotFound, access
from handrail.runtime import retention_store, store
from handrail.runtime.kept import RETENTION
from handrail.runtime.retention_store import Hold

LONGEST_REASON = 500  # characters


def hold(ctx: Context, run_id: str, reason: str) -> Hold:
    """Keep a run and all that it left until `release`: beyond the days of settings, manifest and contracts.

    For support and compliance, who may not see more of it by that. Refuses NotFound a run that is not there
    or no longer, Conflict one that somebody keeps already, Invalid without a reason.
    """
    access.require(ctx, "hold-run", RETENTION)
    words = " ".join(reason.split())
    if not 0 < len(words) <= LONGEST_REASON:
        raise Invalid(
            "A run that is kept needs a reason.",
            next_step=f"Say in a sentence of at most {LONGEST_REASON} characters what it is kept for.",
            subject=f"run:{run_id[:40]}",
        )
    retention_store.lock(ctx, [run_id])  # nobody deletes it until this is committed
    if store.find_run(ctx, run_id) is None:
        raise NotFound(
            f"There is no run {run_id[:40]!r}, or no longer.",
            next_step="The trail says whether it was deleted, and when.",
            subject=f"run:{run_id[:40]}",
        )
    made = Hold(run_id, words, ctx.caller.person.id, ctx.clock.now())
    if not retention_store.add_hold(ctx, made):
        raise Conflict(
            f"{run_id} is kept already.", next_step="Let it go first.", subject=f"run:{run_id[:40]}"
        )
    ctx.audit.note("run.held", f"run:{run_id}", reason=words)
    return made


def release(ctx: Context, run_id: str) -> Hold:
    """Keep a run no longer than any other; gives what it was kept for. Refuses NotFound where nobody did."""
    access.require(ctx, "hold-run", RETENTION)
    found = next(iter(retention_store.held(ctx, [run_id])), None)
    if found is None or not retention_store.drop_hold(ctx, run_id):
        raise NotFound(
            f"Nobody keeps {run_id[:40]!r}.",
            next_step="See which runs are kept: handrail runs held.",
            subject=f"run:{run_id[:40]}",
        )
    ctx.audit.note("run.released", f"run:{run_id}")
    return found


def held(ctx: Context) -> tuple[Hold, ...]:
    """The runs that somebody keeps, the last one first; for support, leads, compliance and admins."""
    access.require(ctx, "see-retention", RETENTION)
    return retention_store.held(ctx)
