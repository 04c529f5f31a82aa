"""A server lends hosts what they need to answer as it does: definitions, data, twins and three keys, by hash.

Only over TLS 1.3, and only to whoever has a certificate of ours that was not revoked. Whoever has one reads
all the data of the instance and signs its trail: it is a part of the server. Who shows the token of an
invitation gets such a certificate, and nothing else.
"""

import hashlib
import json
import re
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, cast

import structlog

from handrail.kernel import Instance, Refusal
from handrail.runtime import certificates
from handrail.runtime.admit import admit
from handrail.runtime.certificates import AUTHORITY, CERTIFICATE, KEY
from handrail.runtime.peers import for_others, may_ask

LENT_KEYS = ("audit", "entities", "mask")
_FOLDERS = ("definitions", "extracts", "twins")
_PATIENCE = 30  # seconds for one thing that the other side does
_PIECE = 1 << 20  # bytes
_LARGEST_REQUEST = 16 << 10  # bytes of who wants to join
_STAYS = 60.0  # seconds that somebody without a certificate may take for all that they want
_STRANGERS, _EACH = 256, 16  # connections of such at a time: of all, and of one address
_CONTENT = re.compile(r"/content/([0-9a-f]{64})")
_logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Lent:
    """A file by its path in the instance's directory, and what is in it."""

    path: str
    size: int
    sha256: str


class Shelf:
    """What there is to lend; the hash of a file is worked out again when the file is another."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._lock = threading.Lock()
        self._known: dict[Path, tuple[tuple[int, int, int], str]] = {}

    def files(self) -> tuple[Lent, ...]:
        """Every file, by path."""
        for name in LENT_KEYS:
            self._instance.secret(name)  # made by now: two hosts that made one each would differ
        home = self._instance.settings.home
        with self._lock:
            there = sorted(_files(home))
            self._known = {file: self._known[file] for file in there if file in self._known}
            return tuple(one for file in there if (one := self._lent(home, file)))

    def find(self, sha256: str) -> Path | None:
        """A file that has this content, as far as is known."""
        with self._lock:
            return next((file for file, (_, known) in self._known.items() if known == sha256), None)

    def _lent(self, home: Path, file: Path) -> Lent | None:
        try:
            seen = file.stat()
            stamp = (seen.st_ino, seen.st_size, seen.st_mtime_ns)
            known = self._known.get(file)
            if known is None or known[0] != stamp:
                with file.open("rb") as content:
                    known = stamp, hashlib.file_digest(content, "sha256").hexdigest()
                self._known[file] = known
        except FileNotFoundError:  # it has just gone
            self._known.pop(file, None)
            return None
        return Lent(file.relative_to(home).as_posix(), seen.st_size, known[1])


def _files(home: Path) -> Iterator[Path]:
    yield from (home / "keys" / f"{name}.key" for name in LENT_KEYS)
    for folder in _FOLDERS:
        for file in (home / folder).rglob("*"):
            hidden = any(part.startswith(".") for part in file.relative_to(home).parts)
            if not hidden and file.is_file() and not file.is_symlink():
                yield file


class Lender:
    """Lends as long as a server serves, where `hosts.listen` says so."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_address[1] if self._server else 0

    def start(self) -> None:
        """Begin; does nothing where nobody is to be lent anything."""
        where = self._instance.settings.hosts.listen
        if not where:
            return
        host, _, port = where.rpartition(":")
        self._server = _Server((host, int(port)), self._instance, _context(self._instance))
        self._thread = threading.Thread(target=self._server.serve_forever, name="lender")
        self._thread.start()

    def stop(self) -> None:
        """End."""
        if self._server and self._thread:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()


