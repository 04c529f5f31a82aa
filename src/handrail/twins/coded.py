"""Bins whole tables inside DuckDB, so that dependence is counted and twins compared without reading rows."""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from handrail.twins.columns import code_sql, number_sql, quoted
from handrail.twins.links import Degree, explains
from handrail.twins.models import ColumnSketch
from handrail.twins.network import Node, Shape, shape
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


def modelled(column: ColumnSketch) -> bool:
    """Whether the column has bins of its own that can depend on others."""
    free = column.role in ("model", "degree") or (column.role == "key" and not column.unique)
    return free and len(column.bins) > 1


def pool_name(plane: Plane, table: str, column: str) -> str:
    """The temporary table that holds the pooled texts of a column."""
    number = [one.name for one in plane.tables[table].fields].index(column)
    return f"pool_{plane.views[table]}_{number}"


def coding(plane: Plane, table: str, column: ColumnSketch, value: str) -> tuple[str, list[Any]]:
    """SQL (and parameters) that bins `value`: a reference to the column, or a count of children."""
    if column.role == "degree":
        return code_sql(column.bins, f"{value}::DOUBLE", True, "")
    if column.kind == "text":
        return code_sql(column.bins, f"{value}::VARCHAR", False, pool_name(plane, table, column.name))
    return code_sql(column.bins, number_sql(value, column.type, column.kind), True, "")


def _number(column: ColumnSketch, value: str) -> str:
    return f"{value}::DOUBLE" if column.role == "degree" else number_sql(value, column.type, column.kind)


def _place(column: ColumnSketch, code: str, number: str) -> list[str]:
    """SQL for how far into its range a number is, 0..1, and the middle of a value that has its own bin.

    Nothing for columns without ranges.
    """
    if not any(one.kind == "range" for one in column.bins):
        return []
    known = [(one.low, one.high - one.low) if one.kind == "range" else None for one in column.bins]
    lows, widths = (
        f"[{', '.join('NULL' if one is None else repr(one[part]) for one in known)}][{code} + 1]"
        for part in (0, 1)
    )
    within = f"greatest(0.0, least(1.0, ({number} - {lows}) / {widths}))"
    return [f"(CASE WHEN {number} IS NOT NULL THEN coalesce({within}, 0.5) END)::FLOAT AS {place_of(code)}"]


def place_of(code: str) -> str:
    """The column that says how far into its bin a row is."""
    return f"u_{code}"


def code(
    plane: Plane, table: str, drafts: Mapping[str, Sequence[ColumnSketch]], degrees: Sequence[Degree]
) -> Coded:
    """Bin a table, together with the rows it points at, into a temporary table of small numbers."""
    picked: list[str] = []
    values: list[Any] = []
    nodes: list[Node] = []
    ranged: set[str] = set()
    sources = [f"{plane.samples[table]} AS t", *(degree.join for degree in degrees)]
    counted = {degree.column.name: degree.value for degree in degrees}
    for number, column in enumerate(one for one in drafts[table] if modelled(one)):
        reference = counted.get(column.name) or f"t.{quoted(column.name)}"
        sql, given = coding(plane, table, column, reference)
        picked.append(f"{sql} AS c{number}")
        values += given
        nodes.append(Node("", column.name, f"c{number}", len(column.bins), column.role == "key"))
        if places := _place(column, f"c{number}", _number(column, reference)):
            picked += places
            ranged.add(f"c{number}")
    for place, link in enumerate(link for link in plane.links(table) if explains(plane, table, link)):
        there = f"p{place}.{quoted(link.to_columns[0])} IS NOT NULL"
        joined = plane.joined(table, link, "t", f"p{place}")
        sources.append(f"LEFT JOIN {plane.views[link.to]} AS p{place} ON {joined}")
        known = [one for one in drafts[link.to] if modelled(one) and one.role == "model"][:MOST_EVIDENCE]
        for number, column in enumerate(known):
            sql, given = coding(plane, link.to, column, f"p{place}.{quoted(column.name)}")
            picked.append(f"CASE WHEN {there} THEN {sql} END AS e{place}_{number}")
            values += given
            nodes.append(Node(link.name, column.name, f"e{place}_{number}", len(column.bins), True))
            reference = f"p{place}.{quoted(column.name)}"
            if places := _place(column, f"e{place}_{number}", _number(column, reference)):
                picked += places
                ranged.add(f"e{place}_{number}")
    entity = plane.tables[table].entity
    if entity:
        picked.append(f"t.{quoted(entity)} AS holder")
    relation = f"codes_{plane.views[table]}"
    listed = ", ".join(picked) or "0 AS nothing"
    plane.con.execute(
        f"CREATE OR REPLACE TEMP TABLE {relation} AS SELECT {listed} FROM {' '.join(sources)}", values
    )
    source = plane.source(table, relation, "holder" if entity else None)
    return Coded(relation, tuple(nodes), shape(source, nodes), tuple(drafts[table]), frozenset(ranged))
