"""How lineage looks: which boxes and lines are drawn, and what is only counted, so that it stays readable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from markupsafe import Markup

from handrail import kit
from handrail.data.lineage_models import Edge, Lineage, Node
from handrail.kit import Box, Line

ROWS = 7  # columns in a box
BOXES = 8  # boxes of a kind
LINES = 20  # from columns; with more of them only boxes are joined
_WHOLE = (("", ""),)
_PLACES = {"source": "/datasets", "dataset": "/datasets", "metric": "/metrics", "app": "/apps"}
_LAYER = {"source": 0, "dataset": 1, "metric": 2, "app": 3}
_HOW = {
    "copied": "copied by an import",
    "live": "is read in its place",
    "refers": "is what its key points to",
    "measured": "is measured",
    "filtered": "decides which rows count",
    "cut": "can be cut by",
    "made": "is part of",
    "tied": "is the total it ties to",
    "read": "is read by its runs",
    "declared": "is declared",
}
_TONE = {"refers": "dashed", "tied": "dashed", "declared": "dashed", "cut": "faint"}


class Row(NamedTuple):
    """One line of the table beside the drawing: from what, which columns, how, to what, and where."""

    origin: Node
    columns: tuple[str, ...]
    how: str
    target: Node
    where: tuple[str, ...]


def told(found: Lineage) -> tuple[Row, ...]:
    """Everything that the drawing shows and leaves out, as a table in words."""
    nodes = {node.id: node for node in found.nodes}
    return tuple(
        Row(
            nodes[edge.origin],
            tuple(dict.fromkeys(a for a, _ in edge.columns if a)),
            _HOW[edge.kind],
            nodes[edge.target],
            edge.where,
        )
        for edge in sorted(found.edges, key=lambda edge: (_LAYER[nodes[edge.origin].kind], edge))
    )


class Drawing(NamedTuple):
    """The picture, and the tones of the lines in it, for its key."""

    picture: Markup
    tones: frozenset[str]


def drawing(found: Lineage) -> Drawing:
    """The lineage as a picture; what would not fit is counted in its place."""
    kept, instead = _kept(found)
    edges = [edge for edge in found.edges if edge.kind != "cut" or not _measures(found, edge)]
    edges = [replace(edge, columns=_WHOLE) if _is_whole(found, edge) else edge for edge in edges]
    for kinds in ((), ("read", "declared"), tuple(_HOW)):  # joined by one line where columns are too many
        edges = [replace(edge, columns=_WHOLE) if edge.kind in kinds else edge for edge in edges]
        rows = _rows(kept, edges)
        lines = _strongest([line for edge in edges for line in _lines(edge, rows, instead)])
        if len(lines) <= LINES:
            break
    boxes = [_box(found, kept[name], rows) for name in kept]
    boxes += [
        Box(
            rest, f"{rest}{'' if len(names) == 1 else 's'}", _LAYER[rest], f"and {len(names)} more", rest=True
        )
        for rest in dict.fromkeys(instead.values())
        for names in [[name for name, other in instead.items() if other == rest]]
    ]
    about = found.of.partition(":")[2] + (f".{found.column}" if found.column else "")
    counts = {kind: sum(node.kind == kind for node in found.nodes) for kind in _LAYER}
    said = ", ".join(f"{n} {kind}{'' if n == 1 else 's'}" for kind, n in counts.items() if n)
    words = f"{said}. The table below says the same in words."
    picture = kit.flow(boxes, lines, f"Lineage of {about}", words)
    return Drawing(picture, frozenset(line.tone for line in lines))


def address(node: Node) -> str:
    """The page of a node; a source has none."""
    return "" if node.kind == "source" else f"{_PLACES[node.kind]}/{node.name}"


def _kept(found: Lineage) -> tuple[Mapping[str, Node], Mapping[str, str]]:
    """The nodes that are drawn, and for each other one the box that stands for it: its kind's."""
    joined: dict[str, int] = {}
    for edge in found.edges:
        for end in (edge.origin, edge.target):
            joined[end] = joined.get(end, 0) + (edge.kind != "declared")
    kept: dict[str, Node] = {}
    instead: dict[str, str] = {}
    for kind in _LAYER:
        nodes = sorted(
            (node for node in found.nodes if node.kind == kind),
            key=lambda node: (node.id != found.of, -joined.get(node.id, 0), node.name),
        )
        most = BOXES if len(nodes) <= BOXES else BOXES - 1
        kept |= {node.id: node for node in nodes[:most]}
        instead |= {node.id: kind for node in nodes[most:]}
    return kept, instead


def _measures(found: Lineage, cut: Edge) -> bool:
    """Whether something stronger already joins the two."""
    return any(
        edge.kind in ("measured", "filtered") and (edge.origin, edge.target) == (cut.origin, cut.target)
        for edge in found.edges
    )


def _is_whole(found: Lineage, edge: Edge) -> bool:
    """Whether one line stands for all columns: a copy has them all, unless one is followed."""
    return edge.kind in ("copied", "live") and not found.column


def _rows(kept: Mapping[str, Node], edges: list[Edge]) -> dict[str, tuple[str, ...]]:
    """By dataset the columns that lines begin at, in the contract's order: as many as fit, values first."""
    used: dict[str, dict[str, bool]] = {}
    for edge in edges:
        value = edge.kind in ("measured", "filtered", "refers")
        for end, columns in (
            (edge.origin, {a for a, _ in edge.columns}),
            (edge.target, {b for _, b in edge.columns}),
        ):
            for column in columns:
                mine = used.setdefault(end, {})
                mine[column] = mine.get(column, False) or value
    rows = {}
    for name, node in kept.items():
        if node.kind == "dataset":
            here = [column for column in node.columns if column in used.get(name, ())]
            first = sorted(here, key=lambda column: not used[name][column])[:ROWS]
            rows[name] = tuple(column for column in here if column in first)
    return rows


def _lines(edge: Edge, rows: Mapping[str, tuple[str, ...]], instead: Mapping[str, str]) -> list[Line]:
    origin, target = instead.get(edge.origin, edge.origin), instead.get(edge.target, edge.target)
    if origin == target:
        return []
    tone = _TONE.get(edge.kind, "solid")
    return list(
        dict.fromkeys(
            Line(
                origin,
                target,
                a if a in rows.get(origin, ()) else "",
                b if b in rows.get(target, ()) else "",
                tone,
            )
            for a, b in edge.columns
        )
    )


def _strongest(lines: list[Line]) -> list[Line]:
    """Of lines between the same two points the one that says most."""
    order = {"solid": 0, "dashed": 1, "faint": 2}
    best: dict[tuple[str, str, str, str], Line] = {}
    for line in sorted(lines, key=lambda line: order[line.tone], reverse=True):
        best[line.origin, line.row, line.target, line.target_row] = line
    return list(best.values())


def _box(found: Lineage, node: Node, rows: Mapping[str, tuple[str, ...]]) -> Box:
    shown = rows.get(node.id, ())
    left = len(node.columns) - len(shown) if node.kind == "dataset" else 0
    more = ""
    if left and not found.column:
        more = f"and {left} more column{'' if left == 1 else 's'}" if shown else f"{left} columns"
    title, note = node.name, node.note
    if node.kind == "source":
        note, _, title = node.name.partition("/")
    return Box(
        node.id, title, _LAYER[node.kind], node.kind, note, address(node), shown, more, node.id == found.of
    )
