"""Clients that ask an application in this process."""

import atexit
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import APIRouter
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from handrail.faces import web
from handrail.kernel import Caller, Instance, identity
from handrail_demo.company import PEOPLE


class Client(TestClient):
    """Starlette's client, but one event loop serves all of them in this process.

    Left to itself it starts a thread with a loop for every request, which costs more than most requests do.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.portal = portal()


@cache
def portal() -> BlockingPortal:
    """One event loop in a thread of its own, until the process ends."""
    kept = ExitStack()
    made = kept.enter_context(start_blocking_portal())
    atexit.register(kept.close)
    return made


SignedIn = Callable[[str], Client]


def signed_in(instance: Instance, *routers: APIRouter) -> SignedIn:
    """Clients, of a server with these pages and addresses, of people who came in by a one-time link."""
    return entering(instance, web.build(instance, lambda: list(routers)))


def entering(instance: Instance, app: ASGIApp) -> SignedIn:
    """The same of an application that is there already."""

    def sign_in(who: str) -> Client:
        made = Client(app, follow_redirects=False)
        with instance.context(Caller(PEOPLE[0], "cli")) as ctx:
            token = identity.issue_link(ctx, who)
        assert made.get("/sign-in/link", params={"token": token}).status_code == 303
        return made

    return sign_in
