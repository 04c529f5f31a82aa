"""The attacks of `handrail doctor`, run inside a real sandbox; a JSON line each: name, held, what was found.

An attack returns what it got at, or None when there was nothing to be got; an OSError is a closed door. None
of them writes to anything but canaries and its own sandbox.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import resource
import socket
import struct
import sys
import termios
from collections.abc import Callable
from pathlib import Path

CANARY = json.loads(Path("/app/canary.json").read_text())
SECRET = CANARY["secret"]
libc = ctypes.CDLL(None, use_errno=True)
attacks: list[tuple[str, Callable[[], object]]] = []


def attack(name: str) -> Callable[[Callable[[], object]], Callable[[], object]]:
    """Put the decorated function among the attacks."""

    def register(function: Callable[[], object]) -> Callable[[], object]:
        attacks.append((name, function))
        return function

    return register


def reads(path: str) -> Callable[[], object]:
    """An attack that reads a file."""
    return lambda: Path(path).read_bytes()[:80]


def lists(path: str) -> Callable[[], object]:
    """An attack that lists a folder."""
    return lambda: [entry.name for entry in Path(path).iterdir()] or None


def opens_for_writing(path: str) -> Callable[[], object]:
    """An attack that opens what is there for writing, and writes nothing."""

    def function() -> object:
        os.close(os.open(path, os.O_WRONLY))
        return f"{path} is open for writing"

    return function


def makes(path: str) -> Callable[[], object]:
    """An attack that makes a file."""

    def function() -> object:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
        return f"{path} was made"

    return function


def connects(family: int, address: tuple[str, int] | str) -> Callable[[], object]:
    """An attack that reaches a listener."""

    def function() -> object:
        with socket.socket(family, socket.SOCK_STREAM) as s:
            s.settimeout(1)
            s.connect(address)
        return f"connected to {address}"

    return function


def has_socket(family: int, kind: int) -> Callable[[], object]:
    """An attack that gets a socket of a family."""

    def function() -> object:
        socket.socket(family, kind).close()
        return f"a socket of family {family}"

    return function


def calls(number: int, *arguments: int) -> Callable[[], object]:
    """An attack that gets a system call past the filter."""

    def function() -> object:
        result = libc.syscall(number, *arguments)
        if result < 0 and ctypes.get_errno() in (1, 38):  # EPERM, ENOSYS: the filter, or a missing right
            return None
        return f"system call {number} was let through: {result}, errno {ctypes.get_errno()}"

    return function


for name, path in {
    "a file of the host": CANARY["file"],
    "a file of the instance": CANARY["home_file"],
}.items():
    attacks.append((f"reads {name}", reads(path)))
    attacks.append((f"reads {name} through /proc/1/root", reads(f"/proc/1/root{path}")))
for path in ("/etc/passwd", "/etc/shadow", "/proc/kcore", "/proc/kmsg", "/dev/mem", "/dev/kmsg", "/dev/vda"):
    attacks += [(f"reads {path}", reads(path))]
for path in ("/root", "/home", "/etc", "/var", "/sys", "/run", "/usr/lib/python3"):
    attacks += [(f"lists {path}", lists(path))]
for path in ("/app/new", "/layer/new", "/sdk/new", "/usr/lib/new", "/new", "/dev/new", "/proc/new"):
    attacks += [(f"makes {path}", makes(path))]
for path in (
    "/app/app.py", "/sdk/handrail_sdk/__init__.py", "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger",
    "/proc/sys/vm/drop_caches", "/proc/irq/default_smp_affinity",
):  # fmt: skip
    attacks += [(f"opens {path} for writing", opens_for_writing(path))]
attacks.append(("connects to a service of the host", connects(socket.AF_INET, ("127.0.0.1", CANARY["port"]))))
attacks.append(
    ("connects to an abstract socket of the host", connects(socket.AF_UNIX, "\0" + CANARY["abstract"]))
)
attacks.append(("connects to a socket file of the host", connects(socket.AF_UNIX, CANARY["socket"])))
for name, family, kind in (
    ("IPv4", 2, 1), ("IPv6", 10, 1), ("UDP", 2, 2), ("netlink", 16, 3), ("packet", 17, 3), ("vsock", 40, 1),
):  # fmt: skip
    attacks.append((f"makes a {name} socket", has_socket(family, kind)))

if os.uname().machine == "x86_64":
    for name, number, *arguments in (
        ("ptrace", 101, 0, 0, 0, 0), ("mount", 165, 0, 0, 0, 0, 0), ("umount2", 166, 0, 0),
        ("pivot_root", 155, 0, 0), ("chroot", 161, 0), ("unshare", 272, 0x10000000), ("setns", 308, 0, 0),
        ("clone into a new user namespace", 56, 0x10000011, 0, 0, 0, 0), ("clone3", 435, 0, 0),
        ("keyctl", 250, 0, -1, 0, 0, 0), ("add_key", 248, 0, 0, 0, 0, 0), ("bpf", 321, 0, 0, 0),
        ("perf_event_open", 298, 0, 0, -1, -1, 0), ("io_uring_setup", 425, 1, 0), ("userfaultfd", 323, 0),
        ("kexec_load", 246, 0, 0, 0, 0), ("init_module", 175, 0, 0, 0), ("delete_module", 176, 0, 0),
        ("process_vm_readv", 310, 1, 0, 0, 0, 0, 0), ("open_by_handle_at", 304, 0, 0, 0),
        ("fsopen", 430, 0, 0), ("open_tree", 428, 0, 0, 0), ("swapon", 167, 0, 0), ("iopl", 172, 3),
        ("settimeofday", 164, 0, 0), ("sethostname", 170, 0, 0), ("a call of tomorrow", 900),
        ("a call of the x32 table", 0x40000000 | 101, 0, 0, 0, 0),
    ):  # fmt: skip
        attacks.append((f"calls {name}", calls(number, *arguments)))


@attack("follows a link of its own to a file of the host")
def _link() -> object:
    Path("link").symlink_to(CANARY["file"])
    return Path("link").read_bytes()


@attack("finds a secret in its environment")
def _environment() -> object:
    return SECRET if SECRET in "".join(os.environ.values()) else None


@attack("finds a secret in the environment of any process it sees")
def _environments() -> object:
    for process in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if SECRET.encode() in process.read_bytes():
                return str(process)
    return None


@attack("sees processes of the host")
def _processes() -> object:
    seen = [entry.name for entry in Path("/proc").glob("[0-9]*")]
    return seen if len(seen) > 4 else None


@attack("inherits descriptors beyond its door")
def _descriptors() -> object:
    more = []
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            target = str(entry.readlink())
            if int(entry.name) > 2 and not target.startswith(("socket:", "/proc/")):
                more.append(target)
    return more or None


@attack("has rights")
def _capabilities() -> object:
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines())
    held = [name for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb") if int(status[name], 16)]
    return held or None


@attack("finds a process with more rights than its own, or without a filter")
def _privileges() -> object:
    for process in Path("/proc").glob("[0-9]*/status"):
        status = process.read_text()
        held = ("CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2")
        if not all(line in status for line in held):
            return str(process)
    return None


@attack("becomes root")
def _root() -> object:
    os.setuid(0)
    return f"uid {os.getuid()}"


@attack("makes a device")
def _device() -> object:
    os.mknod("device", 0o600 | 0o060000, os.makedev(8, 0))
    return "a block device"


@attack("learns the name of the host")
def _hostname() -> object:
    return CANARY["hostname"] if os.uname().nodename == CANARY["hostname"] else None


@attack("pushes keys into the terminal that Handrail was started from")
def _terminal() -> object:
    with Path("/dev/tty").open("wb") as terminal:
        fcntl.ioctl(terminal, termios.TIOCSTI, b"x")
    return "a key"


@attack("writes a file larger than its limit")
def _large() -> object:
    return Path("large").write_bytes(bytes(CANARY["file_limit"] + 1))


@attack("fills shared memory beyond its limit")
def _shared_memory() -> object:
    half = bytes(CANARY["file_limit"] // 2)
    return sum(Path(f"/dev/shm/{number}").write_bytes(half) for number in range(3))  # noqa: S108


@attack("raises its own limits")
def _limits() -> object:
    soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    if hard == resource.RLIM_INFINITY:
        return "no limit of processes"
    resource.setrlimit(resource.RLIMIT_NPROC, (hard + 1, hard + 1))
    return soft


@attack("reads a descriptor of Handrail over its door")
def _passed() -> object:
    door = socket.socket(fileno=os.dup(int(os.environ["HANDRAIL_FD"])))
    credentials = door.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    pid, _, _ = struct.unpack("iII", credentials)
    return Path(f"/proc/{pid}/environ").read_bytes() if pid > 4 else None


def main() -> None:
    """Try them all, one after another."""
    for name, function in attacks:
        try:
            found = function()
        except (OSError, ValueError) as error:
            held, said = True, type(error).__name__
        else:
            held, said = found is None, "nothing" if found is None else repr(found)[:200]
        sys.stdout.write(json.dumps({"name": name, "held": held, "found": said}) + "\n")


main()
