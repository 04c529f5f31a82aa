"""Bins and roles in words, for pictures and reports."""

from __future__ import annotations

import numpy as np

from handrail.twins.models import ColumnSketch
from handrail.twins.values import DAY_US, scale

ROLES = {
    "key": "numbered anew",
    "link": "points at an invented row",
    "fake": "invented from its meaning",
    "model": "drawn from the sketch",
    "fill": "invented from its type",
    "degree": "children per row",
}


def made_how(column: ColumnSketch) -> str:
    """How a column came about."""
    if column.role == "model" and not column.shares:
        return "invented from its type"
    return ROLES[column.role]


def label(column: ColumnSketch, place: int) -> str:
    """What a bin holds, short enough for an axis."""
    one = column.bins[place]
    if one.kind == "null":
        return "(none)"
    if one.kind == "other":
        return "other"
    if one.kind == "pool":
        return f"{len(one.values)} more"
    if one.kind == "value":
        return str(one.value) if column.kind == "text" else _number(column, float(one.value or 0))
    return f"{_number(column, one.low)} – {_number(column, one.high)}"


def _number(column: ColumnSketch, value: float) -> str:
    if column.kind == "boolean":
        return "true" if value else "false"
    if column.kind == "date":
        return str(np.datetime64(int(value), "D"))
    if column.kind == "timestamp":
        moment = np.datetime64(int(value), "us")
        whole = column.step % DAY_US == 0
        return str(np.datetime_as_string(moment, "D" if whole else "m")).replace("T", " ")
    if column.kind == "time":
        seconds = int(value) // 1_000_000
        return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}"
    return f"{value / 10 ** scale(column.type):,.6g}" if abs(value) < 1e15 else f"{value:.3g}"
