"""Finds which awkward values a failure needs, by trying with fewer of them; what a try is, is passed in.

Delta debugging (Zeller, Hildebrandt: Simplifying and Isolating Failure-Inducing Input, 2002,
https://doi.org/10.1109/32.988498), over kinds of awkward values first and over their rows then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

T = TypeVar("T")


class Spent(Exception):
    """No more tries are to be had."""


@dataclass(frozen=True)
class Group:
    """All cells of one dataset and column that carry the same case, as places in the list of all cells."""

    dataset: str
    column: str
    case: str
    cells: tuple[int, ...]


@dataclass(frozen=True)
class Blamed:
    """Groups that it takes together to fail in one way, and of their cells those that are enough for it."""

    groups: tuple[Group, ...]
    enough: tuple[int, ...]
    failure: str


@dataclass(frozen=True)
class Found:
    """What was found. `plain`: how it fails without any awkward value; "" when it goes well then.

    `steady` is False when it did not fail again with all of them. `complete`: what was not blamed breaks
    nothing; otherwise tries ran out before that was known.
    """

    blamed: tuple[Blamed, ...] = ()
    plain: str = ""
    steady: bool = True
    complete: bool = True


Fails = Callable[[frozenset[int]], str]  # how it fails with these cells alone, "" when not; raises Spent


def blame(groups: Sequence[Group], fails: Fails, most: int = 3) -> Found:
    """Up to `most` causes of failures, the likeliest groups first in `groups`.

    A cause counts only while it fails in the same way; once found, it is taken out and the rest is tried,
    as whoever mends the first failure meets the second.
    """
    blamed: list[Blamed] = []
    try:
        failure = fails(_cells(groups))
        if not failure:
            return Found(steady=False)
        if plain := fails(frozenset()):
            return Found(plain=plain)
        left = list(groups)
        while failure and len(blamed) < most:
            one = _narrowed(left, failure, fails)
            blamed.append(one)
            left = [group for group in left if group not in one.groups]
            failure = fails(_cells(left)) if left else ""
    except Spent:
        return Found(tuple(blamed), complete=False)
    return Found(tuple(blamed), complete=not failure)


def _narrowed(groups: Sequence[Group], failure: str, fails: Fails) -> Blamed:
    def same(chosen: Sequence[Group]) -> bool:
        return fails(_cells(chosen)) == failure

    needed = [groups[0]] if len(groups) == 1 or same(groups[:1]) else smallest(groups, same)
    cells = sorted(_cells(needed))
    try:
        first = [group.cells[0] for group in needed]
        if len(first) == len(cells) or fails(frozenset(first)) == failure:
            return Blamed(tuple(needed), tuple(first), failure)
        enough = smallest(cells, lambda chosen: fails(frozenset(chosen)) == failure)
        return Blamed(tuple(needed), tuple(enough), failure)
    except Spent:  # the kinds are known, and which of their rows it takes is not
        return Blamed(tuple(needed), tuple(cells), failure)


def smallest(items: Sequence[T], fails: Callable[[Sequence[T]], bool]) -> list[T]:
    """A part of `items`, which fail together, of which no single one can be left out (ddmin)."""
    left, parts = list(items), 2
    while len(left) > 1:
        pieces = _split(left, parts)
        piece = next((one for one in pieces if fails(one)), None)
        if piece is not None:
            left, parts = piece, 2
            continue
        rests = [[item for other in pieces if other is not one for item in other] for one in pieces]
        rest = next((one for one in rests if fails(one)), None) if parts > 2 else None
        if rest is not None:
            left, parts = rest, max(parts - 1, 2)
        elif parts >= len(left):
            break
        else:
            parts = min(len(left), 2 * parts)
    return left


def _split(items: list[T], parts: int) -> list[list[T]]:
    edges = [len(items) * n // parts for n in range(parts + 1)]
    return [items[a:b] for a, b in pairwise(edges)]


def _cells(groups: Sequence[Group]) -> frozenset[int]:
    return frozenset(cell for group in groups for cell in group.cells)
