"""Keeps invented identifiers away from real ones: looked up by hash, in the production plane only."""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from handrail.twins.columns import quoted
from handrail.twins.keys import distinct
from handrail.twins.models import ColumnSketch
from handrail.twins.plane import Plane
from handrail.twins.seeds import KEY_SEED, seeded
from handrail.twins.shapes import BLOCKS, has_room, is_code

TRIED = 6  # parts of the room, the highest first: real numbers begin low


def fresh(plane: Plane, table: str, column: ColumnSketch) -> int:
    """Where the keys of a twin begin so that none is a real one: 1, or 1 + a part of the room.

    Where all parts that were tried hold real ones, it is the part with fewest: how many is in the report.
    """
    rows = plane.rows[table]
    if not rows or not column.shapes:
        return 1
    fits = any(has_room(shape, rows, 1, column.check) for shape, _ in column.shapes if is_code(shape))
    parts = tuple(1 + BLOCKS - BLOCKS // TRIED * i for i in range(TRIED)) if fits else ()
    found: list[tuple[int, int, int]] = []
    for turn, start in enumerate((1, *parts)):
        rng = seeded(KEY_SEED, f"{table}.{column.name}")
        made = distinct(replace(column, start=start), rows, rng)
        plane.con.register("invented", pa.table({"v": pa.array(made.array, pa.string())}))
        (same,) = plane.con.execute(
            f"SELECT count(*) FROM invented SEMI JOIN {plane.views[table]} AS r "
            f"ON invented.v = r.{quoted(column.name)}::VARCHAR"
        ).fetchall()[0]
        plane.con.unregister("invented")
        if not same:
            return start
        found.append((int(same), turn, start))
    return min(found)[2]
