"""Tables as runs hand them over: read strictly, since an app chose every byte.

A line of JSON says the columns and their types, and CSV without a header follows, in which texts are quoted
and what is missing is not. That is as exact as Arrow for what it holds, and nothing in it unfolds: there is
no compression, dictionary or offset by which little becomes a large table. What `show` hands over is JSON.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from handrail.kernel import Invalid

if TYPE_CHECKING:  # loaded when a table is looked at: a server starts without it
    import pyarrow as pa

MAGIC = b"handrail-table 1 "
MEDIA = "application/vnd.handrail.table"
_TYPES = ("string", "int64", "double", "bool", "date32[day]", "timestamp[us]", "timestamp[us, tz=UTC]")
_DECIMAL = re.compile(r"decimal128\((\d{1,2}), (\d{1,2})\)")
_MOST_COLUMNS = 2000
_MOST_CELLS = 20_000_000
_LARGEST_HEAD = 1 << 20  # bytes of the line that says the columns


def table_of(content: bytes) -> dict[str, Any]:
    """A table as `show` hands it over: `columns` (names), `rows` (lists), `total`; refuses Invalid."""
    try:
        table = json.loads(content)
        columns, rows, total = table["columns"], table["rows"], table["total"]
        whole = all(isinstance(name, str) for name in columns) and isinstance(total, int)
        if whole and all(isinstance(row, list) and len(row) == len(columns) for row in rows):
            return {"columns": columns, "rows": rows, "total": total}
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise _none()


def media_of(content: bytes) -> str:
    """How a table that was handed over is kept; refuses Invalid what is none."""
    if not content.startswith(MAGIC):
        table_of(content)
        return "application/json"
    arrow(content)
    return MEDIA


def beginning(content: bytes, rows: int) -> dict[str, Any]:
    """The first rows of a table as values for a page, as `table_of` gives them; `total` counts all rows."""
    if not content.startswith(MAGIC):
        table = table_of(content)
        return {**table, "rows": table["rows"][:rows]}
    table = arrow(content)
    columns = [column.to_pylist() for column in table.slice(0, rows).columns]
    listed = [list(row) for row in zip(*columns, strict=True)]
    return {"columns": table.column_names, "rows": listed, "total": table.num_rows}


def arrow(content: bytes) -> pa.Table:
    """A table that was handed over, as Arrow; refuses Invalid. Of `show` it has the rows that were shown."""
    import pyarrow as pa  # noqa: PLC0415

    if content.startswith(MAGIC):
        return _exact(content)
    table = table_of(content)
    columns = [_column([row[place] for row in table["rows"]]) for place in range(len(table["columns"]))]
    return pa.table(columns, names=table["columns"])


def _exact(content: bytes) -> pa.Table:
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import csv  # noqa: PLC0415

    end = content.find(b"\n", 0, _LARGEST_HEAD)
    try:
        columns, rows = _head(content[len(MAGIC) : end] if end > 0 else b"")
        types = {f"c{place}": _type(kind) for place, (_, kind) in enumerate(columns)}
        body = memoryview(content)[end + 1 :]
        if rows == 0 or not columns:
            if body:
                raise _none()
            made = pa.table([pa.array([], kind) for kind in types.values()], names=list(types))
        else:
            made = csv.read_csv(
                pa.py_buffer(body),
                csv.ReadOptions(column_names=list(types), use_threads=False),
                csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=len(columns) > 1),
                csv.ConvertOptions(
                    column_types=types,
                    null_values=[""],
                    true_values=["true"],
                    false_values=["false"],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                ),
            )
    except (pa.ArrowException, UnicodeDecodeError, ValueError, TypeError, KeyError, RecursionError):
        raise _none() from None
    if made.num_rows != rows:
        raise _none()
    return made.rename_columns([name for name, _ in columns])


def _head(line: bytes) -> tuple[list[tuple[str, str]], int]:
    head = json.loads(line)
    columns, rows = head["columns"], head["rows"]
    plain = all(
        isinstance(one, list) and len(one) == 2 and all(isinstance(each, str) for each in one)
        for one in columns
    )
    if not plain or not isinstance(rows, int) or len(columns) > _MOST_COLUMNS:
        raise _none()
    if rows * len(columns) > _MOST_CELLS:
        raise Invalid(
            f"A table may have {_MOST_CELLS:,} cells, and this one has {rows * len(columns):,}.",
            next_step="Let the query aggregate, or hand over fewer rows.",
        )
    return [(name, kind) for name, kind in columns], rows


def _type(name: str) -> pa.DataType:
    import pyarrow as pa  # noqa: PLC0415

    if found := _DECIMAL.fullmatch(name):
        return pa.decimal128(int(found[1]), int(found[2]))
    if name not in _TYPES:
        raise _none()
    made = {
        "date32[day]": pa.date32(),
        "timestamp[us]": pa.timestamp("us"),
        "timestamp[us, tz=UTC]": pa.timestamp("us", "UTC"),
        "double": pa.float64(),
    }
    return made[name] if name in made else pa.type_for_alias(name)


def _column(values: list[Any]) -> pa.Array:
    """Values from JSON as one column: of their type where they have one, else as texts."""
    import pyarrow as pa  # noqa: PLC0415

    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float} and float in kinds:
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    if len(kinds) == 1 and kinds <= {bool, int, str}:
        try:
            return pa.array(values)
        except (pa.ArrowInvalid, OverflowError):  # a whole number of more than 64 bits
            pass
    return pa.array([None if value is None else _text(value) for value in values], pa.string())


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _none() -> Invalid:
    return Invalid(
        "That is not a table as the SDK sends it.", next_step="Use handrail_sdk.show() or table()."
    )
