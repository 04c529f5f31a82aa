"""Ask for twins to be built in the background, where nobody waits for a page, or call that off."""

from __future__ import annotations

from collections.abc import Sequence

from handrail.kernel import Caller, Conflict, Context, storage
from handrail.twins import store
from handrail.twins.build import may_build, plan
from handrail.twins.history import build_asked
from handrail.twins.life import ASKED, Build


def start(ctx: Context, datasets: Sequence[str], seed: int = 0) -> Build:
    """Queue a build; refuses at once what `build` would refuse before it begins."""
    planned = plan(ctx, datasets, seed, look=True)
    return queue(ctx, [table.name for table in planned.tables], seed, ASKED)


def queue(ctx: Context, datasets: Sequence[str], seed: int, why: str, by: Caller | None = None) -> Build:
    """Put a build into the queue, in the caller's name or another. Asks no rule: `plan` does in its turn."""
    caller = by or ctx.caller
    one = Build(
        id=storage.new_id("twin"),
        datasets=tuple(datasets),
        seed=seed,
        state="queued",
        step="waiting",
        done=0,
        total=0,
        reason=None,
        next_step=None,
        asked_by=caller.person.id,
        via=caller.via,
        asked_at=ctx.clock.now(),
        why=why,
    )
    store.add_build(ctx, one)
    ctx.audit.note("twin.queued", f"build:{one.id}", datasets=list(one.datasets), seed=seed, why=why)
    return one


def cancel(ctx: Context, build: str) -> Build:
    """End a build that waits or goes on; the twin before it stays. Refuses Conflict one that is over."""
    one = build_asked(ctx, build)
    may_build(ctx, one.datasets)
    reason = f"{ctx.caller.person.name} cancelled it."
    for was in ("queued", "running"):
        if store.change_build(ctx, build, was, state="cancelled", reason=reason, next_step=""):
            ctx.audit.note("twin.cancelled", f"build:{build}", datasets=list(one.datasets))
            return build_asked(ctx, build)
    raise Conflict("This build is over.", next_step="See what came of it on the page of its twin.")
