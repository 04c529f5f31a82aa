"""What living versions add to their layers: those of every app that runs next, or runs in production."""

from __future__ import annotations

from handrail.apps import store
from handrail.apps.facts import lock_of
from handrail.kernel import Context


def living_locks(ctx: Context) -> frozenset[str]:
    """The locks of the newest version of every app, and of the one in production; not of those that add
    nothing. Asks no rule: for who deletes what none of them needs.
    """
    living = set()
    for app in store.find_apps(ctx):
        for n in {None, app.promoted}:
            if version := store.find_version(ctx, app.name, n=n):
                living.add(lock_of(ctx, version))
    return frozenset(living - {""})
