"""Control groups: the wall around the memory and the number of processes of a whole run."""

import os
import re
import secrets
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_CONTROLLERS = ("memory", "pids")


@dataclass(frozen=True)
class Group:
    """One run's group: a directory a hierarchy; the same one twice in version 2."""

    memory: Path
    pids: Path
    version: int

    def add(self, pid: int) -> None:
        """Put a process in; all that it starts from then on is in as well."""
        for place in {self.memory, self.pids}:
            _write(place / "cgroup.procs", pid)

    def out_of_memory(self) -> bool:
        """Whether the kernel ended a process of this run for want of memory."""
        file = "memory.events" if self.version == 2 else "memory.oom_control"
        return _counter(self.memory / file, "oom_kill") > 0

    def out_of_processes(self) -> bool:
        """Whether a fork was refused in this run."""
        return _counter(self.pids / "pids.events", "max") > 0

    def peak(self) -> int:
        """The most memory that the run held at one time, in bytes; 0 where the kernel does not say."""
        file = self.memory / ("memory.peak" if self.version == 2 else "memory.max_usage_in_bytes")
        return int(file.read_text()) if file.exists() else 0

    def kill(self) -> bool:
        """Kill whatever is in, until nothing is; False when something is left after five seconds."""
        for _ in range(2500):
            pids = {
                int(line) for place in {self.memory, self.pids} for line in _lines(place / "cgroup.procs")
            }
            if not pids:
                return True
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.002)
        return False

    def remove(self) -> None:
        """Give the directories back; a group that still ends its last process is tried again shortly."""
        for place in {self.memory, self.pids}:
            for _ in range(1000):
                try:
                    place.rmdir()
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.001)
                else:
                    break


@dataclass(frozen=True)
class Groups:
    """Where this process may make groups."""

    memory: Path
    pids: Path
    version: int

    def make(self, memory: int, processes: int) -> Group:
        """A group with these limits, in bytes and in processes, without swap."""
        name = f"handrail-{os.getpid()}-{secrets.token_hex(4)}"
        group = Group(self.memory / name, self.pids / name, self.version)
        for place in {group.memory, group.pids}:
            place.mkdir()
        _write(group.pids / "pids.max", processes)
        if self.version == 2:
            _write(group.memory / "memory.max", memory)
            _write_if_there(group.memory / "memory.swap.max", 0)
            _write_if_there(group.memory / "memory.oom.group", 1)
        else:
            _write(group.memory / "memory.limit_in_bytes", memory)
            _write_if_there(group.memory / "memory.memsw.limit_in_bytes", memory)
        return group


def find(root: Path = Path("/sys/fs/cgroup"), own: str | None = None) -> Groups | None:
    """Version 2 where it is delegated to us, else version 1 where we may write, else None.

    `own` is the text of /proc/self/cgroup. In version 2 the nearest ancestor that hands out both controllers
    is used, such as the slice of a user session; a service with `Delegate=yes` that is alone in its group
    makes room for itself first, since a group that hands out controllers may hold no process of its own.
    """
    membership = own if own is not None else Path("/proc/self/cgroup").read_text()
    paths = {
        controller: path
        for _, controllers, path in (
            line.split(":", 2) for line in membership.splitlines() if line.count(":") >= 2
        )
        for controller in controllers.split(",")
    }
    return _version_2(root, paths.get("", "/")) or _version_1(root, paths)


def _version_2(root: Path, path: str) -> Groups | None:
    own = root / path.lstrip("/")
    for place in (own, *own.parents):
        if not place.is_relative_to(root) or not _writable(place):
            break
        if set(_CONTROLLERS) <= set(_words(place / "cgroup.subtree_control")):
            return Groups(place, place, 2)
    alone = _lines(own / "cgroup.procs") == [str(os.getpid())]
    if alone and _writable(own) and set(_CONTROLLERS) <= set(_words(own / "cgroup.controllers")):
        (own / "server").mkdir(exist_ok=True)
        _write(own / "server" / "cgroup.procs", os.getpid())
        _write(own / "cgroup.subtree_control", " ".join(f"+{name}" for name in _CONTROLLERS))
        return Groups(own, own, 2)
    return None


def _version_1(root: Path, paths: dict[str, str]) -> Groups | None:
    places = []
    for controller in _CONTROLLERS:
        hierarchy = root / controller
        own = hierarchy / paths.get(controller, "/").lstrip("/")
        place = own if own.is_dir() else hierarchy  # in a container the path may be the host's
        if not _writable(place):
            return None
        places.append(place)
    return Groups(places[0], places[1], 1)


def sweep(groups: Groups) -> None:
    """Remove the groups that a server left behind when it was killed; a living server's are left alone."""
    for place in {groups.memory, groups.pids}:
        for old in place.glob("handrail-*"):
            owner = re.match(r"handrail-(\d+)-", old.name)
            if owner and not Path(f"/proc/{owner[1]}").exists():
                with suppress(OSError):
                    old.rmdir()


def _writable(place: Path) -> bool:
    return (
        (place / "cgroup.procs").exists()
        and os.access(place, os.W_OK)
        and os.access(place / "cgroup.procs", os.W_OK)
    )


def _write(file: Path, value: object) -> None:
    file.write_text(str(value))


def _write_if_there(file: Path, value: object) -> None:
    with suppress(FileNotFoundError):
        if file.exists():
            _write(file, value)


def _lines(file: Path) -> Sequence[str]:
    with suppress(OSError):
        return file.read_text().splitlines()
    return []


def _words(file: Path) -> Sequence[str]:
    return [word for line in _lines(file) for word in line.split()]


def _counter(file: Path, name: str) -> int:
    for line in _lines(file):
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return 0
