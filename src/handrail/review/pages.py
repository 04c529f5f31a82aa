"""The review queue, and the page on which a reviewer looks at one version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Form, Request, Response
from fastapi.responses import HTMLResponse

from handrail import kit
from handrail.kernel import Context, access
from handrail.review.check import grouped, summary
from handrail.review.decide import approve, refuse, withdraw
from handrail.review.examine import report
from handrail.review.models import Report
from handrail.review.request import current, queue
from handrail.review.rules.failures import GROUP as FAILURES
from handrail.review.smaller import smaller_reason
from handrail.review.store import standing

router = kit.pages()
kit.templates_from("handrail.review")
kit.nav("Reviews", "/reviews", "scan-eye", order=40, roles=("reviewer", "maker", "compliance", "support"))


@router.get("/reviews", response_class=HTMLResponse)
def queue_page(ctx: kit.Ctx, request: Request) -> HTMLResponse:
    """Who waits for a decision."""
    return kit.render(request, "review/queue.html", waiting=queue(ctx))


@router.get("/reviews/{app}/{commit}", response_class=HTMLResponse)
def review_page(app: str, commit: str, ctx: kit.Ctx, request: Request) -> HTMLResponse:
    """One version: what it newly can do, what it reads, what was found, what changed."""
    found = report(ctx, app, commit)
    return kit.render(request, "review/review.html", **_shown(ctx, found))


def _shown(ctx: Context, found: Report) -> dict[str, Any]:
    groups, hidden = grouped(found.findings)
    given = standing(ctx, found.app, found.commit, found.manifest_digest, found.layer)
    return {
        "found": found,
        "address": f"/reviews/{found.app}/{found.commit}",
        "verdict": current(ctx, found),
        "given": given,
        "mine": any(one.by == ctx.caller.person.id for one in given),
        "may": access.decide(ctx, "approve", found.resource),
        "summary": summary(found.findings),
        "groups": groups,
        "hidden": hidden,
        "blocks": sum(one.severity == "blocks" for one in found.findings),
        "smaller": smaller_reason(found.findings),
        "breaks": [one for one in found.findings if one.group == FAILURES],
        "diffs": [kit.diff(one.old, one.new, one.file) for one in found.changes],
    }


@router.post("/reviews/{app}/{commit}/approve")
def approve_form(
    app: str,
    commit: str,
    ctx: kit.Ctx,
    request: Request,
    layer: Annotated[str, Form()],
    note: Annotated[str, Form()] = "",
) -> Response:
    """The approve dialog."""
    stands = approve(ctx, app, commit, note, layer)
    return _back(request, app, commit, stands.because)


@router.post("/reviews/{app}/{commit}/refuse")
def refuse_form(
    app: str, commit: str, ctx: kit.Ctx, request: Request, reason: Annotated[str, Form()] = ""
) -> Response:
    """The refuse dialog."""
    refuse(ctx, app, commit, reason)
    return _back(request, app, commit, "Refused; its maker is told why.")


@router.post("/reviews/{app}/{commit}/smaller")
def smaller_form(app: str, commit: str, ctx: kit.Ctx, request: Request) -> Response:
    """One click: refuse with the smaller manifest as the reason."""
    refuse(ctx, app, commit, smaller_reason(report(ctx, app, commit).findings))
    return _back(request, app, commit, "Asked for the smaller manifest.")


@router.post("/reviews/{app}/{commit}/withdraw")
def withdraw_form(app: str, commit: str, ctx: kit.Ctx, request: Request) -> Response:
    """Take the verdict back."""
    withdraw(ctx, app, commit)
    return _back(request, app, commit, "Withdrawn; the version waits again.")


def _back(request: Request, app: str, commit: str, toast: str) -> Response:
    return kit.back(request, f"/reviews/{app}/{commit}", toast=toast)


@kit.panel("home", "Waiting for your review", order=20, roles=("reviewer",))
def waiting_panel(ctx: Context, _subject: object) -> tuple[str, Mapping[str, Any]] | None:
    """On a reviewer's home page: the first of the queue."""
    waiting = queue(ctx)
    return (
        ("review/waiting.html", {"waiting": waiting[:5], "more": max(0, len(waiting) - 5)})
        if waiting
        else None
    )
