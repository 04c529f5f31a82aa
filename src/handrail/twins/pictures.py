"""What the pages of a twin draw, worked out from its report."""

from __future__ import annotations

from dataclasses import dataclass

from handrail import kit
from handrail.twins.models import TableReport

MOST_NAMES = 14  # columns of a heat map; those of the strongest pairs


@dataclass(frozen=True)
class Dependence:
    """A heat map of how strongly columns depend: the original below the diagonal, the twin above it."""

    names: tuple[str, ...]
    cells: tuple[kit.Cell, ...]


def dependence(table: TableReport) -> Dependence | None:
    """The strongest pairs of columns as a heat map; None where nothing depends on anything."""
    strong = [pair for pair in table.pairs if max(pair.real, pair.twin) > 0]
    pairs = sorted(strong, key=lambda pair: -max(pair.real, pair.twin))
    names: list[str] = []
    for pair in pairs:
        new = [name for name in (pair.first, pair.second) if name not in names]
        if len(names) + len(new) <= MOST_NAMES:
            names += new
    order = [one.name for one in table.columns if one.name in names]
    cells = []
    for pair in pairs:
        if pair.first in order and pair.second in order:
            low, high = sorted((order.index(pair.first), order.index(pair.second)))
            both = f"{pair.real:.2f} in the original, {pair.twin:.2f} in the twin"
            said = f"{pair.first} and {pair.second}: {both}"
            cells += [kit.Cell(high, low, pair.real, said), kit.Cell(low, high, pair.twin, said, "b")]
    return Dependence(tuple(order), tuple(cells)) if cells else None


def without_bars(table: TableReport) -> frozenset[str]:
    """Columns of which there is nothing to draw: only whether they have a value."""
    bare = {"(none)", "other"}
    return frozenset(one.name for one in table.columns if {bar.label for bar in one.bars} <= bare)
