"""Finds which columns depend on which (at most two parents each), from binned columns.

A discretised Bayesian network built greedily by mutual information with the Miller-Madow bias correction
(Miller 1955), in the manner of PrivBayes (Zhang et al., 2014) without its noise: privacy here is by
suppression of every cell that fewer than k stand for, see `depend.py`. What suppression takes away counts for
nothing, nor what is lost where many bins are folded into few: names that hardly come back tell all about a
row, and nothing that may be told.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from handrail.twins.binned import Binned
from handrail.twins.depend import FOLDINGS, depend
from handrail.twins.entropies import Entropies
from handrail.twins.nodes import WORTH, Node

MOST_NODES = 48  # columns beyond these are drawn on their own
FEW_LOST = 0.1  # share of rows in cells of fewer than k: with less of them, all that columns tell can be told


@dataclass(frozen=True)
class Shape:
    """The order in which nodes are drawn and the parents of each."""

    order: tuple[Node, ...]
    parents: Mapping[str, tuple[Node, ...]]  # by code
    strongest: tuple[tuple[Node, Node], ...]  # pairs worth comparing, strongest first


def shape(binned: Binned, nodes: Sequence[Node], first: str = "") -> Shape:
    """Choose parents: the strongest edge into what is already drawn, one column at a time.

    The table's own column `first` is drawn before all others, then those that are drawn alone, then those
    that repeat what another row says: that is given, and what was drawn first would not go together with it.
    Then come those that are one value for each parent, by nothing but what is so too.
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
        begins += [node for node in left if node.alone]
        begins += [node for node in left if node.repeats]
        best = begins[0] if begins else _next(measured, [one for one in left if one.of] or left, placed)
        near = [node for node in placed if best.may_follow(node)]
        parents[best.code] = () if best.alone else _parents(measured, best, near)
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


def _next(measured: _Measured, left: Sequence[Node], placed: Sequence[Node]) -> Node:
    """Of the nodes that are left the one that those placed say most of; with none placed, that says most."""
    if any(node.may_follow(one) for node in left for one in placed):
        return max(
            left, key=lambda n: max((measured.told(n, p) for p in placed if n.may_follow(p)), default=0.0)
        )
    return max(left, key=lambda n: sum(measured.told(other, n) for other in left if other is not n))


def _parents(measured: _Measured, node: Node, placed: Sequence[Node]) -> tuple[Node, ...]:
    close = sorted(
        (p for p in placed if measured.told(node, p) > WORTH), key=lambda p: -measured.told(node, p)
    )
    if not close:
        return ()
    first = close[0]
    second = [(measured.told(node, first, other), other) for other in close[1:5]]
    gain, other = max(second, key=lambda found: found[0], default=(0.0, first))
    return (first, other) if gain > measured.told(node, first) + WORTH else (first,)


class _Measured:
    """Mutual information between binned columns."""

    def __init__(self, binned: Binned, nodes: Sequence[Node]) -> None:
        self.nodes = [node for node in nodes if node.bins > 1]
        self._binned, self._rows = binned, binned.rows
        self._entropies = Entropies(binned)
        self._pairs: dict[frozenset[str], float] = {}
        self._told: dict[tuple[str, ...], float] = {}

    def pair(self, first: Node, second: Node) -> float:
        """Corrected mutual information in nats, never below zero."""
        both = frozenset((first.code, second.code))
        if both not in self._pairs:
            self._pairs[both] = 0.0 if first.fixed and second.fixed else self.shared(first, (second,))
        return self._pairs[both]

    def told(self, node: Node, *parents: Node) -> float:
        """What one parent, or two together, say about a node and may be told, in nats."""
        codes = (node.code, *(parent.code for parent in parents))
        if codes not in self._told:
            known = self.pair(node, parents[0]) if len(parents) == 1 else self.shared(node, parents)
            folded = any(parent.bins > FOLDINGS[-1] for parent in parents)
            if known > WORTH and (folded or self._entropies.lost(codes) > FEW_LOST):
                known = min(known, depend(self._binned, node, parents).worth)
            self._told[codes] = known
        return self._told[codes]

    def strongest(self) -> tuple[tuple[Node, Node], ...]:
        """Pairs of this table's own columns, strongest first."""
        own = [node for node in self.nodes if not node.link]
        pairs = [(a, b) for i, a in enumerate(own) for b in own[:i]]
        return tuple(sorted(pairs, key=lambda pair: (-self.pair(*pair), pair[0].code, pair[1].code)))

    def shared(self, node: Node, others: Sequence[Node]) -> float:
        """Bias-corrected, and lowered by two standard deviations of what chance alone would show."""
        codes = [other.code for other in others]
        of = self._entropies.of
        (own, cells), (theirs, kinds) = of([node.code]), of(codes)
        both, together = of([node.code, *codes])
        freedom = max(1, together - kinds - cells + 1)
        return max(0.0, own + theirs - both - math.sqrt(2 * freedom) / max(1.0, self._rows))
