"""The part of a run's page that says what it failed on."""

from fastapi import Request, Response
from fastapi.responses import HTMLResponse

from handrail import kit, runtime
from handrail.apps.explain_run import explain_run
from handrail.apps.panels import cause_values

router = kit.pages()


@router.get("/runs/{run_id}/cause", response_class=HTMLResponse)
def cause_part(run_id: str, ctx: kit.Ctx, request: Request) -> HTMLResponse:
    """The part that changes while the rows are being found."""
    values = cause_values(ctx, runtime.run(ctx, run_id))
    return HTMLResponse(str(kit.fragment(request, "apps/panel_cause.html", **values)))


@router.post("/runs/{run_id}/cause")
def cause_form(run_id: str, ctx: kit.Ctx, request: Request) -> Response:
    """Ask which rows a run failed on."""
    explain_run(ctx, run_id)
    return kit.back(request, f"/runs/{run_id}", toast="The run is being repeated with fewer awkward values.")
