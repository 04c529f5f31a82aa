"""Sketches what bins are too coarse for: numbers that follow others within bins, and copies of a parent."""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from handrail.twins.coded import place_of
from handrail.twins.columns import Source, quoted, who_sql
from handrail.twins.depend import Dependence
from handrail.twins.links import explains
from handrail.twins.models import ColumnSketch
from handrail.twins.nodes import Node, fold
from handrail.twins.plane import Plane
from handrail.twins.roles import Link
from handrail.twins.told import LOOKED_AT, looked_at

MOST_COPIES = 60  # pairs of columns that are compared for one link
COPIED = 0.995  # share of rows in which a copy is one
MAY_BE_COPIED = 0.98  # and of some thousand rows
STRONG = 0.3  # correlation below which numbers do not follow each other over all their bins
SURELY = 2.0  # standard deviations of chance
PARTS = 20  # in which a correlation over all bins is told
AT_ONCE = 4096  # rows
TINY = 1e-9  # spread below which numbers are all the same


def following(
    source: Source, node: Node, found: Dependence, ranged: Collection[str]
) -> tuple[tuple[str, str] | None, tuple[float, ...]]:
    """The parent that a column's numbers follow, and how closely in each bin.

    Followed is how far the parent's number is into its group of bins. What k rows of a bin show is drawn
    towards what all bins show, the more the fewer they are.
    """
    best: tuple[tuple[str, str] | None, tuple[float, ...]] = (None, ())
    weight = 0.0
    for parent, groups in zip(found.parents, found.groups, strict=True):
        if node.code not in ranged or parent.code not in ranged:
            continue
        own = place_of(node.code)
        group = fold(parent.code, parent.bins, groups)
        first, after = (f"(({group} + {more}) * {parent.bins} + {groups - 1}) // {groups}" for more in (0, 1))
        theirs = f"({parent.code} + {place_of(parent.code)} - {first}) / ({after} - {first})"
        counted = source.all(
            "SELECT c, grouping(c), sum(n * xy) / nullif(sqrt(sum(n * x) * sum(n * y)), 0), sum(n) FROM "
            "(SELECT c, count(*) AS n, covar_pop(x, y) AS xy, var_pop(x) AS x, var_pop(y) AS y FROM "
            f"(SELECT {node.code} AS c, {group} AS g, {own} AS x, {theirs} AS y FROM {source.relation} "
            f"WHERE {own} IS NOT NULL AND {place_of(parent.code)} IS NOT NULL) GROUP BY c, g) "
            "GROUP BY GROUPING SETS ((c), ()) HAVING sum(n) >= ?",
            [source.k * (3 if source.entity else 1)],
        )
        told = _told(source, node, parent) if source.entity else {at for at, *_ in counted}
        sure = {
            (at, together): (close, n) for at, together, close, n in counted if at in told and _sure(close)
        }
        usual, rows = sure.get((None, 1), (0.0, 0))
        follows = [0.0] * node.bins
        for (at, together), (close, n) in sure.items():
            if not together:
                drawn = (n * close + source.k * usual) / (n + source.k)
                follows[at] = round(drawn, 2) if abs(drawn) > 2 / math.sqrt(rows + n) else 0.0
        total = sum(n * follows[at] ** 2 for (at, together), (_, n) in sure.items() if not together)
        if total > weight:
            best, weight = ((parent.link, parent.column), tuple(follows)), total
    return best


class Heights:
    """How high the numbers of a binned table are among their columns' bins, in memory; nan where none is.

    They are read once, and what correlations are made of is added up for all pairs at once: a query, or a
    walk over all rows, for each pair took a quarter of a sketch.
    """

    def __init__(self, source: Source, nodes: Sequence[Node]) -> None:
        picked = [f"({one.code} + {place_of(one.code)})::FLOAT AS {one.code}" for one in nodes]
        picked += [f"{who_sql(source.entity)} AS holder"] if source.entity else []
        found = source.con.execute(f"SELECT {', '.join(picked) or '0'} FROM {source.relation}").fetchnumpy()
        self._k, self._at = source.k, {one.code: place for place, one in enumerate(nodes)}
        rows = len(next(iter(found.values())))
        self._high = np.empty((rows, len(nodes)), dtype=np.float32)
        for place, one in enumerate(nodes):
            self._high[:, place] = np.ma.asarray(found[one.code]).filled(np.nan)
        self._who = np.asarray(found["holder"]) if source.entity else None
        self._sums = _Sums(self._high)

    def in_step(self, node: Node, before: Sequence[Node]) -> tuple[tuple[str, str] | None, tuple[float, ...]]:
        """The number, of those drawn before it, that a number follows over all bins, and how closely.

        Of few rows k share no cell of two columns' bins, so nothing else tells that costs go with prices. A
        correlation of k or more who have both is about them all, and it is told in twentieths. Numbers beyond
        the ends of their bins count as lying there.
        """
        best: tuple[tuple[str, str] | None, tuple[float, ...]] = (None, ())
        others = [one for one in before if one.code in self._at and one.code != node.code]
        if node.code not in self._at or not others:
            return best
        for one in others:
            close, both = self._sums.close(self._at[node.code], self._at[one.code])
            told = round(close * PARTS) / PARTS
            if abs(close) < STRONG or (best[1] and abs(told) <= abs(best[1][0])):
                continue
            about = self._about(node, one, both)
            if about >= self._k and abs(close) >= SURELY / math.sqrt(about):
                best = (one.link, one.column), (told,)
        return best

    def _about(self, node: Node, other: Node, rows: int) -> int:
        """How many k counts among the rows that have both numbers."""
        if self._who is None:
            return rows
        both = ~np.isnan(self._high[:, [self._at[node.code], self._at[other.code]]]).any(axis=1)
        return len(np.unique(self._who[both & (self._who >= 0)]))


