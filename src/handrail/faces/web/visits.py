"""The way from Handrail to the origin of a hosted app: a ticket in an address that is good once."""

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import Query, Request
from fastapi.responses import RedirectResponse, Response

from handrail import apps, kit
from handrail.faces.origins import Place, origin_of
from handrail.kernel import Context, Environment

router = kit.pages()
programs = kit.rest("/api/v1/apps", "apps")


@dataclass(frozen=True)
class Entrance:
    """Where a visit begins: an address that is good once, for a minute."""

    address: str


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
    address = _entrance(ctx, request, name, environment, n, next)
    return RedirectResponse(address, 303, {"Referrer-Policy": "no-referrer"})


@programs.post("/{name}/visits", responses=kit.answers(Entrance))
def begin_visit(
    ctx: kit.Ctx,
    request: Request,
    name: str,
    environment: Environment = "production",
    n: Annotated[int | None, Query(ge=1, le=1 << 53)] = None,
) -> Any:
    """Begin a visit to a web or static app: where to go, with a ticket in the address that is good once."""
    return kit.jsonable(Entrance(_entrance(ctx, request, name, environment, n, "/")))


def _entrance(
    ctx: Context, request: Request, name: str, environment: Environment, n: int | None, onward: str
) -> str:
    ticket = apps.enter(ctx, name, environment, n)
    origin = origin_of(ctx.settings.server, Place(name, environment), str(request.base_url))
    query = urlencode({"ticket": ticket, "next": onward}, quote_via=quote)
    return f"{origin}/.handrail/enter?{query}"
