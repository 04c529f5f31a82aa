"""How alike a twin is to its original, measured on bins inside the production plane; only scores come out.

Column: 1 - total variation distance of the bins' shares. Pair: the same of two columns' joint shares. Link:
1 - Kolmogorov-Smirnov distance of the number of children per parent. All 0..1, 1 is best; the measures of
SDMetrics (TVComplement, ContingencySimilarity, CardinalityShapeSimilarity) on bins.
"""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from handrail.twins.coded import Coded, coded_sql, modelled
from handrail.twins.columns import quoted
from handrail.twins.labels import label, made_how
from handrail.twins.links import explains
from handrail.twins.models import Bar, ColumnScore, ColumnSketch, LinkScore, PairScore, TableSketch
from handrail.twins.nodes import Node, fold
from handrail.twins.plane import SKETCHED_ROWS, Plane
from handrail.twins.values import Ints

MOST_PAIRS = 40
PAIR_BINS = 10  # finer joint bins would mostly measure the noise of small tables
WIDTH = PAIR_BINS + 1  # with one for nulls


def score_columns(
    plane: Plane, table: TableSketch, coded: Coded, twin: pa.Table
) -> tuple[tuple[ColumnScore, ...], tuple[PairScore, ...]]:
    """Scores of a table's columns and of its most dependent pairs. The twin is binned as the original was."""
    known = {column.name: column for column in table.columns}
    drafts = [one for one in coded.columns if modelled(one) and one.role != "degree"]
    codes = {node.column: node.code for node in coded.nodes if not node.link}
    plane.con.register("twin_rows", _sampled(twin))
    together: dict[str, dict[str, ColumnSketch]] = {coded.relation: {}}
    for one in drafts:
        together.setdefault(coded.relation_of(codes[one.name]), {})[codes[one.name]] = one
    for relation, columns in together.items():
        sql, values = coded_sql(plane, table.name, columns, "twin_rows")
        plane.con.execute(f"CREATE OR REPLACE TEMP TABLE {_twin_of(relation)} AS {sql}", values)
    plane.con.unregister("twin_rows")
    scores = []
    for column in table.columns:
        if column.role == "degree":
            continue
        code = codes.get(column.name)
        bars = _bars(plane, coded, known[column.name], code) if code and column.shares else ()
        score = round(1 - sum(abs(bar.real - bar.twin) for bar in bars) / 2, 4) if bars else None
        scores.append(ColumnScore(column.name, column.kind, made_how(column), score, bars))
    names = {one.name for one in drafts if known[one.name].shares}
    pairs = [(a, b) for a, b in coded.shape.strongest if a.column in names and b.column in names][:MOST_PAIRS]
    alike = zip(pairs, _pairs(plane, coded, pairs), strict=True)
    return tuple(scores), tuple(PairScore(b.column, a.column, *found) for (a, b), found in alike)


def _twin_of(relation: str) -> str:
    """The table of the twin that is binned as this one of the original is."""
    return f"twin_{relation}"


