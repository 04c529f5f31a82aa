"""Attacks on files: of the host, of the instance, of the system, and on what is read-only."""

import os
import stat
from pathlib import Path

from handrail.runtime.probes.attempts import (
    CANARY,
    attack,
    attacks,
    lists,
    makes,
    opens_for_writing,
    reads,
)

_WRITABLE = ("/work", "/tmp", "/dev/shm")  # noqa: S108 - the sandbox's own
_DEVICES = frozenset(
    {"console", "core", "fd", "full", "null", "ptmx", "pts", "random", "shm"}
    | {"stderr", "stdin", "stdout", "tty", "urandom", "zero"}
)

for name, path in {
    "a file of the host": CANARY["file"],
    "a file of the instance": CANARY["home_file"],
}.items():
    attacks.append((f"reads {name}", reads(path)))
    attacks.append((f"reads {name} through /proc/1/root", reads(f"/proc/1/root{path}")))
    attacks.append((f"reads {name} through /proc/self/cwd", reads(f"/proc/self/cwd/../..{path}")))
    attacks.append((f"opens {name} for writing", opens_for_writing(path)))
for path in ("/etc/passwd", "/etc/shadow", "/proc/kcore", "/proc/kmsg", "/dev/mem", "/dev/kmsg", "/dev/vda"):
    attacks += [(f"reads {path}", reads(path))]
for path in ("/root", "/home", "/etc", "/var", "/sys", "/run", "/usr/lib/python3"):
    attacks += [(f"lists {path}", lists(path))]
for path in (
    "/app/new",
    "/layer/new",
    "/sdk/new",
    "/usr/lib/new",
    "/start/new",
    "/new",
    "/dev/new",
    "/proc/new",
):
    attacks += [(f"makes {path}", makes(path))]
for path in (
    "/app/app.py", "/sdk/handrail_sdk/__init__.py", "/start/sitecustomize.py",
    "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hostname",
    "/proc/sys/fs/binfmt_misc/register",
    "/proc/sysrq-trigger", "/proc/sys/vm/drop_caches", "/proc/irq/default_smp_affinity",
):  # fmt: skip
    attacks += [(f"opens {path} for writing", opens_for_writing(path))]


@attack("follows a link of its own to a file of the host")
def _link() -> object:
    Path("link").symlink_to(CANARY["file"])
    return Path("link").read_bytes()


@attack("follows links that climb to the root of the host")
def _climb() -> object:
    place = Path("climb")
    place.symlink_to("../" * 40 + CANARY["file"].lstrip("/"))
    return place.read_bytes()


@attack("links a file of the system into its own folder, to change it there")
def _hard_link() -> object:
    os.link("/sdk/handrail_sdk/__init__.py", "hard")
    return "a link to the SDK"


@attack("moves a folder of its own over its code")
def _move() -> object:
    Path("moved").mkdir()
    Path("moved").rename("/app")
    return "/app was replaced"


@attack("makes a device")
def _device() -> object:
    os.mknod("device", 0o600 | stat.S_IFBLK, os.makedev(8, 0))
    return "a block device"


@attack("makes the device that hides files of a lower layer")
def _whiteout() -> object:
    os.mknod("white", 0o600 | stat.S_IFCHR, 0)
    return "a character device"


@attack("finds a device beyond the harmless ones")
def _devices() -> object:
    return sorted({entry.name for entry in Path("/dev").iterdir()} - _DEVICES) or None


@attack("has a writable folder in which devices and set-uid programs count")
def _mount_flags() -> object:
    needed = os.ST_NOSUID | os.ST_NODEV
    return [place for place in _WRITABLE if os.statvfs(place).f_flag & needed != needed] or None


@attack("has a writable folder without a limit of size")
def _sizes() -> object:
    most = 4 * CANARY["file_limit"]
    found = {place: os.statvfs(place) for place in _WRITABLE}
    return [place for place, size in found.items() if size.f_blocks * size.f_frsize > most] or None


@attack("writes a file larger than its limit")
def _large() -> object:
    return Path("large").write_bytes(bytes(CANARY["file_limit"] + 1))


@attack("fills shared memory beyond its limit")
def _shared_memory() -> object:
    half = bytes(CANARY["file_limit"] // 2)
    return sum(Path(f"/dev/shm/{number}").write_bytes(half) for number in range(3))  # noqa: S108


if CANARY["landlock"]:

    @attack("opens a folder that the wall inside does not name")
    def _beyond() -> object:
        return [entry.name for entry in Path("/").iterdir()]
