"""Keep what was worked out once: by a key that says all it depends on, or by the file it was read from."""

import os
import stat
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

_SETTLED = 2_000_000_000  # nanoseconds: two edits within one tick of a file system's clock look like one


class Kept(Generic[Key, Value]):
    """The values used last, up to a total weight, for threads. A key names everything its value rests on."""

    def __init__(self, weight: int) -> None:
        self._most = weight
        self._weight = 0
        self._held: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> Value | None:
        """The value that is kept, if it is."""
        with self._lock:
            found = self._held.get(key)
            if found is None:
                return None
            self._held.move_to_end(key)
            return found[0]

    def put(self, key: Key, value: Value, weight: int = 1) -> Value:
        """Keep a value and let go of those unused for longest; gives it back. One too heavy is not kept."""
        with self._lock:
            if (before := self._held.pop(key, None)) is not None:
                self._weight -= before[1]
            if weight <= self._most:
                self._held[key] = value, weight
                self._weight += weight
            while self._weight > self._most:
                self._weight -= self._held.popitem(last=False)[1][1]
        return value

    def made(
        self, key: Key, make: Callable[[], Value], weight: Callable[[Value], int] | None = None
    ) -> Value:
        """The value that is kept, or else a new one. What `make` raises is not kept."""
        found = self.get(key)
        if found is not None:
            return found
        value = make()
        return self.put(key, value, weight(value) if weight else 1)


class Files:
    """The contents of small files that are read again and again, each as long as nothing touched it.

    A file counts as untouched while its inode, size and times are the same; the time of its last change of
    state cannot be set back by anybody. What was touched a moment ago is read anew each time, since a second
    edit in that moment would show in none of these.
    """

    def __init__(self, megabytes: int = 64) -> None:
        self._kept: Kept[str, tuple[tuple[int, ...], bytes]] = Kept(megabytes << 20)

    def read(self, path: Path | str) -> bytes | None:
        """The content as it is now; None when there is no such regular file."""
        name = os.fspath(path)
        try:
            seen = os.stat(name)  # noqa: PTH116 - on every question's path, where Path costs more than the call
        except (FileNotFoundError, NotADirectoryError):
            return None
        kept = self._kept.get(name)
        if kept is not None and kept[0] == stamp(seen):
            return kept[1]
        if not stat.S_ISREG(seen.st_mode):
            return None
        try:
            with open(name, "rb") as file:  # noqa: PTH123
                before = stamp(os.fstat(file.fileno()))
                content = file.read()
                after = os.fstat(file.fileno())
        except FileNotFoundError:
            return None
        moment = max(after.st_mtime_ns, after.st_ctime_ns)
        if before == stamp(after) and time.time_ns() - moment > _SETTLED:
            self._kept.put(name, (before, content), len(content) + len(name))
        return content


def stamp(of: os.stat_result) -> tuple[int, ...]:
    """What a file is another by: a copy may keep the time of its content, but not that of its state."""
    return of.st_dev, of.st_ino, of.st_size, of.st_mtime_ns, of.st_ctime_ns
