"""How alike a twin is to its original, measured on bins inside the production plane; only scores come out.

Column: 1 - total variation distance of the bins' shares. Pair: the same of two columns' joint shares. Link:
1 - Kolmogorov-Smirnov distance of the number of children per parent. All 0..1, 1 is best; the measures of
SDMetrics (TVComplement, ContingencySimilarity, CardinalityShapeSimilarity) on bins.
"""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from handrail.twins.coded import Coded, coding, modelled
from handrail.twins.columns import quoted
from handrail.twins.labels import label, made_how
from handrail.twins.links import explains
from handrail.twins.models import Bar, ColumnScore, ColumnSketch, LinkScore, PairScore, TableSketch
from handrail.twins.network import Node, fold
from handrail.twins.plane import SKETCHED_ROWS, Plane

MOST_PAIRS = 40
PAIR_BINS = 10  # finer joint bins would mostly measure the noise of small tables


def score_columns(
    plane: Plane, table: TableSketch, coded: Coded, twin: pa.Table
) -> tuple[tuple[ColumnScore, ...], tuple[PairScore, ...]]:
    """Scores of a table's columns and of its most dependent pairs. The twin is binned as the original was."""
    known = {column.name: column for column in table.columns}
    drafts = [one for one in coded.columns if modelled(one) and one.role != "degree"]
    codes = {node.column: node.code for node in coded.nodes if not node.link}
    plane.con.register("twin_rows", _sampled(twin))
    picked: list[str] = []
    values: list[Any] = []
    for one in drafts:
        sql, given = coding(plane, table.name, one, quoted(one.name))
        picked.append(f"{sql} AS {codes[one.name]}")
        values += given
    listed = ", ".join(picked) or "0 AS nothing"
    plane.con.execute(f"CREATE OR REPLACE TEMP TABLE twin_codes AS SELECT {listed} FROM twin_rows", values)
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
    return tuple(scores), tuple(PairScore(b.column, a.column, *_pair(plane, coded, a, b)) for a, b in pairs)


def _sampled(twin: pa.Table) -> pa.Table:
    """As many of its rows as a sketch is taken from, evenly: their order says nothing about their values."""
    every = -(-twin.num_rows // SKETCHED_ROWS)
    return twin.take(pa.array(np.arange(0, twin.num_rows, every))) if every > 1 else twin


def _bars(plane: Plane, coded: Coded, column: ColumnSketch, code: str) -> tuple[Bar, ...]:
    found = dict(
        plane.con.execute(
            f"SELECT {code}, count(*) / sum(count(*)) OVER () FROM twin_codes "
            f"WHERE {code} IS NOT NULL GROUP BY 1"
        ).fetchall()
    )
    return tuple(
        Bar(label(column, place), round(share, 5), round(found.get(place, 0.0), 5))
        for place, share in enumerate(column.shares)
        if share or found.get(place)
    )


def _pair(plane: Plane, coded: Coded, one: Node, other: Node) -> tuple[float, float, float]:
    """How alike the joint shares are, and Cramér's V of the real rows and of the twin's."""
    first, second = (fold(node.code, node.bins, min(node.bins, PAIR_BINS)) for node in (one, other))
    shares = "SELECT {0} AS a, {1} AS b, count(*) / sum(count(*)) OVER () AS s FROM {2} GROUP BY 1, 2"
    real = shares.format(first, second, coded.relation)
    twin = shares.format(first, second, "twin_codes")
    (distance,) = plane.con.execute(
        f"SELECT coalesce(sum(abs(coalesce(r.s, 0) - coalesce(t.s, 0))) / 2, 0) FROM ({real}) AS r "
        f"FULL JOIN ({twin}) AS t ON r.a IS NOT DISTINCT FROM t.a AND r.b IS NOT DISTINCT FROM t.b"
    ).fetchall()[0]
    return round(1 - float(distance), 4), _strength(plane, real), _strength(plane, twin)


def _strength(plane: Plane, shares: str) -> float:
    """Cramér's V (1946) of joint shares: 0 where two columns are independent, 1 where one gives the other."""
    (found,) = plane.con.execute(
        "SELECT sqrt(greatest(sum(s * s / (x * y)) - 1, 0) "
        "/ greatest(least(count(DISTINCT a), count(DISTINCT b)) - 1, 1)) "
        "FROM (SELECT a, b, s, sum(s) OVER (PARTITION BY a) AS x, sum(s) OVER (PARTITION BY b) AS y "
        f"FROM ({shares}))"
    ).fetchall()[0]
    return round(min(1.0, float(found or 0)), 4)


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
            f"c.{quoted(own)}::VARCHAR = p.{quoted(other)}::VARCHAR"
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


def _degrees(child: str, parent: str, columns: tuple[str, ...]) -> str:
    """SQL: share of parents by number of children, those without any included."""
    listed = ", ".join(quoted(column) for column in columns)
    there = " AND ".join(f"{quoted(column)} IS NOT NULL" for column in columns)
    return (
        "SELECT n, count(*) AS parents FROM "
        f"(SELECT count(*) AS n FROM {child} WHERE {there} GROUP BY {listed}) GROUP BY n "
        f"UNION ALL SELECT 0, (SELECT count(*) FROM {parent}) - "
        f"(SELECT count(DISTINCT ({listed})) FROM {child} WHERE {there})"
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
