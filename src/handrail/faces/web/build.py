"""Puts the web application together: static files, guards, error pages, our own pages, the rooms' routers."""

from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path

import sqlalchemy as sa
from fastapi import APIRouter, FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from handrail import kit, runtime
from handrail.faces import metrics, openapi, rest
from handrail.faces.origins import Origins
from handrail.faces.web import account, audit, errors, home, people, sign_in, styleguide, visits
from handrail.faces.web.guard import Guard
from handrail.faces.web.presence import Attending
from handrail.faces.web.rooms import Opening, Rooms, join
from handrail.kernel import Instance

STATIC = Path(kit.__file__).parent / "static"
OWN = (
    sign_in.router,
    home.router,
    audit.router,
    people.router,
    account.router,
    styleguide.router,
    visits.router,
    visits.programs,
)


def build(
    instance: Instance, routers: Callable[[], Iterable[APIRouter]], hosts: runtime.Hosts | None = None
) -> FastAPI:
    """The ASGI application of one instance. `routers` loads the rooms': pages at their addresses, REST under
    `/api/v1`; `app.state.rooms.open()` does so before somebody comes who asks for one. Every one of them
    answers only to somebody signed in, because `kit.Ctx` needs a caller. What comes to the origin of an app
    goes to the app, which `hosts` has awake; a server gives the ones that it starts and stops.
    """
    app = FastAPI(
        title="Handrail",
        version=version("handrail"),
        description="What the pages and the command line do, for programs. Send a personal token as Bearer.",
        docs_url=None,
        redoc_url=None,
    )
    hosts = hosts or runtime.Hosts(instance)
    app.state.instance, app.state.hosts = instance, hosts
    errors.mount(app)
    app.mount("/static", GZipMiddleware(_Static(directory=STATIC)))
    app.add_api_route("/healthz", _health(instance), tags=["health"], summary="Whether the server can answer")
    join(app, (sign_in.router,))
    app.state.rooms = Rooms(app, routers)  # whose names stand in the menu of every further page
    join(app, (rest.router, metrics.router, *OWN[1:]))
    openapi.describe(app, app.state.rooms.open)
    app.add_middleware(Opening, rooms=app.state.rooms)
    app.add_middleware(Guard, instance=instance)
    app.add_middleware(Attending)
    app.add_middleware(metrics.Monitors)
    app.add_middleware(Origins, instance=instance, hosts=hosts)
    return app


def _health(instance: Instance) -> Callable[[], dict[str, str]]:
    def health() -> dict[str, str]:
        """Answers when the database answers."""
        with instance.engine.connect() as db:
            db.execute(sa.text("SELECT 1"))
        return {"status": "ok"}

    return health


class _Static(StaticFiles):
    """Static files; those asked for by content hash may be kept for a year, others for an hour."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        hashed = scope["query_string"].startswith(b"v=")
        kept = "public, max-age=31536000, immutable" if hashed else "public, max-age=3600"
        response.headers["Cache-Control"] = kept
        return response
