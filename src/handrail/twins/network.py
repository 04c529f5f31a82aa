"""Finds which columns depend on which (at most two parents each) and how, from binned columns in DuckDB.

A discretised Bayesian network built greedily by mutual information with the Miller-Madow bias correction
(Miller 1955), in the manner of PrivBayes (Zhang et al., 2014) without its noise: privacy here is by
suppression of every cell that fewer than k stand for.
"""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from handrail.twins.columns import Source
from handrail.twins.entropies import SAMPLED_ROWS, Entropies

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


Given = tuple[tuple[int, tuple[tuple[int, float], ...]], ...]


def shape(source: Source, nodes: Sequence[Node], first: str = "") -> Shape:
    """Choose parents: the strongest edge into what is already drawn, one column at a time.

    The table's own column `first` is drawn before all others.
    """
    fixed = [node for node in nodes if node.fixed]
    free = [node for node in nodes if not node.fixed]
    measured = _Measured(source, sorted([*fixed, *free], key=lambda n: n.fixed)[:MOST_NODES])
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


def shared(source: Source, pairs: Sequence[tuple[Node, Node]]) -> list[float]:
    """What the nodes of each pair say about each other, in nats, less than chance alone would show."""
    nodes = {node.code: node for pair in pairs for node in pair}
    measured = _Measured(source, list(nodes.values()))
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


@dataclass(frozen=True)
class Dependence:
    """Shares of a column's bins, and by cell of its parents' folded bins where k or more stand for it."""

    shares: tuple[float, ...]
    parents: tuple[Node, ...] = ()
    groups: tuple[int, ...] = ()
    given: Given = ()
    worth: float = 0.0  # nats that survive suppression
    otherwise: tuple[float, ...] = ()  # shares in the cells that are not given


def depend(source: Source, node: Node, parents: Sequence[Node]) -> Dependence:
    """Count a column given its parents, their bins folded as finely as suppression allows.

    A cell that fewer than k stand for is left out, and so is what remains of its row when that is fewer
    than k too; drawing falls back to the shares of all rows. Of one parent or both, and of several foldings,
    the one that keeps most information is taken.
    """
    counts = source.all(
        f"SELECT {node.code}, count(*) FROM {source.relation} WHERE {node.code} IS NOT NULL "
        f"GROUP BY 1 HAVING {source.holders} >= ? ORDER BY 1",
        [source.k],
    )
    total = sum(n for _, n in counts)
    marginal = [0.0] * node.bins
    for code, n in counts:
        marginal[code] = round(n / total, 6)
    best = Dependence(tuple(marginal))
    if sum(1 for share in marginal if share) < 2 or not parents:
        return best
    counted = _counted(source, node, parents, total)
    for chosen, groups in _foldings(parents):
        found = _given(counted, node, chosen, groups, marginal)
        if found.worth > best.worth + WORTH / 2:
            best = found
    return best


