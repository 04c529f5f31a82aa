"""A line of the review queue as programs see it, by REST and on the command line alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from handrail.review.models import Verdict, Waiting


@dataclass(frozen=True)
class QueueLine:
    """A version that waits for a decision: whose it is, how it looks, and what stands."""

    app: str
    commit: str
    n: int
    tier: str
    sensitive: bool
    purpose: str
    says: str
    owner: str
    maker: str
    requested_by: str
    needed: int
    blocks: int
    warns: int
    since: datetime
    verdict: Verdict


def queue_line(one: Waiting) -> QueueLine:
    """The line for what waits."""
    found = one.report
    return QueueLine(
        app=found.app,
        commit=found.commit,
        n=found.n,
        tier=found.tier,
        sensitive=found.sensitive,
        purpose=found.purpose,
        says=found.says,
        owner=found.owner,
        maker=found.maker,
        requested_by=found.requested_by,
        needed=found.needed,
        blocks=sum(finding.severity == "blocks" for finding in found.findings),
        warns=sum(finding.severity == "warns" for finding in found.findings),
        since=one.since,
        verdict=one.verdict,
    )
