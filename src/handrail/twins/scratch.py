"""Folders for the time of a block, of which nothing stays whenever a signal comes."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import weakref
from pathlib import Path


class Scratch:
    """A new folder among the temporary ones, for the time of a `with` block.

    `tempfile.TemporaryDirectory` leaves its folder where an interrupt comes between making it and noting that
    it must go, or while it is removed. Here it is noted before the folder is there, until it is gone:
    whatever an interrupt leaves goes when Python ends.
    """

    def __init__(self, prefix: str) -> None:
        self._path = Path(tempfile.gettempdir()) / f"{prefix}{secrets.token_hex(8)}"
        self._noted = weakref.finalize(self, shutil.rmtree, self._path, ignore_errors=True)

    def __enter__(self) -> Path:
        self._path.mkdir(mode=0o700)
        return self._path

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._path, ignore_errors=True)
        self._noted.detach()
