"""The arguments of bwrap for one sandbox: what is there inside, and nothing else."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from handrail.adapters.isolation import landlock
from handrail.kernel import Invalid
from handrail.kernel.sandbox import CODE, WORK, Layer, Limits

PRLIMIT = "/usr/bin/prlimit"
START = "/start"  # where Python finds what it loads first
MOST_FILES = 2500  # bwrap takes 9,000 arguments, of which a file needs three

WRITABLE = ("/dev/shm", WORK, "/tmp")  # noqa: S108 - these are the sandbox's own

_WALLS = (
    "--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup",
    "--disable-userns", "--uid", "1000", "--gid", "1000", "--cap-drop", "ALL",
    "--new-session", "--die-with-parent", "--hostname", "sandbox",
)  # fmt: skip
ENVIRONMENT = {
    "PATH": "/usr/bin", "HOME": WORK, "TMPDIR": "/tmp", "LANG": "C.UTF-8", "TZ": "UTC",  # noqa: S108
    "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1",
}  # fmt: skip


@dataclass(frozen=True)
class Second:
    """The wall that Python puts up inside before it runs the app: its program, as a descriptor, and which
    version of Landlock; `loopback` where TCP may be used.
    """

    program: int
    version: int
    loopback: bool


def checked_names(names: Iterable[str]) -> tuple[str, ...]:
    """The names of code files, in order; refuses any that is not a plain relative path of its own."""
    found = sorted(names)
    if len(found) > MOST_FILES:
        raise Invalid(
            f"The app has {len(found):,} files; a run can carry {MOST_FILES:,}.",
            next_step="Leave out data, caches and installed packages.",
        )
    directories: set[str] = set()
    for name in found:
        parts = name.split("/")
        if any(part in ("", ".", "..") for part in parts) or not name.isprintable() or "\\" in name:
            raise _bad_name(name)
        if len(name.encode()) > 1000 or any(len(part.encode()) > 200 for part in parts):
            raise _bad_name(name[:80] + "…")
        directories.update(str(parent) for parent in PurePosixPath(name).parents)
    for name in found:
        if name in directories:
            raise _bad_name(name)
    return tuple(found)


def _bad_name(name: str) -> Invalid:
    return Invalid(
        f"{name!r} cannot be the name of a file of an app.",
        next_step="Use relative names such as app.py or pages/first.py, each for one file.",
    )


def arguments(
    layer: Layer,
    limits: Limits,
    files: Mapping[str, int],
    seccomp: int,
    status: int,
    second: Second | None = None,
    code: Path | None = None,
) -> tuple[str, ...]:
    """Everything before the command. `files` maps checked names to descriptors that hold their content; with
    `code`, a folder that nobody but Handrail writes to, the app's files are what lies there at any time.

    Each mount point lies on a tmpfs that bwrap has just made, or in /usr: nothing that an app controls is
    there yet, so no symlink of its making can be followed (CVE-2026-87766). The trees are closed to writing
    before the app starts.
    """
    made: list[str] = [*_WALLS]
    for inside, outside in layer.binds.items():
        made += ("--ro-bind", str(outside), inside)
    made += _system(layer)
    made += ("--proc", "/proc", "--dev", "/dev", *_tmpfs(WRITABLE[0], limits.file), "--remount-ro", "/dev")
    for writable in WRITABLE[1:]:
        made += _tmpfs(writable, limits.file)
    made += ("--tmpfs", CODE) if code is None else ("--ro-bind", str(code), CODE)
    for name, descriptor in files.items():
        made += ("--file", str(descriptor), f"{CODE}/{name}")
    environment = {**ENVIRONMENT, **layer.environment}
    if second is not None:
        made += ("--file", str(second.program), f"{START}/sitecustomize.py")
        environment["PYTHONPATH"] = ":".join(filter(None, (START, layer.environment.get("PYTHONPATH"))))
        bound = (made[at + 2] for at, word in enumerate(made) if word == "--ro-bind")
        readable = (*dict.fromkeys((*bound, CODE)), START, "/proc")
        told = landlock.wanted(second.version, readable, WRITABLE, loopback=second.loopback)
        environment[landlock.VARIABLE] = told
    if code is None:
        made += ("--remount-ro", CODE)
    made += ("--remount-ro", "/", "--chdir", WORK)
    made += ("--seccomp", str(seccomp), "--json-status-fd", str(status))
    for key, value in environment.items():
        made += ("--setenv", key, value)
    return tuple(made)


def _tmpfs(path: str, size: int) -> tuple[str, ...]:
    return ("--size", str(size), "--tmpfs", path)


def _system(layer: Layer) -> list[str]:
    """The C library and what Python loads, without the host's packages, shells or configuration."""
    made: list[str] = []
    for path in ("/usr/lib", "/usr/lib64", "/usr/share/zoneinfo", PRLIMIT):
        if path not in layer.binds and Path(path).exists():
            made += ("--ro-bind", path, path)
    for path in ("/lib", "/lib64"):
        if Path(path).is_symlink():
            made += ("--symlink", f"usr{path}", path)
        elif Path(path).exists():
            made += ("--ro-bind", path, path)
    for path in layer.hidden:
        made += (*_tmpfs(path, 4096), "--remount-ro", path)
    return made
