"""Which runs something of this room, or of the review, needs for longer than runs are kept."""

from __future__ import annotations

from collections.abc import Mapping

from handrail import review
from handrail.apps import causes_store, schedules_store
from handrail.kernel import Context, Environment


def needed(ctx: Context, runs: Mapping[str, tuple[str, str, Environment]]) -> Mapping[str, str]:
    """Of these runs, each with app, commit and environment, those that something needs, and what, in words:
    a schedule whose last result it is for somebody, a review that waits, a question that is being answered.

    Asks no rule: for who deletes runs, and tells how long they are kept.
    """
    found = dict.fromkeys(causes_store.waiting(ctx, list(runs)), "the rows that it failed on are being found")
    waits = {
        version: review.waits(ctx, *version)
        for version in {
            (app, commit) for app, commit, environment in runs.values() if environment == "sandbox"
        }
    }
    for run, (app, commit, environment) in runs.items():
        if environment == "sandbox" and waits[app, commit]:
            found[run] = f"version {commit[:8]} of {app} waits for a reviewer"
    for run, turn in schedules_store.standing_runs(ctx, list(runs)).items():
        found[run] = f"it is the last that {turn.person} got from the schedule of {turn.app}"
    return found
