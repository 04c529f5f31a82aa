"""Bins whole tables inside DuckDB, so that dependence is counted and twins compared without reading rows."""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from handrail.twins.binned import Binned
from handrail.twins.columns import code_sql, number_sql, quoted
from handrail.twins.depend import Dependence, depend
from handrail.twins.links import Degree, explains
from handrail.twins.models import ColumnSketch
from handrail.twins.network import MOST_NODES, Shape, shape
from handrail.twins.nodes import Node
from handrail.twins.plane import Plane

MOST_EVIDENCE = 8  # columns of a parent's row that may explain a child's


@dataclass(frozen=True)
class Coded:
    """A binned table in DuckDB, the columns in it, and what depends on what."""

    relation: str
    nodes: tuple[Node, ...]
    shape: Shape
    columns: tuple[ColumnSketch, ...]  # as they were binned, for binning another rendition the same way
    ranged: frozenset[str] = frozenset()  # codes of the nodes with ranges, whose places are known
    others: Mapping[str, str] = field(default_factory=dict)  # codes that are in another relation: which
    dependences: Mapping[str, Dependence] = field(default_factory=dict)  # by the code of the table's own

    def relation_of(self, code: str) -> str:
        """The binned table that has this code."""
        return self.others.get(code, self.relation)

    def before(self, node: Node) -> tuple[Node, ...]:
        """What is in the same binned table as a node of the table's own and drawn before it."""
        if node.code in self.others or node not in self.shape.order:
            return ()
        own = self.shape.order[: self.shape.order.index(node)]
        fixed = tuple(one for one in self.nodes if one.link)
        return tuple(one for one in (*own, *fixed) if one.code not in self.others)


def modelled(column: ColumnSketch) -> bool:
    """Whether the column has bins of its own that can depend on others."""
    free = column.role in ("model", "degree") or (column.role == "key" and not column.unique)
    return free and len(column.bins) > 1


def pool_name(plane: Plane, table: str, column: str) -> str:
    """The temporary table that holds the pooled texts of a column."""
    number = [one.name for one in plane.tables[table].fields].index(column)
    return f"pool_{plane.views[table]}_{number}"


def value_sql(column: ColumnSketch, reference: str) -> str:
    """SQL for what `coding` bins, from a reference to the column or a count of children."""
    if column.role == "degree":
        return f"{reference}::DOUBLE"
    if column.kind == "text":
        return f"{reference}::VARCHAR"
    return number_sql(reference, column.type, column.kind)


def coding(plane: Plane, table: str, column: ColumnSketch, name: str) -> tuple[str, list[Any]]:
    """SQL (and parameters) for the bin of a value, which `value_sql` was selected as `name` before."""
    if column.kind == "text" and column.role != "degree":
        return code_sql(column.bins, name, False, pool_name(plane, table, column.name))
    return code_sql(column.bins, name, True, "")


def coded_sql(
    plane: Plane, table: str, columns: Mapping[str, ColumnSketch], source: str
) -> tuple[str, list[Any]]:
    """SQL (and parameters) that bins columns of a rendition, each under the name it is given here."""
    picked, values = [], []
    for name, column in columns.items():
        sql, given = coding(plane, table, column, name)
        picked.append(f"{sql} AS {name}")
        values += given
    asked = ", ".join(f"{value_sql(one, quoted(one.name))} AS {name}" for name, one in columns.items())
    return f"SELECT {', '.join(picked) or '0 AS nothing'} FROM (SELECT {asked or '0'} FROM {source})", values


def _place(column: ColumnSketch, code: str, number: str) -> list[str]:
    """SQL for how far into its range a number is, 0..1, and the middle of a value that has its own bin.

    `code` and `number` are names. Nothing for columns without ranges.
    """
    if not any(one.kind == "range" for one in column.bins):
        return []
    known = [(one.low, one.high - one.low) if one.kind == "range" else None for one in column.bins]
    lows, widths = (
        f"[{', '.join('NULL' if one is None else repr(one[part]) for one in known)}][{code} + 1]"
        for part in (0, 1)
    )
    within = f"greatest(0.0, least(1.0, ({number} - {lows}) / {widths}))"
    there = f"CASE WHEN {lows} IS NULL THEN 0.5 ELSE {within} END"
    return [f"(CASE WHEN {number} IS NOT NULL THEN {there} END)::FLOAT AS {place_of(code)}"]


