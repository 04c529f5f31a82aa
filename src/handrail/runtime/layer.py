"""Layers: the read-only Python packages that apps may import, built once for each lock file."""

import fcntl
import hashlib
import os
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib import resources
from pathlib import Path

import uv

import handrail_sdk
from handrail.kernel import NotFound, NotReady, Upstream
from handrail.kernel.manifest import LAYERS, REPORT, nearest
from handrail.kernel.sandbox import Layer
from handrail.runtime.interpreter import Interpreter, choose, reachable
from handrail.settings import Settings

Progress = Callable[[str, int, int], None]

_PACKAGES, _SDK = "/layer", "/sdk"
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
    "PYTHONPATH": f"{_SDK}:{_PACKAGES}",
    "MPLBACKEND": "Agg",
    "MPLCONFIGDIR": "/tmp/matplotlib",  # noqa: S108 - a tmpfs of the sandbox's own
    # Nobody is there to be told, and an attempt only costs time.
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
}


def layer_digest(settings: Settings, name: str = REPORT) -> str:
    """The name of exactly what apps run on: Python, locked packages and SDK; nothing need be built for it."""
    parts = (choose(_root(settings)).version, _lock(name), _sdk_digest())
    return "sha256:" + hashlib.sha256("\n".join(parts).encode()).hexdigest()


def packages(name: str = REPORT) -> dict[str, str]:
    """The packages of a layer and their versions, as the lock file names them."""
    return dict(re.findall(r"^([a-z0-9][a-z0-9._-]*)==([^\s;\\]+)", _lock(name), re.MULTILINE))


def importable(name: str = REPORT) -> frozenset[str]:
    """What the packages of a layer are imported as."""
    found = (IMPORTED_AS.get(package, (package.replace("-", "_"),)) for package in packages(name))
    return frozenset(module for modules in found for module in modules)


def built(settings: Settings, name: str = REPORT) -> Layer:
    """The layer, ready to use; refuses NotReady when it has not been built yet."""
    root = _root(settings)
    python = choose(root)
    place, sdk = _place(root, name, python), root / f"sdk-{_sdk_digest()[:16]}-{python.version}"
    if not (place.is_dir() and sdk.is_dir()):
        raise NotReady(
            f"The Python layer {name!r} has not been built on this machine.",
            next_step=f"Run `handrail layers build {name}` once; it takes a minute or so.",
        )
    binds = {**python.binds, _PACKAGES: place, _SDK: sdk}
    return Layer(
        layer_digest(settings, name),
        python.inside,
        binds,
        python.hidden,
        {**_ENVIRONMENT, **python.environment},
    )


def build(settings: Settings, name: str = REPORT, progress: Progress | None = None) -> Layer:
    """Build what is missing of a layer, once even when several processes ask; gives it ready to use.

    Only wheels whose hashes stand in the lock file are installed; none of their code runs. Refuses Upstream
    when the packages cannot be had, NotReady when the sandbox's user could not reach the result.
    """
    report = progress or (lambda _label, _done, _total: None)
    with suppress(NotReady):
        return built(settings, name)
    root = _root(settings)
    root.mkdir(parents=True, exist_ok=True)
    if not reachable(root):
        raise NotReady(
            f"The sandbox's user cannot reach {root}.",
            next_step="Set runtime.layers in handrail.toml to a directory that everybody may enter.",
        )
    with _alone(root):
        python = choose(root)
        place, sdk = _place(root, name, python), root / f"sdk-{_sdk_digest()[:16]}-{python.version}"
        if not place.is_dir():
            _into(place, lambda draft: _install(python, name, draft, report))
        if not sdk.is_dir():
            _into(sdk, lambda draft: _copy_sdk(python, draft))
    return built(settings, name)


def _root(settings: Settings) -> Path:
    if settings.runtime.layers:
        return Path(settings.runtime.layers)
    if os.geteuid() == 0:
        return Path("/var/cache/handrail/layers")
    return Path.home() / ".cache" / "handrail" / "layers"


def _place(root: Path, name: str, python: Interpreter) -> Path:
    digest = hashlib.sha256(f"{python.version}\n{_lock(name)}".encode()).hexdigest()
    return root / f"{name}-{digest[:16]}"


@cache
def _lock(name: str) -> str:
    if name not in LAYERS:
        raise NotFound(f"There is no layer {name[:40]!r}.", next_step=nearest(name, LAYERS))
    return resources.files("handrail.runtime").joinpath("layers", f"{name}.lock").read_text(encoding="utf-8")


@cache
def _sdk_digest() -> str:
    digest = hashlib.sha256()
    for file in _sdk_files():
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _sdk_files() -> list[Path]:
    return sorted(Path(handrail_sdk.__file__).parent.glob("*.py"))


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    with (root / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _into(place: Path, fill: Callable[[Path], None]) -> None:
    """Fill a draft, close it to writing, and rename it into place: a layer is whole or not there."""
    for left in place.parent.glob(f".{place.name}-*"):
        _remove(left)
    draft = place.with_name(f".{place.name}-{secrets.token_hex(4)}")
    try:
        fill(draft)
        for path in (*draft.rglob("*"), draft):
            if not path.is_symlink():
                path.chmod(0o555 if path.is_dir() else 0o444)
        draft.rename(place)
    except BaseException:
        _remove(draft)
        raise


def _remove(tree: Path) -> None:
    for path in (tree, *tree.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(tree, ignore_errors=True)


def _install(python: Interpreter, name: str, draft: Path, report: Progress) -> None:
    words = [
        uv.find_uv_bin(), "pip", "install", "--python", str(python.host), "--target", str(draft),
        "--require-hashes", "--no-deps", "--only-binary", ":all:",
        "--link-mode", "copy", "--compile-bytecode", "--requirement", "-",
    ]  # fmt: skip
    total, wrong = 2 * len(packages(name)), ""
    with tempfile.TemporaryFile("w+") as lock:
        lock.write(_lock(name))
        lock.seek(0)
        # Not where the server was started: uv takes up the settings of the project that it is started in.
        with subprocess.Popen(
            words, cwd=draft.parent, stdin=lock, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            for done, line in enumerate(process.stderr):
                said = line.strip(" ×│╰─▶\n")
                wrong = wrong or (said if line.startswith(("error", "  ×")) else "")
                report(f"layer {name}: {said[:60]}", min(done, total), total)
    if process.returncode != 0:
        raise Upstream(
            f"The packages of layer {name!r} could not be installed: {wrong[:300]}",
            next_step=f"Once this machine reaches its package index: `handrail layers build {name}`.",
        )
    report(f"layer {name}: ready", total, total)


def _copy_sdk(python: Interpreter, draft: Path) -> None:
    package = draft / "handrail_sdk"
    package.mkdir(parents=True)
    for file in _sdk_files():
        shutil.copyfile(file, package / file.name)
    compile_ = [str(python.host), "-I", "-m", "compileall", "-q", str(package)]
    subprocess.run(compile_, check=True, capture_output=True)
