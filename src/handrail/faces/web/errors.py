"""Every way a request can fail, in one shape: a page for people, problem+json for programs, text for git."""

import secrets
from http import HTTPStatus
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from handrail import kit
from handrail.faces import metrics, rest
from handrail.kernel import Invalid, NotFound, Refusal

log = structlog.get_logger("handrail.web")


def mount(app: FastAPI) -> None:
    """Let the application answer refusals, bad input, unknown addresses and our own mistakes."""
    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(kit.NotSignedIn, _not_signed_in)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(UnicodeEncodeError, _half_a_character)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _our_mistake)


def refused(request: Request, error: Exception) -> Response:
    """A refusal in the shape that who asked can read."""
    assert isinstance(error, Refusal)
    if _is_rest(request):
        return rest.problem(error)
    if _is_git(request):
        return PlainTextResponse(f"{error.message}\n{error.next_step}\n", error.status)
    return kit.refusal_page(request, error)


def _not_signed_in(request: Request, _: Exception) -> Response:
    if _is_rest(request):
        problem = rest.Problem(
            title="not signed in",
            status=401,
            detail="This needs to know who you are.",
            code="not_signed_in",
            next_step="Send a personal token: Authorization: Bearer hr_…",
        )
        response = rest.problem_response(problem)
        response.headers["WWW-Authenticate"] = 'Bearer realm="Handrail"'
        return response
    if _is_git(request):
        headers = {"WWW-Authenticate": 'Basic realm="Handrail", charset="UTF-8"'}
        return PlainTextResponse("Use a personal token as the password.\n", 401, headers)
    # A part of a page cannot hold the sign-in page: lead the whole page there.
    if request.headers.get("hx-request"):
        return Response(status_code=401, headers={"HX-Redirect": "/sign-in"})
    if request.method not in ("GET", "HEAD"):
        return kit.back(
            request, "/sign-in", toast="You were signed out. Sign in and do it again.", tone="warn"
        )
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"/sign-in?next={quote(request.url.path + query, safe='')}", 303)


def _unreadable(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    wrong = [
        f"{'.'.join(str(part) for part in e['loc'][1:]) or e['loc'][0]}: {e['msg']}" for e in error.errors()
    ]
    said = "; ".join(wrong[:5])[:1000]
    return refused(
        request,
        Invalid(
            f"The request cannot be read: {said}.",
            next_step="Correct these and send it again.",
        ),
    )


def _half_a_character(request: Request, _: Exception) -> Response:
    """What JSON can spell and neither UTF-8 nor a database can hold; the transaction was undone."""
    return refused(
        request,
        Invalid("The request holds half a character (a lone surrogate).", next_step="Send whole characters."),
    )


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return refused(
            request,
            NotFound("There is no page at this address.", next_step="Start from the home page or the menu."),
        )
    phrase = HTTPStatus(error.status_code).phrase
    if _is_rest(request):
        code = phrase.lower().replace(" ", "_")
        return rest.problem_response(
            rest.Problem(
                title=phrase.lower(),
                status=error.status_code,
                detail=str(error.detail),
                code=code,
                next_step="See /openapi.json for what this address takes.",
            )
        )
    return PlainTextResponse(f"{phrase}\n", error.status_code, error.headers)


def _our_mistake(request: Request, error: Exception) -> Response:
    """A bug: say so, with a reference that is in the log; nothing of the error itself reaches the caller."""
    reference = secrets.token_hex(4)
    log.error("request.broken", reference=reference, path=request.url.path, exc_info=error)
    detail = f"This is a mistake of ours, not yours (reference {reference}). Nothing was changed."
    next_step = "Try again; if it stays, give support the reference."
    if _is_rest(request):
        return rest.problem_response(
            rest.Problem(
                title="internal error", status=500, detail=detail, code="internal", next_step=next_step
            )
        )
    if _is_git(request):
        return PlainTextResponse(f"{detail}\n", 500)
    return kit.refusal_page(request, _Bug(detail, next_step=next_step))


class _Bug(Refusal):
    """Dresses a bug as a page; never raised."""

    code = "internal"
    status = 500


def _is_rest(request: Request) -> bool:
    return request.url.path.startswith(("/api/", "/openapi.json", "/healthz", metrics.ADDRESS))


def _is_git(request: Request) -> bool:
    return request.url.path.startswith("/git/")
