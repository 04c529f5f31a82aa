"""Calls to other systems: those that the manifest declares, with a credential that nobody sees here."""

import json
from collections.abc import Mapping
from typing import Any

from handrail_sdk.calls import plain
from handrail_sdk.refused import Refused
from handrail_sdk.transport import connected

_FAILED = 400
_Params = Mapping[str, object] | None


class Reply:
    """What the other system answered: its status, some of its headers (in small letters), and its content."""

    def __init__(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        self.status = status
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.content = content

    @property
    def ok(self) -> bool:
        """Whether it says that all went well."""
        return self.status < _FAILED

    @property
    def text(self) -> str:
        """The content as text."""
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """The content, which is JSON; None where there is none."""
        return json.loads(self.content) if self.content else None

    def expect(self) -> "Reply":
        """This, unless the other system says that something went wrong: then Refused is raised."""
        if self.ok:
            return self
        raise Refused(
            f"The other system answered {self.status}.",
            "Look at what was asked, and at its content.",
            "upstream",
        )

    def __repr__(self) -> str:
        return f"<Reply {self.status}, {len(self.content):,} bytes>"


class Connector:
    """One other system. Whatever is refused is raised as Refused, with what to do about it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def get(self, path: str, params: _Params = None, headers: Mapping[str, str] | None = None) -> Reply:
        """Read; a value in the path stands as it is, such as `f"/customers/{number}"`."""
        return self._call("GET", path, params, None, headers)

    def head(self, path: str, params: _Params = None, headers: Mapping[str, str] | None = None) -> Reply:
        """Read without the content."""
        return self._call("HEAD", path, params, None, headers)

    def post(
        self, path: str, json: object = None, params: _Params = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Create or ask. In production the first write of a version waits for a yes: Refused says whose."""
        return self._call("POST", path, params, json, headers)

    def put(
        self, path: str, json: object = None, params: _Params = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Replace."""
        return self._call("PUT", path, params, json, headers)

    def patch(
        self, path: str, json: object = None, params: _Params = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Change."""
        return self._call("PATCH", path, params, json, headers)

    def delete(self, path: str, params: _Params = None, headers: Mapping[str, str] | None = None) -> Reply:
        """Take away."""
        return self._call("DELETE", path, params, None, headers)

    def _call(
        self, method: str, path: str, params: _Params, body: object, headers: Mapping[str, str] | None
    ) -> Reply:
        asked = {
            "connector": self._name,
            "method": method,
            "path": path,
            "params": {name: plain(value) for name, value in (params or {}).items()},
            "json": _plain(body),
            "headers": dict(headers or {}),
        }
        answer, content = connected().ask("call", asked)
        return Reply(answer["status"], answer["headers"], content)


def connector(name: str) -> Connector:
    """The connector of that name, which the manifest declares under [connectors.NAME]."""
    return Connector(name)


def _plain(value: object) -> object:
    """A value as JSON has it, at any depth."""
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return plain(value)
