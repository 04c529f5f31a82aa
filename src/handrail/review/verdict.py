"""What stands for exactly one commit, manifest and layer: approved, refused, or waiting for whom."""

from __future__ import annotations

from collections.abc import Sequence

from handrail.kernel import Context, Resource, access
from handrail.review import store
from handrail.review.models import Report, Verdict
from handrail.review.store import Given


def verdict(ctx: Context, app: str, commit: str, manifest_digest: str, layer: str) -> Verdict:
    """The verdict on this triple and no other: another commit, manifest or layer begins anew.

    Everybody may ask: whether an app was approved is no secret, what was found in it is.
    """
    access.require(ctx, "see-verdict", Resource("Review", f"{app}@{commit[:12]}", _NOBODY))
    report = store.find(ctx, app, commit)
    given = store.standing(ctx, app, commit, manifest_digest, layer)
    return judged(given, report)


def judged(given: Sequence[Given], report: Report | None) -> Verdict:
    """What these verdicts come to; a refusal outweighs every approval."""
    needed = max([1, *(one.needed for one in given), *([report.needed] if report else [])])
    people = tuple(dict.fromkeys(one.by for one in given if one.decision == "approved"))
    refused = next((one for one in reversed(given) if one.decision == "refused"), None)
    if refused is not None:
        return Verdict(
            "refused", f"{refused.by} refused it: {refused.reason}", "Mend that and push a new version.",
            (refused.by,), needed, refused.reason, refused.at,
        )  # fmt: skip
    if len(people) >= needed:
        reason = " ".join(one.reason for one in given if one.reason)
        return Verdict(
            "approved", f"{' and '.join(people)} approved it.", "", people, needed, reason, given[-1].at
        )
    if people:
        because = f"{people[0]} approved it; it reads sensitive data, and that takes two different people."
        return Verdict(
            "waiting", because, "A second reviewer must approve it.", people, needed, at=given[-1].at
        )
    if report is not None and report.requested_at:
        return Verdict("waiting", "No reviewer has decided yet.", "A reviewer must approve it.", (), needed)
    return Verdict(
        "waiting", "No review was asked for.", "Its owner asks for one by promoting it.", (), needed
    )


_NOBODY = {"app": "", "makers": frozenset[str]()}
