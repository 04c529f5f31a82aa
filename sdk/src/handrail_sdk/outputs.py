"""Outputs: what the people see who open a run of this app."""

import io
import json
import math
import weakref
from pathlib import Path, PurePath
from typing import Any, Literal

from handrail_sdk.refused import Refused
from handrail_sdk.transport import connected

_MOST_ROWS = 5000
_TABLES = (".csv", ".xlsx", ".parquet", ".arrow", ".feather")  # what a file is called that may be a table
shown_figures: "weakref.WeakSet[Any]" = weakref.WeakSet()  # figures left open are handed over, but not twice


def show(thing: Any, title: str = "", form: Literal["png", "svg"] = "png") -> None:
    """Show a table (a pandas DataFrame or Series, an Arrow table, a list of dicts) or a matplotlib figure.

    Of a table the first 5,000 rows are shown, and kept by who downloads it; `table` hands over all of them. A
    figure is a picture in this form.
    """
    if hasattr(thing, "savefig"):
        connected().deliver("image", _file_name(title, "chart", f".{form}"), title, picture(thing, form))
        shown_figures.add(thing)
        return
    connected().deliver("table", _file_name(title, "table", ".json"), title, _table(thing))


def table(thing: Any, name: str = "", title: str = "") -> None:
    """Hand over a whole table with its types: its first rows are shown, and it can be kept as CSV, Excel,
    Parquet and Arrow. `name`, such as "orders.parquet", says which is usual.
    """
    from handrail_sdk.tables import packed  # noqa: PLC0415 - it loads pyarrow

    connected().deliver("table", name or _file_name(title, "table", ".csv"), title, packed(thing))


def text(content: object, title: str = "") -> None:
    """Show plain text."""
    connected().deliver("text", _file_name(title, "text", ".txt"), title, str(content).encode())


def markdown(content: str, title: str = "") -> None:
    """Show Markdown."""
    connected().deliver("markdown", _file_name(title, "text", ".md"), title, content.encode())


def html(content: str, title: str = "") -> None:
    """Show an HTML page with its own styles. No script in it runs, and nothing is fetched: put pictures into
    it as data.
    """
    connected().deliver("html", _file_name(title, "report", ".html"), title, content.encode())


def save(name: str, content: bytes | str | Path, as_it_is: bool = False) -> None:
    """Offer a file for download: its content as bytes, or the path of a file that the app has written.

    A table in a CSV, Parquet, Arrow or plain XLSX file becomes a table, which is shown and can be kept in
    each of these forms; with `as_it_is` the file is kept to the byte. PNG, JPEG, SVG, HTML, Markdown and PDF
    are shown.
    """
    data = content if isinstance(content, bytes) else Path(content).read_bytes()
    found = False
    if not as_it_is and PurePath(name).suffix.lower() in _TABLES:
        from handrail_sdk.tables import in_file  # noqa: PLC0415 - it loads pyarrow

        for sheet, packed in in_file(name, data):
            found = True
            connected().deliver("table", sheet, "", packed)
    if not found:
        connected().deliver("file", name, "", data)


def picture(figure: Any, form: str = "png") -> bytes:
    """A matplotlib figure as a PNG or an SVG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=form, dpi=144, bbox_inches="tight")
    return buffer.getvalue()


def _table(thing: Any) -> bytes:
    """Column names, rows as lists of what JSON has, and how many rows there were before the cut."""
    if isinstance(thing, list) and all(isinstance(row, dict) for row in thing):
        columns = list(dict.fromkeys(key for row in thing for key in row))
        total, rows = len(thing), [[row.get(key) for key in columns] for row in thing[:_MOST_ROWS]]
    elif hasattr(thing, "to_pylist") and hasattr(thing, "column_names"):  # an Arrow table
        columns, total = thing.column_names, thing.num_rows
        rows = [list(row.values()) for row in thing.slice(0, _MOST_ROWS).to_pylist()]
    elif hasattr(thing, "to_frame") or hasattr(thing, "itertuples"):  # a pandas Series or DataFrame
        frame = thing if hasattr(thing, "itertuples") else thing.to_frame()
        if any(name is not None for name in frame.index.names):
            frame = frame.reset_index()
        columns, total = list(frame.columns), len(frame)
        rows = [list(row) for row in frame.head(_MOST_ROWS).itertuples(index=False, name=None)]
    else:
        raise Refused(
            f"show() takes a table or a figure, not {type(thing).__name__}.",
            "Use text() for text and save() for files.",
            "invalid",
        )
    cells = [[_cell(value) for value in row] for row in rows]
    table = {"columns": [str(name) for name in columns], "rows": cells, "total": total}
    return json.dumps(table, allow_nan=False).encode()


def _cell(value: Any) -> Any:
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if type(value).__name__ in ("NaTType", "NAType"):
        return None
    return str(value)


def _file_name(title: str, otherwise: str, ending: str) -> str:
    plain = "-".join("".join(c if c.isalnum() else " " for c in title.lower()).split())
    return (plain[:60] or otherwise) + ending
