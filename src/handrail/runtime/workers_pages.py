"""The page of the hosts that do runs."""

from fastapi import Request
from fastapi.responses import HTMLResponse

from handrail import kit
from handrail.runtime.workers import workers

router = kit.pages("/workers")
kit.templates_from("handrail.runtime")
kit.nav("Workers", "/workers", "server", order=46, roles=("support", "lead", "compliance", "admin"))


@router.get("", response_class=HTMLResponse)
def workers_page(ctx: kit.Ctx, request: Request) -> HTMLResponse:
    """Who is there, what each does, and whether it can."""
    return kit.render(request, "runtime/workers.html", found=workers(ctx))
