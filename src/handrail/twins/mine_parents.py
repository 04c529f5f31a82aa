"""Finds which parents go together where rows point at several: stores and the products of their range."""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import product

from handrail.twins.binned import Binned
from handrail.twins.columns import Source, quoted
from handrail.twins.count_rules import KEPT
from handrail.twins.links import explains
from handrail.twins.models import Beside
from handrail.twins.network import shared
from handrail.twins.nodes import WORTH, Node, fold
from handrail.twins.plane import Plane
from handrail.twins.roles import Link

MOST_TABLES = 3  # pairs of columns that are kept for a link
TOLD = 0.9  # share of the children that must be in cells that k stand for, or bins are folded
FOLDED = (32, 16, 8, 4)


def beside(source: Source, known: Sequence[Node], ranged: Collection[str], link: str) -> tuple[Beside, ...]:
    """The categories of this link's parents and of those of earlier links that say most about each other.

    Numbers, of which `ranged` has the codes, are left out: a total follows from what it is the total of.
    """
    nodes = [node for node in known if node.code not in ranged]
    links = list(dict.fromkeys(node.link for node in known if node.link))
    if link not in links or source.rows < 10 * source.k:
        return ()
    earlier = [node for node in nodes if node.link in links[: links.index(link)] and node.bins > 1]
    own = [node for node in nodes if node.link == link and node.bins > 1]
    pairs = list(product(earlier, own))
    binned = Binned(source, {node.code: node.bins for node in (*earlier, *own)})
    found = sorted(zip(shared(binned, pairs), pairs, strict=True), key=lambda one: -one[0])
    kept: list[Beside] = []
    for worth, (theirs, mine) in found[: 2 * MOST_TABLES]:
        if worth > WORTH and len(kept) < MOST_TABLES and (made := _table(source, theirs, mine)):
            kept.append(made)
    return tuple(kept)


def _table(source: Source, theirs: Node, own: Node) -> Beside | None:
    """Shares of the children by the bins of both, folded until nearly all are in cells that k stand for."""
    for most in FOLDED:
        groups = (min(theirs.bins, most), min(own.bins, most))
        cell = f"{fold(theirs.code, theirs.bins, groups[0])} * {groups[1]} + "
        cell += fold(own.code, own.bins, groups[1])
        counted = source.all(
            f"SELECT {cell} AS c, count(*), {source.holders} >= {source.k} FROM {source.relation} "
            f"WHERE {theirs.code} IS NOT NULL AND {own.code} IS NOT NULL GROUP BY 1 ORDER BY 1"
        )
        told = {int(c): n for c, n, known in counted if known}
        total, rest = sum(n for _, n, _ in counted), sum(n for _, n, known in counted if not known)
        if rest <= (1 - TOLD) * total and len(told) > 1:
            (others,) = source.one(
                f"SELECT {source.holders} FROM {source.relation} "
                f"WHERE NOT list_contains(?::INTEGER[], {cell})",
                [list(told)],
            )
            total -= 0 if others >= source.k else rest  # or what is missing would tell of them
            share = round(rest / total, 5) if others >= source.k else 0.0
            cells = tuple((c, round(n / total, 5)) for c, n in told.items())
            return Beside(theirs.link, theirs.column, own.column, groups, cells, share)
    return None


def _known(plane: Plane, table: str, link: Link) -> bool:
    """Whether a table knows where a link points once its rows are there, before any table after it."""
    return explains(plane, table, link) or (link.to == table and len(link.columns) == 1)


def through(plane: Plane, table: str, link: Link) -> tuple[str, str] | None:
    """Another link whose parent points at the very row that this link points at, as orders know customers."""
    links = [one for one in plane.links(table) if explains(plane, table, one)]
    if link not in links:
        return None
    for other in links[: links.index(link)]:
        for theirs in plane.links(other.to):
            same_row = theirs.to == link.to and theirs.to_columns == link.to_columns
            if not same_row or other.to == table or not _known(plane, other.to, theirs):
                continue
            source = plane.source(table)
            same = " AND ".join(
                f"t.{quoted(a)}::VARCHAR = p.{quoted(b)}::VARCHAR"
                for a, b in zip(link.columns, theirs.columns, strict=True)
            )
            rows, kept = source.one(
                f"SELECT count(*), count(*) FILTER ({same}) FROM {source.relation} AS t "
                f"JOIN {plane.pointed_at(table, other)} AS p ON {plane.joined(table, other, 't', 'p')}"
            )
            if rows >= 10 * source.k and kept >= KEPT * rows and rows >= KEPT * source.rows:
                return other.name, theirs.name
    return None
