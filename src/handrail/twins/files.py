"""Where the files of a build are: `twins/BUILD/` in the instance, all or none, whatever stops a write."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import orjson
from pydantic import TypeAdapter

from handrail.twins import codec
from handrail.twins.generate import Twin, write
from handrail.twins.life import Manifest
from handrail.twins.models import HostileCell, Sketch, Variant

SKETCH, MANIFEST = "sketch.json", "manifest.json"
_manifests = TypeAdapter(Manifest)


def twins_of(home: Path) -> Path:
    """The folder in which each build has one of its own."""
    return home / "twins"


def folder(home: Path, build: str, variant: Variant = "hostile") -> Path:
    """The folder of a build; of its other variants the folders within."""
    return twins_of(home) / build if variant == "hostile" else twins_of(home) / build / variant


def parquet(home: Path, build: str, dataset: str, variant: Variant = "hostile") -> Path:
    """The file of one dataset's twin."""
    return folder(home, build, variant) / f"{dataset}.parquet"


@contextmanager
def all_or_nothing(target: Path) -> Iterator[Path]:
    """A folder to write into, which is `target` at the end; nothing stays when the block is left otherwise.

    Of several that make the same, the first one stays.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    try:
        draft.mkdir()
        yield draft
        for written in (*draft.iterdir(), draft):
            _flush(written)
        if not target.exists():
            draft.rename(target)
            _flush(target.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def write_tables(draft: Path, twins: Mapping[str, Twin]) -> None:
    """Write each table as Parquet, and which of its cells are awkward on purpose."""
    for name, twin in twins.items():
        write(twin.table, draft / f"{name}.parquet")
        (draft / f"{name}.hostile.json").write_bytes(orjson.dumps(twin.hostile))


def digests(draft: Path) -> tuple[tuple[str, str], ...]:
    """The SHA-256 of each dataset's file, by dataset."""
    return tuple((file.stem, _sha256(file)) for file in sorted(draft.glob("*.parquet")))


def sketch_of(home: Path, build: str) -> Sketch:
    """The sketch that a build was generated from."""
    return codec.from_json((folder(home, build) / SKETCH).read_bytes())


def hostile_cells(home: Path, build: str, dataset: str) -> tuple[HostileCell, ...]:
    """Where the awkward values of a twin are; none where its files are gone."""
    try:
        found = orjson.loads((folder(home, build) / f"{dataset}.hostile.json").read_bytes())
    except FileNotFoundError:
        return ()
    return tuple(HostileCell(**cell) for cell in found)


def put_manifest(draft: Path, manifest: Manifest) -> None:
    """Write the manifest as JSON."""
    (draft / MANIFEST).write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))


def manifest_of(home: Path, build: str) -> Manifest:
    """The manifest of a published build."""
    return _manifests.validate_json((folder(home, build) / MANIFEST).read_bytes())


def builds(home: Path) -> frozenset[str]:
    """The builds whose files are there."""
    root = twins_of(home)
    if not root.is_dir():
        return frozenset()
    return frozenset(one.name for one in root.iterdir() if one.is_dir() and one.name.startswith("twin_"))


def discard(home: Path, build: str) -> None:
    """Remove the files of a build, finished or not."""
    root = twins_of(home)
    for one in (root / build, *root.glob(f".{build}.*")):
        shutil.rmtree(one, ignore_errors=True)


def drafts(home: Path) -> tuple[Path, ...]:
    """Folders that were being written, in `twins/` and within builds."""
    root = twins_of(home)
    found = (*root.glob(".twin_*.*"), *root.glob("twin_*/.*.*"))
    return tuple(one for one in found if one.is_dir())


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
