"""Meridian's service desk: another system, as a company has them, in which damaged deliveries are kept.

It stands for one that Handrail knows nothing of: HTTP on the loopback, a credential of its own, and it keeps
what it was told until it ends. `python -m handrail_demo.service_desk SECRET-FILE PORT` serves it beside a
demo.
"""

import hmac
import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PORT = 8410  # as the definition of the connector has it, where nothing else listens there
_LONGEST = 64 << 10  # bytes of a request
_LOOK = 1.0  # seconds between two looks at whether the demo is still there


@dataclass
class ServiceDesk:
    """The desk with its tickets; `secret` is what callers must show, and `asked` counts those that did."""

    secret: str
    port: int = 0
    asked: int = 0
    tickets: list[dict[str, Any]] = field(default_factory=list)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, path: str, proof: str, content: bytes) -> tuple[int, object]:
        """Status and body of the answer to one request."""
        if not hmac.compare_digest(proof.encode(), f"Bearer {self.secret}".encode()):
            return 401, {"error": "who are you?"}
        with self._turn:
            self.asked += 1
            if (method, path) == ("GET", "/tickets"):
                return 200, {"tickets": self.tickets}
            if (method, path) == ("POST", "/tickets"):
                return self._open(content)
        return 404, {"error": "no such thing"}

    def _open(self, content: bytes) -> tuple[int, object]:
        try:
            told = json.loads(content)
            ticket = {"order": str(told["order"]), "text": str(told["text"]), "state": "open"}
        except (ValueError, KeyError, TypeError):
            return 422, {"error": "a ticket has an order and a text"}
        known = next((one for one in self.tickets if one["order"] == ticket["order"]), None)
        if known:  # told twice, it is followed up once
            return 200, known
        self.tickets.append({"id": f"T-{len(self.tickets) + 1001}", **ticket})
        return 201, self.tickets[-1]


@contextmanager
def serving(secret: str, port: int = 0) -> Iterator[ServiceDesk]:
    """Serve a desk on the loopback until the end of the block; on a free port where `port` is 0 or taken."""
    desk = ServiceDesk(secret)
    server = _bound(desk, port)
    desk.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="service desk")
    thread.start()
    try:
        yield desk
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True


def _bound(desk: ServiceDesk, port: int) -> _Server:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            content = self.rfile.read(max(0, min(length, _LONGEST)))
            proof = self.headers.get("Authorization", "")
            status, body = desk.answer(self.command, self.path.partition("?")[0], proof, content)
            said = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing: this is the terminal of the demo."""

    try:
        return _Server(("127.0.0.1", port), Handler)
    except OSError:
        return _Server(("127.0.0.1", 0), Handler)


def main(arguments: list[str]) -> None:
    """Serve with the secret of a file, say on which port, and end when who began this does."""
    secret_file, port = arguments
    demo = os.getppid()
    with serving(Path(secret_file).read_text("utf-8").strip(), int(port)) as desk:
        print(desk.port, flush=True)
        while os.getppid() == demo:  # which may become another program meanwhile, and stays this process
            threading.Event().wait(_LOOK)


if __name__ == "__main__":
    main(sys.argv[1:])
