"""A worker without the server's directory borrows what it needs, checked by hash, and keeps it up to date.

A file is written whole or not at all, and only with the content that was announced. What the server has no
longer is kept for an hour, for runs that still read it.
"""

import hashlib
import http.client
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from handrail.kernel import Upstream, storage
from handrail.kernel.worker import Worker
from handrail.runtime.certificates import AUTHORITY, CERTIFICATE, KEY
from handrail.settings import Settings

_PAUSE = 2.0  # seconds between two looks at what there is
_PATIENCE = 30  # seconds for one thing that the other side does
_PIECE = 1 << 20  # bytes
_KEPT = 3600.0  # seconds
_LENT = re.compile(r"(keys/(audit|entities|mask)\.key|(definitions|extracts|twins)/.+)")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Borrower(Worker):
    """What a worker has of its server, as new as `fresh` says."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._have: dict[str, str] = {}  # by path, the hash that was fetched
        self._gone: dict[str, float] = {}  # by path, since when the server has it no longer
        super().__init__("borrower", self._round, _PAUSE)

    def sync(self) -> int:
        """Fetch whatever is other than here; gives how many files that were. Refuses Upstream."""
        with self._lock:
            try:
                return self._sync()
            except (OSError, ssl.SSLError, http.client.HTTPException, ValueError, KeyError) as error:
                raise Upstream(
                    f"{self._settings.hosts.source} does not lend its files: {type(error).__name__}.",
                    next_step="See that the server is up and this host's certificate is good.",
                    subject="instance",
                ) from error

    def _round(self, _shutdown: threading.Event) -> bool:
        self.sync()
        return False

    def _sync(self) -> int:
        connection = _Connection(self._settings)
        try:
            listed = {one["path"]: str(one["sha256"]) for one in json.loads(_get(connection, "/files"))}
            fetched = 0
            for path, digest in listed.items():
                target = self._target(path, digest)
                if self._have.get(path) == digest or _holds(target, digest):
                    self._have[path] = digest
                    continue
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                storage.write_pieces(target, _content(connection, digest))
                self._have[path] = digest
                fetched += 1
            self._let_go(listed)
            return fetched
        finally:
            connection.close()

    def _target(self, path: str, digest: str) -> Path:
        """Where it belongs; refuses what would lie anywhere else."""
        plain = PurePosixPath(path)
        safe = not plain.is_absolute() and ".." not in plain.parts and _LENT.fullmatch(path)
        if not safe or not _DIGEST.fullmatch(digest):
            raise ValueError(path)
        return self._settings.home / plain

    def _let_go(self, listed: dict[str, Any]) -> None:
        now = time.monotonic()
        for path in [path for path in self._have if path not in listed]:
            self._gone.setdefault(path, now)
            if path.startswith("definitions/") or self._gone[path] < now - _KEPT:
                (self._settings.home / path).unlink(missing_ok=True)
                del self._have[path], self._gone[path]
        for path in listed:
            self._gone.pop(path, None)


class _Connection(http.client.HTTPSConnection):
    """To whoever lends, whatever its address is: it is known by the name in its certificate."""

    def __init__(self, settings: Settings) -> None:
        host, _, port = settings.hosts.source.rpartition(":")
        folder = settings.home / settings.hosts.certificates
        context = ssl.create_default_context(cafile=str(folder / AUTHORITY))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(folder / CERTIFICATE, folder / KEY)
        self._ours, self._known_as = context, settings.hosts.name
        super().__init__(host, int(port), timeout=_PATIENCE, context=context)

    def connect(self) -> None:
        """As the standard library, by the name instead of the address."""
        plain = socket.create_connection((self.host, self.port), timeout=_PATIENCE)
        self.sock = self._ours.wrap_socket(plain, server_hostname=self._known_as)


def _get(connection: _Connection, path: str) -> bytes:
    connection.request("GET", path)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != http.client.OK:
        raise http.client.HTTPException(f"{path}: {answer.status}")
    return content


def _content(connection: _Connection, digest: str) -> Iterator[bytes]:
    """A content in pieces; raises at its end unless it is the one of that hash, so that nothing is kept."""
    connection.request("GET", f"/content/{digest}")
    answer = connection.getresponse()
    if answer.status != http.client.OK:
        answer.read()
        raise http.client.HTTPException(f"{digest}: {answer.status}")
    seen = hashlib.sha256()
    while piece := answer.read(_PIECE):
        seen.update(piece)
        yield piece
    if seen.hexdigest() != digest:
        raise ValueError(f"other content than {digest}")


def _holds(file: Path, digest: str) -> bool:
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest() == digest
    except FileNotFoundError:
        return False