def _foldings(parents: Sequence[Node]) -> list[tuple[tuple[Node, ...], tuple[int, ...]]]:
    """Parents alone and together, each with its bins folded into fewer and fewer groups."""
    found: list[tuple[tuple[Node, ...], tuple[int, ...]]] = []
    for groups in (4, 8, 16, 32):
        found += [((parent,), (min(parent.bins, groups),)) for parent in parents]
        if len(parents) == 2:
            first, second = parents
            for other in (groups, max(4, groups // 4)):
                found.append(((first, second), (min(first.bins, groups), min(second.bins, other))))
    return list(dict.fromkeys(found))


@dataclass(frozen=True)
class _Counted:
    """What a dependence is counted from: cells with their numbers, or rows where k counts entities."""

    source: Source
    relation: str
    number: str  # SQL for how many rows a group has
    holders: str  # SQL for how many k counts in it
    total: int  # rows whose bin is known


def _counted(source: Source, node: Node, parents: Sequence[Node], total: int) -> _Counted:
    """Every folding is counted from the finest cells, except where distinct entities must be counted anew."""
    if source.entity:
        return _Counted(source, source.relation, "count(*)", source.holders, total)
    listed = ", ".join([node.code, *(parent.code for parent in parents)])
    source.con.execute(
        f"CREATE OR REPLACE TEMP TABLE finest AS SELECT {listed}, count(*) AS n "
        f"FROM {source.relation} GROUP BY {listed}"
    )
    return _Counted(source, "finest", "sum(n)", "sum(n)", total)


def _given(
    counted: _Counted,
    node: Node,
    parents: tuple[Node, ...],
    groups: tuple[int, ...],
    marginal: Sequence[float],
) -> Dependence:
    source, cell = counted.source, _cell_sql(parents, groups)
    carried = f", {source.entity}" if source.entity else ", n"
    whole: dict[int, int] = {}
    found: dict[int, list[tuple[int, int]]] = {}
    for g, code, of_all, n in source.all(
        f"SELECT g, c, grouping(c), {counted.number} FROM "
        f"(SELECT {cell} AS g, {node.code} AS c{carried} FROM {counted.relation}) "
        "WHERE g IS NOT NULL AND c IS NOT NULL GROUP BY GROUPING SETS ((g), (g, c)) "
        f"HAVING {counted.holders} >= ? ORDER BY g, c",
        [source.k],
    ):
        if of_all:
            whole[int(g)] = int(n)
        else:
            found.setdefault(int(g), []).append((int(code), int(n)))
    given, otherwise = _shares(found, whole, counted.total, marginal, source.k)
    rows = max(1, source.rows)
    worth = -sum(len(cells) - 1 for cells in found.values()) / (2 * rows)
    for g, shares in given:
        at = dict(shares)
        worth += sum(n / rows * math.log(at[code] / marginal[code]) for code, n in found[g] if at.get(code))
    return Dependence(tuple(marginal), parents, groups, given, worth, otherwise)


def _shares(
    found: Mapping[int, Sequence[tuple[int, int]]],
    whole: Mapping[int, int],
    total: int,
    marginal: Sequence[float],
    k: int,
) -> tuple[Given, tuple[float, ...]]:
    """Shares within each cell of the parents that k stand for, and in all other cells together.

    Within a cell a bin that fewer than k stand for is not told. Of all cells together it is, where k or more
    stand for it, and is given back to the cells that lack it: evenly, for which had more is not known. So the
    shares of all rows come out right although small cells know nothing about rare bins.
    """
    kept = [0.0] * len(marginal)
    for cells in found.values():
        for code, n in cells:
            kept[code] += n
    left_out = [share * total - n for share, n in zip(marginal, kept, strict=True)]
    lost = [n if n >= k else 0.0 for n in left_out]
    covered = sum(whole[g] for g in found)
    aside = max(0.0, total - covered)  # rows in cells about which nothing is told
    inside = max(0.0, sum(lost) - aside) / (sum(lost) or 1.0)
    rest = {g: float(whole[g] - sum(n for _, n in cells)) for g, cells in found.items()}
    open_rows = sum(whole[g] for g, n in rest.items() if n < k) or 1
    evenly = max(0.0, sum(lost) * inside - sum(n for n in rest.values() if n >= k)) / open_rows
    given = []
    for g, cells in sorted(found.items()):
        weights = {code: float(n) for code, n in cells}
        lacking = {code: n for code, n in enumerate(lost) if n and code not in weights}
        left = rest[g] if rest[g] >= k else evenly * whole[g]
        if left and lacking:
            for code, missing in lacking.items():
                weights[code] = left * missing / sum(lacking.values())
        sum_of = sum(weights.values())
        shares = ((code, round(weight / sum_of, 4)) for code, weight in sorted(weights.items()))
        given.append((g, tuple((code, share) for code, share in shares if share > 0)))
    if aside < k or not any(lost):
        return tuple(given), ()
    return tuple(given), tuple(round(n / sum(lost), 5) for n in lost)


def fold(code: str, bins: int, groups: int) -> str:
    """SQL that folds a bin number into its group; the same arithmetic as `draw.folded`."""
    return f"({code}::INTEGER * {groups} // {bins})"


def _cell_sql(parents: Sequence[Node], groups: Sequence[int]) -> str:
    sql = fold(parents[0].code, parents[0].bins, groups[0])
    if len(parents) == 2:
        sql = f"({sql} * {groups[1]} + {fold(parents[1].code, parents[1].bins, groups[1])})"
    return sql


class _Measured:
    """Mutual information between binned columns."""

    def __init__(self, source: Source, nodes: Sequence[Node]) -> None:
        self.nodes = [node for node in nodes if node.bins > 1]
        self._rows = source.rows / max(1, source.rows // SAMPLED_ROWS)
        self._of = Entropies(source, {node.code: node.bins for node in self.nodes}).of
        self._pairs: dict[frozenset[str], float] = {}
        for i, first in enumerate(self.nodes):
            for second in self.nodes[:i]:
                if not (first.fixed and second.fixed):
                    self._pairs[frozenset((first.code, second.code))] = self.shared(first, (second,))

    def pair(self, first: Node, second: Node) -> float:
        """Corrected mutual information in nats, never below zero."""
        return self._pairs.get(frozenset((first.code, second.code)), 0.0)

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
