"""Finds which columns depend on which (at most two parents each), from binned columns.

A discretised Bayesian network built greedily by mutual information with the Miller-Madow bias correction
(Miller 1955), in the manner of PrivBayes (Zhang et al., 2014) without its noise: privacy here is by
suppression of every cell that fewer than k stand for, see `depend.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from handrail.twins.binned import Binned
from handrail.twins.entropies import Entropies

MOST_NODES = 48  # columns beyond these are drawn on their own
WORTH = 0.01  # nats below which a dependence is not worth a parent


@dataclass(frozen=True)
class Node:
    """One binned column: of the table itself (link "") or of the row a link points at."""

    link: str
    column: str
    code: str  # its column in the table of codes
    bins: int
    fixed: bool = False  # known before anything is drawn: a parent's column or a part of the key


@dataclass(frozen=True)
class Shape:
    """The order in which nodes are drawn and the parents of each."""

    order: tuple[Node, ...]
    parents: Mapping[str, tuple[Node, ...]]  # by code
    strongest: tuple[tuple[Node, Node], ...]  # pairs worth comparing, strongest first


def shape(binned: Binned, nodes: Sequence[Node], first: str = "") -> Shape:
    """Choose parents: the strongest edge into what is already drawn, one column at a time.

    The table's own column `first` is drawn before all others.
    """
    fixed = [node for node in nodes if node.fixed]
    free = [node for node in nodes if not node.fixed]
    measured = _Measured(binned, sorted([*fixed, *free], key=lambda n: n.fixed)[:MOST_NODES])
    known = set(measured.nodes)
    placed = [node for node in fixed if node in known]
    left = [node for node in free if node in known]
    order: list[Node] = []
    parents: dict[str, tuple[Node, ...]] = {}
    while left:
        begins = [node for node in left if node.column == first and not node.link]
        if begins:
            best = begins[0]
        elif placed:
            best = max(left, key=lambda n: max(measured.pair(n, p) for p in placed))
        else:
            best = max(left, key=lambda n: sum(measured.pair(n, other) for other in left if other is not n))
        parents[best.code] = _parents(measured, best, placed)
        order.append(best)
        placed.append(best)
        left.remove(best)
    alone = [node for node in free if node not in known]
    parents |= {node.code: () for node in alone}
    return Shape((*order, *alone), parents, measured.strongest())


def shared(binned: Binned, pairs: Sequence[tuple[Node, Node]]) -> list[float]:
    """What the nodes of each pair say about each other, in nats, less than chance alone would show."""
    measured = _Measured(binned, [])
    return [measured.shared(first, (second,)) for first, second in pairs]


def _parents(measured: _Measured, node: Node, placed: Sequence[Node]) -> tuple[Node, ...]:
    close = sorted(
        (p for p in placed if measured.pair(node, p) > WORTH), key=lambda p: -measured.pair(node, p)
    )
    if not close:
        return ()
    first = close[0]
    second = [(measured.triple(node, first, other), other) for other in close[1:5]]
    gain, other = max(second, key=lambda found: found[0], default=(0.0, first))
    return (first, other) if gain > measured.pair(node, first) + WORTH else (first,)


def fold(code: str, bins: int, groups: int) -> str:
    """SQL that folds a bin number into its group; so do `draw.folded` and `Binned.folded`."""
    return f"({code}::INTEGER * {groups} // {bins})"


class _Measured:
    """Mutual information between binned columns."""

    def __init__(self, binned: Binned, nodes: Sequence[Node]) -> None:
        self.nodes = [node for node in nodes if node.bins > 1]
        self._rows = binned.rows
        self._of = Entropies(binned).of
        self._pairs: dict[frozenset[str], float] = {}

    def pair(self, first: Node, second: Node) -> float:
        """Corrected mutual information in nats, never below zero."""
        both = frozenset((first.code, second.code))
        if both not in self._pairs:
            self._pairs[both] = 0.0 if first.fixed and second.fixed else self.shared(first, (second,))
        return self._pairs[both]

    def triple(self, node: Node, first: Node, second: Node) -> float:
        """What two parents together say about a node."""
        return self.shared(node, (first, second))

    def strongest(self) -> tuple[tuple[Node, Node], ...]:
        """Pairs of this table's own columns, strongest first."""
        own = [node for node in self.nodes if not node.link]
        pairs = [(a, b) for i, a in enumerate(own) for b in own[:i]]
        return tuple(sorted(pairs, key=lambda pair: (-self.pair(*pair), pair[0].code, pair[1].code)))

    def shared(self, node: Node, others: Sequence[Node]) -> float:
        """Bias-corrected, and lowered by two standard deviations of what chance alone would show."""
        codes = [other.code for other in others]
        (own, cells), (theirs, kinds) = self._of([node.code]), self._of(codes)
        both, together = self._of([node.code, *codes])
        freedom = max(1, together - kinds - cells + 1)
        return max(0.0, own + theirs - both - math.sqrt(2 * freedom) / max(1.0, self._rows))
