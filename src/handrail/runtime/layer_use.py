"""Who uses a folder of a layer, across all processes of a machine: nobody takes it away meanwhile."""

import fcntl
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path

_OFTEN = 3600.0  # seconds between two notes that a folder is used


class Use:
    """A folder that stays where it is for as long as this object is there, or its process.

    It is a lock that the kernel keeps for the process, so one that is killed leaves none.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __del__(self) -> None:
        os.close(self._descriptor)


def use(place: Path) -> Use | None:
    """Keep a folder where it is, and note that it was used; None where it is not, or is just taken away."""
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    found = Use(descriptor)
    fcntl.flock(descriptor, fcntl.LOCK_SH)  # waits no longer than a rename takes
    seen = os.fstat(descriptor)
    try:
        if place.stat().st_ino != seen.st_ino:
            return None
    except FileNotFoundError:
        return None
    if time.time() - seen.st_mtime > _OFTEN:
        with suppress(PermissionError):  # it is another user's, who uses it too or has it swept
            os.utime(descriptor)
    return found


def unused_since(place: Path) -> float | None:
    """When a folder was used last, in seconds since 1970; None where it is not."""
    with suppress(FileNotFoundError):
        return place.stat().st_mtime
    return None


def take_away(place: Path) -> Path | None:
    """Rename a folder that nobody uses, which is then there no longer; gives where it is now, else None."""
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return place.rename(place.with_name(f".gone-{place.name}-{secrets.token_hex(4)}"))
    except BlockingIOError:
        return None
    finally:
        os.close(descriptor)
