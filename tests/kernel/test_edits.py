"""An edit of definitions stays if its transaction does, and otherwise never was."""

import os
from pathlib import Path

import pytest
import sqlalchemy as sa
from dulwich import porcelain
from dulwich.repo import Repo

from handrail.kernel import Conflict, Instance, definitions, storage
from handrail.kernel.edits import edits, recover
from handrail.server import open_instance
from tests import forked
from tests.conftest import Acting

PATH = "purposes.yaml"

# A process that is killed at one moment of an edit: `sys.argv[2]` is a name in the module of edits or definitions.
DYING = """
import os, signal, sys
from pathlib import Path
import dulwich.worktree
from handrail import server
from handrail.kernel import SYSTEM, definitions, storage

def die(*_args, **_more):
    os.kill(os.getpid(), signal.SIGKILL)

def die_with_a_lock(*_args, **_more):
    (Path(sys.argv[1]) / "definitions/.git/index.lock").touch()
    die()

instance = server.open_instance(Path(sys.argv[1]))
moment = sys.argv[2]
with instance.context(SYSTEM) as ctx:
    if moment == "before a file":
        storage.write_file = die
    elif moment == "within a file":
        Path.replace = die
    elif moment == "before the commit":
        dulwich.worktree.WorkTree.commit = die
    elif moment == "under git's lock":
        dulwich.worktree.WorkTree.stage = die_with_a_lock
    definitions.write_all(ctx, {"purposes.yaml": b"lost: Nobody asked.\\n", "model/new.yaml": b"new\\n"}, "Lost")
    if moment == "after the commit":
        die()
"""


def is_clean(root: Path) -> bool:
    status = porcelain.status(str(root))
    locks = [file for file in (root / ".git").rglob("*.lock") if file.name != "handrail.lock"]
    drafts = [file for file in root.rglob(".*.*") if ".git" not in file.parts]
    return not (any(status.staged.values()) or status.unstaged or status.untracked or locks or drafts)


def is_settled(instance: Instance) -> bool:
    root = instance.settings.home / "definitions"
    return is_clean(root) and list((root / ".git/handrail").iterdir()) == []


def test_an_edit_stays_with_its_transaction(instance: Instance, acting: Acting) -> None:
    with acting("steward.sales") as ctx:
        definitions.write(ctx, PATH, b"kept: Yes.\n", "Keep")
    assert is_settled(instance)
    again = open_instance(instance.settings.home)
    with acting("steward.sales") as ctx:
        assert definitions.read(ctx, PATH) == b"kept: Yes.\n"
        assert ctx.db.scalar(sa.select(sa.func.count()).select_from(edits)) == 1
    again.close()


@pytest.mark.parametrize("error", [Conflict("No.", next_step="Wait."), ZeroDivisionError()])
def test_what_was_refused_later_in_the_transaction_is_put_back(
    instance: Instance, acting: Acting, error: Exception
) -> None:
    root = instance.settings.home / "definitions"
    before = (root / PATH).read_bytes()
    with pytest.raises(type(error)), acting("steward.sales") as ctx:
        definitions.write_all(ctx, {PATH: b"lost: No.\n", "model/new.yaml": b"new\n"}, "Lose")
        definitions.write(ctx, PATH, b"lost: Twice.\n", "Lose again")
        raise error
    assert (root / PATH).read_bytes() == before
    assert not (root / "model/new.yaml").exists()
    assert is_settled(instance)
    with Repo(str(root)) as repo:
        assert repo[repo.head()].message == b"Undo an edit that was not finished."  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "moment",
    ["before a file", "within a file", "under git's lock", "before the commit", "after the commit"],
)
def test_an_edit_that_is_killed_is_undone_when_the_instance_is_opened(
    instance: Instance, acting: Acting, moment: str
) -> None:
    home = instance.settings.home
    before = (home / "definitions" / PATH).read_bytes()
    instance.close()
    done = forked.run(DYING, str(home), moment)
    assert done.returncode == -9, done.stderr
    again = open_instance(home)
    try:
        assert (home / "definitions" / PATH).read_bytes() == before
        assert not (home / "definitions/model/new.yaml").exists()
        assert is_settled(again)
        with again.context(again.system()) as ctx:
            definitions.write(ctx, PATH, b"kept: Yes.\n", "Keep")
        assert is_settled(again)
    finally:
        again.close()


def test_what_somebody_wrote_since_is_not_touched(instance: Instance, acting: Acting) -> None:
    home = instance.settings.home
    done = forked.run(DYING, str(home), "after the commit")
    assert done.returncode == -9
    (home / "definitions" / PATH).write_bytes(b"theirs: By hand.\n")
    assert recover(instance.engine, home / "definitions") == 1
    assert (home / "definitions" / PATH).read_bytes() == b"theirs: By hand.\n"


def test_an_edit_that_goes_on_is_left_alone(instance: Instance, acting: Acting) -> None:
    root = instance.settings.home / "definitions"
    with acting("steward.sales") as ctx:
        definitions.write(ctx, PATH, b"going: On.\n", "Go on")
        assert recover(instance.engine, root) == 0
    assert (root / PATH).read_bytes() == b"going: On.\n"


def test_only_old_drafts_are_swept(tmp_path: Path) -> None:
    old, new, other = (
        tmp_path / "twins" / name
        for name in (".a.json.0123456789ab", ".b.json.0123456789ab", ".c.json.not-ours")
    )
    old.parent.mkdir()
    for file in (old, new, other):
        file.touch()
    for file in (old, other):
        os.utime(file, (1, 1))
    storage.sweep(tmp_path)
    assert sorted(old.parent.iterdir()) == sorted([new, other])
