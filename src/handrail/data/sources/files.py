"""Read a CSV or Parquet file, or a folder of them: every file is a table."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb

from handrail.data.sources.csv_file import SUFFIXES, extract_csv, stem
from handrail.data.sources.duckdb_file import selection
from handrail.data.sources.table import (
    Extracted,
    SourceColumn,
    Table,
    Tick,
    describe,
    first,
    literal,
    quote,
    write_query,
)
from handrail.kernel import Invalid

PARQUET_SUFFIXES = (".parquet",)
_MOST_ROWS = 200_000  # of a group of rows, the unit that is shared out among threads: larger ones are parted
_QUICK = {"UNCOMPRESSED", "SNAPPY", "LZ4", "LZ4_RAW", "ZSTD"}  # ways to compress that are quick to read


class FileSource:
    """One file, or the CSV and Parquet files directly inside a folder."""

    kind = "files"

    def __init__(self, path: Path, encoding: str | None) -> None:
        self.location = str(path)
        self._encoding = encoding
        candidates = sorted(path.iterdir()) if path.is_dir() else [path]
        self._files = {file.name: file for file in candidates if file.is_file() and is_readable(file)}
        self.left_out = tuple(
            f'"{file.name}" is neither CSV nor Parquet; it was left out.'
            for file in candidates
            if file.name not in self._files and not file.name.startswith(".")
        )
        if not self._files:
            raise Invalid(
                f"The folder {path.name} holds no CSV or Parquet file directly inside it.",
                next_step="Name the folder whose files end in .csv, .tsv or .parquet.",
            )

    def tables(self) -> tuple[Table, ...]:
        """One table a file; the columns of a CSV file are only known once it has been read."""
        return tuple(self._table(file) for file in self._files.values())

    def _table(self, file: Path) -> Table:
        if not file.name.lower().endswith(PARQUET_SUFFIXES):
            return Table(key=file.name, name=stem(file), columns=(), kind="file")
        with duckdb.connect() as con:
            columns = _columns(con, file)
        described = tuple(SourceColumn(name, type_) for name, type_ in columns)
        return Table(key=file.name, name=stem(file), columns=described, kind="file")

    def extract(self, table: Table, target: Path, tick: Tick) -> Extracted:
        """Write one file to Parquet in storable types."""
        file = self._files[table.key]
        if file.name.lower().endswith(PARQUET_SUFFIXES):
            return _extract_parquet(file, target, tick)
        return extract_csv(file, target, tick, self._encoding)

    def close(self) -> None:
        """Nothing is held open between files."""


def is_readable(path: Path) -> bool:
    """Whether the name says CSV or Parquet."""
    return path.name.lower().endswith((*SUFFIXES, *PARQUET_SUFFIXES))


def _columns(con: duckdb.DuckDBPyConnection, file: Path) -> list[tuple[str, str]]:
    try:
        return describe(con, f"read_parquet({literal(str(file))})")
    except duckdb.Error as error:
        raise _unreadable(file) from error


def _extract_parquet(file: Path, target: Path, tick: Tick) -> Extracted:
    with duckdb.connect() as con:
        columns = _columns(con, file)
        select, notes = selection(columns)
        try:
            if select == ", ".join(f"{quote(name)} AS {quote(name)}" for name, _ in columns):
                rows = _copied(con, file, target)
                if rows is not None:
                    tick(rows)
                    return Extracted(rows)
            sql = f"SELECT {select} FROM read_parquet({literal(str(file))})"  # noqa: S608
            rows = write_query(con, sql, target, tick)
        except duckdb.Error as error:
            raise _unreadable(file) from error
    return Extracted(rows, notes)


def _copied(con: duckdb.DuckDBPyConnection, file: Path, target: Path) -> int | None:
    """The rows of a file that was copied since it is laid out as an extract is, each value read once to see
    that it can be; None where it must be written anew. That takes ten times longer."""
    groups = (
        "SELECT coalesce(max(row_group_num_rows), 0), list(DISTINCT compression) "
        "FROM parquet_metadata(?) WHERE num_values > 0"
    )
    most, used = first(con, groups, [str(file)])
    if most > _MOST_ROWS or not set(used or ()) <= _QUICK:
        return None
    shutil.copyfile(file, target)
    every = f"SELECT count(*), bit_xor(hash(COLUMNS(*))) FROM read_parquet({literal(str(target))})"  # noqa: S608
    return int(first(con, every)[0])


def _unreadable(file: Path) -> Invalid:
    return Invalid(
        f"{file.name} is damaged or is not a Parquet file; nothing was imported.",
        next_step="Write the file again and import that.",
    )
