"""Let old twins go: keep those that answer, the frozen, the newest few, and what any of these points at."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from handrail import data
from handrail.kernel import SYSTEM, Context, Instance
from handrail.twins import files, store

_LEFT = 3600  # seconds after which what no build says it is writing was left by a process that ended
_SPARE = timedelta(minutes=1)


def clear(instance: Instance) -> tuple[str, ...]:
    """Delete builds that nothing holds, and what was left of builds that never ended; gives the former.

    For who holds the lock of building alone.
    """
    home = instance.settings.home
    with instance.context(SYSTEM) as ctx:
        known = {build for builds in store.published(ctx).values() for build in builds}
        going = {one.id for one in store.in_state(ctx, "running")}
        over = {one.id for one in store.in_state(ctx, "failed", "cancelled")}
        old = sorted((files.builds(home) & known) - _held(ctx))
        for build in old:
            ctx.audit.note("twin.deleted", f"build:{build}", datasets=list(store.datasets_of(ctx, build)))
    for build in old:
        files.discard(home, build)
    for folder in (*files.drafts(home), *(files.folder(home, one) for one in files.builds(home) - known)):
        build = folder.name.strip(".").partition(".")[0]
        if build in over or (build not in going and _left(folder)):
            shutil.rmtree(folder, ignore_errors=True)
    return tuple(old)


def _held(ctx: Context) -> set[str]:
    """The builds that stay."""
    home, most = ctx.settings.home, max(1, ctx.settings.twins.keep)
    since = ctx.clock.now() - timedelta(seconds=ctx.settings.runtime.seconds) - _SPARE
    kept = {one.build for one in store.pins(ctx)}
    for dataset, builds in store.published(ctx).items():
        kept |= set(builds[:most])
        for twin in data.renditions(ctx, dataset):  # newest first: what a run may still be reading
            kept.add(str(twin.facts.get("build", "")))
            if twin.built_at < since:
                break
    for build in sorted(kept):
        with suppress(FileNotFoundError):
            kept |= {of for _, _, of in files.manifest_of(home, build).outside}
    return kept


def _left(folder: Path) -> bool:
    try:
        return time.time() - folder.stat().st_mtime > _LEFT
    except FileNotFoundError:
        return False