def place_of(code: str) -> str:
    """The column that says how far into its bin a row is."""
    return f"u_{code}"


class Like(NamedTuple):
    """Bins of a parent's column that `few` parents are in, who count as if they were in that of most."""

    few: tuple[int, ...]
    most: int


NOBODY = Like((), 0)


class Binning:
    """Columns that are binned in one pass, in three steps: the value, its bin, and its place within that.

    Each step names the columns of the one before: bins and places ask for a value many times over.
    """

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._asked: list[str] = []
        self._binned: list[str] = []
        self._values: list[Any] = []
        self._kept: list[str] = []
        self.nodes: list[Node] = []
        self.ranged: set[str] = set()

    def carry(self, sql: str, name: str, kept: bool = False) -> None:
        """Select something beside the values; `kept` also into the table."""
        self._asked.append(f"{sql} AS {name}")
        self._kept += [name] if kept else []

    def add(
        self, node: Node, of: str, column: ColumnSketch, reference: str, there: str = "", like: Like = NOBODY
    ) -> None:
        """Bin a column of the table `of`; without `there`, a condition that was carried, in every row. Rows
        in some bins count `like` those of another.
        """
        value = f"x_{node.code}"
        self.carry(value_sql(column, reference), value)
        sql, given = coding(self._plane, of, column, value)
        self._binned.append(f"{f'CASE WHEN {there} THEN {sql} END' if there else sql} AS {node.code}")
        self._values += given
        few = ", ".join(map(str, like.few))
        self._kept.append(
            f"CASE WHEN {node.code} IN ({few}) THEN {like.most} ELSE {node.code} END AS {node.code}"
            if few
            else node.code
        )
        self.nodes.append(node)
        if places := _place(column, node.code, value):
            self._kept += places
            self.ranged.add(node.code)

    def write(self, relation: str, sources: Sequence[str]) -> None:
        """Make the temporary table."""
        whole = f"SELECT {', '.join([*self._asked, '0 AS nothing'])} FROM {' '.join(sources)}"
        binned = f"SELECT {', '.join(['*', *self._binned])} FROM asked"
        kept = ", ".join(self._kept or ["nothing"])
        # Each step is written down: of joined rows the next would work out the one before many times over.
        self._plane.con.execute(
            f"CREATE OR REPLACE TABLE {relation} AS WITH asked AS MATERIALIZED ({whole}), "
            f"binned AS MATERIALIZED ({binned}) SELECT {kept} FROM binned",
            self._values,
        )


