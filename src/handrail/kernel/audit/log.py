"""The append-only trail: entries, their Merkle tree and a signed checkpoint after every commit."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache, lru_cache
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa

from handrail.kernel import storage
from handrail.kernel.audit import merkle
from handrail.kernel.audit.checkpoint import Checkpoint, Signer
from handrail.kernel.audit.writer import Writer
from handrail.kernel.errors import NotReady
from handrail.kernel.held import Lease, Lost
from handrail.kernel.ready import Ready

# Perfect subtrees are kept at every eighth level: a proof then reads at most 256 hashes a level,
# and an append writes one row more in 256.
STORED_LEVELS = 8

entries = sa.Table(
    "audit_entries",
    storage.metadata,
    sa.Column(
        "seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False
    ),
    sa.Column("at", storage.Instant, nullable=False, index=True),
    sa.Column("person", sa.Text, nullable=False, index=True),
    sa.Column("verb", sa.Text, nullable=False, index=True),
    sa.Column("subject", sa.Text, nullable=False, index=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("leaf", sa.LargeBinary, nullable=False),
)
nodes = sa.Table(
    "audit_nodes",
    storage.metadata,
    sa.Column("level", sa.Integer, primary_key=True),
    sa.Column("position", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("hash", sa.LargeBinary, nullable=False),
)
head = sa.Table(
    "audit_head",
    storage.metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("frontier", sa.LargeBinary, nullable=False),
)
checkpoints = sa.Table(
    "audit_checkpoints",
    storage.metadata,
    sa.Column(
        "size", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False
    ),
    sa.Column("note", sa.Text, nullable=False),
)


@dataclass(frozen=True)
class Note:
    """What is to be written: who did what to what, when, with which facts."""

    at: datetime
    person: str
    via: str
    verb: str
    subject: str
    facts: Mapping[str, Any]
    # Who writes it on its own does so while this is held; in a transaction, its context sees to that.
    lease: Lease | None = field(default=None, compare=False, repr=False)

    def body(self, seq: int) -> bytes:
        """The entry's canonical bytes: JSON with sorted keys; these are what the leaf hashes."""
        return orjson.dumps(
            {
                "seq": seq,
                "at": self.at,
                "person": self.person,
                "via": self.via,
                "verb": self.verb,
                "subject": self.subject,
                "facts": dict(self.facts),
            },
            default=_plain,
            option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS,
        )


_COLUMNS = [column.name for column in entries.c]
_TAKE = Ready(
    head.update()
    .where(head.c.id == 1)
    .values(size=head.c.size + sa.bindparam("more"))
    .returning(head.c.size, head.c.frontier),
    writes=True,
)
_ADD_NODES, _SIGN = (Ready(table.insert(), writes=True) for table in (nodes, checkpoints))
_GROW = Ready(head.update().where(head.c.id == 1).values(frontier=sa.bindparam("grown")), writes=True)


class Log:
    """The trail of one instance. `append` joins a caller's transaction; `write` commits on its own at once.

    Writers that cannot wait for one another's flush share one (`Writer`).
    """

    def __init__(self, engine: sa.Engine, signer: Signer, witness: Path) -> None:
        self._engine = engine
        self._signer = signer
        self._witness = witness
        self._writer: Writer[Note] = Writer(self._commit, self._publish)

    @property
    def verifier_key(self) -> str:
        """The public key that checkpoints are verified with."""
        return self._signer.verifier_key()

    def signed(self, text: str) -> str:
        """These lines as a signed note; they must not look like a checkpoint."""
        return self._signer.sign_text(text)

    def append(self, connection: sa.Connection, notes: Iterable[Note]) -> str | None:
        """Add `notes` in the caller's transaction; returns the checkpoint to publish after its commit."""
        batch = [replace(note, subject=_sound(note.subject), facts=_sound(note.facts)) for note in notes]
        if not batch:
            return None
        ((size, packed),) = _TAKE.rows(connection, {"more": len(batch)})
        start = size - len(batch)
        frontier = [packed[i : i + 32] for i in range(0, len(packed), 32)]
        rows, finished = [], []
        for seq, note in enumerate(batch, start):
            body = note.body(seq)
            leaf = merkle.leaf(body)
            frontier, subtrees = merkle.extend(frontier, seq, leaf)
            finished += [item for item in subtrees if item[0] and item[0] % STORED_LEVELS == 0]
            rows.append((seq, note.at, note.person, note.verb, note.subject, body, leaf))
        _add(connection, rows)
        if finished:
            grown = [{"level": level, "position": at, "hash": value} for level, at, value in finished]
            _ADD_NODES.run(connection, grown)
        _GROW.run(connection, [{"grown": b"".join(frontier)}])
        signed = self._signer.sign(Checkpoint(self._signer.origin, size, merkle.fold(frontier)))
        _SIGN.run(connection, [{"size": size, "note": signed}])
        return signed

    def publish(self, signed: str | None) -> None:
        """Keep the newest checkpoint outside the database, within a moment, so that a trail that was cut
        short is noticed; for who has committed what `append` signed.
        """
        if signed is not None:
            self._writer.committed(signed)

    def _publish(self, signed: Sequence[str]) -> None:
        known = self._witness.read_text(encoding="utf-8") if self._witness.exists() else ""
        newest = max(signed, key=_size)  # transactions end in another order than they were signed in
        if _size(newest) > _size(known):
            storage.write_file(self._witness, newest.encode())

    def write(self, note: Note) -> int:
        """Write one entry durably and return its number; waits for the group it is committed with."""
        return self.soon(note).result()

    def soon(self, note: Note, *, urgent: bool = True) -> "Future[int]":
        """Write one entry durably; its number comes when it is, so that work can go on meanwhile."""
        return self._writer.soon(note, urgent=urgent)

    def settle(self) -> None:
        """Wait until all that this process has said so far is on the trail and published."""
        self._writer.soon(None).result()

    def close(self) -> None:
        """Write what is queued and end the writer thread."""
        self._writer.close()

    def _commit(self, notes: Sequence[Note]) -> tuple[Sequence[int | Lost], str | None]:
        with self._engine.begin() as connection:
            lost = _lost(connection, {note.lease for note in notes if note.lease is not None})
            signed = self.append(connection, [note for note in notes if note.lease not in lost])
        number = count(_size(signed or "") - sum(note.lease not in lost for note in notes))
        return [lost[note.lease] if note.lease in lost else next(number) for note in notes], signed


