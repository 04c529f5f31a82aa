"""Makes a twin from a sketch alone: every table as Arrow, the same bytes for the same sketch and seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from handrail.twins.abreast import abreast
from handrail.twins.across import mended
from handrail.twins.assign import Made
from handrail.twins.calculator import arrow_type
from handrail.twins.calibrate import regroup, repeats
from handrail.twins.era import dated
from handrail.twins.hostile import keyed, strew
from handrail.twins.lent import lenders
from handrail.twins.memory import give_back
from handrail.twins.models import HostileCell, Progress, Sketch, TableSketch, Variant
from handrail.twins.pointing import close
from handrail.twins.repair import add_up
from handrail.twins.rows import rows
from handrail.twins.seeds import seeded
from handrail.twins.series import still
from handrail.twins.values import Outside, to_arrow
from handrail.twins.verbatim import real_rows

GROUP_ROWS = 122_880  # of a Parquet file, which DuckDB reads side by side


@dataclass(frozen=True)
class Twin:
    """One generated table and the awkward values in it."""

    table: pa.Table
    hostile: tuple[HostileCell, ...]


def generate(
    sketch: Sketch,
    seed: int = 0,
    variant: Variant = "hostile",
    outside: Outside | None = None,
    progress: Progress | None = None,
    real: Mapping[str, pa.Table] | None = None,
) -> dict[str, Twin]:
    """One twin per table. Keys differ, foreign keys resolve, required columns are filled.

    `outside` gives keys for links to tables that are not in the sketch; without them keys are invented.
    `real` are the rows of the tables that are kept verbatim.
    """
    sketch = dated(sketch)
    kept = {table.name: (real or {})[table.name] for table in sketch.tables if table.verbatim}
    made: dict[str, Made] = {}
    for position, table in enumerate(sketch.tables):
        if progress:
            progress(f"generating {table.name}", position, len(sketch.tables))
        if table.verbatim:
            made[table.name] = real_rows(table, kept[table.name], made, seeded(seed, table.name))
        else:
            made[table.name] = rows(
                table, made, outside or {}, seed, table.k or sketch.k, lenders(sketch, table.name)
            )
        followed = {link.to for later in sketch.tables[position + 1 :] for link in later.links}
        for one in (one for name, one in made.items() if name not in followed):
            one.places.clear()  # only who points at a row asks where in its bins it is
        give_back(made[table.name].rows)
    finished: dict[str, Twin] = {}
    for table in sketch.tables:
        close(table, made, seed)
    for table in reversed(sketch.tables):  # totals need the rows that they add up
        _keep_rules(made, table, seed)
    for table in sketch.tables:  # and what is about rows that are pointed at, these first
        _keep_across(made, table, seed)
    for one in made.values():  # what rows were drawn by is of no more use, and a third of all memory
        one.codes.clear()
        one.places.clear()
        one.points.clear()
    for table in sketch.tables:  # each gives back its memory before the next takes some
        one = made.pop(table.name)
        if table.verbatim:
            finished[table.name] = Twin(kept[table.name], ())
        else:
            finished[table.name] = _finish(sketch, one, seed, variant)
        give_back(one.rows)
    return finished


def _keep_rules(made: Mapping[str, Made], table: TableSketch, seed: int) -> None:
    """Set the totals of a table and repair what is about them, or about columns that came last."""
    regroup(table, made)
    fixed = add_up(table, made) | still(table) | repeats(table)
    fixed |= {table.sorted_by} if table.sorted_by else set()
    one, rng = made[table.name], seeded(seed, f"{table.name}:rules")
    one.values = mended(table, made, one, rng, frozenset(fixed))


def _keep_across(made: Mapping[str, Made], table: TableSketch, seed: int) -> None:
    """Repair once more what rules about the rows that are pointed at say, now that these stay."""
    if any(rule.kind == "across" for rule in table.rules):
        totals = {rule.columns[0] for rule in table.rules if rule.child}
        fixed = totals | still(table) | repeats(table)
        fixed |= {table.sorted_by} if table.sorted_by else set()
        one, rng = made[table.name], seeded(seed, f"{table.name}:across")
        one.values = mended(table, made, one, rng, frozenset(fixed))


def write(table: pa.Table, path: Path) -> None:
    """Write rows as Parquet under a temporary name, then rename: a reader sees all of them or nothing.

    Only texts are written by numbers of a dictionary: to look each number, date or key up in one takes as
    long as all the rest of writing, and saves a fifteenth of the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    texts = [one.name for one in table.schema if pa.types.is_string(one.type)]
    pq.write_table(table, unfinished, compression="zstd", row_group_size=GROUP_ROWS, use_dictionary=texts)
    unfinished.replace(path)


def _finish(sketch: Sketch, made: Made, seed: int, variant: Variant) -> Twin:
    table = made.sketch
    targeted = frozenset(
        column
        for other in sketch.tables
        for link in other.links
        if link.to == table.name
        for column in link.to_columns
    )
    values = made.values
    hostile: tuple[HostileCell, ...] = ()
    if variant == "hostile":
        sizes = {one.name: one.rows for one in sketch.tables}
        rng = seeded(seed, f"{table.name}:hostile")
        values, hostile = strew(table, values, targeted, made.rows, rng, sizes)
    written = [column for column in table.columns if column.role != "degree"]
    types = {one.name: arrow_type(one.type) for one in written}
    with abreast(lambda one: to_arrow(one, values.pop(one.name), types[one.name]), written) as arrays:
        whole = pa.Table.from_arrays(list(arrays), names=[one.name for one in written])
    return Twin(whole, keyed(table, hostile, whole))
