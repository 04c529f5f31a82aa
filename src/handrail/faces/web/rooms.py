"""The rooms' addresses, loaded while the server already answers."""

from collections.abc import Callable, Iterable
from threading import Lock

from anyio import to_thread
from fastapi import APIRouter, FastAPI
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send


class Rooms:
    """The routers of the rooms, and with them most of what there is to load: they join the application when
    somebody opens them, once. What the application has before them is answered without.
    """

    def __init__(self, app: FastAPI, load: Callable[[], Iterable[APIRouter]]) -> None:
        self._app, self._load, self._lock = app, load, Lock()
        self.own = tuple(app.router.routes)
        self.are_open = False

    def open(self) -> None:
        """Load them, unless they are; whoever comes meanwhile waits."""
        with self._lock:
            if not self.are_open:
                join(self._app, self._load())
                self.are_open = True


class Opening:
    """ASGI middleware: opens the rooms for the first request that needs them."""

    def __init__(self, app: ASGIApp, rooms: Rooms) -> None:
        self._app, self._rooms = app, rooms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not (self._rooms.are_open or scope["type"] == "lifespan" or self._is_own(scope)):
            await to_thread.run_sync(self._rooms.open)
        await self._app(scope, receive, send)

    def _is_own(self, scope: Scope) -> bool:
        return any(route.matches(scope)[0] is Match.FULL for route in self._rooms.own)


def join(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Add the routes as they are. `include_router` makes each anew, when the first request comes near it, to
    add what we do not add: that is as much work as all other of starting.
    """
    for router in routers:
        app.router.routes.extend(router.routes)
