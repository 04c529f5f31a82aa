"""How a call reaches Handrail: by the socket that a run inherits, or from a laptop by HTTPS with a token."""

import json
import os
import socket
import threading
import tomllib
import urllib.error
import urllib.parse
import urllib.request
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from handrail_sdk import wire
from handrail_sdk.refused import Refused


class Transport(Protocol):
    """Asks one question, or hands over one output."""

    def ask(self, verb: str, arguments: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """The answer, and its content when it has any."""

    def deliver(self, kind: str, name: str, title: str, content: bytes) -> None:
        """Hand over one output."""


class SocketTransport:
    """The socket of a run. Handrail knows by the socket which run, for whom, and what it declared."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def ask(self, verb: str, arguments: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Send one request and wait for its whole answer."""
        request = json.dumps({"verb": verb, **arguments}).encode()
        if len(request) > wire.LARGEST_MESSAGE:
            raise Refused(
                f"The request has {len(request):,} bytes; {wire.LARGEST_MESSAGE:,} are the most.",
                "Ask with a shorter query, and pass values as parameters.",
                "limit_reached",
            )
        with self._lock:
            try:
                wire.send_frame(self._connection, request)
                answer = _accepted(wire.receive_message(self._connection))
                if not answer.get("stream"):
                    return answer, b""
                content = b"".join(wire.receive_content(self._connection))
                _accepted(wire.receive_message(self._connection))
            except wire.Broken as error:
                raise _gone() from error
            return answer, content

    def deliver(self, kind: str, name: str, title: str, content: bytes) -> None:
        """Announce an output, wait for the word that there is room, and send it."""
        announced = {"verb": "output", "kind": kind, "name": name, "title": title, "size": len(content)}
        with self._lock:
            try:
                wire.send_message(self._connection, announced)
                _accepted(wire.receive_message(self._connection))
                wire.send_content(self._connection, wire.in_chunks(content))
                _accepted(wire.receive_message(self._connection))
            except wire.Broken as error:
                raise _gone() from error


class HttpsTransport:
    """A maker's laptop: the same questions, with a personal token, to the sandbox and nowhere else."""

    def __init__(self, url: str, token: str) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost"):
            raise Refused("HANDRAIL_URL must begin with https://.", "A token must not travel unencrypted.")
        self._url = url.rstrip("/")
        self._token = token

    def ask(self, verb: str, arguments: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Ask over HTTPS; data comes as an Arrow stream."""
        if verb == "me":
            return json.loads(self._send("GET", "/api/v1/me", None))["person"], b""
        asked = {**arguments, "environment": "sandbox", "purpose": _declared_purpose()}
        return {}, self._send("POST", "/api/v1/query", json.dumps(asked).encode())

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
                "Accept": "application/vnd.apache.arrow.stream, application/problem+json"
                if body
                else "application/json",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=300) as answer:  # noqa: S310
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            raise _refused(error.read()) from None
        except urllib.error.URLError as error:
            raise Refused(f"{self._url} does not answer.", "Check HANDRAIL_URL and your network.") from error


@cache
def connected() -> Transport:
    """The way to Handrail from here; refused when there is none."""
    if number := os.environ.get("HANDRAIL_FD"):
        return SocketTransport(socket.socket(fileno=int(number)))
    url, token = os.environ.get("HANDRAIL_URL"), os.environ.get("HANDRAIL_TOKEN")
    if url and token:
        return HttpsTransport(url, token)
    raise Refused(
        "This program does not run under Handrail.",
        "Use `handrail run`, or set HANDRAIL_URL and HANDRAIL_TOKEN to ask the sandbox from here.",
        "not_ready",
    )


def _accepted(answer: dict[str, Any]) -> dict[str, Any]:
    if "refusal" in answer:
        said = answer["refusal"]
        raise Refused(said["message"], said["next_step"], said["code"])
    return answer


def _refused(problem: bytes) -> Refused:
    try:
        said = json.loads(problem)
        return Refused(said.get("message") or said["detail"], said["next_step"], said["code"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return Refused("Handrail could not answer.", "Try again; tell support if it stays so.", "upstream")


def _gone() -> Refused:
    return Refused("Handrail ended this conversation.", "The log of the run says why.", "upstream")


def _declared_purpose() -> str | None:
    manifest = Path("handrail.toml")
    if not manifest.is_file():
        return None
    purpose = tomllib.loads(manifest.read_text(encoding="utf-8")).get("app", {}).get("purpose")
    return purpose if isinstance(purpose, str) else None
