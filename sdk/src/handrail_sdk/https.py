"""The same questions from a laptop or a notebook, by HTTPS with a personal token."""

import http.client
import json
import tomllib
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from handrail_sdk.refused import Refused

_ACCEPT = 'application/vnd.apache.arrow.stream; codecs="zstd", application/problem+json'


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the token would go along to wherever it leads."""

    def redirect_request(self, *_: Any) -> None:
        """Never."""


_opener = urllib.request.build_opener(_Stay)


class HttpsTransport:
    """Questions with a personal token. App code on a maker's laptop asks the sandbox and nothing else."""

    def __init__(
        self, url: str, token: str, environment: str = "sandbox", purpose: str | None = None
    ) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost"):
            raise Refused("HANDRAIL_URL must begin with https://.", "A token must not travel unencrypted.")
        self._url = url.rstrip("/")
        self._token = token
        self._environment = environment
        self._purpose = purpose

    def ask(
        self, verb: str, arguments: dict[str, Any], purpose: str | None = None
    ) -> tuple[dict[str, Any], bytes]:
        """Ask over HTTPS; data comes as an Arrow stream, which says itself where it ends."""
        if verb == "me":
            return json.loads(self._send("GET", "/api/v1/me", None))["person"], b""
        if verb == "call":
            asked = {key: value for key, value in arguments.items() if key != "connector"}
            name = urllib.parse.quote(arguments["connector"], safe="")
            answer = json.loads(
                self._send("POST", f"/api/v1/connectors/{name}/call", json.dumps(asked).encode())
            )
            return answer, answer.pop("content").encode()
        if verb == "run":
            raise Refused("This program is not in a run.", "Push it, and run it as an app.", "not_ready")
        if verb in ("datasets", "metrics"):
            return {"found": json.loads(self._send("GET", f"/api/v1/{verb}", None))}, b""
        about = {"environment": self._environment, "purpose": purpose or self._purpose or _declared_purpose()}
        return {"marked": True}, self._send(
            "POST", "/api/v1/query", json.dumps({**arguments, **about}).encode()
        )

    def deliver(self, kind: str, name: str, title: str, content: bytes) -> None:
        """On a laptop an output is a file in `outputs/`, or text on the terminal."""
        if kind in ("text", "markdown"):
            print(content.decode())
            return
        file = Path("outputs") / Path(name).name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
        print(f"{title or name}: {file}")

    def _send(self, method: str, path: str, body: bytes | None) -> bytes:
        request = urllib.request.Request(  # noqa: S310 - https, or this machine
            self._url + path,
            data=body,
            method=method,
            headers={
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
                "Accept": _ACCEPT if body else "application/json",
            },
        )
        try:
            with _opener.open(request, timeout=300) as answer:
                return bytes(answer.read())
        except http.client.IncompleteRead as broken:
            return broken.partial  # whose last words say why; see read_table
        except urllib.error.HTTPError as error:
            raise _refused(error.read()) from None
        except (OSError, http.client.HTTPException) as error:
            raise Refused(f"{self._url} does not answer.", "Check HANDRAIL_URL and your network.") from error


def _refused(problem: bytes) -> Refused:
    try:
        said = json.loads(problem)
        return Refused(said.get("message") or said["detail"], said["next_step"], said["code"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return Refused("Handrail could not answer.", "Try again; tell support if it stays so.", "upstream")


def _declared_purpose() -> str | None:
    manifest = Path("handrail.toml")
    if not manifest.is_file():
        return None
    purpose = tomllib.loads(manifest.read_text(encoding="utf-8")).get("app", {}).get("purpose")
    return purpose if isinstance(purpose, str) else None
