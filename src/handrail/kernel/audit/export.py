"""Exports that prove themselves: entries with inclusion proofs under a signed checkpoint, sealed at the end.

What checks them without Handrail is `verifier`, which is handed out as it is.
"""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from handrail.kernel.audit import log, merkle
from handrail.kernel.audit.checkpoint import opened
from handrail.kernel.audit.verifier import CONSISTENCY, EXPORT, SEAL
from handrail.kernel.errors import Invalid, NotFound


@dataclass(frozen=True)
class Chosen:
    """Which entries: `person` and `subject` match whole, `verb` its beginning; `end` is not in the span."""

    person: str = ""
    verb: str = ""
    subject: str = ""
    start: datetime | None = None
    end: datetime | None = None

    def condition(self) -> sa.ColumnElement[bool]:
        """As a condition on the entries."""
        of = log.entries.c
        parts = [
            of.person == self.person if self.person else None,
            of.verb.startswith(self.verb, autoescape=True) if self.verb else None,
            of.subject == self.subject if self.subject else None,
            of.at >= self.start if self.start else None,
            of.at < self.end if self.end else None,
        ]
        return sa.and_(sa.true(), *(part for part in parts if part is not None))

    def said(self) -> dict[str, str]:
        """As the export says it; nothing where all entries are chosen."""
        return {name: str(value) for name, value in vars(self).items() if value}


def lines(connection: sa.Connection, the_log: log.Log, chosen: Chosen) -> Iterator[bytes]:
    """An export as JSON Lines: what it is, the chosen entries from the oldest on, and the seal.

    The first line holds the newest checkpoint and the key; each entry its index, its bytes, their leaf hash
    and the audit path to the checkpoint's root; the last a signed note over the number of entries and the
    SHA-256 of all bytes before it. `connection` must be a snapshot. Memory stays flat.
    """
    note, size = newest(connection)
    header = {
        "format": EXPORT,
        "key": the_log.verifier_key,
        "checkpoint": note,
        "chosen": chosen.said(),
    }
    digest, count, nodes = hashlib.sha256(), 0, log.tree_nodes(connection)
    yield _taken(digest, header)
    query = sa.select(log.entries.c.seq, log.entries.c.body, log.entries.c.leaf).where(chosen.condition())
    rows = connection.execute(query.order_by(log.entries.c.seq).execution_options(yield_per=1000))
    for row in rows:
        count += 1
        path = merkle.inclusion(row.seq, size, nodes)
        # A tampered cell may hold what is no bytes, or no text; whoever verifies the export will see.
        body = row.body if isinstance(row.body, bytes) else str(row.body).encode()
        entry = {"index": row.seq, "entry": body.decode(errors="replace"), "leaf": _packed(row.leaf)}
        yield _taken(digest, {**entry, "proof": [_packed(part) for part in path]})
    text = f"{SEAL}\nentries {count}\nsha256 {_packed(digest.digest())}\n"
    yield _taken(digest, {"seal": the_log.signed(text)})


def consistency(connection: sa.Connection, the_log: log.Log, old: str) -> dict[str, Any]:
    """The proof that the log of a checkpoint that somebody kept is the beginning of the newest one.

    `old` is that checkpoint, or its size. Refuses a checkpoint that this instance did not sign, and one that
    is larger than the log: then the log was cut short.
    """
    note, size = newest(connection)
    kept = opened(old, the_log.verifier_key)
    if kept is None and not old.strip().isdecimal():
        raise Invalid(
            "This is no checkpoint that this instance signed.",
            next_step="Give the file as it was kept, such as a backup's audit.checkpoint, or a number.",
        )
    before = kept.size if kept else int(old)
    if not 0 < before <= size:
        raise NotFound(
            f"The log has {size:,} entries, and {before:,} are said to have been signed.",
            next_step="Run `handrail audit verify`, and compare with the last backup.",
        )
    proof = merkle.consistency(before, size, log.tree_nodes(connection))
    return {
        "format": CONSISTENCY,
        "key": the_log.verifier_key,
        "old_size": before,
        "checkpoint": note,
        "proof": [_packed(part) for part in proof],
    }


def newest(connection: sa.Connection) -> tuple[str, int]:
    """The newest checkpoint and its size; refuses an empty trail."""
    query = sa.select(log.checkpoints).order_by(log.checkpoints.c.size.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("The trail is still empty.", next_step="Come back when something has happened.")
    return row.note, row.size


def _taken(digest: Any, line: dict[str, Any]) -> bytes:
    written = orjson.dumps(line) + b"\n"
    digest.update(written)
    return written


def _packed(value: bytes) -> str:
    return base64.b64encode(value).decode()