def _context(instance: Instance) -> ssl.SSLContext:
    """By the operator's certificates, or else by one of our own authority."""
    folder = instance.settings.home / instance.settings.hosts.certificates
    if not (folder / CERTIFICATE).exists():
        folder = instance.settings.home / "keys" / "lender"
        certificates.issue(instance, "lender", certificates.MOST_DAYS, lends=True).write(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_OPTIONAL  # who joins has none yet, and is asked for a token instead
    context.load_verify_locations(folder / AUTHORITY)
    context.load_cert_chain(folder / CERTIFICATE, folder / KEY)
    return context


class _Stranger(NamedTuple):
    """Who has shown no certificate: from where they come, until when they may stay, and how they speak."""

    address: str
    until: float
    line: ssl.SSLSocket | None = None  # not before they have greeted, which has a time of its own


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, where: tuple[str, int], instance: Instance, context: ssl.SSLContext) -> None:
        self.instance, self.context, self.shelf = instance, context, Shelf(instance)
        self._lock = threading.Lock()
        self._strangers: dict[socket.socket, _Stranger] = {}  # who has shown no certificate, as they came
        super().__init__(where, _Handler)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Take so many connections of those whom nobody knows yet, and no more: each costs a thread."""
        address = str(client_address[0])
        with self._lock:
            of_this = sum(one.address == address for one in self._strangers.values())
            if len(self._strangers) >= _STRANGERS or of_this >= _EACH:
                return False
            self._strangers[request] = _Stranger(address, time.monotonic() + _STAYS)
        return True

    def greeted(self, request: socket.socket, line: ssl.SSLSocket) -> None:
        """Somebody speaks TLS by now: they are known by a certificate, or may stay for a while."""
        with self._lock:
            stranger = self._strangers.pop(request)
            if not line.getpeercert():
                self._strangers[request] = stranger._replace(line=line)

    def service_actions(self) -> None:
        """Hang up on strangers who take too long, a byte at a time or otherwise; done twice a second."""
        with self._lock:
            late = [one.line for one in self._strangers.values() if one.line and one.until < time.monotonic()]
        for line in late:
            with suppress(OSError):  # it has ended
                socket.socket.shutdown(line, socket.SHUT_RDWR)

    def shutdown_request(self, request: Any) -> None:
        """Whoever it was is gone."""
        with self._lock:
            self._strangers.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Somebody who has left, or has no certificate."""
        _logger.info("lender.hung_up", by=str(client_address[0]))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _PATIENCE
    server: _Server

    def setup(self) -> None:
        """Greet in this connection's own thread, so that nobody keeps others waiting."""
        self.request.settimeout(_PATIENCE)
        came, self.request = self.request, self.server.context.wrap_socket(self.request, server_side=True)
        self.server.greeted(came, self.request)
        super().setup()

    def finish(self) -> None:
        """Close the connection: the socket that came was given up for that of TLS."""
        with self.request:
            super().finish()

    def do_GET(self) -> None:
        """The list, or a content."""
        if self.path == "/join":
            self._say(HTTPStatus.OK, {"version": version("handrail"), "now": datetime.now(UTC).isoformat()})
        elif not (shown := cast("ssl.SSLSocket", self.request).getpeercert()):
            self.close_connection = True  # told nothing
        elif not may_ask(self.server.instance, str(shown.get("serialNumber", ""))):
            self.send_error(HTTPStatus.FORBIDDEN)
        elif self.path == "/files":
            answer = json.dumps([asdict(one) for one in self.server.shelf.files()]).encode()
            self._begin(len(answer))
            self.wfile.write(answer)
        elif found := _CONTENT.fullmatch(self.path):
            self._send(self.server.shelf.find(found[1]))
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _send(self, file: Path | None) -> None:
        with suppress(FileNotFoundError):
            if file is not None:
                with file.open("rb") as content:
                    self._begin(file.stat().st_size)
                    while piece := content.read(_PIECE):
                        self.wfile.write(piece)
                return
        self.send_error(HTTPStatus.NOT_FOUND)

    def _begin(self, size: int, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(size))
        self.end_headers()

    def do_POST(self) -> None:
        """Admit a host by its token."""
        length = self.headers.get("Content-Length", "")
        if self.path != "/join" or not length.isdigit() or int(length) > _LARGEST_REQUEST:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        try:
            said = {key: str(value) for key, value in json.loads(self.rfile.read(int(length))).items()}
            asked = said["token"], said["request"].encode(), said["version"]
        except (ValueError, KeyError, AttributeError):
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        try:
            given = admit(self.server.instance, *asked)
        except Refusal as refusal:
            _logger.warning("host.refused", by=self.client_address[0], reason=refusal.message)
            answer = {"message": refusal.message, "next_step": refusal.next_step}
            self._say(HTTPStatus(refusal.status), answer)
            return
        self._say(
            HTTPStatus.OK,
            {
                "authority": given.authority.decode(),
                "certificate": given.certificate.decode(),
                "until": given.until.isoformat(),
                "apps": for_others(self.server.instance.settings.hosts.apps),
            },
        )

    def _say(self, status: HTTPStatus, what: dict[str, str]) -> None:
        answer = json.dumps(what).encode()
        self._begin(len(answer), status)
        self.wfile.write(answer)

    def version_string(self) -> str:
        """Strangers are not told which Python this is."""
        return "handrail"

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: each host asks every few seconds."""
