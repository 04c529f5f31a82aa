"""Counts how many parents are alike in what may explain their children, once for all tables of children."""

# ruff: noqa: S608 - every name in the SQL is quoted or our own
from __future__ import annotations

from collections.abc import Mapping, Sequence

from handrail.twins.abreast import abreast
from handrail.twins.coded import Binning, evidence
from handrail.twins.columns import quoted
from handrail.twins.links import explains
from handrail.twins.models import ColumnSketch
from handrail.twins.nodes import Node
from handrail.twins.plane import Crowds, Plane


def count_crowds(plane: Plane, drafts: Mapping[str, Sequence[ColumnSketch]]) -> None:
    """Note in the plane, of each table that others point at, how many rows (or people) are in each bin.

    Of rows that are told nothing is counted: nobody has to be hidden among others there.
    """
    pointed = {
        link.to
        for child in plane.layout.order
        for link in plane.links(child)
        if explains(plane, child, link) and not plane.tables[link.to].verbatim
    }
    parents = [one for one in plane.layout.order if one in pointed - plane.told.keys()]
    with abreast(lambda name: _counted(plane, name, evidence(drafts[name])), parents) as found:
        plane.crowds.update(zip(parents, found, strict=True))


def _counted(plane: Plane, table: str, columns: Sequence[ColumnSketch]) -> Crowds:
    """Of each column the bins and how many are in each, most first."""
    if not columns:
        return ()
    with plane.beside() as own:
        holder, relation = own.holder(table), f"parents_{own.views[table]}"
        binning = Binning(own)
        for number, column in enumerate(columns):
            node = Node("", column.name, f"w{number}", len(column.bins))
            binning.add(node, table, column, f"t.{quoted(column.name)}")
        if holder:
            binning.carry(f"t.{holder}", "holder", kept=True)
        binning.write(relation, [f"{own.samples[table]} AS t"])
        source = own.source(table, relation, "holder" if holder else None)
        asked = f"SELECT {{0}}, {source.holders} AS n FROM {relation} WHERE {{0}} IS NOT NULL GROUP BY 1"
        found = [source.all(f"{asked.format(one.code)} ORDER BY n DESC, 1") for one in binning.nodes]
        own.con.execute(f"DROP TABLE {relation}")
        return tuple(map(tuple, found))
