"""Where relays dial in: one TLS listener of this process, and for each run that goes on whose call it is.

A relay proves itself by a token that was made for one pod. Each stream is taken once; once the app has begun,
its code is not told again. Whoever says anything else is hung up on, and learns nothing.
"""

import hashlib
import json
import secrets
import socket
import ssl
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

from handrail.adapters.isolation.kubernetes.belongings import KNOWN_AS
from handrail.adapters.isolation.kubernetes.inside.relay import carry, hang_up
from handrail.kernel import NotReady
from handrail.kernel.sandbox import Sandbox

_GREETING = 10.0  # seconds to say who one is
_LARGEST_GREETING = 1024  # bytes
_MOST = 256  # connections at a time
_DAYS = 3650
_PIECE = 1 << 16
_LENGTH = struct.Struct(">IQ")
_logger = structlog.get_logger(__name__)


class Session:
    """One run's side of the line: its code, its door, what it prints; over with `close`."""

    def __init__(
        self, sandbox: Sandbox, streams: list[str], python: str, printed: Callable[[bytes], None]
    ) -> None:
        self.token = secrets.token_urlsafe(32)
        self._files, self._door, self._python = sandbox.files, sandbox.door, python
        self._printed, self._room = printed, sandbox.limits.printed
        self._lock = threading.Lock()
        self._left = list(streams)
        self._lines: list[socket.socket] = []
        self._closed = False
        self.begun: float | None = None  # since when the app runs, by the monotonic clock
        self.excessive = threading.Event()  # it printed more than it may
        self.ended = threading.Event()  # all that it printed has come
        self.refused = ""  # why its relay was sent away, in words

    def take(self, stream: str, python: str, line: socket.socket) -> bool:
        """Whether this call is one that is waited for; it is then this session's."""
        with self._lock:
            if self._closed:
                return False
            if self._python and python != self._python:
                self.refused = (
                    f"the image has Python {python}, and the layer was built for Python {self._python}"
                )
                return False
            if stream == "code":
                wanted = self.begun is None
            elif wanted := self._left[:1] == [stream]:
                del self._left[0]
            if wanted:
                self._lines.append(line)
            if wanted and stream == "printed":
                self.begun = time.monotonic()
            return wanted

    def carry(self, stream: str, line: ssl.SSLSocket) -> None:
        """Do what a stream is for, until it ends."""
        if stream == "code":
            self._send_code(line)
        elif stream == "door":
            assert self._door is not None
            carry(line, self._door)
        else:
            self._listen(line)

    def close(self) -> None:
        """End every line; nobody calls for this run any more."""
        with self._lock:
            self._closed = True
            lines = tuple(self._lines)
        for line in lines:
            hang_up(line)
        if self._door is not None:
            hang_up(self._door)  # whoever holds it closes it; what reads there sees an end

    def _send_code(self, line: socket.socket) -> None:
        for name, content in sorted(self._files.items()):
            called = name.encode()
            line.sendall(_LENGTH.pack(len(called), len(content)) + called)
            line.sendall(content)
        line.sendall(_LENGTH.pack(0, 0))

    def _listen(self, line: socket.socket) -> None:
        try:
            while piece := line.recv(_PIECE):
                self._printed(piece[: self._room])
                if len(piece) > self._room:
                    self.excessive.set()
                    return
                self._room -= len(piece)
        finally:
            self.ended.set()


class Switchboard:
    """Listens from the first run on, for as long as this process lives."""

    def __init__(self, listen: str) -> None:
        self._listen = listen
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._room = threading.BoundedSemaphore(_MOST)
        self._listener: socket.socket | None = None
        self.certificate = ""

    def open(self) -> int:
        """Listen, where that has not begun, and give the port. Refuses NotReady where that cannot be."""
        with self._lock:
            if self._listener is None:
                host, _, port = self._listen.rpartition(":")
                try:
                    family = socket.AF_INET6 if ":" in host else socket.AF_INET
                    self._listener = socket.create_server((host.strip("[]"), int(port)), family=family)
                except (OSError, ValueError) as error:
                    raise NotReady(
                        f"Handrail cannot listen for its pods at {self._listen}: {error}.",
                        next_step="Set kubernetes.listen in handrail.toml to a host:port that is free; "
                        "port 0 takes any.",
                    ) from error
                context, self.certificate = _own()
                work = threading.Thread(
                    target=self._go_on, args=(self._listener, context), name="switchboard", daemon=True
                )
                work.start()
            return int(self._listener.getsockname()[1])

    def close(self) -> None:
        """Listen no more."""
        with self._lock:
            if self._listener is not None:
                with suppress(OSError):
                    self._listener.shutdown(socket.SHUT_RDWR)
                self._listener.close()
                self._listener = None

    def expect(self, session: Session) -> None:
        """Let a run's relay call, until `forget`."""
        with self._lock:
            self._sessions[_hash(session.token)] = session

    def forget(self, session: Session) -> None:
        """Let nobody call with this session's token any more, and end its lines."""
        with self._lock:
            self._sessions.pop(_hash(session.token), None)
        session.close()

    def _go_on(self, listener: socket.socket, context: ssl.SSLContext) -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            if not self._room.acquire(blocking=False):
                plain.close()
                continue
            threading.Thread(target=self._answer, args=(plain, context), daemon=True).start()

    def _answer(self, plain: socket.socket, context: ssl.SSLContext) -> None:
        try:
            plain.settimeout(_GREETING)
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            with context.wrap_socket(plain, server_side=True) as line:
                said = _greeting(line)
                with self._lock:
                    session = self._sessions.get(_hash(said.get("token", "")))
                stream = said.get("stream", "")
                if session is None or not session.take(stream, said.get("python", ""), line):
                    _logger.warning("relay.refused", stream=stream[:20], known=session is not None)
                    return
                line.settimeout(None)
                session.carry(stream, line)
        except (OSError, ValueError) as error:  # a relay that is gone, or somebody who is none
            _logger.info("relay.hung_up", why=type(error).__name__)
        finally:
            plain.close()
            self._room.release()


def _greeting(line: ssl.SSLSocket) -> Mapping[str, str]:
    """Who calls: one line of JSON, all of it texts. Raises ValueError for anything else."""
    received, until = b"", time.monotonic() + _GREETING
    while not received.endswith(b"\n"):
        # For all of it: whoever sends a byte now and then would keep a place for hours, and all of them.
        line.settimeout(max(0.001, until - time.monotonic()))
        piece = line.recv(1)  # what comes after it belongs to the stream
        if not piece:
            raise ValueError("no greeting")
        received += piece
        if len(received) >= _LARGEST_GREETING:
            raise ValueError("too long a greeting")
    said = json.loads(received)
    if not isinstance(said, dict) or not all(isinstance(value, str) for value in said.values()):
        raise ValueError("no greeting of ours")
    return said


def _hash(token: str) -> str:
    """What a token is looked up by, so that the time of a look-up tells nothing of it."""
    return hashlib.sha256(token.encode()).hexdigest()


def _own() -> tuple[ssl.SSLContext, str]:
    """A key and a certificate of this process alone; each pod is told the latter, and trusts no other."""
    key, now = Ed25519PrivateKey.generate(), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, KNOWN_AS)])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(KNOWN_AS)]), critical=False)
        .sign(key, None)
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    with tempfile.NamedTemporaryFile() as both:  # for this user alone, and gone at once
        Path(both.name).write_bytes(pem + private)
        context.load_cert_chain(both.name)
    return context, pem.decode()
