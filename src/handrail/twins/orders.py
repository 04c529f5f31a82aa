"""Finds the date by which a table is sorted: keys that grow with time, as apps rely on."""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

from collections.abc import Sequence

from handrail.twins.columns import Source, carry, held, quoted
from handrail.twins.models import ColumnSketch

KEPT = 0.98  # share of rows that must follow their predecessor


def sorted_by(source: Source, columns: Sequence[ColumnSketch]) -> str | None:
    """The date column that grows with a numbered key, if nearly every row follows the one before it."""
    keys = [one for one in columns if one.role == "key" and one.primary_key]
    if len(keys) != 1 or keys[0].kind != "integer" or not keys[0].unique or source.rows < 10 * source.k:
        return None
    for one in (one for one in columns if one.kind in ("date", "timestamp") and one.role == "model"):
        picked = f"{quoted(one.name)} AS d, {quoted(keys[0].name)} AS key{carry(source)}"
        share, holders = source.one(
            f"SELECT avg(follows::INTEGER), {held(source)} FROM (SELECT *, d >= lag(d) OVER (ORDER BY key) "
            f"AS follows FROM (SELECT {picked} FROM {source.relation}))"
        )
        if share is not None and share >= KEPT and holders >= source.k:
            return one.name
    return None
