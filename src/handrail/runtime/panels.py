"""What the runtime room shows on the page of an app: how it has been running."""

from collections.abc import Mapping
from typing import Any

from handrail import kit
from handrail.kernel import Context, NotAllowed
from handrail.runtime.health import Health, health
from handrail.runtime.kept import usual

_SAID = {
    "exited": "ended with an error", "refused": "were refused something", "memory": "needed too much memory",
    "timeout": "ran too long", "interrupted": "were interrupted", "upstream": "missed what they asked for",
    "signal": "crashed", "output": "printed too much", "processes": "started too many processes",
    "unstarted": "could not be started", "silent": "answered nobody", "broken": "broke off",
    "lost": "were lost with their machine",
}  # fmt: skip


@kit.panel("app", "How it runs", order=20)
def how_it_runs(ctx: Context, app: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Four weeks of runs, of production where there are any, else of the sandbox; for who looks after it."""
    try:
        found = health(ctx, app.name)
        if not found.whole.runs:
            found = health(ctx, app.name, "sandbox")
    except NotAllowed:
        return None
    if not found.whole.runs:
        return None
    return "runtime/panel_health.html", {
        "health": found,
        "runs": kit.sparkline([day.runs for day in found.days], _words(found), width=240, height=40),
        "failures": [(_SAID.get(ended, ended), count) for ended, count in found.failures],
    }


@kit.panel("app", "How long its runs are kept", order=25)
def how_long_kept(ctx: Context, app: Any) -> tuple[str, Mapping[str, Any]] | None:
    """How long what its runs leave is kept: in general, by its manifest, and by the contracts of its data."""
    use = next(iter(ctx.ports.apps.known(ctx, names=[app.name])), None)
    if use is None:
        return None
    terms, contracts = usual(ctx, use.manifest)
    values = {"app": app, "terms": terms, "own": use.manifest.keep_days, "contracts": contracts}
    return "runtime/panel_kept.html", values


def _words(found: Health) -> str:
    most = max(found.days, key=lambda day: day.runs)
    return f"Runs on each of {len(found.days)} days, at most {most.runs} on {most.day.isoformat()}"
