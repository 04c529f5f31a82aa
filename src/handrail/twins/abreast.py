"""Does the same for several things, two at a time: what DuckDB and numpy are asked for runs side by side."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
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


def in_turn(work: Callable[[T], None], after: Mapping[T, Collection[T]]) -> None:
    """Do `work` for each thing, as soon as it is done for those that the thing comes after.

    These must stand before it in `after`, so that there is always one that can begin. What work raises is
    raised here, once what has begun has ended; what has not begun is called off.
    """
    waiting = dict(after)
    running: dict[Future[None], T] = {}
    done: set[T] = set()
    pool = ThreadPoolExecutor(ABREAST, "handrail-twins")
    try:
        while waiting or running:
            for one in [one for one, before in waiting.items() if done.issuperset(before)]:
                del waiting[one]
                running[pool.submit(work, one)] = one
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                future.result()
                done.add(running.pop(future))
    finally:
        pool.shutdown(cancel_futures=True)
