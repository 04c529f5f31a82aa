"""Whole tables as they travel: a line of JSON about the columns, then CSV, in which texts are quoted.

Loaded when an app hands a table over or has written one to a file; everything here needs pyarrow.
"""

import io
import json
import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from handrail_sdk.refused import Refused

if TYPE_CHECKING:
    import pyarrow as pa

MAGIC = b"handrail-table 1 "
_MOST_SHEETS = 20
_WHOLE = r"-?(?:0|[1-9]\d{0,17})"
_NUMBER = r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,12})?"


def packed(thing: Any) -> bytes:
    """A pandas DataFrame or Series, an Arrow table or a list of dicts as it travels."""
    return _packed(_arrow(thing))


def in_file(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """The tables in a file that an app wrote, each with a name, as they travel; none where it is not a table.

    A workbook counts when each of its sheets is a plain table: a header of texts, rows below, nothing merged,
    no picture and no chart. A formula becomes its text, as whoever put it there may not be whom one thinks.
    """
    path = PurePath(name)
    read = {".csv": read_csv, ".parquet": read_parquet, ".arrow": read_arrow, ".feather": read_arrow}
    ending = path.suffix.lower()
    try:
        if ending == ".xlsx":
            found = _sheets(content)
        else:
            found = [("", read[ending](content))] if ending in read else []
        for sheet, table in found:
            yield (f"{path.stem} - {sheet}{path.suffix}" if len(found) > 1 else name), _packed(table)
    except Exception:  # noqa: BLE001 - what is no table after all, by whatever library, stays a file
        return


def _arrow(thing: Any) -> "pa.Table":
    import pyarrow as pa  # noqa: PLC0415

    if isinstance(thing, list) and all(isinstance(row, dict) for row in thing):
        names = list(dict.fromkeys(str(key) for row in thing for key in row))
        return pa.table([_values([row.get(name) for row in thing]) for name in names], names=names)
    if hasattr(thing, "to_frame") and not hasattr(thing, "itertuples"):
        thing = thing.to_frame()
    if hasattr(thing, "itertuples"):
        frame = thing.reset_index() if any(name is not None for name in thing.index.names) else thing
        columns = [frame.iloc[:, place] for place in range(frame.shape[1])]
        return pa.table([_series(one) for one in columns], names=[str(name) for name in frame.columns])
    if hasattr(thing, "to_arrow"):  # polars, DuckDB
        thing = thing.to_arrow()
    if isinstance(thing, pa.RecordBatchReader):
        thing = thing.read_all()
    if isinstance(thing, pa.Table):
        return thing
    raise Refused(
        f"table() takes a table, not {type(thing).__name__}.", "Use text(), show() or save().", "invalid"
    )


def _series(series: Any) -> "pa.Array":
    import pyarrow as pa  # noqa: PLC0415

    try:
        return pa.Array.from_pandas(series)
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # a column of several types
        return _values(list(series))


def _values(values: list[Any]) -> "pa.Array":
    import pyarrow as pa  # noqa: PLC0415

    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([None if value is None else str(value) for value in values], pa.string())


def _packed(table: "pa.Table") -> bytes:
    from pyarrow import csv  # noqa: PLC0415

    columns = [_plain(column) for column in table.columns]
    said = [[str(name), str(one.type)] for name, one in zip(table.column_names, columns, strict=True)]
    head = json.dumps({"columns": said, "rows": table.num_rows}, separators=(",", ":")).encode()
    body = io.BytesIO()
    if columns and table.num_rows:
        named = type(table).from_arrays(columns, names=[f"c{n}" for n in range(len(columns))])
        csv.write_csv(named, body, csv.WriteOptions(include_header=False, quoting_style="needed"))
    return MAGIC + head + b"\n" + body.getvalue()


def _plain(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """The column with one of the few types that travel; what has none of them, as texts."""
    import pyarrow as pa  # noqa: PLC0415

    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    wanted = _travels(kind)
    try:
        return column if wanted == kind else column.cast(wanted, safe=not pa.types.is_temporal(kind))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        texts = [None if value is None else str(value) for value in column.to_pylist()]
        return pa.chunked_array([pa.array(texts, pa.string())])


def _travels(kind: "pa.DataType") -> "pa.DataType":
    import pyarrow as pa  # noqa: PLC0415

    types = pa.types
    if types.is_integer(kind):
        return pa.int64()
    if types.is_floating(kind):
        return pa.float64()
    if types.is_timestamp(kind):
        return pa.timestamp("us", "UTC" if kind.tz else None)
    if types.is_date(kind):
        return pa.date32()
    if types.is_boolean(kind) or types.is_decimal128(kind):
        return kind
    return pa.string()


def read_parquet(content: bytes) -> "pa.Table":
    """The table in a Parquet file."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    return pq.read_table(io.BytesIO(content))


def read_arrow(content: bytes) -> "pa.Table":
    """The table in an Arrow (Feather) file or stream."""
    import pyarrow as pa  # noqa: PLC0415

    if content.startswith(b"ARROW1"):
        return pa.ipc.open_file(content).read_all()
    return pa.ipc.open_stream(content).read_all()


def read_csv(content: bytes) -> "pa.Table":
    """A CSV file with every cell as it stands there: a number where all are written as numbers are."""
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import csv  # noqa: PLC0415

    text = content.removeprefix(b"\xef\xbb\xbf")
    first = text.split(b"\n", 1)[0]
    cut = max((b",", b";", b"\t"), key=first.count).decode()
    parse = csv.ParseOptions(delimiter=cut, newlines_in_values=True)
    names = csv.open_csv(io.BytesIO(text), parse_options=parse).schema.names
    convert = csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True
    )
    table = csv.read_csv(io.BytesIO(text), parse_options=parse, convert_options=convert)
    return pa.table([_guessed(column) for column in table.columns], names=names)


def _guessed(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """Numbers, when every text is one that is written the same way: 007 stays a text."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    if column.null_count == len(column):
        return column
    for pattern, kind in ((_WHOLE, pa.int64()), (_NUMBER, pa.float64())):
        if pc.all(pc.match_substring_regex(column, f"^(?:{pattern})$")).as_py():
            return column.cast(kind)
    return column


def _sheets(content: bytes) -> list[tuple[str, "pa.Table"]]:
    import openpyxl  # type: ignore[import-untyped]  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415

    book = openpyxl.load_workbook(io.BytesIO(content))
    found = []
    for sheet in book.worksheets:
        rows = [list(row) for row in sheet.iter_rows(values_only=True)]
        head = rows[0] if rows else []
        plain = not (sheet.merged_cells.ranges or sheet._images or sheet._charts)
        if not plain or not head or not all(isinstance(name, str) and name for name in head):
            return []
        columns = [_values([row[place] for row in rows[1:]]) for place in range(len(head))]
        found.append((re.sub(r"[^\w .-]", "-", sheet.title), pa.table(columns, names=head)))
    return found if len(found) <= _MOST_SHEETS else []


def sheet(content: bytes, name: str | None) -> "pa.Table":
    """A sheet of a workbook, the first without a name: its first row names columns, formulas are values."""
    import openpyxl  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415

    book = openpyxl.load_workbook(io.BytesIO(content), data_only=True, read_only=True)
    if name is not None and name not in book.sheetnames:
        raise Refused(f"There is no sheet {name!r}.", f"There are {', '.join(book.sheetnames)}.", "invalid")
    chosen = book[name] if name is not None else book.worksheets[0]
    rows = [list(row) for row in chosen.iter_rows(values_only=True)]
    width = max((len(row) for row in rows), default=0)
    head = (
        [str(cell) if cell is not None else f"column {n}" for n, cell in enumerate(rows[0], 1)]
        if rows
        else []
    )
    head += [f"column {n}" for n in range(len(head) + 1, width + 1)]
    columns = [_values([row[n] if n < len(row) else None for row in rows[1:]]) for n in range(width)]
    return pa.table(columns, names=head)
