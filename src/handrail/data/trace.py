"""Cut a graph of lineage down to what one thing, or one of its columns, comes from and leads to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from handrail.data.lineage_models import Edge, Node

_Point = tuple[str, str]  # a node, and a column of it; "" is its rows, or its own value


def trace(
    of: str, column: str | None, nodes: Mapping[str, Node], edges: Iterable[Edge]
) -> tuple[tuple[Node, ...], tuple[Edge, ...]]:
    """The nodes and edges above and below `of`, each edge once; with a column, only what it goes through.

    Every node comes before those that are made of it; nodes of a kind are in the order of their names.
    """
    merged = _merged(edges)
    if column is None:
        above = _reached({of}, merged, lambda edge: (edge.target, edge.origin))
        below = _reached({of}, merged, lambda edge: (edge.origin, edge.target))
        kept = [
            edge
            for edge in merged
            if {edge.origin, edge.target} <= above or {edge.origin, edge.target} <= below
        ]
    else:
        kept = _through((of, column), merged)
    named = {of, *(edge.origin for edge in kept), *(edge.target for edge in kept)}
    order = ("source", "dataset", "metric", "app")
    shown = sorted((nodes[name] for name in named), key=lambda node: (order.index(node.kind), node.name))
    return tuple(shown), tuple(kept)


def _merged(edges: Iterable[Edge]) -> list[Edge]:
    """Edges between the same two nodes of the same kind as one, with the columns and places of all."""
    found: dict[tuple[str, str, str], Edge] = {}
    for edge in edges:
        key = edge.origin, edge.target, edge.kind
        if key in found:
            columns = tuple(dict.fromkeys((*found[key].columns, *edge.columns)))
            where = tuple(sorted({*found[key].where, *edge.where}))
            edge = replace(edge, columns=columns, where=where)
        found[key] = edge
    return sorted(found.values())


def _reached(start: set[str], edges: list[Edge], step: Callable[[Edge], tuple[str, str]]) -> set[str]:
    found, ahead = set(start), set(start)
    while ahead:
        ahead = {there for here, there in map(step, edges) if here in ahead} - found
        found |= ahead
    return found


def _through(start: _Point, edges: list[Edge]) -> list[Edge]:
    """The edges with only those pairs of columns that a column comes by or goes by."""
    pairs = [(edge, (edge.origin, a), (edge.target, b), (a, b)) for edge in edges for a, b in edge.columns]
    passed: dict[Edge, set[tuple[str, str]]] = {}
    for downwards in (True, False):
        found: set[_Point] = {start}
        ahead = found
        while ahead:
            hits = [
                (edge, pair, there if downwards else here)
                for edge, here, there, pair in pairs
                if (here if downwards else there) in ahead
            ]
            for edge, pair, _ in hits:
                passed.setdefault(edge, set()).add(pair)
            ahead = {point for _, _, point in hits} - found
            found |= ahead
    return [
        replace(edge, columns=tuple(pair for pair in edge.columns if pair in passed[edge]))
        for edge in edges
        if edge in passed
    ]
