"""Our own database: SQLite in WAL mode or PostgreSQL, through SQLAlchemy Core.

Both behave as READ COMMITTED. On SQLite each read stands alone until the first write, which takes the one
write lock at once (BEGIN IMMEDIATE): a transaction that has read cannot then fail to write because another
wrote in between. Verbs that must not race use unique constraints and conditional updates.
"""

import os
import re
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import TypeDecorator

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DRAFT = re.compile(r"\..+\.[0-9a-f]{12}")
_ABANDONED = 60  # seconds after which a draft, which lives for milliseconds, has no writer any more
_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_END = 253402300800000  # milliseconds from 1970 to the year 10000, up to which there are datetimes
# A database whose network is cut says nothing at all: in seconds, and milliseconds, until that is an error.
_PATIENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
_READS = ("SELECT", "PRAGMA", "EXPLAIN", "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")


class Instant(TypeDecorator[datetime]):
    """An aware moment, kept as microseconds since 1970 so that both databases sort and compare it alike."""

    impl = sa.BigInteger
    cache_ok = True

    @property
    def _static_cache_key(self) -> tuple[type]:
        """What a statement with this type is known again by, which SQLAlchemy would work out each time."""
        return (Instant,)

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        """Refuse a naive datetime: it would silently mean the server's own time zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an Instant needs a time zone")
        return (value - _EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        """Back to an aware datetime in UTC."""
        return None if value is None else _EPOCH + timedelta(microseconds=int(value))


class _Random:
    """The system's random bytes, taken by the page: each system call lets the interpreter go to others."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left = b""
        os.register_at_fork(after_in_child=self._forget)

    def take(self) -> bytes:
        """Ten bytes that nobody else gets."""
        with self._lock:
            if not self._left:
                self._left = os.urandom(4000)
            found, self._left = self._left[:10], self._left[10:]
            return found

    def _forget(self) -> None:
        self._lock, self._left = threading.Lock(), b""


_random = _Random()


def new_id(prefix: str) -> str:
    """A new identifier: the prefix, then 48 bits of milliseconds and 80 random bits, sortable by time."""
    number = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(_random.take())
    digits = [_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5)]
    return f"{prefix}_{''.join(digits)}"


def moment_of(identifier: str) -> datetime | None:
    """When such an identifier was made, to the millisecond; None for what is none."""
    digits = identifier.rpartition("_")[2]
    if len(digits) != 26 or not set(digits) <= set(_CROCKFORD):
        return None
    number = 0
    for digit in digits:
        number = number << 5 | _CROCKFORD.index(digit)
    milliseconds = number >> 80
    return _EPOCH + timedelta(milliseconds=milliseconds) if milliseconds < _END else None


def open_engine(url: str) -> sa.Engine:
    """Open the database at `url`; a SQLite one is put into WAL mode with every commit flushed to disk."""
    if url.startswith("postgresql://"):
        address = url.replace("postgresql://", "postgresql+psycopg://", 1)
        return sa.create_engine(address, pool_pre_ping=True, pool_size=24, connect_args=_PATIENCE)
    engine = sa.create_engine(
        url, pool_size=24, max_overflow=40, connect_args={"check_same_thread": False, "timeout": 30}
    )
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "before_cursor_execute", _lock_on_first_write)
    return engine


def insert_of(dialect: str) -> Any:
    """SQLAlchemy's `insert` of the database of this name, by which a statement says what a conflict does.

    It is there already for who has the database open, and a tenth of a second to load for nobody else.
    """
    return import_module(f"sqlalchemy.dialects.{dialect}").insert


def sqlite_url(file: Path) -> str:
    """The address of a SQLite file."""
    return f"sqlite:///{file}"


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
        connection.execute(f"PRAGMA {pragma}")


def _lock_on_first_write(
    connection: sa.Connection, _cursor: Any, statement: str, _parameters: Any, _context: Any, _many: bool
) -> None:
    if not statement.lstrip().upper().startswith(_READS):
        lock_for_writing(connection)


def lock_for_writing(connection: sa.Connection) -> None:
    """Take SQLite's write lock, unless this connection has it; PostgreSQL locks rows by itself."""
    raw = connection.connection.dbapi_connection
    if isinstance(raw, sqlite3.Connection) and not raw.in_transaction:
        raw.execute("BEGIN IMMEDIATE")


@contextmanager
def snapshot(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection that sees one state of the database for as long as it is open, for reading only."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            yield connection
    else:
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            yield connection


class _Now(sa.sql.functions.FunctionElement[datetime]):
    """What the clock of the database says at this statement."""

    type = Instant()
    inherit_cache = True


@compiles(_Now, "sqlite")
def _sqlite_now(_element: _Now, _compiler: Any, **_: Any) -> str:
    return "CAST((julianday('now') - 2440587.5) * 86400000000.0 AS INTEGER)"


@compiles(_Now, "postgresql")
def _postgresql_now(_element: _Now, _compiler: Any, **_: Any) -> str:
    return "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"


def database_now(seconds: float = 0) -> sa.ColumnElement[datetime]:
    """The moment by the database's clock, so many seconds on: one clock for all hosts."""
    moved = sa.type_coerce(_Now(), sa.BigInteger) + sa.literal(round(seconds * 1e6), sa.BigInteger)
    return sa.type_coerce(moved, Instant)


def has_written(connection: sa.Connection) -> bool:
    """Whether this transaction has changed anything yet."""
    if connection.dialect.name == "sqlite":
        return is_writing(connection)
    if not connection.in_transaction():
        return False
    return bool(connection.scalar(sa.text("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")))


def is_writing(connection: sa.Connection) -> bool:
    """Whether this connection holds SQLite's write lock; never true for PostgreSQL, which locks rows."""
    if connection.closed:
        return False
    raw = connection.connection.dbapi_connection
    return isinstance(raw, sqlite3.Connection) and raw.in_transaction


def write_file(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Replace `path` as a whole: a reader, or a crash, sees the old content or the new, never a part."""
    with _draft_of(path, (content,), mode) as draft:
        draft.replace(path)


def create_file(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Make `path` with this content unless somebody has made it; of several at once exactly one does."""
    with _draft_of(path, (content,), mode) as draft:
        with suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()


def write_pieces(path: Path, pieces: Iterable[bytes], mode: int = 0o600) -> None:
    """The same with content that is still being made: whatever stops it, `path` stays as it was."""
    with _draft_of(path, pieces, mode) as draft:
        draft.replace(path)


@contextmanager
def _draft_of(path: Path, content: Iterable[bytes], mode: int) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.writelines(content)
            out.flush()
            os.fsync(out.fileno())
        yield draft
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def drafts(folder: Path, name: str = "") -> list[Path]:
    """What writes that never ended left in a folder, of one file or of all."""
    return [file for file in folder.glob(f".{name or '*'}.*") if _DRAFT.fullmatch(file.name)]


def sweep(home: Path) -> None:
    """Remove such drafts from an instance; one that may still be being written is left alone."""
    old = time.time() - _ABANDONED
    for folder, below, _ in os.walk(home):
        below[:] = [name for name in below if name != ".git"]
        for draft in drafts(Path(folder)):
            with suppress(FileNotFoundError):
                if draft.stat().st_mtime < old:
                    draft.unlink()
