"""Where lineage events go: a file of JSON Lines, or an address that takes them by HTTP."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

from handrail.kernel import Invalid
from handrail.settings import Settings

SECONDS = 10.0  # that one event may take, whatever the other side does
# It will not take this event, today or tomorrow; everything else may pass, and the event waits for it.
_NEVER = frozenset({400, 413, 422})


class Unreachable(Exception):
    """The receiver does not take events now; `str` says why, in our words."""


class Unacceptable(Exception):
    """The receiver will never take this event; `str` says why, in our words."""


class Receiver(Protocol):
    """Somebody who takes events."""

    def take(self, event: str) -> None:
        """Hand over one event, for good. Raises Unreachable or Unacceptable."""


def receiver(settings: Settings) -> Receiver | None:
    """The receiver that the settings name, or None. Refuses two of them, and an address that is none."""
    told = settings.lineage
    if told.file and told.url:
        raise Invalid(
            "[lineage] names both a file and a url.", next_step="Leave one of them out of handrail.toml."
        )
    if told.file:
        return LinesFile(settings.home / told.file)
    return Address(settings) if told.url else None


class LinesFile:
    """A file that grows by a line an event, each on the disk before it counts as taken."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def take(self, event: str) -> None:
        """Add a line. What a crash left of one is cut off first: its event is still in the outbox."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Unreachable(f"{self._path} cannot be opened: {error.strerror}") from None
        try:
            whole = _whole_lines(descriptor)
            line = event.encode() + b"\n"
            if os.write(descriptor, line) != len(line):
                os.ftruncate(descriptor, whole)
                raise Unreachable(f"{self._path} takes no more: the disk is full")
            os.fsync(descriptor)
        except OSError as error:
            raise Unreachable(f"{self._path} cannot be written: {error.strerror}") from None
        finally:
            os.close(descriptor)


def _whole_lines(descriptor: int) -> int:
    """The size of the file up to its last whole line; what follows is cut off."""
    size = os.fstat(descriptor).st_size
    end = size
    while end and os.pread(descriptor, 1, end - 1) != b"\n":
        start = max(0, end - 4096)
        end = start + os.pread(descriptor, end - start, start).rfind(b"\n") + 1
    if end != size:
        os.ftruncate(descriptor, end)
    return end


class Address:
    """An HTTP address that takes an event a request, such as Marquez at /api/v1/lineage."""

    def __init__(self, settings: Settings) -> None:
        self._parts = urlsplit(settings.lineage.url)
        if self._parts.scheme not in ("http", "https") or not self._parts.hostname or self._parts.password:
            raise Invalid(
                "lineage.url is no http:// or https:// address, or holds a password.",
                next_step="Write where events go; name its key by lineage.key_env or lineage.key_file.",
            )
        self._key = _key(settings)

    def take(self, event: str) -> None:
        """Post an event. Redirects are not followed: they would carry the key elsewhere."""
        try:
            status = _post(self._parts, event.encode(), self._key)
        except (OSError, http.client.HTTPException) as error:
            kind = "took too long" if isinstance(error, TimeoutError) else "cannot be reached"
            raise Unreachable(f"{self._parts.netloc} {kind}") from None
        if status in _NEVER:
            raise Unacceptable(f"{self._parts.netloc} answered {status}")
        if not 200 <= status < 300:
            raise Unreachable(f"{self._parts.netloc} answered {status}")


def _post(parts: SplitResult, body: bytes, key: str) -> int:
    """The status of a POST; raises TimeoutError after `SECONDS`, however slowly the other side drips."""
    host, port = parts.hostname or "", parts.port
    connection = http.client.HTTPConnection(host, port, timeout=SECONDS)
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(host, port, timeout=SECONDS, context=context)
    late = threading.Event()

    def end() -> None:
        late.set()
        with suppress(OSError):
            if connection.sock:
                connection.sock.shutdown(socket.SHUT_RDWR)

    deadline = threading.Timer(SECONDS, end)
    deadline.daemon = True
    deadline.start()
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
    try:
        connection.request(
            "POST", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), body, headers
        )
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        if late.is_set():
            raise TimeoutError from None
        raise
    finally:
        deadline.cancel()
        connection.close()


def _key(settings: Settings) -> str:
    """The receiver's key, from the environment or a file; "" when neither is named. Refuses a missing one."""
    told = settings.lineage
    if told.key_env:
        if not (key := os.environ.get(told.key_env, "")):
            raise Invalid(
                f"The environment has no {told.key_env}, which lineage.key_env names.",
                next_step="Set it for the server, or name another.",
            )
        return key
    if not told.key_file:
        return ""
    try:
        return (settings.home / told.key_file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Invalid(
            f"lineage.key_file cannot be read: {error.strerror}.", next_step="Correct its path or its rights."
        ) from None
