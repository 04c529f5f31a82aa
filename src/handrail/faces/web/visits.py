"""The way from Handrail to the origin of a hosted app: a ticket in an address that is good once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import Query, Request
from fastapi.responses import RedirectResponse, Response

from handrail import apps, kit
from handrail.faces.origins import KNOCK, Place, origin_of
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
    knock: Annotated[str, Query(pattern=KNOCK)] = "",
) -> Response:
    """Begin a visit as the caller, and lead the browser to the app: there first for a secret to know it by,
    so that nobody sends another's browser there with a ticket of their own (login CSRF), then with a ticket.
    """
    apps.shown(ctx, name, environment, n)
    asked = {"next": next} | ({"n": str(n)} if n else {})
    address = (
        _entrance(ctx, request, name, environment, n, {"next": next}, knock)
        if knock
        else _there(ctx, request, name, environment, "knock", asked)
    )
    return RedirectResponse(address, 303, {"Referrer-Policy": "no-referrer"})


@programs.post("/{name}/visits", responses=kit.answers(Entrance))
def begin_visit(
    ctx: kit.Ctx,
    request: Request,
    name: str,
    environment: Environment = "production",
    n: Annotated[int | None, Query(ge=1, le=1 << 53)] = None,
) -> Any:
    """Begin a visit to a web or static app: where to go, with a ticket in the address that is good once, for
    a program. A browser that is sent there begins a visit of its own instead.
    """
    return kit.jsonable(Entrance(_entrance(ctx, request, name, environment, n, {})))


def _entrance(
    ctx: Context,
    request: Request,
    name: str,
    environment: Environment,
    n: int | None,
    asked: Mapping[str, str],
    knock: str = "",
) -> str:
    ticket = apps.enter(ctx, name, environment, n, knock)
    return _there(ctx, request, name, environment, "enter", {"ticket": ticket, **asked})


def _there(
    ctx: Context, request: Request, name: str, environment: Environment, door: str, asked: Mapping[str, str]
) -> str:
    origin = origin_of(ctx.settings.server, Place(name, environment), str(request.base_url))
    return f"{origin}/.handrail/{door}?{urlencode(asked, quote_via=quote)}"
