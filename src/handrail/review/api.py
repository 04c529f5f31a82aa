"""Reviews over REST."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from handrail import kit
from handrail.review.decide import approve, refuse, withdraw
from handrail.review.examine import numbered, report
from handrail.review.formats import as_sarif
from handrail.review.models import Verdict
from handrail.review.queue_line import QueueLine, queue_line
from handrail.review.request import current, queue

router = kit.rest("/api/v1/reviews", "review")


class Approval(BaseModel):
    """A yes; `layer` is what the caller looked at, so that nothing unseen is approved."""

    model_config = {"extra": "forbid"}
    reason: str = ""
    layer: str | None = None


class RefusalReason(BaseModel):
    """A no, with a sentence that the maker can act on."""

    model_config = {"extra": "forbid"}
    reason: str = Field(min_length=1)


@router.get("", responses=kit.answers(list[QueueLine]))
def reviews(ctx: kit.Ctx) -> list[Any]:
    """What waits for a decision, sensitive first, then handoff, the oldest first."""
    return [kit.jsonable(queue_line(one)) for one in queue(ctx)]


@router.get("/{app}/{commit}")
def review(ctx: kit.Ctx, app: str, commit: str) -> dict[str, Any]:
    """Everything that was found in one version, and what stands."""
    found = report(ctx, app, commit)
    shown: dict[str, Any] = kit.jsonable(found)
    return {**shown, "verdict": kit.jsonable(current(ctx, found))}


@router.get("/{app}/{commit}/sarif")
def sarif(ctx: kit.Ctx, app: str, commit: str) -> dict[str, Any]:
    """The findings as SARIF 2.1.0."""
    found = report(ctx, app, commit)
    return as_sarif(found.findings, found.unchecked)


class ByNumber(BaseModel):
    """Which version of the app: its number, or the newest without one."""

    model_config = {"extra": "forbid"}
    n: int | None = Field(None, ge=1, le=1 << 53)


class ApprovalByNumber(ByNumber):
    """A yes to a version by its number."""

    reason: str = ""


class RefusalByNumber(ByNumber):
    """A no to a version by its number."""

    reason: str = Field(min_length=1)


@router.post("/{app}/approve", responses=kit.answers(Verdict))
def approve_number(ctx: kit.Ctx, app: str, said: ApprovalByNumber) -> Any:
    """Say yes to a version by its number."""
    return kit.jsonable(approve(ctx, app, numbered(ctx, app, said.n).commit, said.reason))


@router.post("/{app}/refuse", responses=kit.answers(Verdict))
def refuse_number(ctx: kit.Ctx, app: str, said: RefusalByNumber) -> Any:
    """Say no to a version by its number, with a reason."""
    return kit.jsonable(refuse(ctx, app, numbered(ctx, app, said.n).commit, said.reason))


@router.post("/{app}/withdraw", responses=kit.answers(Verdict))
def withdraw_number(ctx: kit.Ctx, app: str, said: ByNumber) -> Any:
    """Take back your verdict on a version by its number."""
    return kit.jsonable(withdraw(ctx, app, numbered(ctx, app, said.n).commit))


@router.post("/{app}/{commit}/approve", responses=kit.answers(Verdict))
def approve_review(ctx: kit.Ctx, app: str, commit: str, said: Approval | None = None) -> Any:
    """Say yes to exactly this version."""
    said = said or Approval()
    return kit.jsonable(approve(ctx, app, commit, said.reason, said.layer))


@router.post("/{app}/{commit}/refuse", responses=kit.answers(Verdict))
def refuse_review(ctx: kit.Ctx, app: str, commit: str, said: RefusalReason) -> Any:
    """Say no to this version, with a reason."""
    return kit.jsonable(refuse(ctx, app, commit, said.reason))


@router.post("/{app}/{commit}/withdraw", responses=kit.answers(Verdict))
def withdraw_review(ctx: kit.Ctx, app: str, commit: str) -> Any:
    """Take back your verdict."""
    return kit.jsonable(withdraw(ctx, app, commit))
