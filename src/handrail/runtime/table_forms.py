"""A table written for whoever keeps it: CSV, XLSX, Parquet or Arrow.

Text that a spreadsheet would take for a formula is text in each: in CSV it gets an apostrophe, in XLSX its
cell says that it is text. Numbers too long for a spreadsheet's 15 digits are text there too, not wrong.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import math
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, get_args

from handrail.kernel import LimitReached

if TYPE_CHECKING:  # each is loaded when somebody keeps a table
    import pyarrow as pa

TableForm = Literal["csv", "xlsx", "parquet", "arrow"]
FORMS: tuple[TableForm, ...] = get_args(TableForm)
MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.file",
}
_DIGITS = 15  # a spreadsheet's numbers are doubles
_MOST_ROWS, _MOST_COLUMNS, _LONGEST = 1_048_576, 16_384, 32_767  # of a sheet, and characters of a cell
_MOST_CELLS = 2_000_000  # a workbook is made in memory, some 250 bytes a cell
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_FIRST_DAY = dt.date(1900, 3, 1)  # spreadsheets count days as if 1900 had had a 29th of February
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_ROWS_AT_ONCE = 10_000


def written(table: pa.Table, form: TableForm, title: str = "") -> bytes:
    """The table in this form; refuses LimitReached what a sheet cannot hold."""
    made: dict[str, Callable[[pa.Table, str], bytes]] = {
        "csv": _csv, "xlsx": _xlsx, "parquet": _parquet, "arrow": _arrow,
    }  # fmt: skip
    return made[form](table, title)


def harmless(cell: object) -> object:
    """A cell for CSV: text that would be a formula gets an apostrophe before it."""
    return f"'{cell}" if isinstance(cell, str) and cell.lstrip(" ").startswith(_FORMULA) else cell


def _rows(table: pa.Table) -> Iterator[tuple[Any, ...]]:
    for batch in table.to_batches(max_chunksize=_ROWS_AT_ONCE):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _csv(table: pa.Table, _: str) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([harmless(name) for name in table.column_names])
    for row in _rows(table):
        writer.writerow([harmless(_said(cell)) for cell in row])
    return text.getvalue().encode("utf-8-sig")


def _said(cell: object) -> object:
    return cell.isoformat() if isinstance(cell, dt.date) else cell


def _parquet(table: pa.Table, _: str) -> bytes:
    import pyarrow.parquet as pq  # noqa: PLC0415

    content = io.BytesIO()
    pq.write_table(table, content)
    return content.getvalue()


def _arrow(table: pa.Table, _: str) -> bytes:
    import pyarrow as pa  # noqa: PLC0415

    content = io.BytesIO()
    with pa.ipc.new_file(content, table.schema) as writer:
        writer.write_table(table)
    return content.getvalue()


def _xlsx(table: pa.Table, title: str) -> bytes:
    import xlsxwriter  # type: ignore[import-untyped]  # noqa: PLC0415

    size = table.num_rows * table.num_columns
    if table.num_rows >= _MOST_ROWS or table.num_columns > _MOST_COLUMNS or size > _MOST_CELLS:
        raise LimitReached(
            f"A sheet is made of at most {_MOST_ROWS - 1:,} rows, {_MOST_COLUMNS:,} columns and"
            f" {_MOST_CELLS:,} cells, and this table has {table.num_rows:,} rows of {table.num_columns:,}.",
            next_step="Keep it as CSV or Parquet.",
        )
    content = io.BytesIO()
    # Each text is written as text below; these hold for whatever a later version might guess.
    guess = dict.fromkeys(("strings_to_formulas", "strings_to_urls", "strings_to_numbers"), False)
    with xlsxwriter.Workbook(content, {"in_memory": True, **guess}) as book:
        sheet = book.add_worksheet(_sheet_name(title))
        bold = book.add_format({"bold": True})
        styles: dict[type[dt.date], Any] = {dt.date: book.add_format({"num_format": "yyyy-mm-dd"})}
        styles[dt.datetime] = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        for place, name in enumerate(table.column_names):
            sheet.write_string(0, place, _short(name), bold)
        for n, row in enumerate(_rows(table), 1):
            for place, cell in enumerate(row):
                _write(sheet, n, place, cell, styles)
        sheet.freeze_panes(1, 0)
    return content.getvalue()


def _write(sheet: Any, n: int, place: int, cell: Any, styles: dict[type[dt.date], Any]) -> None:
    if cell is None:
        return
    if isinstance(cell, bool):
        sheet.write_boolean(n, place, cell)
    elif isinstance(cell, int | float | Decimal) and _fits(cell):
        sheet.write_number(n, place, cell)
    elif isinstance(cell, dt.date) and _day(cell) >= _FIRST_DAY:
        plain = cell.replace(tzinfo=None) if isinstance(cell, dt.datetime) else cell
        sheet.write_datetime(n, place, plain, styles[type(cell)])
    else:
        sheet.write_string(n, place, _short(str(_said(cell))))


def _day(moment: dt.date) -> dt.date:
    return moment.date() if isinstance(moment, dt.datetime) else moment


def _fits(number: float | Decimal) -> bool:
    if isinstance(number, float):
        return math.isfinite(number)
    if isinstance(number, Decimal):
        return number.is_finite() and len(number.as_tuple().digits) <= _DIGITS
    return abs(number) < 10**_DIGITS


def _short(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text)[:_LONGEST]


def _sheet_name(title: str) -> str:
    plain = re.sub(r"[\[\]:*?/\\']", " ", _ILLEGAL.sub(" ", title)).strip()[:31]
    return plain if plain and plain.lower() != "history" else "Table"
