"""A server as a laptop reaches it: HANDRAIL_URL and HANDRAIL_TOKEN, over REST, with the refusals it gives."""

import http.client
import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from handrail.kernel import (
    Conflict,
    Invalid,
    LimitReached,
    NotAllowed,
    NotFound,
    NotReady,
    Refusal,
    Upstream,
)
from handrail.kit.jsonable import jsonable

KINDS: Mapping[str, type[Refusal]] = {
    kind.code: kind for kind in (NotFound, NotAllowed, NotReady, Conflict, Invalid, LimitReached, Upstream)
}
JSON = "application/json"
LONGEST_WAIT = 300  # seconds without a sign of life
UNKNOWN = 401  # how a server answers a token that it does not know
_PLACE = re.compile(r"\{(\w+)\}")


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the token would go along to wherever it leads."""

    def redirect_request(self, *_: Any) -> None:
        """Never."""


OPENER = urllib.request.build_opener(_Stay)


@dataclass(frozen=True)
class Remote:
    """A Handrail server and who is asking. `raw`: `follow` gives JSON as it came, to be printed as such."""

    url: str
    token: str
    raw: bool = False

    @classmethod
    def from_environment(cls, raw: bool = False) -> "Remote | None":
        """The server that the environment names; refuses Invalid an address that would show the token."""
        url, token = os.environ.get("HANDRAIL_URL", ""), os.environ.get("HANDRAIL_TOKEN", "")
        if not url or not token:
            return None
        parts = urllib.parse.urlsplit(url)
        here = parts.hostname in ("127.0.0.1", "localhost", "::1")
        if parts.scheme != "https" and not (parts.scheme == "http" and here):
            raise Invalid(
                "HANDRAIL_URL must begin with https://.", next_step="A token must not travel openly."
            )
        return cls(url.rstrip("/"), token, raw)

    def follow(self, route: str, values: Mapping[str, Any], kind: Any = Any) -> Any:
        """Like `read`; where the answer is printed as JSON, it is left as it came."""
        return self.read(route, values, Any if self.raw else kind)

    def read(self, route: str, values: Mapping[str, Any], kind: Any = Any) -> Any:
        """Ask by a route such as `GET /datasets/{name}/changes`, and read the answer as `kind`.

        The values fill the places of the route; what is left of them is the query of a GET and the JSON of
        anything else. Those that are None, an empty tuple or False are not said.
        """
        method, path = route.split()
        left = {key: v for key, v in values.items() if v is not None and v is not False and v != ()}
        for name in _PLACE.findall(path):
            path = path.replace(f"{{{name}}}", urllib.parse.quote(str(left.pop(name)), safe=""))
        if method == "GET":
            answer = self.get(addressed(path, left))
        else:
            answer = json.loads(self.fetch(method, path, json.dumps(jsonable(left)).encode()))
        return TypeAdapter(kind).validate_python(answer)

    def get(self, path: str) -> Any:
        """Ask for something."""
        return json.loads(self.fetch("GET", path))

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Do something."""
        return json.loads(self.fetch("POST", path, json.dumps(body).encode()))

    def fetch(self, method: str, path: str, body: bytes | None = None, kind: str = JSON) -> bytes:
        """The bytes of an answer; raises the refusal that the server gave."""
        with self.opened(method, path, body, kind) as answer:
            return answer.read()

    @contextmanager
    def opened(
        self, method: str, path: str, body: bytes | None = None, kind: str = JSON, accept: str = JSON
    ) -> Iterator[http.client.HTTPResponse]:
        """An answer to be read while it comes; leaving early ends it on the server too.

        Raises the refusal that the server gave, and Upstream when it does not answer or breaks off.
        """
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked above
            f"{self.url}/api/v1{path}",
            body,
            {"Authorization": f"Bearer {self.token}", "Content-Type": kind, "Accept": accept},
            method=method,
        )
        try:
            with OPENER.open(request, timeout=LONGEST_WAIT) as answer:
                yield answer
        except urllib.error.HTTPError as error:
            raise _refusal(error.code, error.read()) from None
        except http.client.HTTPException as error:
            raise Upstream(
                f"{self.url} broke its answer off.", next_step="Ask again; the trail there says why."
            ) from error
        except OSError as error:
            raise Upstream(
                f"{self.url} does not answer.", next_step="Check HANDRAIL_URL and your network."
            ) from error


def addressed(path: str, values: Mapping[str, Any]) -> str:
    """A path with these values as its query; None is not said, and a tuple is said one by one."""
    said = urllib.parse.urlencode({k: jsonable(v) for k, v in values.items() if v is not None}, doseq=True)
    return f"{path}?{said}" if said else path


def refusal_of(told: Mapping[str, Any]) -> Refusal:
    """The refusal that a server told: its code, its message (or detail) and its next step."""
    kind = KINDS.get(told["code"], NotAllowed)
    return kind(told.get("message") or told["detail"], next_step=told["next_step"])


def _refusal(status: int, content: bytes) -> Refusal:
    if status == UNKNOWN:
        return NotAllowed(
            "The server does not know the token in HANDRAIL_TOKEN; it may have ended or been taken back.",
            next_step="Make a new one on your own page there (your name, below the menu).",
        )
    try:
        return refusal_of(json.loads(content))
    except (ValueError, KeyError, TypeError):
        return Upstream(f"The server answered with status {status}.", next_step="Check HANDRAIL_URL.")
