"""One's own page: who one is here, and personal tokens for the command line, git and programs."""

from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import HTMLResponse, Response

from handrail import kit
from handrail.kernel import Context, identity, trail

router = kit.pages()
kit.templates_from("handrail.faces.web")


@router.get("/me", response_class=HTMLResponse)
def account_page(ctx: kit.Ctx, request: Request) -> HTMLResponse:
    """Who one is, one's tokens, what one did last."""
    return _page(ctx, request, made=None)


@router.post("/me/tokens", response_class=HTMLResponse)
def issue_token(
    ctx: kit.Ctx,
    request: Request,
    name: Annotated[str, Form(max_length=100)] = "",
    days: Annotated[int, Form()] = 30,
    scopes: Annotated[str, Form(max_length=500)] = "",
) -> HTMLResponse:
    """Make a token and show its secret this once."""
    wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()] or None
    return _page(ctx, request, made=identity.issue_token(ctx, name, wanted, days))


@router.post("/me/tokens/{token_id}/revoke")
def revoke_token(ctx: kit.Ctx, request: Request, token_id: str) -> Response:
    """End a token."""
    identity.revoke_token(ctx, token_id)
    return kit.back(request, "/me", toast="The token no longer works.")


@router.post("/me/password")
def set_password(
    ctx: kit.Ctx, request: Request, password: Annotated[str, Form(max_length=1000)] = ""
) -> Response:
    """Set one's own password, which ends every session, this one too."""
    identity.set_password(ctx, ctx.caller.person.id, password)
    return kit.back(request, "/sign-in", toast="Your password is set. Sign in with it.")


def _page(ctx: Context, request: Request, made: tuple[identity.Token, str] | None) -> HTMLResponse:
    mine = trail.entries(ctx, person=ctx.caller.person.id, limit=10)
    return kit.render(
        request,
        "web/account.html",
        person=ctx.caller.person,
        tokens=identity.tokens(ctx),
        made=made,
        entries=mine,
        now=ctx.clock.now(),
        longest=ctx.settings.identity.token_days,
    )