def _sampled(twin: pa.Table) -> pa.Table:
    """As many of its rows as a sketch is taken from, evenly: their order says nothing about their values."""
    every = -(-twin.num_rows // SKETCHED_ROWS)
    return twin.take(pa.array(np.arange(0, twin.num_rows, every))) if every > 1 else twin


def _bars(plane: Plane, coded: Coded, column: ColumnSketch, code: str) -> tuple[Bar, ...]:
    found = dict(
        plane.con.execute(
            f"SELECT {code}, count(*) / sum(count(*)) OVER () FROM {_twin_of(coded.relation_of(code))} "
            f"WHERE {code} IS NOT NULL GROUP BY 1"
        ).fetchall()
    )
    return tuple(
        Bar(label(column, place), round(share, 5), round(found.get(place, 0.0), 5))
        for place, share in enumerate(column.shares)
        if share or found.get(place)
    )


def _pairs(
    plane: Plane, coded: Coded, pairs: Sequence[tuple[Node, Node]]
) -> Iterator[tuple[float, float, float]]:
    """How alike the joint shares of each pair are, and Cramér's V of the real rows and of the twin's."""
    nodes = list(dict.fromkeys(node for pair in pairs for node in pair))
    real, twin = (_folded(plane, relation, nodes) for relation in (coded.relation, _twin_of(coded.relation)))
    for first, second in pairs:
        shares = []
        for groups in (real, twin):
            cells = np.bincount(groups[first] * WIDTH + groups[second], minlength=WIDTH * WIDTH)
            shares.append(cells.reshape(WIDTH, WIDTH) / max(1, len(groups[first])))
        distance = float(np.abs(shares[0] - shares[1]).sum()) / 2
        yield round(1 - distance, 4), _strength(shares[0]), _strength(shares[1])


def _folded(plane: Plane, relation: str, nodes: Sequence[Node]) -> dict[Node, Ints]:
    """The group of each row's bin, by column, nulls last: small numbers, to be counted in memory."""
    if not nodes:
        return {}
    groups = (fold(node.code, node.bins, min(node.bins, PAIR_BINS)) for node in nodes)
    asked = ", ".join(f"coalesce({sql}, {PAIR_BINS}) AS g{n}" for n, sql in enumerate(groups))
    found = plane.con.execute(f"SELECT {asked} FROM {relation}").fetchnumpy()
    return {node: np.asarray(found[f"g{n}"], dtype=np.int64) for n, node in enumerate(nodes)}


def _strength(shares: NDArray[np.float64]) -> float:
    """Cramér's V (1946) of joint shares: 0 where two columns are independent, 1 where one gives the other."""
    first, second = shares.sum(axis=1), shares.sum(axis=0)
    by_chance = np.outer(first, second)
    found = float((shares[by_chance > 0] ** 2 / by_chance[by_chance > 0]).sum()) - 1
    freedom = max(min(int((first > 0).sum()), int((second > 0).sum())) - 1, 1)
    return round(min(1.0, math.sqrt(max(found, 0.0) / freedom)), 4)


def score_links(plane: Plane, table: TableSketch, twins: dict[str, pa.Table]) -> tuple[LinkScore, ...]:
    """For each link that resolves within the build: children per parent, and rows that point at nothing."""
    scores: list[LinkScore] = []
    by_name = {link.name: link for link in plane.links(table.name)}
    for link in table.links:
        if link.kind == "outside":
            continue
        plane.con.register("twin_child", twins[table.name])
        plane.con.register("twin_parent", twins[link.to])
        joined = " AND ".join(
            _equal(twins[table.name], own, twins[link.to], other)
            for own, other in zip(link.columns, link.to_columns, strict=True)
        )
        there = " AND ".join(f"c.{quoted(own)} IS NOT NULL" for own in link.columns)
        (orphans,) = plane.con.execute(
            f"SELECT count(*) FROM twin_child AS c ANTI JOIN twin_parent AS p ON {joined} WHERE {there}"
        ).fetchall()[0]
        score = 1.0
        if explains(plane, table.name, by_name[link.name]):
            real = _degrees(plane.views[table.name], plane.views[link.to], link.columns)
            twin = _degrees("twin_child", "twin_parent", link.columns)
            score = _cardinality(plane, real, twin)
        scores.append(LinkScore(link.name, link.to, score, int(orphans)))
        plane.con.unregister("twin_child")
        plane.con.unregister("twin_parent")
    return tuple(scores)


def _equal(child: pa.Table, own: str, parent: pa.Table, other: str) -> str:
    """SQL for "this key is that one", as text where their types differ."""
    same = child.schema.field(own).type == parent.schema.field(other).type
    cast = "" if same else "::VARCHAR"
    return f"c.{quoted(own)}{cast} = p.{quoted(other)}{cast}"


def _degrees(child: str, parent: str, columns: tuple[str, ...]) -> str:
    """SQL: share of parents by number of children, those without any included."""
    listed = ", ".join(quoted(column) for column in columns)
    there = " AND ".join(f"{quoted(column)} IS NOT NULL" for column in columns)
    return (
        f"WITH of_each AS MATERIALIZED (SELECT count(*) AS n FROM {child} WHERE {there} GROUP BY {listed}) "
        "SELECT n, count(*) AS parents FROM of_each GROUP BY n "
        f"UNION ALL SELECT 0, (SELECT count(*) FROM {parent}) - (SELECT count(*) FROM of_each)"
    )


def _cardinality(plane: Plane, real: str, twin: str) -> float:
    (distance,) = plane.con.execute(
        "WITH merged AS (SELECT n, sum(r) AS r, sum(t) AS t FROM ("
        f"SELECT n, parents AS r, 0 AS t FROM ({real}) UNION ALL SELECT n, 0, parents FROM ({twin})) "
        "GROUP BY n) "
        "SELECT coalesce(max(abs(sum_r / nullif(total_r, 0) - sum_t / nullif(total_t, 0))), 0) FROM ("
        "SELECT sum(r) OVER (ORDER BY n) AS sum_r, sum(t) OVER (ORDER BY n) AS sum_t, "
        "sum(r) OVER () AS total_r, sum(t) OVER () AS total_t FROM merged)"
    ).fetchall()[0]
    return round(1 - float(distance), 4)
