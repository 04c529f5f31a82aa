"""Folders that many tests begin with: made once in each process, and copied for each test."""

import atexit
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path


def copied(make: Callable[[Path], None], folder: Path) -> None:
    """Put into `folder` what `make` makes in a folder that is not there yet; it works once in this process.

    What it makes must hold for every test. Where it remembers a path of its own folder, a test may read there only.
    """
    shutil.copytree(_made(make), folder, symlinks=True, dirs_exist_ok=True)


@cache
def _made(make: Callable[[Path], None]) -> Path:
    kept = Path(tempfile.mkdtemp(prefix="handrail-tests-"))
    atexit.register(shutil.rmtree, kept, ignore_errors=True)
    make(kept / "made")
    return kept / "made"
