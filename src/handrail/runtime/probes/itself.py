"""What an app has that it should not: rights, secrets, descriptors, and limits that it can raise."""

import contextlib
import ctypes
import os
import resource
import stat
from pathlib import Path

from handrail.runtime.probes.attempts import CANARY, SECRET, attack, libc

_STATUS = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines())


@attack("finds a secret in its environment")
def _environment() -> object:
    return SECRET if SECRET in "".join(os.environ.values()) else None


@attack("inherits descriptors beyond its door")
def _descriptors() -> object:
    more = []
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            target = str(entry.readlink())
            if int(entry.name) > 2 and not target.startswith(("socket:", "/proc/")):
                more.append(target)
    return more or None


@attack("inherits more sockets than it was given")
def _sockets() -> object:
    given = {int(os.environ[name]) for name in ("HANDRAIL_FD", "HANDRAIL_LISTENER") if name in os.environ}
    held = set()
    for number in range(256):
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                held.add(number)
    return sorted(held - given) or None


@attack("inherits a folder")
def _folders() -> object:
    for number in range(256):
        with contextlib.suppress(OSError):
            os.fchdir(number)
            return os.readlink(f"/proc/self/fd/{number}")  # noqa: PTH115
    return None


@attack("reads what is told to the terminal of Handrail")
def _input() -> object:
    return os.read(0, 100) or None


@attack("has rights")
def _capabilities() -> object:
    held = [name for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb") if int(_STATUS[name], 16)]
    return held or None


@attack("gains rights from a program that has them")
def _new_rights() -> object:
    return None if _STATUS["NoNewPrivs"] == "1" else "no_new_privs is not set"


@attack("becomes root")
def _root() -> object:
    os.setuid(0)
    return f"uid {os.getuid()}"


@attack("joins the group of root")
def _group() -> object:
    os.setgid(0)
    return f"gid {os.getgid()}"


@attack("joins other groups")
def _groups() -> object:
    os.setgroups([0, 4, 6])
    return os.getgroups()


@attack("is more than one user")
def _users() -> object:
    lines = Path("/proc/self/uid_map").read_text().splitlines()
    return None if len(lines) == 1 and lines[0].split()[2] == "1" else lines


@attack("makes itself root by its own map of users")
def _map() -> object:
    return Path("/proc/self/uid_map").write_text("0 0 1\n")


@attack("lets itself join groups again")
def _allow_groups() -> object:
    own = Path("/proc/self/setgroups")
    own.write_text("allow\n")
    return own.read_text() if own.read_text() == "allow\n" else None


@attack("learns the name of the host")
def _hostname() -> object:
    return CANARY["hostname"] if os.uname().nodename == CANARY["hostname"] else None


for kind, outside in CANARY["namespaces"].items():

    @attack(f"is in the host's {kind} namespace")
    def _namespace(kind: str = kind, outside: str = outside) -> object:
        return outside if os.readlink(f"/proc/self/ns/{kind}") == outside else None  # noqa: PTH115


@attack("sees where it is among the control groups of the host")
def _control_groups() -> object:
    return [line for line in Path("/proc/self/cgroup").read_text().split() if not line.endswith(":/")] or None


@attack("raises its own limits")
def _limits() -> object:
    soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    if hard == resource.RLIM_INFINITY:
        return "no limit of processes"
    resource.setrlimit(resource.RLIMIT_NPROC, (hard + 1, hard + 1))
    return soft


@attack("opens files without end")
def _open_files() -> object:
    kept: list[int] = []
    with contextlib.suppress(OSError):
        while len(kept) < 5000:
            kept.append(os.dup(0))
    for number in kept:
        os.close(number)
    return len(kept) if len(kept) > CANARY["open_files"] else None


@attack("keeps memory from being swapped without end")
def _locked() -> object:
    kept = ctypes.create_string_buffer(16 << 20)
    return "16 MB are locked" if libc.mlock(kept, ctypes.c_size_t(len(kept))) == 0 else None


@attack("leaves a picture of its memory on the disk when it crashes")
def _core() -> object:
    return None if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0 else "core files are allowed"


@attack("takes the processor before others")
def _priority() -> object:
    os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0) - 1)
    return os.getpriority(os.PRIO_PROCESS, 0)


@attack("takes the processor from all others")
def _real_time() -> object:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    return "it runs in real time"


@attack("is spared when memory runs out")
def _spared() -> object:
    own = Path("/proc/self/oom_score_adj")
    before = int(own.read_text())
    own.write_text(str(before - 1))
    return own.read_text()
