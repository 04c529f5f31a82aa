"""What both sides are given of a database: its tables as frames, its keys, and the kinds of its columns.

Run by the environment beside this file, for the scorer and for SDV alike, so that both see the same.
"""

import decimal
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from sdv.metadata import Metadata

sys.path.insert(0, str(Path(__file__).parents[1]))
from handrail_bench.twins.declared import opened, schema, slug, table_names

RARE = 5  # a text is judged when its values come back so often on average, as SDV 1 saw it
_DATES = {"DATE", "DATETIME", "TIMESTAMP"}


def read(source):
    """The tables by name: of a SQLite file, or of a folder of Parquet and CSV files."""
    source = Path(source)
    if source.is_file():
        return _sqlite(source)
    found = {}
    for path in sorted(source.iterdir()):
        if path.suffix in {".parquet", ".csv"}:
            found[path.stem] = read_file(path)
    return found


def read_file(path):
    """One table of a Parquet or CSV file."""
    path = Path(path)
    return _plain(pq.read_table(path) if path.suffix == ".parquet" else pa.csv.read_csv(path))


def conform(real, made):
    """Both with the same tables, columns and types, as far as they can be; what is missing is null."""
    by_slug = {slug(name): frame for name, frame in made.items()}
    reals, mades = {}, {}
    for name, frame in real.items():
        twin = by_slug.get(slug(name))
        if twin is None:
            twin = pd.DataFrame(columns=frame.columns)
        columns = {slug(column): column for column in twin.columns}
        ours, theirs = {}, {}
        for column in frame.columns:
            other = columns.get(slug(column))
            there = twin[other] if other is not None else pd.Series([None] * len(twin), dtype=object)
            ours[column], theirs[column] = _alike(frame[column], there)
        reals[name] = pd.DataFrame(ours, index=frame.index)
        mades[name] = pd.DataFrame(theirs, index=twin.index)
    return reals, mades


def metadata(real, source, file=None, every_text=False):
    """SDV's metadata: kinds as SDV detects them, keys and links as declared, in the form that SDV accepts.

    Links by several columns, to the table itself or in a circle are left out, since SDV takes none of them;
    and texts whose values hardly come back, since only who copies real values could have them right.
    """
    known = schema(Path(source), file)
    infer = "primary_and_foreign" if known is None else None
    found = Metadata.detect_from_dataframes(real, infer_keys=infer).to_dict()
    for name, table in found["tables"].items():
        frame = real[name]
        for column, facts in table["columns"].items():
            values = frame[column]
            if values.isna().all():
                table["columns"][column] = {"sdtype": "categorical"}
            elif facts["sdtype"] == "categorical" and not every_text and _hardly_back(values):
                table["columns"][column] = {"sdtype": "unknown", "pii": True}
    if known is None:
        return found
    links = _links(known, real)
    keys = {name: table.get("key") or [] for name, table in known["tables"].items()}
    for name, table in found["tables"].items():
        for other in ("primary_key", "alternate_keys"):
            table.pop(other, None)
        key = keys.get(name, [])
        if len(key) == 1 and key[0] in table["columns"]:
            table["primary_key"] = key[0]
            table["columns"][key[0]] = _id(real[name][key[0]])
    for link in links:
        parent = found["tables"][link["parent_table_name"]]
        column = link["parent_primary_key"]
        parent["columns"][column] = _id(real[link["parent_table_name"]][column])
        parent.setdefault("primary_key", column)
        child = found["tables"][link["child_table_name"]]
        child["columns"][link["child_foreign_key"]] = dict(parent["columns"][column])
    links = [
        one
        for one in links
        if found["tables"][one["parent_table_name"]]["primary_key"] == one["parent_primary_key"]
    ]
    return found | {"relationships": links}


def _hardly_back(values):
    return values.dtype == object and values.nunique() * RARE > values.notna().sum()