def code(
    plane: Plane,
    table: str,
    drafts: Mapping[str, Sequence[ColumnSketch]],
    degrees: Sequence[Degree],
    first: str = "",
    repeating: Collection[str] = (),
    of: Mapping[str, str] = MappingProxyType({}),
) -> Coded:
    """Bin a table, together with the rows it points at, into a temporary table of small numbers.

    The column `first` depends on no other of the table; those that are `repeating` another row's come soon,
    and then those that are one value for each parent, `of` which link is said.

    Columns beyond those that can depend on each other are binned into further tables, some at a time: all in
    one query would take gigabytes for a table of thousands.
    """
    sources = [f"{plane.samples[table]} AS t", *(degree.join for degree in degrees)]
    counted = {degree.column.name: degree.value for degree in degrees}
    holder, relation = plane.holder(table), f"codes_{plane.views[table]}"
    own = [
        (
            Node(
                "",
                one.name,
                f"c{number}",
                len(one.bins),
                fixed=one.role == "key",
                alone=bool(one.below or one.kept),
                repeats=one.name in repeating,
                of=of.get(one.name, ""),
            ),
            one,
        )
        for number, one in enumerate(one for one in drafts[table] if modelled(one))
    ]
    own.sort(key=lambda found: found[0].fixed)  # as those are chosen that depend on each other
    binnings = []
    for start in range(0, max(len(own), 1), MOST_NODES):
        binning = Binning(plane)
        for node, column in own[start : start + MOST_NODES]:
            binning.add(node, table, column, counted.get(column.name) or f"t.{quoted(column.name)}")
        if holder:
            binning.carry(f"t.{holder}", "holder", kept=True)
        binnings.append(binning)
    whole = [*sources, *_evidence(plane, table, drafts, binnings[0])]
    relations = [relation, *(f"{relation}_{number}" for number in range(1, len(binnings)))]
    for binning, name in zip(binnings, relations, strict=True):
        binning.write(name, whole if binning is binnings[0] else sources)
    nodes = sorted((node for one in binnings for node in one.nodes), key=lambda node: bool(node.link))
    found: dict[str, Dependence] = {}
    made: Shape | None = None
    for binning, name in zip(binnings, relations, strict=True):
        source = plane.source(table, name, "holder" if holder else None)
        binned = Binned(source, {node.code: node.bins for node in binning.nodes})
        made = made or shape(binned, nodes, first)
        own_nodes = (node for node in binning.nodes if not node.link)
        found |= {node.code: depend(binned, node, made.parents.get(node.code, ())) for node in own_nodes}
    return Coded(
        relation,
        tuple(nodes),
        made or Shape((), {}, ()),
        tuple(drafts[table]),
        frozenset().union(*(one.ranged for one in binnings)),
        {
            node.code: name
            for one, name in zip(binnings[1:], relations[1:], strict=True)
            for node in one.nodes
        },
        found,
    )


def _evidence(
    plane: Plane, table: str, drafts: Mapping[str, Sequence[ColumnSketch]], binning: Binning
) -> list[str]:
    """Bin columns of the rows that the table points at, too; returns the joins which that takes."""
    joins = []
    for place, link in enumerate(link for link in plane.links(table) if explains(plane, table, link)):
        binning.carry(f"p{place}.{quoted(link.to_columns[0])} IS NOT NULL", f"there_{place}")
        joined = plane.joined(table, link, "t", f"p{place}")
        joins.append(f"LEFT JOIN {plane.pointed_at(table, link)} AS p{place} ON {joined}")
        known = evidence(drafts[link.to]) if plane.is_backed(link.to) else []
        likes = _few_parents(plane, table, link.to, known)
        for number, (column, like) in enumerate(zip(known, likes, strict=True)):
            node = Node(link.name, column.name, f"e{place}_{number}", len(column.bins), True)
            reference = f"p{place}.{quoted(column.name)}"
            binning.add(node, link.to, column, reference, f"there_{place}", like)
    return joins


def evidence(columns: Sequence[ColumnSketch]) -> list[ColumnSketch]:
    """The columns of a parent that may explain its children."""
    return [one for one in columns if modelled(one) and one.role == "model"][:MOST_EVIDENCE]


def _few_parents(plane: Plane, table: str, parent: str, columns: Sequence[ColumnSketch]) -> list[Like]:
    """Of each column of a parent the bins that fewer than k parents are in, and the one that most are in.

    Which share of the children belongs to these few, and what their children are like, is a fact about them
    however many the children are; and beside what is told of all others it would be told by what is left. So
    they count with most. Columns whose values k of those below stand for, and rows that are told, tell it
    anyway.
    """
    found, crowds = [], plane.crowds.get(parent)
    for number, column in enumerate(columns):
        counted = crowds[number] if crowds else ()
        few = tuple(code for code, n in counted[1:] if n < plane.k_of(table))
        found.append(NOBODY if column.below or column.kept or not few else Like(few, counted[0][0]))
    return found
