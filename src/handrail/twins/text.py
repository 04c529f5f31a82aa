"""Invents text that nobody wrote: by shape, by length, or as random identifiers; never from data."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from handrail.twins.models import ColumnSketch

WORDS = (
    "amber", "basin", "cedar", "delta", "ember", "field", "grove", "harbor", "inlet", "juniper",
    "kettle", "lantern", "meadow", "north", "orchard", "pebble", "quarry", "river", "summit",
    "timber", "upland", "valley", "willow", "yarrow", "account", "order", "stock", "check", "later",
    "review", "standard", "regular", "pending", "second", "closed", "open", "ready", "partial",
    "early", "stable", "plain", "direct", "local", "common",
)  # fmt: skip
PHRASES = 512


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
        weights = np.array([share for _, share in coded])
        picked = rng.choice(len(coded), size=rows, p=weights / weights.sum())
        made = np.empty(rows, dtype=object)
        for place, (shape, _) in enumerate(coded):
            at = np.flatnonzero(picked == place)
            made[at] = shaped(shape, len(at), rng)
        return made
    return phrases(column.lengths, rows, rng)


def is_code(shape: str) -> bool:
    """Whether a shape looks like an identifier rather than words."""
    return len(shape) <= 24 and ("9" in shape or shape.isupper()) and shape.count(" ") < 2


def shaped(shape: str, rows: int, rng: np.random.Generator) -> NDArray[Any]:
    """Random letters and digits in a shape such as `AA-9999`."""
    letters = np.tile(np.array([ord(letter) for letter in shape], dtype=np.uint32), (rows, 1))
    for mark, first, count in (("A", 65, 26), ("a", 97, 26), ("9", 48, 10)):
        places = [i for i, letter in enumerate(shape) if letter == mark]
        letters[:, places] = first + rng.integers(0, count, (rows, len(places)))
    return letters.view(f"<U{len(shape)}").ravel().astype(object)


def phrases(lengths: tuple[int, int, int], rows: int, rng: np.random.Generator) -> NDArray[Any]:
    """Neutral words, whole ones, of about these lengths (short, middle, long, in characters)."""
    short, middle, long = lengths
    if short >= long:
        wanted = np.full(min(rows, PHRASES), middle)
    else:
        wanted = rng.triangular(short, min(max(middle, short), long), long, min(rows, PHRASES)).astype(int)
    made = np.empty(len(wanted), dtype=object)
    for place, length in enumerate(wanted):
        words = rng.choice(WORDS, size=length // 4 + 1)
        ends = np.cumsum([len(word) + 1 for word in words]) - 1
        made[place] = " ".join(words[: max(1, int(np.searchsorted(ends, length, side="right")))]).capitalize()
    return made[rng.integers(0, len(made), rows)] if rows else made


def uuids(rows: int, rng: np.random.Generator) -> NDArray[Any]:
    """Random version 4 UUIDs as text."""
    made = np.empty(rows, dtype=object)
    raw = rng.bytes(16 * rows).hex()
    made[:] = [
        f"{h[:8]}-{h[8:12]}-4{h[13:16]}-{'89ab'[int(h[16], 16) % 4]}{h[17:20]}-{h[20:]}"
        for h in (raw[i * 32 : i * 32 + 32] for i in range(rows))
    ]
    return made
