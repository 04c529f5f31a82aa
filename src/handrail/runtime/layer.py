"""Layers: the read-only Python packages that apps may import, built once for each lock file."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path

from packaging.markers import Marker, default_environment

import handrail_sdk
from handrail.kernel import NotFound, NotReady
from handrail.kernel.manifest import LAYERS, REPORT, nearest
from handrail.kernel.sandbox import Layer
from handrail.runtime.interpreter import Interpreter, choose, reachable
from handrail.runtime.layer_build import Progress, install, install_apart, into
from handrail.runtime.layer_use import use
from handrail.settings import Settings

PACKAGES, OWN, _SDK = "/layer", "/packages", "/sdk"
_PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^\s;\\]+)(?: ; ([^\\\n]*))?", re.MULTILINE)
# A lock that a maker's requirements came to: no line of it is an option, an address or a condition.
_OWN_LOCK = re.compile(
    r"(?:# [^\n]*\n)*(?:[a-z0-9][a-z0-9.-]*==[A-Za-z0-9.!]+(?: \\\n    --hash=sha256:[0-9a-f]{64})+\n)+"
)
# Packages that are imported by other names than they are installed by.
IMPORTED_AS = {
    "fonttools": ("fontTools",),
    "matplotlib": ("matplotlib", "mpl_toolkits", "pylab"),
    "opentelemetry-api": ("opentelemetry",),
    "pillow": ("PIL",),
    "protobuf": ("google",),
    "python-dateutil": ("dateutil",),
    "pyyaml": ("yaml",),
    "scikit-learn": ("sklearn",),
}
_ENVIRONMENT = {
    # What a maker asked for comes last: it can add modules, and replace none.
    "PYTHONPATH": f"{_SDK}:{PACKAGES}:{OWN}",
    "MPLBACKEND": "Agg",
    "MPLCONFIGDIR": "/tmp/matplotlib",  # noqa: S108 - a tmpfs of the sandbox's own
    # Nobody is there to be told, and an attempt only costs time.
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
}


def layer_digest(settings: Settings, name: str = REPORT, lock: str = "") -> str:
    """The name of exactly what apps run on: Python, locked packages and SDK; nothing need be built for it.

    `lock` is what an app has besides: see `handrail.runtime.lock_packages`.
    """
    own = (lock,) if lock else ()
    return _digest_of(python_of(settings).version, lock_of(name), *own, _sdk_digest())


@lru_cache(maxsize=64)
def _digest_of(*parts: str) -> str:
    """The same few are asked for by each run, and by what looks whether one may begin."""
    return "sha256:" + hashlib.sha256("\n".join(parts).encode()).hexdigest()


def packages(name: str = REPORT, python: str | None = None) -> dict[str, str]:
    """The packages of a layer and their versions, for this Python (None: the one here)."""
    return pins(lock_of(name), python)


def pins(lock: str, python: str | None = None) -> dict[str, str]:
    """The packages of a lock and their versions, for this Python (None: the one here) on this machine."""
    where = default_environment() | ({"python_full_version": python} if python else {})
    if python:
        where["python_version"] = ".".join(python.split(".")[:2])
    found = _PIN.findall(lock)
    return {
        package: version
        for package, version, marker in found
        if not marker or Marker(marker).evaluate({key: str(value) for key, value in where.items()})
    }


def importable(name: str = REPORT, besides: Iterable[str] = ()) -> frozenset[str]:
    """What the packages of a layer are imported as, and these modules `besides`."""
    found = (IMPORTED_AS.get(package, (package.replace("-", "_"),)) for package in packages(name))
    return frozenset(module for modules in found for module in modules).union(besides)


def built(settings: Settings, name: str = REPORT, lock: str = "") -> Layer:
    """The layer, ready to use; it is not swept while this is held. Refuses NotReady when it was not built."""
    root, python = root_of(settings), python_of(settings)
    place, sdk, own = _place(root, name, python), _sdk_place(root, python), own_place(settings, lock)
    binds = {**python.binds, PACKAGES: place, _SDK: sdk, **({OWN: own} if own else {})}
    held = [use(one) for one in binds.values() if one.parent == root]
    if None in held:
        raise NotReady(
            f"The Python layer {name!r} has not been built on this machine.",
            next_step=f"Run `handrail layers build {name}` once; it takes a minute or so.",
        )
    environment = {**_ENVIRONMENT, **python.environment}
    digest = layer_digest(settings, name, lock)
    return Layer(
        digest, python.inside, binds, python.hidden, environment, imports_of(name), tuple(filter(None, held))
    )


def build(settings: Settings, name: str = REPORT, lock: str = "", progress: Progress | None = None) -> Layer:
    """Build what is missing of a layer, once even when several processes ask; gives it ready to use.

    Only wheels whose hashes stand in the locks are installed; none of their code runs. Refuses Upstream when
    the packages cannot be had, NotReady when the sandbox's user could not reach the result, and as
    `layer_build.install_apart` for what an app has besides.
    """
    report = progress or (lambda _label, _done, _total: None)
    root = root_of(settings)
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _no_place(f"{root} cannot be made: {error.strerror}") from error
    with suppress(NotReady):
        return built(settings, name, lock)
    if not reachable(root):
        raise NotReady(
            f"The sandbox's user cannot reach {root}.",
            next_step="Set runtime.layers in handrail.toml to a directory that everybody may enter.",
        )
    with alone(root):
        python = python_of(settings)
        place, sdk, own = _place(root, name, python), _sdk_place(root, python), own_place(settings, lock)
        if not place.is_dir():
            text, count = lock_of(name), len(packages(name, python.version))
            into(place, lambda draft: install(name, text, count, python, draft, report))
        if not sdk.is_dir():
            into(sdk, lambda draft: _copy_sdk(python, draft))
    if own is not None:
        with alone(root, "-packages"):  # a slow index holds up nobody who adds nothing
            if not own.is_dir():
                into(own, lambda draft: install_apart(settings, lock, place, python, draft, report))
    return built(settings, name, lock)


def current(settings: Settings) -> set[Path]:
    """The folders of all layers as they are today, built or not, with their Python and SDK."""
    root, python = root_of(settings), python_of(settings)
    layers = {_place(root, name, python) for name in LAYERS}
    fonts = {fonts_of(one) for one in layers}
    return layers | fonts | {_sdk_place(root, python)} | set(python.binds.values())


def fonts_of(packages: Path) -> Path:
    """Where the list of the fonts in a folder of packages lies; see `handrail.runtime.fonts`."""
    return packages.with_name(f"fonts-{packages.name}")


def python_of(settings: Settings) -> Interpreter:
    """The Python that apps run on here."""
    return choose(root_of(settings))


def own_place(settings: Settings, lock: str) -> Path | None:
    """Where the packages of an app's own lock lie, built or not; None for no lock.

    Refuses NotReady for a text that is no lock of ours: uv would do more with it than install packages.
    """
    if not lock:
        return None
    if not _OWN_LOCK.fullmatch(lock):
        raise NotReady(
            "The app's lock of packages is not one of Handrail's.", next_step="Push the app again."
        )
    digest = hashlib.sha256(f"{python_of(settings).version}\n{lock}".encode()).hexdigest()
    return root_of(settings) / f"packages-{digest[:16]}"


def root_of(settings: Settings) -> Path:
    """Where layers are kept on this machine. Refuses NotReady for a user without a home."""
    if settings.runtime.layers:
        return Path(settings.runtime.layers)
    if os.geteuid() == 0:
        return Path("/var/cache/handrail/layers")
    try:
        return Path.home() / ".cache" / "handrail" / "layers"
    except RuntimeError as error:
        raise _no_place("this user has no home") from error


def _no_place(why: str) -> NotReady:
    return NotReady(
        f"There is no place for the Python that apps run on: {why}.",
        next_step="Run Handrail as a user with a home of its own, or set runtime.layers in the handrail.toml "
        "of its instance (--home) to a folder that this user may write to.",
    )


def _place(root: Path, name: str, python: Interpreter) -> Path:
    digest = hashlib.sha256(f"{python.version}\n{lock_of(name)}".encode()).hexdigest()
    return root / f"{name}-{digest[:16]}"


def _sdk_place(root: Path, python: Interpreter) -> Path:
    return root / f"sdk-{_sdk_digest()[:16]}-{python.version}"


@cache
def lock_of(name: str) -> str:
    """The lock of a layer; refuses NotFound for a name that none has."""
    if name not in LAYERS:
        raise NotFound(f"There is no layer {name[:40]!r}.", next_step=nearest(name, LAYERS))
    return resources.files("handrail.runtime").joinpath("layers", f"{name}.lock").read_text(encoding="utf-8")


@cache
def imports_of(name: str) -> tuple[str, ...]:
    """The modules that most apps of a layer use: what a sandbox has imported that waits for one of them."""
    listed = resources.files("handrail.runtime").joinpath("layers", f"{name}.parked")
    return tuple(listed.read_text(encoding="utf-8").split())


@cache
def _sdk_digest() -> str:
    digest = hashlib.sha256()
    for file in _sdk_files():
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _sdk_files() -> list[Path]:
    return sorted(Path(handrail_sdk.__file__).parent.glob("*.py"))


@contextmanager
def alone(root: Path, which: str = "") -> Iterator[None]:
    """Be the only process of this machine that adds to the layers there, or to what `which` says of them."""
    with (root / f".lock{which}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _copy_sdk(python: Interpreter, draft: Path) -> None:
    package = draft / "handrail_sdk"
    package.mkdir(parents=True)
    for file in _sdk_files():
        shutil.copyfile(file, package / file.name)
    compile_ = [str(python.host), "-I", "-m", "compileall", "-q", str(package)]
    subprocess.run(compile_, check=True, capture_output=True)
