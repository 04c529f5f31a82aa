"""Signing in with a password or a one-time link, signing out, and the choice between light and dark."""

from typing import Annotated

from fastapi import Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from handrail import apps, kit
from handrail.faces.web.guard import cookie_header, is_secure, session_cookie
from handrail.kernel import SYSTEM, Caller, Instance, Refusal, identity

router = kit.pages()
kit.templates_from("handrail.faces.web")
Text = Annotated[str, Form(max_length=1000)]


@router.get("/sign-in")
def sign_in_page(request: Request, next: Annotated[str, Query(max_length=2000)] = "/") -> Response:
    """The form; somebody who is signed in is led on."""
    if getattr(request.state, "caller", None):
        return RedirectResponse(_local(next), 303)
    return kit.render(request, "web/sign_in.html", next=_local(next), email="", refusal=None)


@router.post("/sign-in")
def sign_in(
    request: Request,
    instance: kit.Instance_,
    email: Text = "",
    password: Text = "",
    next: Annotated[str, Form(max_length=2000)] = "/",
) -> Response:
    """Begin a session, or show the form again with what was wrong."""
    try:
        with instance.context(SYSTEM) as ctx:
            cookie = identity.sign_in(ctx, email, password)
    except Refusal as refusal:
        values = {"next": _local(next), "email": email, "refusal": refusal}
        return kit.render(request, "web/sign_in.html", status=refusal.status, **values)
    return _begin(request, instance, cookie, _local(next))


@router.get("/sign-in/link")
def link_page(
    request: Request, instance: kit.Instance_, token: Annotated[str, Query(max_length=200)]
) -> Response:
    """Begin a session by a one-time link.

    A link that another website leads to is confirmed first, so that nobody is signed in as somebody else
    unseen (and mail programs that open links in advance do not use it up).
    """
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return kit.render(request, "web/link.html", token=token)
    return use_link(request, instance, token)


@router.post("/sign-in/link")
def use_link(request: Request, instance: kit.Instance_, token: Text) -> Response:
    """Use up the link."""
    with instance.context(SYSTEM) as ctx:
        cookie = identity.use_link(ctx, token)
    return _begin(request, instance, cookie, "/")


@router.post("/sign-out")
def sign_out(request: Request, instance: kit.Instance_) -> Response:
    """End the session."""
    caller: Caller = getattr(request.state, "caller", None) or SYSTEM
    secure = is_secure(instance, request.url.scheme)
    with instance.context(caller) as ctx:
        identity.sign_out(ctx, session_cookie(request.headers, secure))
        apps.leave(ctx)
    response = kit.back(request, "/sign-in", toast="You are signed out.")
    response.headers.append("Set-Cookie", cookie_header(instance, "", secure))
    return response


@router.post("/theme", response_class=HTMLResponse)
def theme(request: Request, theme: Text = "system", next: Text = "/") -> Response:
    """Remember light or dark for this browser."""
    response = RedirectResponse(_local(next), 303)
    response.set_cookie(
        "theme", theme if theme in ("light", "dark") else "system", max_age=31_536_000, samesite="lax"
    )
    return response


def _begin(request: Request, instance: Instance, cookie: str, url: str) -> Response:
    response = RedirectResponse(url, 303)
    response.headers["Cache-Control"] = "no-store"
    secure = is_secure(instance, request.url.scheme)
    response.headers.append("Set-Cookie", cookie_header(instance, cookie, secure))
    return response


def _local(url: str) -> str:
    """Where to go after signing in: an address of this server, else home."""
    return url if kit.is_local(url) else "/"
