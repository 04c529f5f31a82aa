"""How a call reaches Handrail: by the socket that a run inherits, or from a laptop by HTTPS with a token."""

import json
import os
import socket
import threading
from functools import cache
from typing import Any, Protocol

from handrail_sdk import viewer, wire
from handrail_sdk.refused import Refused


class Transport(Protocol):
    """Asks one question, or hands over one output."""

    def ask(
        self, verb: str, arguments: dict[str, Any], purpose: str | None = None
    ) -> tuple[dict[str, Any], bytes]:
        """The answer, and its content when it has any; `marked` says that the content tells where it ends."""

    def deliver(self, kind: str, name: str, title: str, content: bytes) -> None:
        """Hand over one output."""


class SocketTransport:
    """The socket of a run. Handrail knows by the socket which run, for whom, and what it declared."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def ask(
        self, verb: str, arguments: dict[str, Any], purpose: str | None = None
    ) -> tuple[dict[str, Any], bytes]:
        """Send one request and wait for its whole answer. The purpose is that of the app in any case."""
        if verb in ("datasets", "metrics"):
            raise Refused(
                "An app does not look around; it reads what its manifest names.",
                f"Look at {verb} in a notebook or on the pages, and name them in handrail.toml.",
                "not_allowed",
            )
        asked = {"verb": verb, **arguments}
        if whom := viewer.current():
            asked["viewer"] = whom
        request = json.dumps(asked).encode()
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


@cache
def connected() -> Transport:
    """The way to Handrail from here; refused when there is none."""
    if number := os.environ.get("HANDRAIL_FD"):
        return SocketTransport(socket.socket(fileno=int(number)))
    url, token = os.environ.get("HANDRAIL_URL"), os.environ.get("HANDRAIL_TOKEN")
    if url and token:
        # Not before it is needed: it loads TLS, for which a sandbox has no use.
        from handrail_sdk.https import HttpsTransport  # noqa: PLC0415

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


def _gone() -> Refused:
    return Refused("Handrail ended this conversation.", "The log of the run says why.", "upstream")
