"""A refusal as people meet it in the browser: what happened, why, and what to do next, where they are."""

from collections.abc import Mapping

from fastapi import Request, Response

from handrail.kernel import Refusal
from handrail.kit.render import render
from handrail.kit.toasts import FORM_HEADER

HEADLINE: Mapping[str, str] = {
    "not_found": "There is nothing here",
    "not_allowed": "This is not open to you",
    "not_ready": "Not ready yet",
    "conflict": "That clashes with what is there already",
    "invalid": "That does not work as written",
    "limit_reached": "A limit is reached",
    "upstream": "Another system did not answer",
    "internal": "Something broke on our side",
}


def headline(refusal: Refusal) -> str:
    """What a refusal is, in a few words to stand above it."""
    return HEADLINE.get(refusal.code, "Refused")


def refusal_page(request: Request, refusal: Refusal) -> Response:
    """The refusal as a page, or only as a dialog when our form script asks (what was typed stays)."""
    asked_in_place = request.headers.get(FORM_HEADER) or request.headers.get("hx-request")
    template = "kit/refusal_dialog.html" if asked_in_place else "kit/refusal.html"
    return render(
        request,
        template,
        status=refusal.status,
        headline=headline(refusal),
        refusal=refusal,
    )
