"""Where data comes from: find out what a location is and open it. Each kind of source is one file here."""

from __future__ import annotations

from pathlib import Path

from handrail.data.sources import duckdb_file, sqlite
from handrail.data.sources.duckdb_file import DuckDBSource
from handrail.data.sources.files import FileSource, is_readable
from handrail.data.sources.live import LiveSource, engine_of
from handrail.data.sources.sqlite import SQLiteSource
from handrail.data.sources.table import Extracted, ForeignKey, Source, SourceColumn, Table, literal, quote
from handrail.kernel import Invalid, NotFound

__all__ = [
    "Extracted",
    "ForeignKey",
    "LiveSource",
    "Source",
    "SourceColumn",
    "Table",
    "engine_of",
    "is_postgres",
    "literal",
    "open_source",
    "quote",
]

_DATABASE_SUFFIXES = (".sqlite", ".sqlite3", ".db", ".db3")
_KNOWN = "an SQLite or DuckDB file, a CSV or Parquet file or folder, a postgresql:// address, or engine:NAME"


def is_postgres(location: str) -> bool:
    """Whether the location is the address of a PostgreSQL database."""
    return location.startswith(("postgresql://", "postgres://"))


def open_source(location: str, encoding: str | None = None) -> Source:
    """Open a source by what it is, not only by its name; refuses what cannot be read, saying why."""
    if is_postgres(location):
        from handrail.data.sources.postgres import PostgresSource  # noqa: PLC0415 - 9 MB for one kind of source

        return PostgresSource(location)
    if "://" in location:
        raise Invalid(
            f"{location.partition('://')[0]}:// is not a kind of source.", next_step=f"Name {_KNOWN}."
        )
    path = Path(location).expanduser()
    if path.is_dir():
        return FileSource(path, encoding)
    if not path.is_file():
        raise NotFound(f"There is no file or folder {location}.", next_step=f"Name {_KNOWN}.")
    with path.open("rb") as file:
        start = file.read(16)
    if start == sqlite.MAGIC or (
        path.suffix.lower() in _DATABASE_SUFFIXES and start[8:12] != duckdb_file.MAGIC
    ):
        return SQLiteSource(path)
    if start[8:12] == duckdb_file.MAGIC or path.suffix.lower() in (".duckdb", ".ddb"):
        return DuckDBSource(path)
    if is_readable(path):
        return FileSource(path, encoding)
    raise Invalid(f"{path.name} is of no kind that can be imported.", next_step=f"Name {_KNOWN}.")
