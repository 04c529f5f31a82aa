"""Whether an instance is whole: each thing that was done stands with everything that belongs to it, or not at all."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dulwich import porcelain
from dulwich.objects import Commit

from handrail.apps import store as apps_store
from handrail.data import store as data_store
from handrail.kernel import definitions, git
from handrail.kernel.audit import log as audit_log
from handrail.kernel.manifest import FILENAME
from handrail.review import store as review_store
from handrail.runtime import lease
from handrail.runtime import store as runtime_store

DRAFT = re.compile(r"^\..*\.[0-9a-f]{12}$")


def rows(db: sa.Connection, table: sa.Table, *columns: str) -> list[Any]:
    return list(db.execute(sa.select(*(table.c[name] for name in columns))))


def trail(db: sa.Connection, verb: str) -> list[dict[str, Any]]:
    """The facts of all entries of one kind, with their subject."""
    query = sa.select(audit_log.entries.c.body).where(audit_log.entries.c.verb == verb)
    found = [json.loads(body) for body in db.scalars(query)]
    return [{**entry["facts"], "subject": entry["subject"].partition(":")[2]} for entry in found]


def check_apps(db: sa.Connection) -> None:
    """Every version has its commit, tree, tags and entry; every commit and entry its version."""
    versions = rows(db, apps_store.versions, "app", "n", "commit", "tree")
    pushed = [(one["subject"], one["n"], one["commit"]) for one in trail(db, "app.pushed")]
    assert sorted(pushed) == sorted((row.app, row.n, row.commit) for row in versions)
    for app in {row.app for row in versions}:
        mine = sorted((row for row in versions if row.app == app), key=lambda row: row.n)
        assert [row.n for row in mine] == list(range(1, len(mine) + 1))
        repository = git.Repository(db, app)
        assert repository.ref(git.MAIN) == mine[-1].commit
        noted = repository.ref("refs/notes/prompts")
        reached, notes = {row.commit for row in mine}, set()
        while noted:
            notes.add(noted)
            noted = repository.info(noted).parent
        for row in mine:
            assert repository.info(row.commit).tree == row.tree
            assert repository.ref(f"refs/tags/v{row.n}") == row.commit
            assert set(repository.files(row.commit)) == {FILENAME, "app.py"}
        stored = {
            sha.decode()
            for sha in repository.object_store
            if isinstance(repository.object_store[sha], Commit)
        }
        assert stored == reached | notes
    promoted = [(one["subject"], one["commit"]) for one in trail(db, "app.promoted")]
    assert sorted(promoted) == sorted(
        (row.app, row.commit) for row in rows(db, apps_store.promotions, "app", "commit")
    )


def check_verdicts(db: sa.Connection) -> None:
    verdicts = rows(db, review_store.verdicts, "commit", "withdrawn")
    approved = [one["commit"] for one in trail(db, "review.approved")]
    assert sorted(approved) == sorted(row.commit for row in verdicts)
    withdrawn = [one["commit"] for one in trail(db, "review.withdrawn")]
    assert sorted(withdrawn) == sorted(row.commit for row in verdicts if row.withdrawn)


def check_data(db: sa.Connection) -> None:
    """Every proposal and certification has its entry."""
    for verb, table in (
        ("dataset.proposed", data_store.proposals),
        ("dataset.certified", data_store.certifications),
    ):
        kept = sorted(row.digest for row in rows(db, table, "digest"))
        assert sorted(one["digest"] for one in trail(db, verb)) == kept


def check_contract(db: sa.Connection, home: Path, dataset: str) -> None:
    """The file says what was proposed last, and the definitions hold nothing that is not committed."""
    proposed = rows(db, data_store.proposals, "id", "dataset", "digest")
    newest = max((row for row in proposed if row.dataset == dataset), key=lambda row: row.id)
    content = (home / f"definitions/contracts/{dataset}.odcs.yaml").read_bytes()
    assert definitions.digest(content) == newest.digest
    status = porcelain.status(str(home / "definitions"))
    assert not any(status.staged.values()) and not status.unstaged and not status.untracked


def check_runs(db: sa.Connection, were_running: set[str]) -> None:
    """No run is left with a process that is gone: it begins anew, or was given up; and each ends once."""
    assert until(lambda: not any(map(lease.is_gone, _holders(db)))), "nobody took a run back"
    found = {row.id: row for row in rows(db, runtime_store.runs, "id", "state", "ended", "reason")}
    assert {one["subject"] for one in trail(db, "run.started")} == set(found)
    over = sorted(row.id for row in found.values() if row.state in ("succeeded", "failed", "stopped"))
    assert sorted(one["run"] for one in trail(db, "run.finished")) == over
    anew = {one["run"] for one in trail(db, "run.taken_back")}
    for run in were_running:
        given_up = found[run].ended == "interrupted" and found[run].reason.startswith("Interrupted: 3 times")
        assert run in anew
        assert given_up or found[run].state in ("queued", "running", "succeeded"), found[run]


def _holders(db: sa.Connection) -> list[str]:
    return [row.holder for row in rows(db, runtime_store.runs, "holder", "state") if row.state == "running"]


def check_files(home: Path) -> None:
    assert [path for path in home.rglob(".*") if DRAFT.match(path.name)] == []
    held = {"handrail.lock", "lock"}  # held by a process, not by being there
    assert [path for path in home.rglob("*lock") if path.name not in held] == []
    assert list((home / "definitions/.git/handrail").iterdir()) == []


def survivors(mark: str) -> list[str]:
    """The processes that have this word among their arguments."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().split(b"\0")
        except OSError:
            continue
        if mark.encode() in words:
            found.append(file.parent.name)
    return found


def until(fulfilled: Callable[[], bool], seconds: float = 120) -> bool:
    for _ in range(int(seconds / 0.05)):
        if fulfilled():
            return True
        time.sleep(0.05)
    return False
