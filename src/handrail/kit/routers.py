"""Routers for the addresses of a room: pages for people, REST for programs."""

from collections.abc import Callable
from threading import RLock
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import compile_path

_MAKING = RLock()


class _Route(APIRoute):
    """A route that finds out what its endpoint takes and answers when it is first asked.

    To know whether a request is its own, it needs an address and methods. All else is work for pydantic, and
    that of two hundred routes a quarter of the time in which a server starts.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **said: Any) -> None:
        self._said: dict[str, Any] | None = said
        self.path, self.endpoint = path, endpoint
        self.path_regex, self.path_format, self.param_convertors = compile_path(path)
        self.name = said.get("name") or endpoint.__name__
        self.methods = set(said["methods"])
        self.include_in_schema = said["include_in_schema"]

    def __getattr__(self, name: str) -> Any:
        with _MAKING:
            said = vars(self).get("_said")
            if said is not None and name not in vars(self):
                super().__init__(self.path, self.endpoint, **said)
                self._said = None
        if name in vars(self):
            return vars(self)[name]
        raise AttributeError(f"A route has no {name}.")


def pages(prefix: str = "") -> APIRouter:
    """A router of pages, which are for people: the description for programs leaves them out."""
    return APIRouter(prefix=prefix, include_in_schema=False, route_class=_Route)


def rest(prefix: str, tag: str) -> APIRouter:
    """A router of REST below the prefix; the description for programs puts it under the tag."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=_Route)