@cache
def _adding(many: int) -> Ready:
    """The statement that adds so many entries."""
    places = [
        {column.name: sa.bindparam(f"{column.name}_{n}", type_=column.type) for column in entries.c}
        for n in range(many)
    ]
    return Ready(entries.insert().values(places), writes=True)


def _add(connection: sa.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Add entries, up to 128 by one statement, in powers of two so that few statements are to be compiled.

    SQLite's driver lets the interpreter go at each row otherwise, and whoever asks takes it meanwhile.
    """
    left = list(rows)
    while left:
        many = min(1 << len(left).bit_length() - 1, 128)
        given = {
            f"{column}_{n}": value
            for n, row in enumerate(left[:many])
            for column, value in zip(_COLUMNS, row, strict=True)
        }
        _adding(many).run(connection, [given])
        del left[:many]


def _lost(connection: sa.Connection, leases: Iterable[Lease]) -> dict[Lease | None, Lost]:
    """Those of these that are held no longer; the others are held until the transaction ends."""
    found: dict[Lease | None, Lost] = {}
    for lease in leases:
        try:
            lease.hold(connection)
        except Lost as error:
            found[lease] = error
    return found


def tree_nodes(connection: sa.Connection) -> merkle.Nodes:
    """Reads perfect subtrees of the stored tree; keeps the last ones, which proofs of neighbours share."""

    @lru_cache(maxsize=16)
    def block(level: int, number: int) -> dict[int, bytes]:
        """The 256 neighbours below one stored subtree."""
        first, width = number << STORED_LEVELS, 1 << STORED_LEVELS
        place, value = (entries.c.seq, entries.c.leaf) if not level else (nodes.c.position, nodes.c.hash)
        query = sa.select(place, value).where(place >= first, place < first + width)
        if level:
            query = query.where(nodes.c.level == level)
        return {row[0]: bytes(row[1]) for row in connection.execute(query)}

    @lru_cache(maxsize=4096)
    def read(level: int, position: int) -> bytes:
        if level % STORED_LEVELS:
            return merkle.node(read(level - 1, 2 * position), read(level - 1, 2 * position + 1))
        found = block(level, position >> STORED_LEVELS).get(position)
        if found is None:
            raise NotReady(
                f"A part of the trail is missing (level {level}, place {position}): it cannot be proved.",
                next_step="Run `handrail audit verify`, keep the directory, and compare with a backup.",
            )
        return found

    return read


def _size(note: str) -> int:
    lines = note.split("\n", 2)
    return int(lines[1]) if len(lines) > 1 and lines[1].isdigit() else 0


def _sound(value: Any) -> Any:
    """The value without what JSON, UTF-8 or 64 bits cannot hold: one caller's note must not fail a group."""
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case int() if not -(1 << 63) <= value < 1 << 63:
            return str(value)
        case Mapping():
            return {_sound(key): _sound(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            items = [_sound(item) for item in value]
            return items if isinstance(value, list | tuple) else sorted(items)
    return value


def _plain(value: object) -> object:
    if isinstance(value, frozenset | set):
        return sorted(value)
    return str(value)
