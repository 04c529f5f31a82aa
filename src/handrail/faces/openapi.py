"""The description of REST for programs: what FastAPI finds out, who may ask, and how it is refused."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from handrail.faces.rest import Problem

_WHO = {
    "token": {"type": "http", "scheme": "bearer", "description": "A personal token."},
    "password": {
        "type": "http",
        "scheme": "basic",
        "description": "The same token as the password, for spreadsheets; the user name means nothing.",
    },
}
_REFUSAL = {
    "description": "A refusal: what happened and why, and what to do next (RFC 9457).",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_OPEN = ("/healthz",)


def describe(app: FastAPI, whole: Callable[[], None]) -> None:
    """Let `/openapi.json` say, of every operation, who may ask and what a refusal looks like. `whole` is done
    first and sees to it that the application has all of its routes.
    """

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            whole()
            app.openapi_schema = _described(app)
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]


def _described(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    parts = found.setdefault("components", {})
    for replaced in ("HTTPValidationError", "ValidationError"):  # what is invalid is a refusal like any other
        parts.get("schemas", {}).pop(replaced, None)
    parts.setdefault("schemas", {})["Problem"] = Problem.model_json_schema()
    parts["securitySchemes"] = _WHO
    for path, operations in found["paths"].items():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = _REFUSAL
            operation["security"] = [] if path in _OPEN else [{name: []} for name in _WHO]
    written: dict[str, Any] = _in_seconds(found)
    return written


def _in_seconds(part: Any) -> Any:
    """Spans of time as `kit.jsonable` writes them: a number of seconds."""
    if isinstance(part, list):
        return [_in_seconds(one) for one in part]
    if not isinstance(part, dict):
        return part
    if part.get("format") == "duration":
        return {**part, "type": "number", "format": "double", "description": "Seconds."}
    return {key: _in_seconds(value) for key, value in part.items()}
