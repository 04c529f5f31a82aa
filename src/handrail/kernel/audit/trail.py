"""The trail as one context sees it, and reading it back."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from handrail.kernel import storage
from handrail.kernel.audit import log
from handrail.kernel.audit.log import Log, Note
from handrail.kernel.clock import Clock
from handrail.kernel.held import Lease


@dataclass(frozen=True)
class Entry:
    """One line of the trail."""

    seq: int
    at: datetime
    person: str
    via: str
    verb: str
    subject: str
    facts: Mapping[str, Any]


class Trail:
    """Writes in the name of one caller."""

    def __init__(
        self,
        the_log: Log,
        db: sa.Connection,
        clock: Clock,
        person: str,
        via: str,
        about: Mapping[str, str],
        lease: Lease | None = None,
    ):
        self._log = the_log
        self._db = db
        self._clock = clock
        self._person = person
        self._via = via
        self._about = about
        self._lease = lease
        self._pending: list[Note] = []

    def note(self, verb: str, subject: str, **facts: Any) -> None:
        """Put an entry on the trail if, and only if, this transaction commits."""
        self._pending.append(self._note(verb, subject, facts))

    def now(self, verb: str, subject: str, **facts: Any) -> int:
        """Put an entry on the trail durably at once, whatever this transaction becomes; returns its number.

        Not to be called once this transaction has written: on SQLite the two would wait for each other.
        """
        return self.soon(verb, subject, **facts).result()

    def soon(self, verb: str, subject: str, **facts: Any) -> "Future[int]":
        """The same without waiting: the entry is durable when the answer has its number, or raises."""
        if storage.is_writing(self._db):
            raise RuntimeError("an entry at once inside a writing transaction; use audit.note")
        return self._log.soon(self._note(verb, subject, facts))

    def later(self, verb: str, subject: str, **facts: Any) -> None:
        """Put an entry on the trail durably within milliseconds, for what nobody has to wait for."""
        if storage.is_writing(self._db):
            raise RuntimeError("an entry at once inside a writing transaction; use audit.note")
        self._log.soon(self._note(verb, subject, facts), urgent=False)

    def settle(self) -> None:
        """Wait until all that this process has said can be read; not while this transaction writes."""
        if not storage.is_writing(self._db):
            self._log.settle()

    @property
    def pending(self) -> bool:
        """Whether something was noted that is not on the trail yet."""
        return bool(self._pending)

    def flush(self) -> str | None:
        """Append what was noted, in this transaction; returns the checkpoint to publish after the commit."""
        pending, self._pending = self._pending, []
        return self._log.append(self._db, pending)

    def _note(self, verb: str, subject: str, facts: Mapping[str, Any]) -> Note:
        told = {**self._about, **facts}
        return Note(self._clock.now(), self._person, self._via, verb, subject, told, self._lease)


def recent(
    db: sa.Connection,
    *,
    person: str = "",
    verb: str = "",
    subject: str = "",
    before: int | None = None,
    limit: int = 50,
) -> tuple[Entry, ...]:
    """The newest entries first; `person` and `subject` match whole, `verb` its beginning; `before` pages."""
    query = sa.select(log.entries).order_by(log.entries.c.seq.desc()).limit(limit)
    if person:
        query = query.where(log.entries.c.person == person)
    if verb:
        query = query.where(log.entries.c.verb.startswith(verb, autoescape=True))
    if subject:
        query = query.where(log.entries.c.subject == subject)
    if before is not None:
        query = query.where(log.entries.c.seq < before)
    return tuple(_entry(row) for row in db.execute(query))


def between(db: sa.Connection, person: str, verb: str, start: datetime, end: datetime) -> Iterator[Entry]:
    """What one person did with this verb in a span of time (`end` is not in it), oldest first."""
    at = log.entries.c.at
    query = sa.select(log.entries).where(log.entries.c.person == person, log.entries.c.verb == verb)
    for row in db.execute(query.where(at >= start, at < end).order_by(log.entries.c.seq)):
        yield _entry(row)


def _entry(row: Any) -> Entry:
    body = orjson.loads(row.body)
    return Entry(row.seq, row.at, row.person, body["via"], row.verb, row.subject, body["facts"])
