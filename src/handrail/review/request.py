"""Put a version into the queue for a person's decision, and see who waits."""

from __future__ import annotations

from handrail.kernel import Conflict, Context, NotReady, access
from handrail.review import store
from handrail.review.events import ReviewRequested
from handrail.review.examine import examine
from handrail.review.models import Report, Submission, Verdict, Waiting
from handrail.review.verdict import judged


def request(ctx: Context, subject: Submission) -> Report:
    """Examine a version and ask for a person's decision; asking twice changes nothing.

    A version that a finding blocks may be asked about too: a reviewer can help by refusing it with the fix.
    Refuses all but the app's makers; Conflict when exactly this version was refused.
    """
    report = examine(ctx, subject)
    access.require(ctx, "request-review", report.resource)
    stands = current(ctx, report)
    if stands.state == "refused":
        raise Conflict(
            f"Version {report.n} of {report.app} was refused: {stands.reason}",
            next_step="Mend that and push a new version.",
            subject=f"app:{report.app}",
        )
    if report.requested_at is None:
        me, now = ctx.caller.person.id, ctx.clock.now()
        store.mark_requested(ctx, report.app, report.commit, now, me)
        ctx.audit.note("review.requested", f"app:{report.app}", n=report.n, commit=report.commit)
        ctx.events.publish(ReviewRequested(report.app, report.n, report.commit, me))
    return store.find(ctx, report.app, report.commit) or report


def queue(ctx: Context) -> tuple[Waiting, ...]:
    """What waits for a decision and concerns the caller: sensitive first, then handoff, the oldest first."""
    waiting = [
        Waiting(report, stands)
        for report in store.find_requested(ctx)
        if access.decide(ctx, "see-review", report.resource).allowed
        and (stands := current(ctx, report)).state == "waiting"
    ]
    return tuple(
        sorted(waiting, key=lambda one: (not one.report.sensitive, one.report.tier != "handoff", one.since))
    )


def waits(ctx: Context, app: str, commit: str) -> bool:
    """Whether a version waits for a reviewer's decision. Asks no rule: for rooms that do their own work."""
    report = store.find(ctx, app, commit)
    return bool(report and report.requested_at and current(ctx, report).state == "waiting")


def current(ctx: Context, report: Report) -> Verdict:
    """What stands for the commit, manifest and layer of this report."""
    given = store.standing(ctx, report.app, report.commit, report.manifest_digest, report.layer)
    return judged(given, report)


def refuse_blocked(report: Report) -> None:
    """Refuse NotReady while a finding stands in the way."""
    blocking = [one for one in report.findings if one.severity == "blocks"]
    if blocking:
        first = blocking[0]
        raise NotReady(
            f"{len(blocking)} of the findings in version {report.n} of {report.app} block it, first: "
            f"{first.title} ({first.file}, line {first.line}).",
            next_step=first.fix,
            subject=f"app:{report.app}",
            findings=len(blocking),
        )
