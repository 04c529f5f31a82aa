"""Another system on the loopback that answers as it is told to, honestly or not, and remembers who called."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Called:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Upstream:
    """`answer` makes the answer of a call; `slow` is the pause, in seconds, before each byte of content."""

    port: int = 0
    called: list[Called] = field(default_factory=list)
    answer: Callable[[Called], Answer] = lambda _: (
        200,
        {"Content-Type": "application/json"},
        b'{"ok": true}',
    )
    slow: float = 0.0
    ending: threading.Event = field(default_factory=threading.Event)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"


def json(body: bytes, status: int = 200, **headers: str) -> Callable[[Called], Answer]:
    """An answer in JSON, whatever was asked; `X_Name` is the header X-Name."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: (status, {"Content-Type": "application/json", **more}, body)


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Upstream]:
    """Serve until the end of the block, by https where a context for it is given."""
    upstream = Upstream()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            called = Called(self.command, self.path, dict(self.headers), self.rfile.read(length))
            upstream.called.append(called)
            status, headers, body = upstream.answer(called)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if "Transfer-Encoding" not in headers:
                self.send_header("Content-Length", headers.get("X-Claims", str(len(body))))
            self.end_headers()
            if upstream.slow:
                for at in range(len(body)):
                    if upstream.ending.wait(upstream.slow):
                        return
                    self.wfile.write(body[at : at + 1])
                    self.wfile.flush()
            else:
                self.wfile.write(body)

        do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A caller that hangs up is what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    upstream.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield upstream
    finally:
        upstream.ending.set()
        server.shutdown()
        server.server_close()
        thread.join()
