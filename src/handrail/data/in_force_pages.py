"""Pages about what is in force: the purposes of the instance, and its access rules with their reasons."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import HTMLResponse

from handrail import kit
from handrail.data.catalog import CATALOG
from handrail.data.in_force import policies, purpose_edits, purposes_in_use
from handrail.kernel import access

router = kit.pages()
kit.nav("Rules", "/purposes", "scale", order=79, roles=("steward", "reviewer", "compliance", "admin"))


@router.get("/purposes", response_class=HTMLResponse)
def purposes_page(ctx: kit.Ctx, request: Request) -> HTMLResponse:
    """What data may be used for, and which datasets and apps use it for that."""
    may = access.decide(ctx, "see-policies", CATALOG).allowed
    return kit.render(
        request,
        "data/purposes.html",
        purposes=purposes_in_use(ctx),
        edits=purpose_edits(ctx) if may else (),
        may=may,
    )


@router.get("/policies", response_class=HTMLResponse)
def policies_page(ctx: kit.Ctx, request: Request) -> HTMLResponse:
    """The access rules by which the server decides, to be read."""
    return kit.render(request, "data/policies.html", force=policies(ctx))
