"""An edit of definitions and its transaction are one: what a crash or a refusal left behind is put back.

Before a file is touched, a journal in `.git/handrail/` says which contents come and which commit was there
before; the transaction holds a row with the journal's name. A journal without its row is undone. Its lock
goes with the process that writes, so nobody undoes what is still going on.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dulwich.file import FileLocked
from dulwich.object_store import tree_lookup_path
from dulwich.objects import Blob
from dulwich.repo import Repo

from handrail.kernel import storage

COMMITTER = b"Handrail <handrail@localhost>"
# What git, and dulwich, make before they change a repository, and leave behind when they are killed.
LOCKS = ("index.lock", "HEAD.lock", "refs/heads/main.lock")

edits = sa.Table(
    "definition_edits",
    storage.metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("at", storage.Instant, nullable=False),
)


@dataclass(frozen=True)
class Edit:
    """One edit whose transaction is still open: its journal, and the lock on it."""

    root: Path
    journal: Path
    lock: int

    def close(self, committed: bool) -> None:
        """Keep the edit, or put back what was there before it; what git's lock forbids to commit waits."""
        try:
            with suppress(FileLocked):  # its journal stays, for the next start to settle
                if not committed:
                    _undo(self.root, self.journal)
                self.journal.unlink(missing_ok=True)
        finally:
            os.close(self.lock)


def begin(db: sa.Connection, root: Path, files: Mapping[str, bytes], now: datetime) -> Edit:
    """Announce in the journal and in the transaction that these files will be written."""
    name = storage.new_id("edit")
    db.execute(sa.insert(edits).values(id=name, at=now))
    folder = root / ".git" / "handrail"
    folder.mkdir(exist_ok=True)
    with Repo(str(root)) as repo:
        before = repo.head().decode()
    draft, journal = folder / f".{name}", folder / name
    lock = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        texts = {path: content.decode("utf-8", "surrogateescape") for path, content in files.items()}
        with open(lock, "w", encoding="utf-8", closefd=False) as out:
            json.dump({"before": before, "files": texts}, out)
        os.fsync(lock)
        draft.rename(journal)
    except BaseException:
        draft.unlink(missing_ok=True)
        os.close(lock)
        raise
    return Edit(root, journal, lock)


def recover(engine: sa.Engine, root: Path) -> int:
    """Settle the edits of processes that are gone; gives how many were undone."""
    undone = 0
    for journal in _abandoned(root):
        with engine.connect() as db:
            known = db.scalar(sa.select(edits.c.id).where(edits.c.id == journal.name)) is not None
        if not known:
            for name in LOCKS:  # of the process that is gone
                (root / ".git" / name).unlink(missing_ok=True)
            _undo(root, journal)
            undone += 1
        journal.unlink()
    return undone


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """One process at a time writes definitions."""
    with (root / ".git" / "handrail.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _abandoned(root: Path) -> Iterator[Path]:
    """The journals that nobody holds, each locked while it is dealt with; drafts of journals are dropped."""
    for journal in sorted((root / ".git" / "handrail").glob("*edit_*")):
        with suppress(BlockingIOError, FileNotFoundError), journal.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if journal.name.startswith("."):
                journal.unlink()
            else:
                yield journal


def _undo(root: Path, journal: Path) -> None:
    """Put back what this edit replaced, unless somebody wrote there since, and commit that."""
    said: dict[str, Any] = json.loads(journal.read_bytes())
    files = {p: text.encode("utf-8", "surrogateescape") for p, text in said["files"].items()}
    with alone(root), Repo(str(root)) as repo:
        for path, content in files.items():
            _put_back(root / path, content, _content(repo, said["before"], path))
        _commit_if_changed(repo, files)


def _put_back(file: Path, written: bytes, before: bytes | None) -> None:
    for draft in storage.drafts(file.parent, file.name):
        draft.unlink(missing_ok=True)
    if not file.is_file() or file.read_bytes() != written:
        return
    if before is None:
        file.unlink()
    else:
        storage.write_file(file, before)


def _content(repo: Repo, commit: str, path: str) -> bytes | None:
    try:
        tree = repo[commit.encode()].tree  # type: ignore[attr-defined]
        _, sha = tree_lookup_path(repo.__getitem__, tree, path.encode())
        found = repo[sha]
    except KeyError:
        return None
    return found.data if isinstance(found, Blob) else None


def _commit_if_changed(repo: Repo, paths: Iterable[str]) -> None:
    tree = repo.get_worktree()
    tree.stage([path.encode() for path in paths])
    if repo.open_index().commit(repo.object_store) != repo[repo.head()].tree:  # type: ignore[attr-defined]
        tree.commit(message=b"Undo an edit that was not finished.", author=COMMITTER, committer=COMMITTER)
