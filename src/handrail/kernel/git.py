"""Git repositories whose objects and refs are rows of our own database, so that a push is one transaction.

The rows are content-addressed per repository; HEAD is always `refs/heads/main`. A commit's longer story (the
prompts) is a git note under its own ref, which a plain clone does not fetch.
"""

import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from dulwich.index import commit_tree
from dulwich.object_store import BaseObjectStore, iter_tree_contents
from dulwich.objects import Blob, Commit, ObjectID, RawObjectID, ShaFile, Tree, sha_to_hex
from dulwich.objects import Tag as TagObject
from dulwich.refs import HEADREF, Ref, RefsContainer
from dulwich.repo import BaseRepo
from sqlalchemy.exc import IntegrityError

from handrail.kernel import storage
from handrail.kernel.errors import Conflict, NotFound
from handrail.kernel.storage import metadata

MAIN = "refs/heads/main"
KINDS: tuple[type[ShaFile], ...] = (Commit, Tree, Blob, TagObject)

git_objects = sa.Table(
    "git_objects",
    metadata,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("sha", sa.Text, primary_key=True),
    sa.Column("kind", sa.Integer, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
)
git_refs = sa.Table(
    "git_refs",
    metadata,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("sha", sa.Text, nullable=False),
)


@dataclass(frozen=True)
class Author:
    """Who a commit is by, as git writes it."""

    name: str
    email: str

    @property
    def line(self) -> bytes:
        """`name <email>` without the characters that would end the field."""
        name, email = (
            "".join(letter for letter in text if letter.isprintable() and letter not in "<>").strip()
            for text in (self.name, self.email)
        )
        return f"{name or 'unknown'} <{email}>".encode()


@dataclass(frozen=True)
class CommitInfo:
    """One commit: its own id, its tree's id, its parent's, who made it, when, and why."""

    sha: str
    tree: str
    parent: str | None
    author: str
    at: int  # seconds since 1970
    why: str


@dataclass(frozen=True)
class FileChange:
    """One file between two trees; `before` or `after` is None where the file is absent."""

    path: str
    kind: Literal["added", "changed", "removed"]
    before: bytes | None
    after: bytes | None


class SqlObjectStore(BaseObjectStore):
    """The objects of one repository, inside the caller's transaction."""

    def __init__(self, db: sa.Connection, repository: str) -> None:
        super().__init__()
        self.db = db
        self.repository = repository

    def _mine(self, sha: ObjectID | RawObjectID) -> sa.ColumnElement[bool]:
        name = sha if len(sha) == self.object_format.hex_length else sha_to_hex(RawObjectID(sha))
        return (git_objects.c.repository == self.repository) & (git_objects.c.sha == name.decode("ascii"))

    def contains_loose(self, sha: ObjectID) -> bool:
        """Whether the object is here."""
        return self.db.execute(sa.select(git_objects.c.kind).where(self._mine(sha))).first() is not None

    def contains_packed(self, sha: ObjectID | RawObjectID) -> bool:
        """Never: there are no packs."""
        return False

    @property
    def packs(self) -> list[object]:  # type: ignore[override]
        """None: rows are not packed."""
        return []

    def __iter__(self) -> Iterator[ObjectID]:
        names = sa.select(git_objects.c.sha).where(git_objects.c.repository == self.repository)
        return iter([ObjectID(name.encode("ascii")) for name in self.db.scalars(names)])

    def get_raw(self, name: RawObjectID | ObjectID) -> tuple[int, bytes]:
        """Git's kind number and the content; KeyError when the object is absent."""
        columns = sa.select(git_objects.c.kind, git_objects.c.content)
        row = self.db.execute(columns.where(self._mine(name))).first()
        if row is None:
            raise KeyError(name)
        return row.kind, bytes(row.content)

    def add_object(self, obj: ShaFile) -> None:
        """Keep one object; the same object twice is one row."""
        insert = storage.insert_of(self.db.dialect.name)
        self.db.execute(
            insert(git_objects)
            .values(
                repository=self.repository,
                sha=obj.id.decode("ascii"),
                kind=obj.type_num,
                content=obj.as_raw_string(),
            )
            .on_conflict_do_nothing()
        )


class SqlRefs(RefsContainer):
    """The refs of one repository as a reader of it may see them: `hidden` prefixes do not exist for them."""

    def __init__(self, db: sa.Connection, repository: str, hidden: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.db = db
        self.repository = repository
        self.hidden = hidden

    def _rows(self) -> dict[Ref, bytes]:
        query = sa.select(git_refs.c.name, git_refs.c.sha).where(git_refs.c.repository == self.repository)
        rows = {name: sha for name, sha in self.db.execute(query) if not name.startswith(self.hidden)}
        return {Ref(name.encode()): sha.encode("ascii") for name, sha in rows.items()}

    def allkeys(self) -> set[Ref]:
        """Every visible ref, and HEAD once there is a main branch."""
        names = set(self._rows())
        return names | {HEADREF} if Ref(MAIN.encode()) in names else names

    def read_loose_ref(self, name: Ref) -> bytes | None:
        """The id that a ref names; HEAD always points at main, or a clone would check out nothing."""
        return b"ref: " + MAIN.encode() if name == HEADREF else self._rows().get(name)

    def get_packed_refs(self) -> dict[Ref, ObjectID]:
        """None: rows are not packed."""
        return {}

    def get_symrefs(self) -> dict[Ref, Ref]:
        """HEAD, the one symbolic ref."""
        return {HEADREF: Ref(MAIN.encode())}


class Repository(BaseRepo):
    """One app's repository inside the caller's transaction."""

    def __init__(self, db: sa.Connection, name: str, hidden: tuple[str, ...] = ()) -> None:
        super().__init__(SqlObjectStore(db, name), SqlRefs(db, name, hidden))  # type: ignore[arg-type]
        self.db = db
        self.name = name
        self.hidden = hidden

    def ref(self, name: str) -> str | None:
        """The commit that a ref names, or None."""
        sha = self.refs.read_ref(Ref(name.encode()))
        return sha.decode("ascii") if sha else None

    def move(self, name: str, old: str | None, new: str) -> None:
        """Point a ref from `old` to `new`; refuses Conflict when another transaction moved it first."""
        here = (git_refs.c.repository == self.name) & (git_refs.c.name == name)
        try:
            if old is None:
                self.db.execute(sa.insert(git_refs).values(repository=self.name, name=name, sha=new))
                return
            forward = sa.update(git_refs).where(here, git_refs.c.sha == old).values(sha=new)
            if self.db.execute(forward).rowcount == 1:
                return
        except IntegrityError:
            pass
        raise Conflict(
            f"Somebody else wrote to {self.name} at the same moment.", next_step="Look at it, then try again."
        )

    def write_tree(self, files: Mapping[str, bytes]) -> str:
        """Keep the files; returns the tree's id, which depends on nothing but paths and contents."""
        entries = []
        for path, content in files.items():
            blob = Blob.from_string(content)
            self.object_store.add_object(blob)
            entries.append((path.encode(), blob.id, stat.S_IFREG | 0o644))
        return commit_tree(self.object_store, entries).decode("ascii")

    def commit(self, tree: str, author: Author, why: str, at: datetime, branch: str = MAIN) -> str:
        """A commit of `tree` on top of the branch, which moves to it; returns its id."""
        parent = self.ref(branch)
        commit = Commit()
        commit.tree = ObjectID(tree.encode("ascii"))
        commit.parents = [ObjectID(parent.encode("ascii"))] if parent else []
        commit.author = commit.committer = author.line
        commit.author_time = commit.commit_time = int(at.timestamp())
        commit.author_timezone = commit.commit_timezone = 0
        commit.encoding = b"UTF-8"
        commit.message = why.encode() + b"\n"
        self.object_store.add_object(commit)
        sha = commit.id.decode("ascii")
        self.move(branch, parent, sha)
        return sha

    def info(self, sha: str) -> CommitInfo:
        """What is written on a commit; refuses NotFound."""
        commit = self._commit(sha)
        return CommitInfo(
            sha=sha,
            tree=commit.tree.decode("ascii"),
            parent=commit.parents[0].decode("ascii") if commit.parents else None,
            author=commit.author.decode("utf-8", "replace"),
            at=commit.author_time,
            why=commit.message.decode("utf-8", "replace").rstrip("\n"),
        )

    def files(self, sha: str) -> dict[str, bytes]:
        """Every file of a commit, path to content, in path order; refuses NotFound."""
        return {path: self.object_store.get_raw(blob)[1] for path, blob in self._blobs(sha).items()}

    def file(self, sha: str, path: str) -> bytes | None:
        """One file of a commit, or None; refuses NotFound when there is no such commit."""
        blob = self._blobs(sha).get(path)
        return self.object_store.get_raw(blob)[1] if blob else None

    def diff(self, old: str | None, new: str) -> tuple[FileChange, ...]:
        """What changed from one commit to another (from nothing, when `old` is None), in path order."""
        before, after = self._blobs(old) if old else {}, self._blobs(new)
        paths = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
        return tuple(self._change(path, before.get(path), after.get(path)) for path in paths)

    def annotate(self, ref: str, sha: str, note: bytes, author: Author, at: datetime) -> None:
        """Hang a note on a commit as `git notes` keeps it: a tree of files named by commit, in a ref."""
        head = self.ref(ref)
        tree = self._tree(self._commit(head).tree) if head else Tree()
        blob = Blob.from_string(note)
        tree[sha.encode("ascii")] = (stat.S_IFREG | 0o644, blob.id)
        self.object_store.add_object(blob)
        self.object_store.add_object(tree)
        self.commit(tree.id.decode("ascii"), author, f"Note on {sha}", at, branch=ref)

    def note(self, ref: str, sha: str) -> bytes | None:
        """The note on a commit in this ref, or None."""
        head = self.ref(ref)
        tree = self._tree(self._commit(head).tree) if head else Tree()
        name = sha.encode("ascii")
        return self.object_store.get_raw(tree[name][1])[1] if name in tree else None

    def _commit(self, sha: str) -> Commit:
        try:
            found = self.object_store[ObjectID(sha.encode("ascii"))]
        except (KeyError, ValueError):  # ValueError: not a hexadecimal id, or not ASCII
            found = None
        if not isinstance(found, Commit):
            raise NotFound(f"{self.name} has no version {sha[:40]!r}.", next_step="List its versions.")
        return found

    def _tree(self, sha: ObjectID) -> Tree:
        found = self.object_store[sha]
        if not isinstance(found, Tree):
            raise TypeError(f"{sha!r} is not a tree")
        return found

    def _change(self, path: str, before: ObjectID | None, after: ObjectID | None) -> FileChange:
        kind: Literal["added", "changed", "removed"] = "changed"
        if before is None or after is None:
            kind = "added" if before is None else "removed"
        old, new = (self.object_store.get_raw(blob)[1] if blob else None for blob in (before, after))
        return FileChange(path, kind, old, new)

    def _blobs(self, sha: str) -> dict[str, ObjectID]:
        entries = iter_tree_contents(self.object_store, self._commit(sha).tree)
        return {entry.path.decode(): entry.sha for entry in entries if entry.path and entry.sha}
