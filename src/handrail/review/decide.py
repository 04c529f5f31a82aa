"""A person's yes or no to exactly one version, and taking it back."""

from __future__ import annotations

from handrail.kernel import Conflict, Context, Invalid, NotReady, access
from handrail.review import store
from handrail.review.events import ReviewDecided
from handrail.review.examine import report as report_on
from handrail.review.models import Report, Verdict
from handrail.review.request import current, refuse_blocked

FEWEST_WORDS = 5
LONGEST = 4000  # characters of a reason


def approve(ctx: Context, app: str, commit: str, reason: str = "", layer: str | None = None) -> Verdict:
    """Say yes to this commit with its manifest and layer, and to nothing else.

    With sensitive data it stands when a second person says yes too. Refuses all but reviewers, and reviewers
    with a hand in the app; NotReady when nobody asked or a finding blocks; Conflict when the caller has
    decided already, somebody refused it, or `layer` (what the caller looked at) is no longer the layer.
    """
    report = report_on(ctx, app, commit)
    access.require(ctx, "approve", report.resource)
    if report.requested_at is None:
        raise NotReady(
            f"Nobody asked for a review of version {report.n} of {app}.",
            next_step=f"Its owner asks for one: handrail promote {app}",
            subject=f"app:{app}",
        )
    _refuse_changed(report, layer)
    refuse_blocked(report)
    stands = current(ctx, report)
    if stands.state == "refused":
        raise Conflict(
            f"{stands.by[0]} refused version {report.n} of {app}.",
            next_step=f"{stands.by[0]} can withdraw that, or its maker pushes a new version.",
            subject=f"app:{app}",
        )
    words = reason.strip()[:LONGEST]
    store.add_verdict(ctx, report, "approved", words)
    ctx.audit.note("review.approved", f"app:{app}", **_facts(report, words))
    return _told(ctx, report, "approved", words)


def refuse(ctx: Context, app: str, commit: str, reason: str) -> Verdict:
    """Say no to this version, with a reason that its maker can act on.

    Refuses all but reviewers, and reviewers with a hand in the app; Invalid without at least a sentence.
    """
    report = report_on(ctx, app, commit)
    access.require(ctx, "refuse", report.resource)
    words = reason.strip()
    if len(words.split()) < FEWEST_WORDS or len(words) > LONGEST:
        raise Invalid(
            "The reason is too short for its maker to act on."
            if len(words) <= LONGEST
            else f"The reason has {len(words):,} characters; {LONGEST:,} are the most.",
            next_step="Say in a sentence what to change: “Select only region and net_amount instead of *.”",
            subject=f"app:{app}",
        )
    store.add_verdict(ctx, report, "refused", words)
    ctx.audit.note("review.refused", f"app:{app}", **_facts(report, words))
    return _told(ctx, report, "refused", words)


def withdraw(ctx: Context, app: str, commit: str) -> Verdict:
    """Take back the caller's own verdict on a version (an admin: the newest that stands).

    What was approved waits again, and its gate shuts. Refuses everybody else; NotReady when none stands.
    """
    report = report_on(ctx, app, commit)
    given = store.standing(ctx, app, commit, report.manifest_digest, report.layer)
    me = ctx.caller.person.id
    mine = next((one for one in given if one.by == me), given[-1] if given else None)
    if mine is None:
        raise NotReady(
            f"No verdict on version {report.n} of {app} stands.",
            next_step="Look at the queue: /reviews",
            subject=f"app:{app}",
        )
    access.require(ctx, "withdraw-verdict", report.resource, given_by=mine.by)
    if not store.withdraw(ctx, mine, me, ctx.clock.now()):
        raise Conflict(
            "That verdict was withdrawn a moment ago.", next_step="Look again.", subject=f"app:{app}"
        )
    ctx.audit.note("review.withdrawn", f"app:{app}", **_facts(report, mine.reason), given_by=mine.by)
    return _told(ctx, report, "withdrawn", mine.reason)


def _told(ctx: Context, report: Report, decision: str, reason: str) -> Verdict:
    """What stands now, told to whoever listens."""
    stands = current(ctx, report)
    me = ctx.caller.person.id
    ctx.events.publish(ReviewDecided(report.app, report.n, report.commit, decision, stands.state, me, reason))
    return stands


def _facts(report: Report, reason: str) -> dict[str, object]:
    return {
        "n": report.n,
        "commit": report.commit,
        "manifest": report.manifest_digest,
        "layer": report.layer,
        "needed": report.needed,
        "reason": reason,
    }


def _refuse_changed(report: Report, layer: str | None) -> None:
    if layer is not None and layer != report.layer:
        raise Conflict(
            f"The packages under {report.app} changed while you were looking.",
            next_step="Look at the review again and decide then.",
            subject=f"app:{report.app}",
        )
