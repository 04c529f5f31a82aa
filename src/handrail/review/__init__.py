"""The review room: the short look before production, by rules that anybody can run and a person who decides.

It says what a person should act on, keeps what was found, and records who approved or refused which version.
"""

from typing import TYPE_CHECKING

from handrail.front_doors import open_when_asked

if TYPE_CHECKING:
    from handrail.review.check import check, grouped, summary
    from handrail.review.decide import approve, refuse, withdraw
    from handrail.review.events import ReviewDecided, ReviewRequested
    from handrail.review.examine import examine, findings, known_data, numbered, report
    from handrail.review.models import Change, Finding, KnownData, Report, Submission, Verdict, Waiting
    from handrail.review.request import queue, request, waits
    from handrail.review.verdict import verdict

__all__ = [
    "Change",
    "Finding",
    "KnownData",
    "Report",
    "ReviewDecided",
    "ReviewRequested",
    "Submission",
    "Verdict",
    "Waiting",
    "approve",
    "check",
    "examine",
    "findings",
    "grouped",
    "known_data",
    "numbered",
    "queue",
    "refuse",
    "report",
    "request",
    "summary",
    "verdict",
    "waits",
    "withdraw",
]

open_when_asked(__name__)
