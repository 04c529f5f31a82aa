"""Read tables and views of an SQLite file by the standard library, never writing beside it."""

from __future__ import annotations

import sqlite3
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote as percent

import pyarrow as pa
import pyarrow.compute as pc

from handrail.data.sources.sqlite_types import Decision, decide, observe
from handrail.data.sources.table import (
    BATCH_ROWS,
    Extracted,
    ForeignKey,
    SourceColumn,
    Table,
    Tick,
    distinct_names,
    quote,
    write,
)
from handrail.kernel import Invalid

MAGIC = b"SQLite format 3\x00"
VIEW_SECONDS = 300
_STEPS = 100_000  # of SQLite's virtual machine between two looks at the clock
_GENERATED = {2: "Computed by the source.", 3: "Computed by the source."}
_NEXT = "Ask for a fresh copy of the file, made with SQLite's .backup command, and import that."


class SQLiteSource:
    """An SQLite file, opened read-only; one read transaction spans all tables, so they fit together."""

    kind = "sqlite"

    def __init__(self, path: Path) -> None:
        _refuse_truncated(path)
        self.location = str(path)
        self._left_out: list[str] = []
        # A WAL file without its -wal has nobody writing: open it immutable, or SQLite makes files there.
        immutable = _is_wal(path) and not Path(f"{path}-wal").exists()
        address = f"file:{percent(str(path.absolute()))}?mode=ro{'&immutable=1' if immutable else ''}"
        try:
            self._db = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA trusted_schema = OFF")
            self._db.execute("BEGIN")
            self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.DatabaseError as error:
            raise self._unreadable() from error

    @property
    def left_out(self) -> tuple[str, ...]:
        return tuple(self._left_out)

    def tables(self) -> tuple[Table, ...]:
        """Every table and readable view, sorted; a view that no longer works is left out and named."""
        try:
            listed = self._db.execute("PRAGMA table_list").fetchall()
            found = sorted(
                (str(row[1]), str(row[2]))
                for row in listed
                if row[0] == "main" and row[2] in ("table", "view", "virtual")
            )
            described = [self._table(name, kind) for name, kind in found if not name.startswith("sqlite_")]
        except sqlite3.DatabaseError as error:
            raise self._unreadable() from error
        return tuple(table for table in described if table is not None)

    def _table(self, name: str, kind: str) -> Table | None:
        try:
            rows = self._db.execute(f"PRAGMA table_xinfo({quote(name)})").fetchall()
            with self._hurried(kind):
                self._db.execute(f"SELECT 1 FROM {quote(name)} LIMIT 1").fetchone()  # noqa: S608
        except sqlite3.OperationalError:
            self._left_out.append(f'The {kind} "{name}" cannot be read by SQLite itself; it was left out.')
            return None
        columns = tuple(
            SourceColumn(str(row[1]), str(row[2] or ""), bool(row[3]), _GENERATED.get(row[6], ""))
            for row in rows
            if row[6] != 1
        )
        if not columns:
            self._left_out.append(f'The {kind} "{name}" has no columns; it was left out.')
            return None
        key = tuple(str(row[1]) for row in sorted(rows, key=lambda row: row[5]) if row[5])
        return Table(
            key=name,
            name=name,
            columns=columns,
            kind="view" if kind == "view" else "table",
            primary_key=key,
            unique=self._unique(name),
            foreign_keys=self._foreign_keys(name),
        )

    def _unique(self, name: str) -> tuple[tuple[str, ...], ...]:
        found = []
        for index in self._db.execute(f"PRAGMA index_list({quote(name)})").fetchall():
            if index[2] and not index[4]:  # unique, and not only over part of the rows
                columns = self._db.execute(f"PRAGMA index_info({quote(index[1])})").fetchall()
                found.append(tuple(str(row[2]) for row in columns if row[2] is not None))
        return tuple(sorted(columns for columns in found if columns))

    def _foreign_keys(self, name: str) -> tuple[ForeignKey, ...]:
        groups: dict[int, list[tuple[str, str, str | None]]] = {}
        for row in self._db.execute(f"PRAGMA foreign_key_list({quote(name)})").fetchall():
            groups.setdefault(row[0], []).append((str(row[3]), str(row[2]), row[4]))
        keys = []
        for rows in groups.values():
            table = rows[0][1]
            targets = tuple(str(row[2]) for row in rows if row[2]) or self._primary_key(table)
            keys.append(ForeignKey(tuple(row[0] for row in rows), table, targets))
        return tuple(sorted(keys, key=lambda key: key.columns))

    def _primary_key(self, name: str) -> tuple[str, ...]:
        rows = self._db.execute(f"PRAGMA table_xinfo({quote(name)})").fetchall()
        return tuple(str(row[1]) for row in sorted(rows, key=lambda row: row[5]) if row[5])

    def extract(self, table: Table, target: Path, tick: Tick) -> Extracted:
        """Write the table to Parquet, each column in the type that its values really have."""
        try:
            with self._hurried(table.kind):
                seen = observe(self._db, table.name, table.columns)
                decisions = [decide(c, counts) for c, counts in zip(table.columns, seen, strict=True)]
                rows, odd = self._write(table, decisions, target, tick)
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
                raise Invalid(
                    f'The view "{table.name}" did not end within {VIEW_SECONDS} seconds.',
                    next_step="Drop the view in a copy of the file, and import that.",
                ) from error
            raise self._unreadable() from error
        notes = [(c.name, d.note) for c, d in zip(table.columns, decisions, strict=True) if d.note]
        if odd:
            notes.append(("", f"{odd} texts were not valid UTF-8 and were read as Latin-1."))
        return Extracted(rows, tuple(notes))

    @contextmanager
    def _hurried(self, kind: str) -> Iterator[None]:
        """Interrupt a view that takes too long: unlike a table, it may have no end."""
        end = time.monotonic() + VIEW_SECONDS
        if kind == "view":
            self._db.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
        try:
            yield
        finally:
            self._db.set_progress_handler(None, 0)

    def _write(
        self, table: Table, decisions: Sequence[Decision], target: Path, tick: Tick
    ) -> tuple[int, int]:
        names = distinct_names(column.name for column in table.columns)
        schema = pa.schema([pa.field(n, d.type) for n, d in zip(names, decisions, strict=True)])
        sql = f"SELECT {', '.join(d.sql for d in decisions)} FROM {quote(table.name)}"  # noqa: S608
        decoder = _Decoder()
        self._db.text_factory = decoder
        try:
            rows = write(target, schema, self._batches(sql, schema), tick)
        finally:
            self._db.text_factory = str
        return rows, decoder.odd

    def _batches(self, sql: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        cursor = self._db.execute(sql)
        while rows := cursor.fetchmany(BATCH_ROWS):
            by_column = zip(*rows, strict=True)
            columns = [_array(values, field.type) for values, field in zip(by_column, schema, strict=True)]
            yield pa.record_batch(columns, schema=schema)

    def close(self) -> None:
        self._db.close()

    def _unreadable(self) -> Invalid:
        return Invalid(
            f"{Path(self.location).name} is damaged or is not an SQLite database; nothing was imported.",
            next_step=_NEXT,
        )


class _Decoder:
    """Text of an SQLite file: UTF-8, or Latin-1 where old programs wrote bytes that are not."""

    def __init__(self) -> None:
        self.odd = 0

    def __call__(self, raw: bytes) -> str:
        try:
            return raw.decode()
        except UnicodeDecodeError:
            self.odd += 1
            return raw.decode("latin-1")


def _array(values: Sequence[object], type_: pa.DataType) -> pa.Array:
    if pa.types.is_boolean(type_):
        return pa.array([None if value is None else bool(value) for value in values], type_)
    if pa.types.is_temporal(type_) or pa.types.is_decimal(type_):
        return pc.cast(pa.array(values, pa.string()), type_)
    return pa.array(values, type_)


def _is_wal(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(20)[18:20] == b"\x02\x02"


def _refuse_truncated(path: Path) -> None:
    """The header says how many pages the file has (https://sqlite.org/fileformat2.html); fewer is cut off."""
    with path.open("rb") as file:
        header = file.read(100)
    size = path.stat().st_size
    if len(header) == 100:
        page_size, change_counter = struct.unpack(">H", header[16:18])[0], header[24:28]
        page_size = 65536 if page_size == 1 else page_size
        expected = struct.unpack(">I", header[28:32])[0] * page_size
        if header[92:96] != change_counter or size >= expected:
            return
        said = f"its header says {expected:,} bytes and it has {size:,}"
    else:
        said = f"it has only {size} bytes"
    raise Invalid(f"{path.name} is cut off: {said}. Nothing was imported.", next_step=_NEXT)
