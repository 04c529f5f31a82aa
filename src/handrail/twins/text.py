"""Invents text that nobody wrote: by shape, by length and by words that many share; never from a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handrail.twins.models import ColumnSketch
from handrail.twins.shapes import is_code, shaped

WORDS = (
    "amber", "basin", "cedar", "delta", "ember", "field", "grove", "harbor", "inlet", "juniper",
    "kettle", "lantern", "meadow", "north", "orchard", "pebble", "quarry", "river", "summit",
    "timber", "upland", "valley", "willow", "yarrow", "account", "order", "stock", "check", "later",
    "review", "standard", "regular", "pending", "second", "closed", "open", "ready", "partial",
    "early", "stable", "plain", "direct", "local", "common",
)  # fmt: skip
PHRASES = 1500
LONG = 60  # characters from which a text is put together of two halves


def invented(column: ColumnSketch, rows: int, rng: np.random.Generator) -> NDArray[Any]:
    """Text, identifiers or bytes for rows about which nothing may be known."""
    if column.kind == "uuid":
        return uuids(rows, rng)
    if column.kind == "blob":
        found = np.empty(rows, dtype=object)
        raw = rng.bytes(16 * rows)
        found[:] = [raw[i * 16 : i * 16 + 16] for i in range(rows)]
        return found
    coded = [(shape, share) for shape, share in column.shapes if is_code(shape)]
    if coded and sum(share for _, share in coded) >= 0.5:
        return in_shapes(coded, rows, rng, column.check)
    return phrases(column.lengths, rows, rng, column.words, column.sentences)


def in_shapes(
    shapes: Sequence[tuple[str, float]], rows: int, rng: np.random.Generator, check: str = ""
) -> NDArray[Any]:
    """Random identifiers, each shape as often as it occurs."""
    weights = np.array([share for _, share in shapes])
    picked = rng.choice(len(shapes), size=rows, p=weights / weights.sum())
    made = np.empty(rows, dtype=object)
    for place, (shape, _) in enumerate(shapes):
        at = np.flatnonzero(picked == place)
        made[at] = shaped(shape, len(at), rng, check)
    return made


def phrases(
    lengths: tuple[int, int, int],
    rows: int,
    rng: np.random.Generator,
    words: Sequence[tuple[str, float]] = (),
    sentences: int = 0,
) -> NDArray[Any]:
    """Sentences of about these lengths (short, middle, long, in characters), of neutral words or those given.

    Long ones are two halves of a pool each, so that there are millions of different ones.
    """
    if not rows:
        return np.empty(0, dtype=object)
    short, middle, long = lengths
    if middle < LONG:
        return _pool(lengths, min(rows, PHRASES), rng, words, sentences)[
            rng.integers(0, min(rows, PHRASES), rows)
        ]
    halves = (max(1, short // 2), middle // 2, max(1, long // 2))
    size = min(rows, PHRASES // 2)
    first, second = (_pool(halves, size, rng, words, (sentences + 1) // 2) for _ in range(2))
    made: NDArray[Any] = first[rng.integers(0, size, rows)] + " " + second[rng.integers(0, size, rows)]
    return made


def _pool(
    lengths: tuple[int, int, int],
    size: int,
    rng: np.random.Generator,
    words: Sequence[tuple[str, float]],
    sentences: int,
) -> NDArray[Any]:
    short, middle, long = lengths
    if short >= long:
        wanted = np.full(size, middle)
    else:
        wanted = rng.triangular(short, min(max(middle, short), long), long, size).astype(int)
    known = np.array([word for word, _ in words] or WORDS, dtype=object)
    weights = np.array([share for _, share in words] or [1.0] * len(WORDS))
    usual = max(3, int(np.average([len(word) + 1 for word in known], weights=weights)))
    made = np.empty(size, dtype=object)
    for place, length in enumerate(wanted):
        picked = known[rng.choice(len(known), size=max(1, length // 3 + 1), p=weights / weights.sum())]
        ends = np.cumsum([len(word) + 1 for word in picked]) - 1
        kept = list(picked[: max(1, int(np.searchsorted(ends, length, side="right")))])
        made[place] = _punctuated(kept, min(sentences, length // (3 * usual) or 1))
    return made


def _punctuated(words: list[str], sentences: int) -> str:
    """Words as so many sentences with a capital and a full stop; without a stop where none is usual."""
    size = -(-len(words) // max(1, sentences))
    parts = [" ".join(words[i : i + size]) for i in range(0, len(words), size)]
    stop = "." if sentences else ""
    return " ".join(f"{part[:1].upper()}{part[1:]}{stop}" for part in parts)


def uuids(rows: int, rng: np.random.Generator) -> NDArray[Any]:
    """Random version 4 UUIDs as text."""
    drawn = np.frombuffer(rng.bytes(16 * rows), dtype=np.uint8).reshape(rows, 16)
    halves = np.stack([drawn >> 4, drawn & 15], axis=2).reshape(rows, 32)
    halves[:, 12], halves[:, 16] = 4, 8 + halves[:, 16] % 4
    letters = np.insert(halves + np.where(halves < 10, 48, 87).astype(np.uint8), (8, 12, 16, 20), 45, axis=1)
    made: NDArray[Any] = np.ascontiguousarray(letters).view("S36").ravel().astype(str).astype(object)
    return made
