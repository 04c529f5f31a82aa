"""Folders that many tests begin with: made once in a run of the tests, and copied for each test."""

import fcntl
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

KEPT: list[Path] = []  # the one folder of this run in which they are kept; pytest removes it some runs later


def copied(make: Callable[[Path], None], folder: Path) -> None:
    """Put into `folder` what `make` makes in a folder that is not there yet; it works once in a run of the tests.

    All processes of a run share it, by the module and the name of `make`. What it makes must hold for every
    test. Where it remembers a path of its own folder, a test may read there only.
    """
    shutil.copytree(_made(make), folder, symlinks=True, dirs_exist_ok=True)


@cache
def _made(make: Callable[[Path], None]) -> Path:
    kept = KEPT[0] / f"{make.__module__}.{make.__qualname__}"
    kept.mkdir(parents=True, exist_ok=True)
    with (kept / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (kept / "whole").exists():  # nobody began, or who did was stopped in the middle
            shutil.rmtree(kept / "made", ignore_errors=True)
            make(kept / "made")
            (kept / "whole").touch()
    return kept / "made"
