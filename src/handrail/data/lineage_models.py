"""The nouns of lineage: what data comes from, what is made of it, and who reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

NodeKind = Literal["source", "dataset", "metric", "app"]
EdgeKind = Literal[
    "copied", "live", "refers", "measured", "filtered", "cut", "made", "tied", "read", "declared"
]


class AppRead(NamedTuple):
    """A column that runs of an app have read there: for a metric, or directly ("" as the metric).

    "" as the column stands for the dataset's rows, which were counted or joined.
    """

    app: str
    environment: str
    metric: str
    dataset: str
    column: str


@dataclass(frozen=True)
class Node:
    """A table of a source, a dataset, a metric or an app. `note` says in words what it is.

    `columns` are all that it has, in its own order; metrics and apps have none.
    """

    kind: NodeKind
    name: str
    note: str = ""
    columns: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The name with its kind before it, as `lineage` takes it: dataset:orders."""
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, order=True)
class Edge:
    """That data goes from one node to another, and how.

    `columns` pairs a column there with one here; "" stands for rows, or for a metric's or app's own value.
    `kind`: copied by an import, or live, read in its place; refers by a key; measured, filtered or cut by a
    metric; made of another metric; tied to control totals; read by runs; declared in a manifest. `where` are
    environments.
    """

    origin: str
    target: str
    kind: EdgeKind
    columns: tuple[tuple[str, str], ...] = ()
    where: tuple[str, ...] = ()


@dataclass(frozen=True)
class Output:
    """A column of an app's answer and what it is made of: columns by dataset; none where it is a constant."""

    name: str
    columns: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Question:
    """A question that a version asked in the sandbox: its SQL, its outputs, and every column that it touches.

    `outputs` is empty where its text could not be followed; `reads` is then still all that it reads.
    """

    sql: str
    outputs: tuple[Output, ...]
    reads: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Lineage:
    """What one thing, `of`, comes from and leads to. Only nodes and edges that the caller may know of."""

    of: str
    column: str | None
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    questions: tuple[Question, ...] = field(default=())

    def node(self, name: str) -> Node | None:
        """The node of that id, or None."""
        return next((node for node in self.nodes if node.id == name), None)
