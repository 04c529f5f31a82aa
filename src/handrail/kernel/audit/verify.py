"""Proving the trail: every entry, the tree over them, every signed checkpoint, and the copy outside."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa

from handrail.kernel.audit import log, merkle
from handrail.kernel.audit.checkpoint import opened
from handrail.kernel.errors import NotFound

_KEPT, _SAID = 20, 3  # problems that are kept, and said


class _Problems(list[str]):
    """The first problems, and how many more: a damaged trail may have a million."""

    more = 0

    def add(self, found: Iterable[str]) -> None:
        for problem in found:
            if len(self) < _KEPT:
                self.append(problem)
            else:
                self.more += 1


@dataclass(frozen=True)
class Verification:
    """What `audit verify` found. `ok` exactly when there are no `problems`: the trail is proved."""

    ok: bool
    size: int
    root: str
    checkpoints: int
    problems: tuple[str, ...]  # the first few
    more: int = 0  # and how many there are besides

    def __str__(self) -> str:
        """The verdict in a few sentences."""
        if self.ok:
            return f"The trail is whole: {self.size:,} entries, {self.checkpoints:,} signed checkpoints."
        rest = self.more + len(self.problems[_SAID:])
        more = f"; and {rest:,} more" if rest else ""
        return f"The trail is not whole: {'; '.join(self.problems[:_SAID])}{more}."


@dataclass(frozen=True)
class Proof:
    """That one entry is in the log of a signed size: RFC 6962 audit path, base64."""

    seq: int
    size: int
    entry: dict[str, Any]
    leaf: str
    path: tuple[str, ...]
    checkpoint: str


def verify(connection: sa.Connection, verifier_key: str, witness: Path) -> Verification:
    """Recompute the whole log from its entries' bytes and compare it with all that was signed.

    `connection` must be a snapshot that has not been read yet: an entry that is written meanwhile is not to
    look like a forged one, nor a checkpoint outside that is newer like a trail that was cut short.
    """
    outside = witness.read_text(encoding="utf-8") if witness.exists() else None
    problems = _Problems()
    signed = {
        row.size: row.note
        for row in connection.execute(sa.select(log.checkpoints).order_by(log.checkpoints.c.size))
    }
    pending = set(signed)
    frontier: list[bytes] = []
    size = 0
    for row in connection.execute(
        sa.select(log.entries).order_by(log.entries.c.seq).execution_options(yield_per=1000)
    ):
        if row.seq != size:
            problems.add([f"entry {size} is missing; the next one is {row.seq}"])
            break
        # A tampered cell may hold text, which SQLite does not mind and hashing does.
        body = row.body if isinstance(row.body, bytes) else str(row.body).encode()
        problems.add(_entry_problems(row, body))
        frontier, _ = merkle.extend(frontier, size, merkle.leaf(body))
        size += 1
        if size in pending:
            pending.discard(size)
            problems.add(_checkpoint_problems(signed[size], verifier_key, size, merkle.fold(frontier)))
    problems.add(
        f"a checkpoint of size {lost} was signed, but the trail has {size} entries"
        for lost in sorted(pending)
    )
    if size and size not in signed:
        unsigned = size - max((s for s in signed if s < size), default=0)
        problems.add([f"the last {unsigned} entries are not signed"])
    problems.add(_witness_problems(outside, verifier_key, signed, size))
    root = base64.b64encode(merkle.fold(frontier)).decode()
    return Verification(not problems, size, root, len(signed), tuple(problems), problems.more)


def prove(connection: sa.Connection, seq: int) -> Proof:
    """The inclusion proof of entry `seq` in the newest checkpoint; refuses one that is not there."""
    row = connection.execute(sa.select(log.entries).where(log.entries.c.seq == seq)).one_or_none()
    newest = connection.execute(
        sa.select(log.checkpoints).order_by(log.checkpoints.c.size.desc()).limit(1)
    ).one_or_none()
    if row is None or newest is None:
        raise NotFound(
            f"The trail has no entry {seq}.", next_step="See the entries with `handrail audit list`."
        )
    path = merkle.inclusion(seq, newest.size, log.tree_nodes(connection))
    return Proof(
        seq=seq,
        size=newest.size,
        entry=orjson.loads(row.body),
        leaf=base64.b64encode(row.leaf).decode(),
        path=tuple(base64.b64encode(part).decode() for part in path),
        checkpoint=newest.note,
    )


def _entry_problems(row: Any, raw: bytes) -> list[str]:
    problems = []
    if merkle.leaf(raw) != row.leaf:
        problems.append(f"entry {row.seq} was changed: its bytes do not match its hash")
    try:
        body = orjson.loads(raw)
        copied = (body["seq"], body["person"], body["verb"], body["subject"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return [*problems, f"entry {row.seq} was changed: it cannot be read"]
    if copied != (row.seq, row.person, row.verb, row.subject) or body["at"] != row.at.isoformat():
        problems.append(f"entry {row.seq} was changed: its columns differ from what was signed")
    return problems


def _checkpoint_problems(note: str, verifier_key: str, size: int, root: bytes) -> list[str]:
    checkpoint = opened(note, verifier_key)
    if checkpoint is None:
        return [f"the checkpoint of size {size} is not signed by this instance's key"]
    if (checkpoint.size, checkpoint.root) != (size, root):
        return [f"the first {size} entries do not hash to the root that was signed for them"]
    return []


def _witness_problems(note: str | None, verifier_key: str, signed: dict[int, str], size: int) -> list[str]:
    if note is None:
        return ["the checkpoint file beside the database is gone"] if size else []
    outside = opened(note, verifier_key)
    if outside is None:
        return ["the checkpoint file beside the database is not signed by this instance's key"]
    if outside.size > size:
        return [f"the trail was cut short: it has {size} entries, and {outside.size} were signed"]
    inside = opened(signed.get(outside.size, ""), verifier_key)
    if outside.size and (inside is None or inside.root != outside.root):
        return [f"the checkpoint file beside the database names another trail at size {outside.size}"]
    return []
