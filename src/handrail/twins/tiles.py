"""The nouns of agreement: how far each tile of a certified metric is off in a twin. Values are never told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

NEAR = 0.1  # relative difference at which a tile still tells what the real one does


@dataclass(frozen=True)
class Tile:
    """One tile: how far the twin's value is off at most, relative to the real one; None where it has none."""

    label: str
    off: float | None

    @property
    def near(self) -> bool:
        """Whether it tells what the real one does."""
        return self.off is not None and abs(self.off) <= NEAR


@dataclass(frozen=True)
class Agreement:
    """A certified metric by one dimension: its largest tiles that k or more stand for. No value is told."""

    metric: str
    by: str
    tiles: tuple[Tile, ...]
    said: str = ""  # why there is none


def share_near(agreements: Sequence[Agreement]) -> float | None:
    """The share of all tiles that are near enough."""
    tiles = [tile for one in agreements for tile in one.tiles]
    return round(sum(tile.near for tile in tiles) / len(tiles), 4) if tiles else None
