"""Tables kept verbatim: their real rows are their twin, and what points at them points at real keys."""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from handrail.kernel import Invalid
from handrail.twins.assign import Made
from handrail.twins.columns import quoted
from handrail.twins.descendants import Told
from handrail.twins.draw import binned, cells, placed, whole
from handrail.twins.models import ColumnSketch, TableSketch
from handrail.twins.plane import Plane
from handrail.twins.values import Values, dtype_of, scale

FEW_ROWS = 64  # rows of which each value is worth a bin, for their children to go by
Outside = Mapping[tuple[str, str], Values]


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


def real_rows(table: TableSketch, real: pa.Table, rng: np.random.Generator) -> Made:
    """The table as its children need it: its values and their bins, and about how many children each has."""
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
        one.points[link.name] = np.full(one.rows, -1, dtype=np.int64)
    return one


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
            known = [outside.get((link.to, one)) for one in link.to_columns]
            loose = len(known) == 1 and known[0] is not None and not _among(real[link.columns[0]], known[0])
        if loose:
            raise Invalid(
                f"{name} is kept verbatim, but {', '.join(link.columns)} points at {link.to}, whose keys are "
                "invented.",
                next_step=f"Keep {link.to} verbatim too, or neither of them.",
                subject=f"dataset:{name}",
            )


def _among(column: pa.ChunkedArray, known: Values) -> bool:
    return {str(one) for one in column.to_pylist() if one is not None} <= {str(one) for one in known.array}


def _values(column: ColumnSketch, real: pa.ChunkedArray) -> Values:
    """The column in the unit of the sketch's bins."""
    array = real.combine_chunks()
    valid = np.asarray(pc.is_valid(array).to_numpy(zero_copy_only=False))
    if dtype_of(column.kind) is object:
        items = np.empty(len(array), dtype=object)
        items[:] = array.to_pylist()
        return Values(items, valid)
    if column.kind == "decimal":
        units = [0 if one is None else int(one.scaleb(scale(column.type))) for one in array.to_pylist()]
        return Values(np.array(units, dtype=np.int64), valid)
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
    if column.kind != "text":
        return binned(column, values, nowhere)
    place = {one.value: code for code, one in enumerate(column.bins) if one.kind == "value"}
    for code, one in enumerate(column.bins):
        place |= dict.fromkeys(one.values, code)
    other = len(column.bins) - 1
    found = [
        place.get(value, other) if there else 0
        for value, there in zip(values.array, values.valid, strict=True)
    ]
    return np.array(found, dtype=np.int16)
