"""Sweep layers: delete the Python packages on this machine that no living version needs and nothing used."""

import os
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from handrail.kernel import Context, NotReady, Resource, access
from handrail.runtime.layer import current, own_place, root_of
from handrail.runtime.layer_build import remove
from handrail.runtime.layer_use import take_away, unused_since

# What `layer.build` and `interpreter.choose` make there, and nothing else that may lie beside it.
_OURS = re.compile(
    r"(?:report|data|dashboard|packages|python)-[0-9a-f]{16}|fonts-(?:report|data|dashboard)-[0-9a-f]{16}|sdk-[0-9a-f]{16}-[0-9]+\.[0-9]+\.[0-9]+"
)
# What a build or a sweep left that did not end; one that is still at it is younger.
_LEFT = re.compile(r"\.(?:gone-)?(?:report|data|dashboard|packages|python|sdk|fonts)-[0-9a-z.-]+")
_DAY = 24 * 3600.0


@dataclass(frozen=True)
class OldLayer:
    """A folder of packages: since how many days nothing used it, how many bytes it is, and what became of it.

    `kept` says why it stays; empty where it is deleted, or would be.
    """

    name: str
    days: int
    size: int
    kept: str = ""


@dataclass(frozen=True)
class OldLayers:
    """The folders in the layers folder of this machine that are not the newest ones; `freed` in bytes."""

    folder: str
    layers: tuple[OldLayer, ...]
    freed: int


def sweep_layers(ctx: Context, *, dry_run: bool = False) -> OldLayers:
    """Delete the layers on this machine that neither this instance's living versions need nor anything has
    used for `retention.layers_days`; with `dry_run` only say which. For admins.

    A living version is the newest of an app, or the one in production. What a sandbox uses that runs or waits
    stays, whoever started it; what another version needs is built again when it next runs.
    """
    access.require(ctx, "sweep-layers", Resource("Retention", "all", {}))
    return swept(ctx, dry_run=dry_run)


def swept(ctx: Context, *, dry_run: bool = False) -> OldLayers:
    """The same for a server or worker, which does it by itself. Asks no rule."""
    root, days = root_of(ctx.settings), ctx.settings.retention.layers_days
    found, gone = list[OldLayer](), list[Path]()
    needed = current(ctx.settings) | _of_living(ctx)
    for place in sorted(root.iterdir()) if root.is_dir() else ():
        since = unused_since(place)
        ours = bool(_OURS.fullmatch(place.name)) and not place.is_symlink()
        if place in needed or since is None or not ours:
            continue
        idle = int(max(0.0, time.time() - since) / _DAY)
        kept = "" if days and idle >= days else f"kept for {days} days after it was used" if days else "kept"
        size = _size(place)
        if not kept and not dry_run:
            if away := take_away(place):
                gone.append(away)
            else:
                kept = "a sandbox uses it"
        found.append(OldLayer(place.name, idle, size, kept))
    freed = sum(one.size for one in found if not one.kept)
    if gone:
        names = [one.name for one in found if not one.kept]
        ctx.audit.note("layers.swept", "machine:layers", layers=names, bytes=freed)
    if not dry_run:
        _clear(root, gone)
    return OldLayers(str(root), tuple(found), freed)


def _of_living(ctx: Context) -> set[Path]:
    places = set()
    for lock in ctx.ports.apps.living_locks(ctx):
        with suppress(NotReady):  # it is none of ours, and nothing was ever built for it
            if place := own_place(ctx.settings, lock):
                places.add(place)
    return places


def _clear(root: Path, gone: Iterable[Path]) -> None:
    old = time.time() - _DAY
    left = [one for one in root.glob(".*") if _LEFT.fullmatch(one.name)] if root.is_dir() else []
    for place in {*gone, *(one for one in left if (unused_since(one) or time.time()) < old)}:
        remove(place)


def _size(place: Path) -> int:
    total = 0
    for folder, _, files in os.walk(place):
        for name in files:
            with suppress(FileNotFoundError):
                total += (Path(folder) / name).lstat().st_size
    return total
