"""Categories of small tables, told by who stands behind them: the rows that point at the table, near or far.

Few rows of a table of thirty countries are on one continent. Joined to the offices that point at them,
hundreds are, and what k rows of that share is told of any column: see `descendants.py`, and
docs/decisions/0027, whose conditions hold here too. How many rows of the table have such a value is told with
it; which have it is not.
"""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from handrail.twins.columns import quoted
from handrail.twins.descendants import MOST_ROWS, behind_row, chains, standing
from handrail.twins.impersonal import names_nobody
from handrail.twins.models import Bin, ColumnSketch, TableSketch
from handrail.twins.plane import Plane

REPEATED = 2  # how often values come back on average in a category; names hardly do


def told_below(plane: Plane, table: str, columns: Sequence[ColumnSketch]) -> list[ColumnSketch]:
    """The columns of a small table that names nobody, with the texts behind which k stand, and all shares."""
    if not 0 < plane.rows[table] <= MOST_ROWS or not names_nobody(plane, table):
        return list(columns)
    return [_column(plane, table, one) for one in columns]


def rare_below(plane: Plane, table: TableSketch) -> str | None:
    """A column with such a text behind which fewer than k stand, looked up again; it must stay None."""
    for column in (one for one in table.columns if one.below):
        name = f"{quoted(column.name)}::VARCHAR"
        for value in backed(column):
            if behind_row(plane, table.name, [name], [value]) < plane.k_of(table.name):
                return column.name
    return None


def backed(column: ColumnSketch) -> list[str]:
    """The texts that are told by who stands behind them: the last of those with a bin of their own."""
    alone = [str(one.value) for one in column.bins if one.kind == "value"]
    return alone[len(alone) - column.below :]


def _column(plane: Plane, table: str, one: ColumnSketch) -> ColumnSketch:
    if one.role != "model" or one.kind != "text" or one.unique or one.kept:
        return one
    name = f"{quoted(one.name)}::VARCHAR"
    counted: dict[str | None, int] = dict(
        plane.con.execute(f"SELECT {name}, count(*) FROM {plane.views[table]} GROUP BY 1").fetchall()
    )
    there = [value for value in counted if value is not None]
    if len(there) * REPEATED > sum(counted[value] for value in there):
        return one
    own = {value for bin_ in one.bins for value in (bin_.value, *bin_.values)}
    found: set[str] = set()
    for chain in chains(plane, table):
        k = max(plane.k_of(known) for known in (table, *(child for child, _ in chain)))
        found |= {str(value) for value in standing(plane, table, chain, k, f"d0.{name}") if value is not None}
    new = sorted(found - own)
    if not new:
        return one
    alone = [bin_ for bin_ in one.bins if bin_.kind in ("null", "value")]
    bins = (*alone, *(Bin("value", value=value) for value in new), *one.bins[len(alone) :])
    return replace(one, bins=bins, shares=_shares(bins, counted, plane.k_of(table)), below=len(new))


def _shares(bins: Sequence[Bin], counted: dict[str | None, int], k: int) -> tuple[float, ...]:
    """The share of rows with each text; of rows without one, and of all others, where k or more are."""
    held = [float(counted[str(one.value)]) if one.kind == "value" else 0.0 for one in bins]
    for place, one in enumerate(bins):
        if one.kind == "pool":
            held[place] = float(sum(counted[text] for text in one.values))
    empty = counted.get(None, 0)
    left = sum(counted.values()) - empty - sum(held)
    held[0], held[-1] = (float(n) if n >= k else 0.0 for n in (empty, left))
    return tuple(round(n / sum(held), 6) for n in held)
