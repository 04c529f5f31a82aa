"""The way from Handrail to the origin of a hosted app: a ticket in an address that is good once."""

from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import Query, Request
from fastapi.responses import RedirectResponse, Response

from handrail import apps, kit
from handrail.faces.origins import Place, origin_of
from handrail.kernel import Environment

router = kit.pages()


@router.get("/visit/{name}")
def visit(
    ctx: kit.Ctx,
    request: Request,
    name: str,
    environment: Environment = "production",
    n: Annotated[int | None, Query(ge=1, le=1 << 53)] = None,
    next: Annotated[str, Query(max_length=2000)] = "/",
) -> Response:
    """Begin a visit as the caller, and lead the browser to the app."""
    ticket = apps.enter(ctx, name, environment, n)
    origin = origin_of(ctx.settings.server, Place(name, environment), str(request.base_url))
    query = urlencode({"ticket": ticket, "next": next}, quote_via=quote)
    return RedirectResponse(f"{origin}/.handrail/enter?{query}", 303, {"Referrer-Policy": "no-referrer"})