def _links(known, real):
    found, above = [], {}
    for link in known["links"]:
        child, parent = link["child"], link["parent"]
        taken = {(one["child_table_name"], one["child_foreign_key"]) for one in found}
        if len(link["columns"]) != 1 or (child, link["columns"][0]) in taken or child == parent:
            continue
        if child not in real or parent not in real or child in _ancestors(parent, above):
            continue
        above.setdefault(child, set()).add(parent)
        found.append(
            {
                "parent_table_name": parent,
                "child_table_name": child,
                "parent_primary_key": link["parent_columns"][0],
                "child_foreign_key": link["columns"][0],
            }
        )
    return found


def _ancestors(table, above):
    found, waiting = {table}, [table]
    while waiting:
        for parent in above.get(waiting.pop(), ()):
            if parent not in found:
                found.add(parent)
                waiting.append(parent)
    return found


def _id(values):
    if pd.api.types.is_numeric_dtype(values):
        return {"sdtype": "id"}
    width = max(6, len(str(len(values) * 10)))
    return {"sdtype": "id", "regex_format": f"K[0-9]{{{width}}}"}


def _alike(ours, theirs):
    """The pair in one type: dates where one of them is, numbers where one is and the other can be."""
    for test, cast in (
        (pd.api.types.is_datetime64_any_dtype, lambda v: pd.to_datetime(v, errors="coerce", format="mixed")),
        (pd.api.types.is_numeric_dtype, lambda v: pd.to_numeric(v, errors="coerce")),
    ):
        a, b = test(ours), test(theirs)
        if a and not b:
            return _alike(ours, cast(theirs)) if len(theirs) else (ours, theirs.astype(ours.dtype))
        if b and not a:
            mine = cast(ours)
            fits = mine.notna().sum() == ours.notna().sum()
            return _alike(mine, theirs) if fits else (ours, theirs.astype(object))
    if pd.api.types.is_datetime64_any_dtype(ours):
        return _nanoseconds(ours), _nanoseconds(theirs)
    if pd.api.types.is_numeric_dtype(ours) and ours.dtype != theirs.dtype:
        return ours, theirs.astype("float64") if theirs.isna().any() else theirs.astype(
            ours.dtype, errors="ignore"
        )
    return ours, theirs


def _nanoseconds(values):
    """sdmetrics compares bare numbers, so both need one unit; what that cannot hold goes to its ends."""
    if values.dt.tz is not None:
        values = values.dt.tz_convert("UTC").dt.tz_localize(None)
    ends = pd.Timestamp.min.ceil("s"), pd.Timestamp.max.floor("s")
    return values.clip(*(one.as_unit(values.dt.unit) for one in ends)).dt.as_unit("ns")


def _plain(table):
    """Arrow to a frame of what SDV knows: numbers, text, booleans and times; other columns are left out."""
    arrays, names = [], []
    for name in table.column_names:
        column = table[name]
        kind = column.type
        if pa.types.is_dictionary(kind):
            column, kind = column.cast(kind.value_type), kind.value_type
        if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            continue
        if pa.types.is_decimal(kind):
            column = column.cast(pa.float64())
        elif pa.types.is_date(kind):
            column = column.cast(pa.timestamp("s")).cast(pa.timestamp("us"))
        elif pa.types.is_time(kind):
            column = column.cast(pa.int64()) if pa.types.is_time64(kind) else column.cast(pa.int32())
        elif pa.types.is_timestamp(kind):
            column = column.cast(pa.timestamp("us"))
        elif pa.types.is_null(kind):
            column = column.cast(pa.string())
        arrays.append(column)
        names.append(name)
    return pa.Table.from_arrays(arrays, names=names).to_pandas(timestamp_as_object=False)


def _sqlite(path):
    found = {}
    with opened(path) as con:
        for name in table_names(con):
            frame = pd.read_sql(f'SELECT * FROM "{name}"', con)
            for _, column, kind, *_ in con.execute(f'PRAGMA table_info("{name}")').fetchall():
                if kind.upper() in _DATES:
                    frame[column] = pd.to_datetime(frame[column], errors="coerce", format="mixed")
                elif "BLOB" in kind.upper():
                    del frame[column]
            found[name] = frame.map(lambda v: float(v) if isinstance(v, decimal.Decimal) else v)
    return found
