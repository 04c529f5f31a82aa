"""Read a CSV file strictly: DuckDB's sniffer finds the dialect, and one broken row refuses the file."""

from __future__ import annotations

import tempfile
from pathlib import Path

import duckdb

from handrail.data.sources.csv_types import decide
from handrail.data.sources.encoding import as_utf8
from handrail.data.sources.table import (
    Extracted,
    Tick,
    distinct_names,
    first,
    literal,
    quote,
    write_query,
)
from handrail.kernel import Invalid

SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
_MAX_LINE = 16 << 20
_MEMORY = "1GB"  # beyond it DuckDB writes to the scratch directory
_QUOTE = '"'
_FAULTS = {
    "MISSING COLUMNS": "has fewer values than the header has columns",
    "TOO MANY COLUMNS": "has more values than the header has columns",
    "UNQUOTED VALUE": "opens a quotation mark and never closes it properly",
    "LINE SIZE OVER MAXIMUM": f"is longer than {_MAX_LINE >> 20} MiB",
    "INVALID ENCODING": "is not valid UTF-8",
}


def extract_csv(path: Path, target: Path, tick: Tick, encoding: str | None) -> Extracted:
    """Write one CSV file to Parquet with the types that all its values have.

    Refuses an empty file, a row that does not fit the header (naming its line), and an encoding that is
    neither UTF-8, marked by a byte order mark, nor named by `encoding`.
    """
    if not path.stat().st_size:
        raise Invalid(f"{path.name} is empty.", next_step="Export it again, with a header line at least.")
    with tempfile.TemporaryDirectory(prefix="handrail-csv-", dir=target.parent) as scratch:
        utf8, note = as_utf8(path, Path(scratch), encoding)
        con = duckdb.connect()
        con.execute(f"SET temp_directory = {literal(scratch)}")
        con.execute(f"SET memory_limit = '{_MEMORY}'")
        try:
            header = _load(con, utf8, path)
            names = distinct_names(header)
            typed = decide(con, "raw", names)
            select = ", ".join(f"{t.sql} AS {quote(n)}" for t, n in zip(typed, names, strict=True))
            rows = write_query(con, f"SELECT {select} FROM raw", target, tick)  # noqa: S608
        finally:
            con.close()
    notes = [(name, t.note) for name, t in zip(names, typed, strict=True) if t.note]
    if note:
        notes.insert(0, ("", note))
    return Extracted(rows, tuple(notes))


def stem(path: Path) -> str:
    """The file's name without any of the endings that say how it is stored."""
    name = path.name
    for suffix in (".gz", ".csv", ".tsv", ".parquet"):
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
    return name


def _load(con: duckdb.DuckDBPyConnection, utf8: Path, original: Path) -> list[str]:
    """Load every value as text into the table `raw`; return the header's names."""
    try:
        found = first(
            con,
            "SELECT Delimiter, Quote, Escape, SkipRows, HasHeader, Columns"
            " FROM sniff_csv(?, ignore_errors = true, sample_size = 20480, all_varchar = true)",
            [str(utf8)],
        )
    except duckdb.Error as error:
        raise _unreadable(original) from error
    if not found or not found[5]:
        raise _unreadable(original)
    delimiter, quoting, escape, skip, has_header, header = found
    names = distinct_names(str(column["name"]) for column in header)
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
    # A file whose only quotation mark is a broken one looks unquoted to the sniffer; strict means quoted.
    options = ", ".join(
        f"{key} = {literal(_QUOTE if value == '(empty)' else value)}"
        for key, value in (("delim", delimiter), ("quote", quoting), ("escape", escape))
    )
    sql = (
        f"CREATE TABLE raw AS SELECT * FROM read_csv({literal(str(utf8))}, auto_detect = false, {options},"  # noqa: S608
        f" skip = {int(skip)}, header = {bool(has_header)}, columns = {{{columns}}}, strict_mode = true,"
        f" max_line_size = {_MAX_LINE}, store_rejects = true, rejects_table = 'faults',"
        " rejects_scan = 'scans', rejects_limit = 3)"
    )
    try:
        con.execute(sql)
        fault = first(con, "SELECT line, error_type FROM faults ORDER BY line LIMIT 1")
    except duckdb.Error as error:
        raise _unreadable(original) from error
    if fault:
        line, kind = int(fault[0]), str(fault[1])
        raise Invalid(
            f"Line {line} of {original.name} {_FAULTS.get(kind, 'cannot be read')}; nothing was imported.",
            next_step=f"Correct line {line} in the source, or export the file again.",
            file=original.name,
            line=line,
        )
    return names


def _unreadable(path: Path) -> Invalid:
    return Invalid(
        f"{path.name} cannot be read as CSV: no separator fits its lines.",
        next_step="Check that it is a table of separated values with one header line, and export it again.",
    )
