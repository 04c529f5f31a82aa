"""A real HTTP server that takes events, and can be told to fail, hang, drip, redirect or refuse."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Listener:
    """Keeps what it was sent. `mood` is a status to answer with, or "hang", "drip" or "close"."""

    def __init__(self) -> None:
        self.mood: int | str = 201
        self.taken: list[dict[str, Any]] = []
        self.asked = 0
        self.keys: list[str | None] = []
        self.release = threading.Event()
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                listener.asked += 1
                listener.keys.append(self.headers["Authorization"])
                mood = listener.mood
                if mood == "close":
                    self.connection.close()
                    return
                if mood in ("hang", "drip"):
                    self._wait(str(mood))
                    return
                if mood == 201:
                    listener.taken.append(json.loads(body))
                self.send_response(int(mood))
                if mood == 302:
                    self.send_header("Location", f"http://127.0.0.1:{listener.port}/elsewhere")
                self.end_headers()

            def _wait(self, mood: str) -> None:
                """Say nothing, or a letter now and then, until the test is over."""
                try:
                    while not listener.release.wait(0.05):
                        if mood == "drip":
                            self.wfile.write(b"H")
                except OSError:
                    pass

            def log_message(self, *_: Any) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/api/v1/lineage"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """End, and let go of whoever waits."""
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
