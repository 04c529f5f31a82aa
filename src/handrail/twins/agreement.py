"""Whether certified metrics, asked of a twin, land where the real ones do: by dimension, tile by tile."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import duckdb
import pyarrow as pa
import sqlglot
from sqlglot import exp

from handrail import data
from handrail.twins.plane import Plane
from handrail.twins.tiles import Agreement, Tile

SHOWN = 12  # tiles of a dimension, the largest
STEP = 0.05  # in which is told how far a tile is off


def agree(
    plane: Plane, twins: Mapping[str, pa.Table], questions: Sequence[data.TileQuestion]
) -> tuple[Agreement, ...]:
    """Ask each question of the real rows, inside the production plane, and of the twin."""
    made = {name: f"tiles_of_{place}" for place, name in enumerate(twins)}
    for name, relation in made.items():
        plane.con.register(relation, twins[name])
    try:
        return tuple(_agreement(plane, made, question) for question in questions)
    finally:
        for relation in made.values():
            plane.con.unregister(relation)


def _agreement(plane: Plane, made: Mapping[str, str], question: data.TileQuestion) -> Agreement:
    try:
        real = _values(plane, plane.views, question, question.sql)
        held = _values(plane, plane.views, question, question.holders)
        twin = _values(plane, made, question, question.sql)
    except duckdb.Error:
        return Agreement(question.metric, question.by, (), "It cannot be computed here.")
    k = max(map(plane.k_of, plane.tables))
    known = [tile for tile, value in real.items() if value and held.get(tile, 0) >= k]
    shown = sorted(known, key=lambda tile: (-abs(real[tile]), tile))[:SHOWN]
    return Agreement(
        question.metric, question.by, tuple(Tile(tile, _off(real[tile], twin.get(tile))) for tile in shown)
    )


def _off(real: float, twin: float | None) -> float | None:
    """How far off in steps, rounded up: the exact share and what the twin has would tell the real value."""
    if twin is None:
        return None
    off = twin / real - 1
    return math.copysign(round(math.ceil(abs(off) / STEP - 1e-9) * STEP, 2), off)


def _values(
    plane: Plane, relations: Mapping[str, str], question: data.TileQuestion, sql: str
) -> dict[str, float]:
    tree = sqlglot.parse_one(sql, read="duckdb")
    for table in tree.find_all(exp.Table):
        if table.name in relations:
            table.set("this", exp.to_identifier(relations[table.name], quoted=True))
    text = tree.sql(dialect="duckdb")
    given = {key: value for key, value in question.values.items() if f"${key}" in text}
    rows = plane.con.execute(text, given).fetchall()
    return {
        ", ".join("none" if one is None else str(one) for one in row[: question.columns]): float(row[-1])
        for row in rows
        if row[-1] is not None
    }
