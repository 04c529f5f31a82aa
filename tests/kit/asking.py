"""A small real application around the kit, for tests that need a request."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response

from handrail import kit
from handrail.kernel import SYSTEM, Caller, Instance, Person, Refusal, identity
from tests.web import Client


def person(instance: Instance, person_id: str) -> Person:
    """One of the demo company's people."""
    with instance.context(SYSTEM) as ctx:
        return identity.found(ctx, person_id)


def client(instance: Instance, who: str | None, endpoint: Callable[..., Any], path: str = "/x") -> Client:
    """A client of an application whose one page is `endpoint`, asked by `who`."""
    app = FastAPI()
    app.state.instance = instance

    @app.middleware("http")
    async def sign_in(request: Request, call_next: Any) -> Response:
        request.state.caller = Caller(person(instance, who), "web") if who else None
        answer: Response = await call_next(request)
        return answer

    app.add_exception_handler(Refusal, lambda request, error: kit.refusal_page(request, error))  # type: ignore[arg-type]
    app.add_api_route(path, endpoint, methods=["GET", "POST"], response_model=None)
    return Client(app, follow_redirects=False, raise_server_exceptions=False)