class _Sums:
    """Of all pairs of columns how many rows have both, and the sums over these that a correlation is made of.

    Rows are added up some at a time in one order, whatever the number of cores: the same rows, the same sums.
    """

    def __init__(self, high: NDArray[np.float32]) -> None:
        width = high.shape[1]
        self._rows, self._sum, self._squares, self._products = (np.zeros((width, width)) for _ in range(4))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a column of which no row has a number
            middle = np.nan_to_num(np.nanmean(high, axis=0, dtype=np.float64))
        for start in range(0, len(high), AT_ONCE):
            x = high[start : start + AT_ONCE].astype(np.float64) - middle
            there = (~np.isnan(x)).astype(np.float64)
            x = np.nan_to_num(x, copy=False, nan=0.0)
            for into, left, right in (
                (self._rows, there, there),
                (self._sum, x, there),
                (self._squares, x * x, there),
                (self._products, x, x),
            ):
                into += np.einsum("ra,rb->ab", left, right)

    def close(self, own: int, other: int) -> tuple[float, int]:
        """The correlation of two columns over the rows that have both, and how many these are."""
        n = int(self._rows[own, other])
        if n < 2:
            return 0.0, n
        mean, theirs = self._sum[own, other] / n, self._sum[other, own] / n
        together = float(self._products[own, other]) - n * mean * theirs
        spreads = [
            max(0.0, float(self._squares[a, b]) - n * middle * middle)
            for a, b, middle in ((own, other, mean), (other, own, theirs))
        ]
        spread = math.sqrt(spreads[0] * spreads[1])
        return (together / spread if spread > TINY * n else 0.0), n


def says(close: float) -> float:
    """What numbers that follow each other so closely over all bins say about each other, in nats.

    As it was told in twentieths, the closest may be off by half of one.
    """
    return -0.5 * math.log(1 - min(abs(close), 1 - 0.5 / PARTS) ** 2)


def _told(source: Source, node: Node, parent: Node) -> set[int | None]:
    """The bins, and None for all together, of which both places are known of k or more."""
    there = f"{place_of(node.code)} IS NOT NULL AND {place_of(parent.code)} IS NOT NULL"
    found = source.all(
        f"SELECT {node.code} FROM {source.relation} WHERE {there} "
        f"GROUP BY GROUPING SETS (({node.code}), ()) HAVING {source.holders} >= ?",
        [source.k],
    )
    return {at for (at,) in found}


def _sure(close: float | None) -> bool:
    return close is not None and math.isfinite(close)


def copied(
    plane: Plane, table: str, columns: Sequence[ColumnSketch]
) -> Iterator[tuple[str, tuple[str, str]]]:
    """Columns that repeat a column of the row that a link points at, in nearly every row."""
    found: set[str] = set()
    for link in plane.links(table):
        if not explains(plane, table, link):
            continue
        theirs = {one.name: one for one in plane.tables[link.to].fields}
        types = plane.types[link.to]
        pairs = [
            (own.name, other)
            for own in columns
            for other, field in theirs.items()
            if own.role == "model" and own.name not in found and not (field.personal or field.primary_key)
            if own.type == types[other] and own.bins
        ][:MOST_COPIES]
        if not pairs:
            continue
        source = plane.source(table)
        if source.rows > LOOKED_AT:
            some = replace(source, relation=looked_at(source))
            rows, same = _same(plane, table, link, some, pairs)
            if rows >= 10 * source.k:
                pairs = [pair for pair, equal, _ in same if equal >= MAY_BE_COPIED * rows]
        rows, same = _same(plane, table, link, source, pairs)
        for (own, other), equal, several in same:
            if rows >= 10 * source.k and equal >= COPIED * rows and several and own not in found:
                found.add(own)
                yield own, (link.name, other)


def _same(
    plane: Plane, table: str, link: Link, source: Source, pairs: Sequence[tuple[str, str]]
) -> tuple[int, list[tuple[tuple[str, str], int, bool]]]:
    """How many rows point at one, and of each pair in how many it is the same, and whether not in all the
    same."""
    if not pairs:
        return 0, []
    counted = ", ".join(
        f"count(*) FILTER (t.{quoted(own)} IS NOT DISTINCT FROM p.{quoted(other)}), "
        f"min(t.{quoted(own)}) < max(t.{quoted(own)})"
        for own, other in pairs
    )
    rows, *same = source.one(
        f"SELECT count(*), {counted} FROM {source.relation} AS t "
        f"JOIN {plane.pointed_at(table, link)} AS p ON {plane.joined(table, link, 't', 'p')}"
    )
    return rows, [*zip(pairs, same[::2], map(bool, same[1::2]), strict=True)]
