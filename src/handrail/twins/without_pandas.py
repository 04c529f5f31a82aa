"""Keeps pandas out of a command that makes Arrow arrays, where somebody has installed it beside us.

pyarrow imports pandas with the first array that is made or read out, to see whether what it was given is of
pandas. Nothing of ours is, and the import takes half a second of one thread and 30 MB.
See docs/decisions/0042-pandas-stays-out-of-a-command.md.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder


class _Absent(MetaPathFinder):
    """Says of pandas, before anybody looks, that it is not installed."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        """Raises ModuleNotFoundError for pandas, as Python does for what is not there; knows nothing else."""
        if fullname == "pandas":
            raise ModuleNotFoundError("pandas stays out of this command", name=fullname)


@contextmanager
def without_pandas() -> Iterator[None]:
    """For the time of the block, importing pandas fails in this process as if it were not installed.

    Only for a process of our own that does one thing: whoever imports pandas meanwhile, in any thread, is
    refused. Afterwards it can be imported, and Arrow's tables turned into its own, as ever. Where pandas is
    loaded already nothing is changed.
    """
    if "pandas" in sys.modules:
        yield
        return
    absent = _Absent()
    sys.meta_path.insert(0, absent)
    try:
        yield
    finally:
        sys.meta_path.remove(absent)
