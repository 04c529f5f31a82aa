"""Which Python apps run on: one that the sandbox's user can reach, at least 3.11."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

_OLDEST = (3, 11)
_DEBIAN = Path("/usr/bin/python3")
_DEBIAN_PACKAGES = "/usr/lib/python3"


@dataclass(frozen=True)
class Interpreter:
    """A Python outside (`host`), where it is inside, and what must be bound and hidden for it."""

    version: str
    host: Path
    inside: str
    binds: Mapping[str, Path] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


@cache
def choose(root: Path) -> Interpreter:
    """The system's Python where it is new enough, else the one that runs us, else a copy of it under `root`.

    Found once per process: asking a Python for its version starts it.
    """
    version = _version(_DEBIAN) if _DEBIAN.exists() else (0, 0, 0)
    if version >= _OLDEST:
        hidden = (_DEBIAN_PACKAGES,) if Path(_DEBIAN_PACKAGES).is_dir() else ()
        real = _DEBIAN.resolve()
        return Interpreter(_words(version), real, str(_DEBIAN), {str(_DEBIAN): real}, hidden)
    prefix = Path(sys.base_prefix).resolve()
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if not reachable(prefix):
        prefix = _copied(prefix, root)
    packages = f"/lib/{name}/site-packages"
    hidden = (f"/python{packages}",) if (prefix / packages.lstrip("/")).is_dir() else ()
    host = prefix / "bin" / name
    # It was built for another place, where it would look for its own shared library.
    where = {"LD_LIBRARY_PATH": "/python/lib"}
    return Interpreter(
        _words(_version(host)), host, f"/python/bin/{name}", {"/python": prefix}, hidden, where
    )


def reachable(path: Path) -> bool:
    """Whether a user without rights gets to `path`; always so for a plain user's own files."""
    if os.geteuid() != 0:
        return os.access(path, os.R_OK)
    return all(place.stat().st_mode & 0o001 for place in (path, *path.parents) if place.is_dir())


def _version(python: Path) -> tuple[int, ...]:
    told = subprocess.run(
        [python, "-I", "-S", "-c", "import sys; print(*sys.version_info[:3])"],
        capture_output=True,
        text=True,
        check=False,
    )
    return tuple(int(part) for part in told.stdout.split()) or (0, 0, 0)


def _words(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _copied(prefix: Path, root: Path) -> Path:
    """A copy of a Python that lies in somebody's home; whole or not there, since it is renamed into place."""
    name = hashlib.sha256(f"{prefix} {sys.version}".encode()).hexdigest()[:16]
    place = root / f"python-{name}"
    if not place.exists():
        draft = root / f".python-{name}-{os.getpid()}"
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(prefix, draft, symlinks=True, ignore=shutil.ignore_patterns("site-packages", "test"))
        try:
            draft.rename(place)
        except OSError:  # another process was first
            shutil.rmtree(draft)
    return place
