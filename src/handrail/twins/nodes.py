"""A binned column, as it stands in a table of codes while what depends on what is counted."""

from __future__ import annotations

from dataclasses import dataclass

WORTH = 0.01  # nats below which a dependence is not worth a parent


@dataclass(frozen=True)
class Node:
    """One binned column: of the table itself (link "") or of the row a link points at."""

    link: str
    column: str
    code: str  # its column in the table of codes
    bins: int
    fixed: bool = False  # known before anything is drawn: a parent's column or a part of the key
    alone: bool = (
        False  # drawn by what is told of it alone, so that it depends on nothing and others may on it
    )
    repeats: bool = (
        False  # what the row that a link points at says, so that it is known before others are drawn
    )
    of: str = ""  # the link whose parents have one value each in it

    def may_follow(self, other: Node) -> bool:
        """Whether it may be drawn by another: what is one value for each parent, by what is so too."""
        return not self.of or self.repeats or self.of in (other.link, other.of)


def fold(code: str, bins: int, groups: int) -> str:
    """SQL that folds a bin number into its group; so do `draw.folded` and `Binned.folded`."""
    return f"({code}::INTEGER * {groups} // {bins})"
