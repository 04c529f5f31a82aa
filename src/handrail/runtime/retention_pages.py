"""The page of what is kept of runs, and what is deleted; and the buttons on the page of a run."""

from fastapi import Form, Request, Response
from fastapi.responses import HTMLResponse

from handrail import kit
from handrail.kernel import access
from handrail.runtime.hold import hold, release
from handrail.runtime.kept import RETENTION
from handrail.runtime.sweep import plan, retention, sweep

router = kit.pages()
kit.templates_from("handrail.runtime")
kit.nav("Retention", "/retention", "archive", order=47, roles=("support", "lead", "compliance", "admin"))
_LISTED = 200


@router.get("/retention", response_class=HTMLResponse)
def retention_page(ctx: kit.Ctx, request: Request, plan_it: bool = False) -> HTMLResponse:
    """How long runs are kept, the last sweeps, what the next would delete, and what somebody keeps."""
    return kit.render(
        request,
        "runtime/retention.html",
        found=retention(ctx),
        plan=plan(ctx, _LISTED) if plan_it else None,
        may_sweep=access.decide(ctx, "sweep-runs", RETENTION).allowed,
        may_hold=access.decide(ctx, "hold-run", RETENTION).allowed,
    )


@router.post("/retention/sweep")
def sweep_form(ctx: kit.Ctx, request: Request) -> Response:
    """Ask for a sweep."""
    sweep(ctx)
    return kit.back(request, "/retention", toast="What is due is being deleted.")


@router.post("/retention/hold")
def hold_any_form(ctx: kit.Ctx, request: Request, run: str = Form(), reason: str = Form()) -> Response:
    """Keep a run by its name."""
    hold(ctx, run.strip(), reason)
    return kit.back(request, "/retention", toast="The run is kept.")


@router.post("/runs/{run_id}/hold")
def hold_form(run_id: str, ctx: kit.Ctx, request: Request, reason: str = Form()) -> Response:
    """Keep a run."""
    hold(ctx, run_id, reason)
    return kit.back(request, f"/runs/{run_id}", toast="The run is kept.")


@router.post("/runs/{run_id}/release")
def release_form(run_id: str, ctx: kit.Ctx, request: Request, to: str = Form(default="")) -> Response:
    """Keep a run no longer."""
    release(ctx, run_id)
    here = "/retention" if to == "retention" else f"/runs/{run_id}"
    return kit.back(request, here, toast="The run is kept no longer than any other.")
