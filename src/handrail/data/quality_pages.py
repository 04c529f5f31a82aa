"""Pages about how data is: checks and their history, what somebody was told, what waits for a steward."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fastapi import Request
from starlette.responses import Response

from handrail import kit
from handrail.data.ailing import ailing
from handrail.data.browse import waiting
from handrail.data.check_quality import check_quality, quality_history
from handrail.data.drift import read_drift
from handrail.data.index import lines_of
from handrail.data.models import Metric
from handrail.data.notices import dismiss, notices
from handrail.data.promises import QualityCheck
from handrail.data.query import observed_reads
from handrail.data.scheduled import schedules_of
from handrail.data.touched import touched
from handrail.data.turns_store import problem_of
from handrail.kernel import Context, Resource, access

router = kit.pages()


@router.post("/datasets/{name}/quality")
def check_form(ctx: kit.Ctx, request: Request, name: str) -> Response:
    """Hold the data against its contract now."""
    made = check_quality(ctx, name)
    said = (
        f"{len(made.broken)} of its {len(made.results)} promises are broken."
        if made.broken
        else (
            "It keeps what its contract promises." if made.outcome == "kept" else "Some could not be checked."
        )
    )
    return kit.back(request, f"/datasets/{name}#quality", toast=f"{name} is checked. {said}")


@kit.panel("dataset", "Quality and freshness", order=5)
def quality(ctx: Context, one: Any) -> tuple[str, dict[str, Any]]:
    """What the newest check found, and how the checks before it ended."""
    history = quality_history(ctx, one.name)
    drifted = next((check for check in history if check.drift), None)
    may = {
        action: access.decide(ctx, action, Resource("Dataset", one.name)).allowed
        for action in ("check-quality", "see-use")
    }
    newest = next(iter(history), None)
    lost = read_drift(drifted.drift).lost if drifted else ()
    return "data/panel_quality.html", {
        "dataset": one,
        "newest": newest,
        "history": tuple(reversed(history)),
        "courses": _courses(history) if newest else {},
        "schedules": [schedule.cron for schedule in schedules_of(ctx, lines_of(one.contract))],
        "problem": problem_of(ctx, one.name),
        "may": may["check-quality"],
        "drifted": drifted,
        "drift": read_drift(drifted.drift) if drifted else None,
        "touched": touched(ctx, one.name, lost) if lost and may["see-use"] else None,
    }


def _courses(history: Sequence[QualityCheck]) -> dict[str, list[float]]:
    """Of each promise of the newest check, what was counted so far, oldest first; two make a course."""
    counts: dict[str, list[float]] = {}
    for check in reversed(history):
        for one in check.results:
            if one.count is not None:
                counts.setdefault(one.promise, []).append(one.count)
    return {promise: values for promise, values in counts.items() if len(values) > 1}


@kit.panel("home", "Datasets that wait for you", order=10, roles=("steward",))
def waits(ctx: Context, _: object) -> tuple[str, dict[str, Any]]:
    """What to complete, certify or renew before production answers from it (again)."""
    found, count, total = waiting(ctx)
    return "data/panel_waiting.html", {
        "waiting": found,
        "more": count - len(found),
        "certified": total - count,
        "empty": not total,
    }


@kit.panel("home", "Needs you", order=1)
def told(ctx: Context, _: object) -> tuple[str, dict[str, Any]] | None:
    """What the caller has to know of data that they answer for, or that their apps use."""
    found = notices(ctx)
    return ("data/panel_notices.html", {"notices": found}) if found else None


@kit.panel("app", "Its data needs care", order=5, slot="top")
def of_app(ctx: Context, app: Any) -> tuple[str, dict[str, Any]] | None:
    """What ails of the data that the app has read."""
    return _ailing(ctx, observed_reads(ctx, app.name))


@kit.panel("run", "Its data needs care", order=5, slot="top")
def of_run(ctx: Context, run: Any) -> tuple[str, dict[str, Any]] | None:
    """What ails of the data behind what a run in production shows; the sandbox has none of it."""
    if run.environment == "sandbox":
        return None
    return _ailing(ctx, observed_reads(ctx, run.app, run.commit, run.environment))


@kit.panel("metric", "Its data needs care", order=5, slot="top")
def of_metric(ctx: Context, metric: Metric) -> tuple[str, dict[str, Any]] | None:
    """What ails of the data that a metric is computed from."""
    return _ailing(ctx, metric.reads)


def _ailing(ctx: Context, datasets: Iterable[str]) -> tuple[str, dict[str, Any]] | None:
    found = ailing(ctx, datasets)
    return ("data/panel_ailing.html", {"ailing": found}) if found else None


@router.post("/notices/{notice}/dismiss")
def dismiss_form(ctx: kit.Ctx, request: Request, notice: str) -> Response:
    """Put a notice away."""
    dismiss(ctx, notice)
    return kit.back(request, "/", toast="Put away.")
