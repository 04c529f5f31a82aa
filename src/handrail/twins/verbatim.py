"""Tables kept verbatim: their real rows are their twin, and what points at them points at real keys."""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from handrail.kernel import Invalid
from handrail.twins.assign import Made
from handrail.twins.columns import quoted
from handrail.twins.descendants import Told
from handrail.twins.draw import binned, cells, placed, text_codes, whole
from handrail.twins.groups import coded_alike, grouped
from handrail.twins.link_keys import keys_of
from handrail.twins.models import ColumnSketch, LinkSketch, TableSketch
from handrail.twins.plane import Plane
from handrail.twins.values import Ints, Outside, Values, dtype_of, scale

_MOST = 2**63 - 1
FEW_ROWS = 64  # rows of which each value is worth a bin, for their children to go by


def real_tables(plane: Plane, outside: Outside) -> dict[str, pa.Table]:
    """The rows of the tables that are kept verbatim.

    Refuses Invalid one that points at a table which is not: its real keys would lead nowhere among invented
    ones, or tell which invented row is which real one.
    """
    found = {}
    for name in plane.layout.order:
        if plane.tables[name].verbatim:
            found[name] = _read(plane, name)
            _refuse_loose(plane, name, found[name], outside)
    return found


def all_told(plane: Plane, table: str) -> Told | None:
    """All rows of a table kept verbatim, where these are few."""
    rows = plane.rows[table]
    few = plane.tables[table].verbatim and 0 < rows <= FEW_ROWS
    return Told(tuple(range(rows)), rows, ()) if few else None


def real_rows(table: TableSketch, real: pa.Table, made: Mapping[str, Made], rng: np.random.Generator) -> Made:
    """The table as its children need it: its values and their bins, the rows of tables `made` before that its
    rows point at, and about how many children each has."""
    one = Made(table, real.num_rows)
    for column in table.columns:
        if column.role == "degree":
            if column.shares:
                alone = replace(column, parents=(), groups=(), given=())
                drawn, places = placed(alone, cells(alone, [], one.rows), rng)
                one.degrees[column.name] = whole(column, drawn, rng, places)
            continue
        one.values[column.name] = _values(column, real[column.name])
        one.codes[column.name] = _codes(column, one.values[column.name])
        one.places[column.name] = np.full(one.rows, 0.5, dtype=np.float32)
    for link in table.links:
        there = one if link.kind == "self" else made.get(link.to)
        known = there is not None and link.kind in ("inside", "self")
        nowhere = np.full(one.rows, -1, dtype=np.int64)
        one.points[link.name] = _points(link, there, one) if there is not None and known else nowhere
    return one


def _points(link: LinkSketch, there: Made, one: Made) -> Ints:
    """The row that each row points at, by its key; -1 where it points nowhere."""
    own = [one.values[name] for name in link.columns]
    coded = [coded_alike([mine, theirs]) for mine, theirs in zip(own, keys_of(link, there, one), strict=True)]
    rows, parents = grouped([mine for mine, _ in coded], [theirs for _, theirs in coded])
    place = np.full(int(max(rows.max(initial=0), parents.max(initial=0))) + 1, -1, dtype=np.int64)
    place[parents] = np.arange(len(parents))
    return np.where(np.logical_and.reduce([known.valid for known in own]), place[rows], -1)


def _read(plane: Plane, name: str) -> pa.Table:
    picked = [
        f"{quoted(one.name)}::VARCHAR AS {quoted(one.name)}"
        if plane.types[name][one.name].startswith("ENUM(")
        else quoted(one.name)
        for one in plane.tables[name].fields
    ]
    return plane.con.sql(f"SELECT {', '.join(picked)} FROM {plane.views[name]}").to_arrow_table()


def _refuse_loose(plane: Plane, name: str, real: pa.Table, outside: Outside) -> None:
    for link in plane.links(name):
        if link.to == name:
            continue
        if link.to in plane.tables:
            loose = not plane.tables[link.to].verbatim
        else:
            found = [outside.get((link.to, one)) for one in link.to_columns]
            known = [one for one in found if one is not None]
            loose = len(known) == len(found) and not _among([real[one] for one in link.columns], known)
        if loose:
            raise Invalid(
                f"{name} is kept verbatim, but {', '.join(link.columns)} points at {link.to}, whose keys are "
                "invented.",
                next_step=f"Keep {link.to} verbatim too, or neither of them.",
                subject=f"dataset:{name}",
            )


def _among(columns: Sequence[pa.ChunkedArray], known: Sequence[Values]) -> bool:
    """Whether what these columns hold together, where none is null, is held by one of the known rows."""
    rows = zip(*(one.to_pylist() for one in columns), strict=True)
    wanted = {tuple(map(str, row)) for row in rows if None not in row}
    return wanted <= {tuple(map(str, row)) for row in zip(*(one.array for one in known), strict=True)}


def _values(column: ColumnSketch, real: pa.ChunkedArray) -> Values:
    """The column in the unit of the sketch's bins."""
    array = real.combine_chunks()
    valid = np.asarray(pc.is_valid(array).to_numpy(zero_copy_only=False))
    if dtype_of(column.kind) is object:
        items = np.empty(len(array), dtype=object)
        items[:] = array.to_pylist()
        return Values(items, valid)
    if column.kind == "decimal":
        units = [0 if one is None else int(one * 10 ** scale(column.type)) for one in array.to_pylist()]
        return Values(np.array([max(-_MOST, min(_MOST, one)) for one in units], dtype=np.int64), valid)
    if column.kind == "date":
        array = array.cast(pa.date32()).cast(pa.int32())
    elif column.kind == "timestamp":
        array = array.cast(pa.timestamp("us", tz=array.type.tz), safe=False).cast(pa.int64())
    elif column.kind == "time":
        array = array.cast(pa.time64("us"), safe=False).cast(pa.int64())
    wanted = pa.float64() if column.kind == "float" else pa.int64()
    plain = array.cast(wanted, safe=False).fill_null(0).to_numpy(zero_copy_only=False)
    return Values(plain.astype(dtype_of(column.kind)), valid)


def _codes(column: ColumnSketch, values: Values) -> np.ndarray:
    """The bins that real values fall into, -1 where none is known."""
    nowhere = np.full(len(values.array), -1, dtype=np.int16)
    if len(column.bins) < 2:
        return nowhere
    return text_codes(column, values) if column.kind == "text" else binned(column, values, nowhere)
