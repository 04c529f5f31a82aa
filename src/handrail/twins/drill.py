"""Break a twin's contract on purpose, to see how an app takes what its source may do one day.

Each table of the `drill` variant loses a column and gets one renamed and one retyped, where it has enough
columns that no key needs; of several tables one comes without rows.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from handrail.twins.models import Break, BreakKind, Sketch
from handrail.twins.rows import seeded

_KINDS: tuple[BreakKind, ...] = ("dropped", "renamed", "retyped")
_FEWEST = 2  # columns that a table keeps as they were


def drill(
    sketch: Sketch, tables: Mapping[str, pa.Table], seed: int
) -> tuple[dict[str, pa.Table], list[Break]]:
    """The tables with their contracts broken, and what was broken. The same seed breaks the same."""
    rng = seeded(seed, "drill")
    empty = str(rng.choice(sorted(tables))) if len(tables) > 1 else None
    result: dict[str, pa.Table] = {}
    breaks: list[Break] = []
    for name, table in tables.items():
        free = [
            column.name for column in sketch.table(name).columns if column.role in ("model", "fake", "fill")
        ]
        rng.shuffle(free)
        broken, wanted = table, max(0, min(3, table.num_columns - _FEWEST))
        for kind, column in zip(_KINDS, free[:wanted], strict=False):
            place = broken.column_names.index(column)
            if kind == "dropped":
                broken = broken.remove_column(place)
            elif kind == "renamed":
                new = _unused(f"{column}_new", broken.column_names)
                broken = broken.rename_columns([new if one == column else one for one in broken.column_names])
            else:
                broken = broken.set_column(place, column, _as_text(broken.column(place)))
            breaks.append(Break(name, kind, column))
        if name == empty:
            broken = broken.slice(0, 0)
            breaks.append(Break(name, "empty", ""))
        result[name] = broken
    return result, breaks


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The values as text; a text column becomes whole numbers instead, its lengths."""
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        lengths = [None if one is None else len(one) for one in column.to_pylist()]
        return pa.chunked_array([pa.array(lengths, pa.int64())])
    texts = [None if one is None else str(one) for one in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string())])


def _unused(name: str, taken: list[str]) -> str:
    while name in taken:
        name += "_"
    return name
