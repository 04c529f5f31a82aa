"""Definitions: contracts, models, policies and purposes as files in the instance's own git repository.

A file is what counts, as it lies there now; who certified which content is a row elsewhere. Edits by people
with access to the directory, by pull request or by Handrail are therefore all alike.
"""

import hashlib
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from dulwich.errors import FileFormatException, MissingCommitError, NotGitRepository, WrongObjectException
from dulwich.file import FileLocked
from dulwich.object_store import tree_lookup_path
from dulwich.objects import Blob, Commit, Tree
from dulwich.repo import Repo

from handrail.kernel import edits, storage
from handrail.kernel.errors import Conflict, Invalid, Upstream

if TYPE_CHECKING:
    from handrail.kernel.context import Context

# Whatever a damaged repository does to dulwich surfaces as one of these.
_DAMAGE = (
    *(NotGitRepository, FileFormatException, WrongObjectException, MissingCommitError),
    *(AssertionError, KeyError, ValueError, zlib.error),
)


@dataclass(frozen=True)
class Edit:
    """One commit that touched a definition."""

    commit: str
    author: str
    at: datetime
    message: str


def create(root: Path, files: Mapping[str, bytes]) -> None:
    """Make the repository with its first files."""
    root.mkdir(parents=True)
    repo = Repo.init(str(root), default_branch=b"main")
    repo.close()
    _commit(root, files, "Begin the definitions.", edits.COMMITTER)


def digest(content: bytes) -> str:
    """The name of exactly this content."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def read(ctx: "Context", path: str) -> bytes | None:
    """The content of a definition as it lies there now, or None."""
    return ctx.instance.files.read(_inside(ctx.instance.definitions, path))


def names(ctx: "Context", prefix: str) -> list[str]:
    """The paths of all definitions below the folder `prefix`, sorted."""
    root = ctx.settings.home / "definitions"
    folder = _inside(root, prefix.rstrip("/"))
    return sorted(
        f.relative_to(root).as_posix()
        for f in folder.rglob("*")
        if f.is_file() and not f.name.startswith(".")
    )


def stamp(ctx: "Context", folder: str) -> str:
    """What changes whenever a file comes into `folder`, leaves it or is replaced; "" while there is none."""
    try:
        found = _inside(ctx.settings.home / "definitions", folder).stat()
    except FileNotFoundError:
        return ""
    return f"{found.st_ino}:{found.st_mtime_ns}"


def stamps(ctx: "Context", folder: str) -> dict[str, str]:
    """By path, what changes whenever the file is edited, of every file directly in `folder`; opens none."""
    root = ctx.settings.home / "definitions"
    found = {}
    with suppress(FileNotFoundError), os.scandir(_inside(root, folder)) as entries:
        for entry in entries:
            if not entry.name.startswith(".") and entry.is_file():
                seen = entry.stat()
                found[f"{folder}/{entry.name}"] = f"{seen.st_ino}:{seen.st_mtime_ns}:{seen.st_size}"
    return found


def write(ctx: "Context", path: str, content: bytes, message: str) -> str:
    """Write one definition and commit it in the caller's name; returns the commit."""
    return write_all(ctx, {path: content}, message)


def write_all(ctx: "Context", files: Mapping[str, bytes], message: str) -> str:
    """Write several definitions as one commit in the caller's name; returns the commit.

    They stay only if the caller's transaction does. Refuses, before anything is written, Upstream when the
    repository is damaged, and Conflict while somebody's git works in it.
    """
    root, person = ctx.settings.home / "definitions", ctx.caller.person
    for path in files:
        _inside(root, path)
    _refuse_damaged(root, files)
    ctx.edits.append(edits.begin(ctx.db, root, files, ctx.clock.now()))
    name = person.name.replace("<", "").replace(">", "").replace("\n", " ")
    author = f"{name} <{person.email or person.id}>".encode()
    with _sound():
        return _commit(root, files, message, author)


def _refuse_damaged(root: Path, paths: Iterable[str]) -> None:
    """Read what an edit of these files would be undone from, and see that it could be committed."""
    with _sound(), Repo(str(root)) as repo:
        with edits.alone(root):  # so that a lock is not that of another edit
            if locked := next((name for name in edits.LOCKS if (root / ".git" / name).exists()), None):
                raise FileLocked(locked, locked)
            repo.open_index()
        newest = repo[repo.head()]
        assert isinstance(newest, Commit)
        for path in paths:
            with suppress(KeyError):  # a new file
                repo[tree_lookup_path(repo.__getitem__, newest.tree, path.encode())[1]]


@contextmanager
def _sound() -> Iterator[None]:
    """Turn what a repository does to its reader that is damaged, or locked by git, into a refusal."""
    try:
        yield
    except FileLocked as error:
        raise Conflict(
            "Somebody is changing the definitions with git at this moment, so nothing was changed.",
            next_step="Try again. If nobody is, an admin removes the *.lock files in definitions/.git.",
            subject="definitions",
        ) from error
    except _DAMAGE as error:
        raise Upstream(
            "The repository of the definitions is damaged, so nothing was changed.",
            next_step="An admin restores definitions/ from its backup; `git fsck` in it says what is wrong.",
            subject="definitions",
        ) from error


def history(ctx: "Context", path: str, limit: int = 20) -> tuple[Edit, ...]:
    """The commits that touched `path`, newest first."""
    with _sound(), Repo(str(ctx.settings.home / "definitions")) as repo:
        return tuple(
            Edit(
                commit=entry.commit.id.decode(),
                author=entry.commit.author.decode(errors="replace"),
                at=datetime.fromtimestamp(entry.commit.author_time, UTC),
                message=entry.commit.message.decode(errors="replace").strip(),
            )
            for entry in repo.get_walker(paths=[path.encode()], max_entries=limit)
        )


def earlier(ctx: "Context", path: str, content_digest: str | None = None) -> bytes | None:
    """The content of `path` that had this digest in some commit, or without one its first; None when never.

    This is how a certification, which names a digest, leads back to the text that was certified.
    """
    found: bytes | None = None
    with _sound(), Repo(str(ctx.settings.home / "definitions")) as repo:
        for entry in repo.get_walker(paths=[path.encode()]):
            tree = repo[entry.commit.tree]
            assert isinstance(tree, Tree)
            try:
                _, sha = tree.lookup_path(repo.__getitem__, path.encode())
            except KeyError:  # deleted in this commit
                continue
            blob = repo[sha]
            assert isinstance(blob, Blob)
            found = blob.data
            if content_digest is not None and digest(found) == content_digest:
                return found
    return None if content_digest is not None else found


def _commit(root: Path, files: Mapping[str, bytes], message: str, author: bytes) -> str:
    with edits.alone(root):
        for path, content in files.items():
            storage.write_file(_inside(root, path), content)
        with Repo(str(root)) as repo:
            tree = repo.get_worktree()
            tree.stage([path.encode() for path in files])
            return tree.commit(message=message.encode(), author=author, committer=edits.COMMITTER).decode()


@lru_cache(maxsize=16_384)
def _inside(root: Path, path: str) -> Path:
    parts = PurePosixPath(path).parts
    if path.startswith("/") or ".." in parts or ".git" in parts or not parts:
        raise Invalid(f"{path!r} is not a path inside the definitions.", next_step="Use a relative path.")
    return root.joinpath(*parts)
