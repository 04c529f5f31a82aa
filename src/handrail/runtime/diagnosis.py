"""What is known of this machine's sandboxes: the last diagnosis, while nothing that it rests on has changed.

It is kept beside the layers: all instances of a machine that share those share it, and each machine of an
instance has its own.
"""

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache, lru_cache
from importlib import resources
from importlib.metadata import version
from pathlib import Path

from handrail.kernel import Context, NotReady
from handrail.kernel.kept import Files
from handrail.kernel.manifest import LAYERS
from handrail.kernel.sandbox import Isolation
from handrail.runtime import layer
from handrail.settings import Settings

_KEPT = 20  # diagnoses; each set of settings has one of its own
_files = Files(megabytes=1)


@dataclass(frozen=True)
class Probe:
    """One attack: whether the sandbox held, and what the attack found."""

    name: str
    held: bool
    found: str


@dataclass(frozen=True)
class Diagnosis:
    """All probes; red when one failed. `walls` says in words what there is to hold them on this machine."""

    probes: int
    held: int
    failed: tuple[Probe, ...]
    results: tuple[Probe, ...] = field(repr=False)
    walls: Mapping[str, str] = field(default_factory=dict)
    fingerprint: str = ""  # of all it rests on
    at: str = ""  # when it was made, in UTC
    untried: Mapping[str, str] = field(default_factory=dict)  # what cannot be tried here, and why

    @property
    def green(self) -> bool:
        """Whether apps may run here."""
        return not self.failed and self.probes > 0


def fingerprint(settings: Settings, isolation: Isolation) -> str:
    """All that a diagnosis rests on: Handrail, the kernel, the sandbox's program, Python and the layers."""
    parts = (
        _own_version(),
        _own_code(),
        *platform.uname()[:5],
        isolation.identity(),
        *(layer.layer_digest(settings, name) for name in LAYERS),
        _stamp(layer.python_of(settings).host),
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def known(settings: Settings, isolation: Isolation) -> Diagnosis | None:
    """The diagnosis that counts now; None when there is none, or only one that somebody else has written."""
    place = _place(settings, fingerprint(settings, isolation))
    try:
        owner = place.stat().st_uid
    except OSError:
        return None
    content = _files.read(place) if owner == os.geteuid() else None
    return _parsed(content) if content is not None else None


def refuse_red(ctx: Context) -> None:
    """Refuse NotReady on a machine that cannot hold a sandbox, or of which it is known that it does not.

    Where it is not known, nothing is refused: whoever executes a run examines the sandboxes first.
    """
    ctx.ports.isolation.check()
    found = known(ctx.settings, ctx.ports.isolation)
    if found is not None and not found.green:
        raise red(found)


def red(found: Diagnosis) -> NotReady:
    """The refusal of every run on a machine whose sandboxes do not hold."""
    names = "; ".join(probe.name for probe in found.failed[:3])
    more = f" and {len(found.failed) - 3} more" if len(found.failed) > 3 else ""
    return NotReady(
        f"Nothing runs on this machine: {len(found.failed)} of {found.probes} attacks got out of a sandbox "
        f"({names}{more}).",
        next_step="Tell an admin, who mends what `handrail doctor` names and runs it again.",
        subject="doctor",
    )


def keep(settings: Settings, diagnosis: Diagnosis) -> None:
    """Keep a diagnosis for all instances that share the layers; whole or not at all."""
    place = _place(settings, diagnosis.fingerprint)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = place.with_name(f".{place.name}-{os.getpid()}")
    draft.write_text(json.dumps(asdict(diagnosis)), encoding="utf-8")
    draft.chmod(0o600)
    draft.rename(place)
    every = sorted(place.parent.glob("*.json"), key=lambda file: file.stat().st_mtime)
    for old in every[:-_KEPT]:
        old.unlink(missing_ok=True)


def forget_red(settings: Settings, isolation: Isolation) -> None:
    """Let a red diagnosis count no more, so that the sandboxes are examined anew; a green one stays."""
    found = known(settings, isolation)
    if found is not None and not found.green:
        _place(settings, found.fingerprint).unlink(missing_ok=True)


def folder(settings: Settings) -> Path:
    """Where diagnoses are kept: beside the layers, or in the instance where those are somebody else's."""
    root = layer.root_of(settings)
    return (root if os.access(root, os.W_OK) else settings.home) / "diagnoses"


def _place(settings: Settings, of: str) -> Path:
    return folder(settings) / f"{of[:32]}.json"


@lru_cache(maxsize=4)
def _parsed(content: bytes) -> Diagnosis | None:
    try:
        values = json.loads(content)
        for name in ("failed", "results"):
            values[name] = tuple(Probe(**probe) for probe in values[name])
        return Diagnosis(**values)
    except (
        ValueError,
        TypeError,
        KeyError,
    ):  # half of a file that a full disk left, or one of another version
        return None


@cache
def _own_version() -> str:
    return version("handrail")  # which reads and parses a file, and this is asked before each run


@cache
def _own_code() -> str:
    """The attacks and what they are tried on, so that a change of either counts without a new version."""
    digest = hashlib.sha256()
    for package, names in (("handrail.adapters.isolation", ("",)), ("handrail.runtime", ("", "probes"))):
        for name in names:
            place = resources.files(package).joinpath(name) if name else resources.files(package)
            for file in sorted(place.iterdir(), key=lambda one: one.name):
                wanted = package != "handrail.runtime" or name or file.name == "doctor.py"
                if wanted and file.name.endswith(".py"):
                    digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _stamp(program: Path) -> str:
    found = program.stat()
    return f"{program} {found.st_ino} {found.st_size} {found.st_mtime_ns}"
