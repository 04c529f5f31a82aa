"""Read an app from a folder on this machine, as it would be pushed."""

from __future__ import annotations

import os
from pathlib import Path

from handrail.kernel import Invalid, Manifest
from handrail.review.rules.access import MANIFEST

SKIPPED = frozenset(
    {".git", ".hg", ".venv", "venv", "__pycache__", "node_modules", ".mypy_cache", ".ruff_cache"}
)
MOST_FILES = 2_000
LARGEST = 64 * 1024**2  # bytes, all files together


def read_folder(folder: Path) -> tuple[dict[str, bytes], Manifest]:
    """The files and the manifest of an app; refuses Invalid without a manifest, or when it is no app's size.

    Links are not followed and special files not opened, so that reviewing a folder reads that folder only.
    """
    files: dict[str, bytes] = {}
    total = 0
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in SKIPPED)
        for name in sorted(names):
            path = Path(root) / name
            if path.is_symlink() or not path.is_file():
                continue
            total += path.stat().st_size
            if len(files) >= MOST_FILES or total > LARGEST:
                raise Invalid(
                    f"{folder} holds more than {MOST_FILES:,} files or {LARGEST // 1024**2} MB.",
                    next_step="Name the folder that holds the app's handrail.toml.",
                )
            files[path.relative_to(folder).as_posix()] = path.read_bytes()
    if MANIFEST not in files:
        raise Invalid(
            f"There is no {MANIFEST} in {folder}.",
            next_step="`handrail new DIR` makes one; name the folder that holds it.",
        )
    return files, Manifest.parse(files[MANIFEST].decode("utf-8", "replace"))
