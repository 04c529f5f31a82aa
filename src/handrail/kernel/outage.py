"""What stands for an error of the ground below us: a database or a disk that gives way."""

from __future__ import annotations

import errno
import sqlite3

import sqlalchemy as sa
import structlog

from handrail.kernel.errors import Refusal, Upstream

_DISK = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "is full"),
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), "cannot be written to"),
    **dict.fromkeys((errno.EIO, errno.EISDIR, errno.ENOTDIR, errno.ELOOP), "cannot be read"),
}
_SQLITE = {
    **dict.fromkeys((sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED), "is held by somebody else"),
    **dict.fromkeys((sqlite3.SQLITE_FULL,), "has no room left on its disk"),
    **dict.fromkeys((sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY), "cannot be opened for writing"),
    **dict.fromkeys((sqlite3.SQLITE_IOERR,), "cannot read or write its file"),
    **dict.fromkeys((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB), "is damaged"),
}
_log = structlog.get_logger(__name__)


def outage(error: sa.exc.OperationalError | OSError) -> Refusal | None:
    """The refusal for an error that passes when somebody mends it; None for any other, which is a bug."""
    if isinstance(error, OSError):
        state, whose = _DISK.get(error.errno or 0), "A disk of the server"
    else:
        code = getattr(error.orig, "sqlite_errorcode", None)
        # Without a code of SQLite it is another database, which says so when it is away, overloaded or full.
        state = "does not answer" if code is None else _SQLITE.get(code & 0xFF)
        whose = "The database of this instance"
    if state is None:
        return None
    _log.error("outage", kind=type(error).__name__, state=state)
    return Upstream(
        f"{whose} {state}, so nothing was done.",
        next_step="Tell an admin; ask again when it is mended.",
        subject="instance",
    )
