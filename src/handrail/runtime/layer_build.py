"""Put the packages of a lock into a folder: wheels only, by hash, none of their code run; then closed."""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from handrail.kernel import Invalid, LimitReached, Upstream
from handrail.runtime.interpreter import Interpreter
from handrail.runtime.layer_tool import Workshop, uv_program, workshop
from handrail.settings import Settings

Progress = Callable[[str, int, int], None]

# What Python looks for by itself when it starts, and what apps talk to us with.
_NEVER = frozenset({"sitecustomize", "usercustomize", "handrail_sdk"})
_INSTALL = ("--require-hashes", "--no-deps", "--only-binary", ":all:", "--link-mode", "copy")


def into(place: Path, fill: Callable[[Path], None]) -> None:
    """Fill a draft, close it to writing, and rename it into place: a layer is whole or not there."""
    for left in place.parent.glob(f".{place.name}-*"):
        remove(left)
    draft = place.with_name(f".{place.name}-{secrets.token_hex(4)}")
    try:
        fill(draft)
        for path in (*draft.rglob("*"), draft):
            if not path.is_symlink():
                path.chmod(0o555 if path.is_dir() else 0o444)
        draft.rename(place)
    except BaseException:
        remove(draft)
        raise


def install(name: str, lock: str, count: int, python: Interpreter, draft: Path, report: Progress) -> None:
    """Install one of our own locks, as the machine is set up to: its index, its cache. Refuses Upstream."""
    words = [
        uv_program(), "pip", "install", "--python", str(python.host), "--target", str(draft), *_INSTALL,
        "--compile-bytecode", "--requirement", "-",
    ]  # fmt: skip
    total, wrong = 2 * count, ""
    with tempfile.TemporaryFile("w+") as given:
        given.write(lock)
        given.seek(0)
        # Not where the server was started: uv takes up the settings of the project that it is started in.
        with subprocess.Popen(
            words, cwd=draft.parent, stdin=given, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
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


def install_apart(
    settings: Settings, lock: str, base: Path, python: Interpreter, draft: Path, report: Progress
) -> None:
    """Install what a maker asked for: apart from us, looked through, and only then ours.

    Refuses Upstream when the index does not give exactly these files, Invalid for a package that would stand
    before Python's own modules, the SDK or the layer `base`, LimitReached above the settings.
    """
    with workshop(settings, draft.with_name(f"{draft.name}-work")) as bench:
        made = bench.root / "layer"
        made.mkdir()
        if bench.uid is not None:
            os.chown(made, bench.uid, bench.uid)
        report("packages: download", 0, 3)
        words = ("pip", "install", "--python", str(python.host), "--target", str(made), *_INSTALL)
        ran = bench.run(settings, uv_program(), (*words, "--requirement", "-"), lock)
        if ran.code != 0:
            raise Upstream(
                f"The packages could not be installed: {first_of(ran.said)}",
                next_step="Try again once the index answers. When a hash differs, an admin looks at who "
                "changed that file. Apps that add no packages run meanwhile.",
            )
        report("packages: look through", 1, 3)
        strip(made)
        look_through(made, base, settings.packages.largest_mb)
        report("packages: compile", 2, 3)
        _compile(settings, bench, python, made)
        for path in (made, *made.rglob("*")):
            os.chown(path, os.geteuid(), os.getegid(), follow_symlinks=False)
        made.rename(draft)
    report("packages: ready", 3, 3)


def strip(made: Path) -> None:
    """Take away bytecode, which may differ from the source that people read, and files that begin code."""
    for path in list(made.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            if path.name == "__pycache__":
                shutil.rmtree(path)
        elif path.suffix in (".pyc", ".pyo") or (path.suffix == ".pth" and path.parent == made):
            path.unlink(missing_ok=True)


def look_through(made: Path, base: Path, largest_mb: int) -> None:
    """Refuse what would be imported in place of Python's modules, the SDK or the layer below; links; size."""
    size = 0
    for path in made.rglob("*"):
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise _unwanted(made, path, "is a link or a special file")
        size += path.lstat().st_size
    if size > largest_mb << 20:
        raise LimitReached(
            f"The packages take {size >> 20:,} MB; {largest_mb:,} are the most.",
            next_step="Ask for fewer, or an admin raises packages.largest_mb.",
        )
    for path in sorted(made.iterdir()):
        module = path.name.partition(".")[0]
        if module in _NEVER or module in sys.stdlib_module_names:
            raise _unwanted(made, path, f"would stand in the place of Python's or Handrail's own `{module}`")
        if _is_module(path) and any(_is_module(there) for there in _named(base, module)):
            raise _unwanted(made, path, f"would stand beside the layer's own `{module}`")


def modules(made: Path) -> tuple[str, ...]:
    """What the packages in a folder are imported as, sorted."""
    found = {path.name.partition(".")[0] for path in made.iterdir() if _is_module(path, namespaces=True)}
    return tuple(sorted(found - {"bin", "share", "etc"}))


def first_of(said: str) -> str:
    """The first mistake that uv told, in a line or two."""
    lines = [line.strip(" ×│╰─▶") for line in said.splitlines()]
    told = [line.removeprefix("error: ") for line in lines if line and not line.startswith("Using ")]
    return " ".join(told[:4])[:400] or "it ended without a word"


def _named(base: Path, module: str) -> list[Path]:
    return [
        path for path in (base / module, base / f"{module}.py", *base.glob(f"{module}.*.so")) if path.exists()
    ]


def _is_module(path: Path, *, namespaces: bool = False) -> bool:
    """Whether importing it gives this and nothing besides; a folder without __init__ shares its name."""
    if path.is_dir():
        return (path / "__init__.py").exists() or (namespaces and path.name.isidentifier())
    return path.suffix in (".py", ".so")


def _unwanted(made: Path, path: Path, what: str) -> Invalid:
    inside = path.relative_to(made).as_posix()
    whose = ""
    for record in made.glob("*.dist-info/RECORD"):
        if any(
            line.strip('"').startswith(inside) for line in record.read_text("utf-8", "replace").splitlines()
        ):
            whose = f"The package {record.parent.name.partition('-')[0]} holds `{inside}`, which "
    return Invalid(
        f"{whose or f'One of the packages holds `{inside}`, which '}{what}.",
        next_step="Do without that package, and tell an admin, who takes it off the list.",
    )


def _compile(settings: Settings, bench: Workshop, python: Interpreter, made: Path) -> None:
    """Without what Python says: many packages hold files that are templates or for other Pythons."""
    words = ("-I", "-m", "compileall", "-q", "-j", "2", str(made))
    bench.run(settings, str(python.host), words)


def remove(tree: Path) -> None:
    """Delete a folder that was closed to writing, as far as it is there."""
    for path in (tree, *tree.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(tree, ignore_errors=True)
