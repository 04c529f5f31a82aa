"""Does the same for several things, two at a time: what DuckDB and numpy are asked for runs side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

ABREAST = 2
T = TypeVar("T")
R = TypeVar("R")


@contextmanager
def abreast(work: Callable[[T], R], things: Iterable[T]) -> Iterator[Iterator[R]]:
    """What `work` makes of each thing, in their order; what it raises is raised where it is read.

    When the block ends, however it does, what has not begun is called off and what has begun has ended.
    """
    pool = ThreadPoolExecutor(ABREAST, "handrail-twins")
    try:
        futures = [pool.submit(work, one) for one in things]
        yield (future.result() for future in futures)
    finally:
        pool.shutdown(cancel_futures=True)
