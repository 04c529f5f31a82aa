"""Repositories in the database: commits, diffs and notes, and a real git client that clones them."""

import gzip
import io
import os
import socket
import subprocess
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI, Request, Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handrail.kernel import git, storage, upload_pack
from handrail.kernel.errors import Conflict, Invalid, NotFound
from tests.cases import cases

ADA = git.Author("Ada <Lovelace>\n", "ada@example.org")
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
NOTES = "refs/notes/prompts"


@pytest.fixture
def engine(tmp_path):
    engine = storage.open_engine(storage.sqlite_url(tmp_path / "git.db"))
    storage.metadata.create_all(engine, tables=[git.git_objects, git.git_refs])
    yield engine
    engine.dispose()


def push(db, files, why, name="velocity"):
    repository = git.Repository(db, name)
    return repository.commit(repository.write_tree(files), ADA, why, NOON)


@pytest.fixture
def served(engine):
    """The repositories of the database on a loopback port, as a git client reaches them."""
    app = FastAPI()
    app.state.hidden = ()

    @app.get("/{name}.git/info/refs")
    def refs(name: str) -> Response:
        out = io.BytesIO()
        with engine.connect() as db:
            upload_pack.advertise(git.Repository(db, name, app.state.hidden), out)
        return Response(out.getvalue(), media_type=upload_pack.ADVERTISEMENT)

    @app.post("/{name}.git/git-upload-pack")
    async def pack(name: str, request: Request) -> Response:
        body, out = await request.body(), io.BytesIO()
        if request.headers.get("content-encoding") == "gzip":
            body = upload_pack.unzip(body)
        with engine.connect() as db:
            upload_pack.upload_pack(git.Repository(db, name, app.state.hidden), body, out)
        return Response(out.getvalue(), media_type=upload_pack.RESULT)

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        app.state.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        yield app.state
        server.should_exit = True
        thread.join()


def run_git(*arguments: object, cwd: Path | None = None) -> str:
    bare = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    done = subprocess.run(
        ["git", *map(str, arguments)],
        cwd=cwd,
        env=bare,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_is_committed_reads_back_with_its_author_and_why(engine):
    files = {"app.py": b"print(1)\n", "lib/deep/er.py": b"", "data/ü.bin": bytes(range(256))}
    with engine.begin() as db:
        first = push(db, files, "Weekly velocity\n\nFor the Monday meeting")
        second = push(db, files | {"app.py": b"print(2)\n"}, "Two")
    with engine.connect() as db:
        repository = git.Repository(db, "velocity")
        assert repository.files(first) == files
        assert repository.ref(git.MAIN) == second
        info = repository.info(second)
        assert (info.parent, info.why, info.at) == (first, "Two", int(NOON.timestamp()))
        assert info.author == "Ada Lovelace <ada@example.org>"


def test_the_same_files_are_the_same_tree_in_every_repository(engine):
    with engine.begin() as db:
        one = git.Repository(db, "one").write_tree({"a": b"1", "b/c": b"2"})
        two = git.Repository(db, "two").write_tree({"b/c": b"2", "a": b"1"})
    assert one == two


def test_one_repository_cannot_read_the_objects_of_another(engine):
    with engine.begin() as db:
        sha = push(db, {"secret.py": b"x"}, "Mine", name="mine")
        with pytest.raises(NotFound):
            git.Repository(db, "other").files(sha)


@pytest.mark.parametrize("sha", ["", "main", "0" * 40, "ü" * 40, "../" * 13 + "a"])
def test_a_version_that_is_not_there_is_not_found(engine, sha):
    with engine.connect() as db, pytest.raises(NotFound):
        git.Repository(db, "velocity").info(sha)


def test_a_push_that_is_rolled_back_leaves_nothing(engine):
    with pytest.raises(RuntimeError), engine.begin() as db:
        push(db, {"app.py": b"1"}, "Never")
        raise RuntimeError
    with engine.connect() as db:
        assert git.Repository(db, "velocity").ref(git.MAIN) is None
        assert db.scalar(sa.select(sa.func.count()).select_from(git.git_objects)) == 0


def test_a_ref_that_moved_meanwhile_is_a_conflict(engine):
    with engine.begin() as db:
        first = push(db, {"a": b"1"}, "One")
        second = push(db, {"a": b"2"}, "Two")
        repository = git.Repository(db, "velocity")
        with pytest.raises(Conflict):
            repository.move(git.MAIN, first, first)
        with pytest.raises(Conflict):
            repository.move(git.MAIN, None, first)
        assert repository.ref(git.MAIN) == second


def test_a_diff_says_what_was_added_changed_and_removed(engine):
    with engine.begin() as db:
        old = push(db, {"gone.py": b"g", "kept.py": b"k", "x/app.py": b"1"}, "One")
        new = push(db, {"kept.py": b"k", "new.py": b"n", "x/app.py": b"2"}, "Two")
        repository = git.Repository(db, "velocity")
        assert repository.diff(old, new) == (
            git.FileChange("gone.py", "removed", b"g", None),
            git.FileChange("new.py", "added", None, b"n"),
            git.FileChange("x/app.py", "changed", b"1", b"2"),
        )
        assert [change.kind for change in repository.diff(None, new)] == ["added"] * 3


trees = st.dictionaries(
    st.from_regex(r"[a-z]{1,3}\.py", fullmatch=True)
    | st.from_regex(r"[a-z]{1,2}/[a-z]{1,3}", fullmatch=True),
    st.binary(max_size=40),
    min_size=1,
    max_size=8,
)


@settings(max_examples=cases(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trees, trees)
def test_applying_a_diff_to_the_old_files_gives_the_new_ones(engine, before, after):
    with engine.begin() as db:
        repository = git.Repository(db, storage.new_id("r"))
        old = repository.commit(repository.write_tree(before), ADA, "old", NOON)
        new = repository.commit(repository.write_tree(after), ADA, "new", NOON)
        patched = repository.files(old)
        for change in repository.diff(old, new):
            if change.after is None:
                del patched[change.path]
            else:
                patched[change.path] = change.after
        assert patched == repository.files(new) == after


def test_a_real_client_clones_the_history_with_its_why_and_fetches_what_came_later(engine, served, tmp_path):
    with engine.begin() as db:
        push(db, {"app.py": b"print(1)\n", "lib/x.py": b"x = 1\n"}, "Weekly velocity by region")
    run_git("clone", f"{served.url}/velocity.git", tmp_path / "v")
    assert (tmp_path / "v/app.py").read_bytes() == b"print(1)\n"
    with engine.begin() as db:
        for number in range(2, 40):
            push(db, {"app.py": b"print(%d)\n" % number}, f"Number {number}")
    run_git("pull", "--ff-only", cwd=tmp_path / "v")
    log = run_git("log", "--format=%an|%s", cwd=tmp_path / "v").splitlines()
    assert log[0] == "Ada Lovelace|Number 39" and log[-1] == "Ada Lovelace|Weekly velocity by region"
    assert run_git("branch", "--show-current", cwd=tmp_path / "v") == "main\n"
    assert not (tmp_path / "v/lib").exists()
    run_git("fsck", "--strict", cwd=tmp_path / "v")


def test_a_client_with_work_of_its_own_fetches_in_several_rounds(engine, served, tmp_path):
    with engine.begin() as db:
        push(db, {"app.py": b"0"}, "Start")
    run_git("clone", f"{served.url}/velocity.git", tmp_path / "v")
    who = ("-c", "user.name=Me", "-c", "user.email=me@example.org")
    for number in range(60):
        run_git(*who, "commit", "--allow-empty", "-m", f"local {number}", cwd=tmp_path / "v")
    with engine.begin() as db:
        push(db, {"app.py": b"1"}, "Upstream")
    run_git("fetch", cwd=tmp_path / "v")
    assert run_git("log", "-1", "--format=%s", "origin/main", cwd=tmp_path / "v") == "Upstream\n"


def test_a_shallow_clone_works(engine, served, tmp_path):
    with engine.begin() as db:
        for number in range(5):
            push(db, {"app.py": b"%d" % number}, f"N{number}")
    run_git("clone", "--depth", "1", f"{served.url}/velocity.git", tmp_path / "v")
    assert run_git("log", "--format=%s", cwd=tmp_path / "v") == "N4\n"


def test_notes_are_read_by_git_and_do_not_exist_for_those_from_whom_they_are_hidden(engine, served, tmp_path):
    with engine.begin() as db:
        first = push(db, {"app.py": b"1"}, "One")
        repository = git.Repository(db, "velocity")
        repository.annotate(NOTES, first, b"make me a report\n", ADA, NOON)
        second = push(db, {"app.py": b"2"}, "Two")
        repository.annotate(NOTES, second, b"now by region\n", ADA, NOON)
        assert repository.note(NOTES, first) == b"make me a report\n"
        assert repository.note(NOTES, "0" * 40) is None
        assert git.Repository(db, "velocity", hidden=("refs/notes/",)).note(NOTES, first) is None
    run_git("clone", f"{served.url}/velocity.git", tmp_path / "v")
    assert "report" not in run_git("log", "--notes=prompts", cwd=tmp_path / "v")
    run_git("fetch", "origin", f"{NOTES}:{NOTES}", cwd=tmp_path / "v")
    shown = run_git("log", "--notes=prompts", cwd=tmp_path / "v")
    assert "make me a report" in shown and "now by region" in shown
    served.hidden = ("refs/notes/",)
    assert NOTES not in run_git("ls-remote", f"{served.url}/velocity.git")


def test_an_object_that_no_visible_ref_names_cannot_be_wanted(engine):
    with engine.begin() as db:
        first = push(db, {"app.py": b"1"}, "One")
        repository = git.Repository(db, "velocity")
        repository.annotate(NOTES, first, b"prompts", ADA, NOON)
        hidden = repository.ref(NOTES)
        caps = "multi_ack_detailed side-band-64k thin-pack ofs-delta"
        line = f"want {hidden} {caps}\n"
        request = f"{len(line) + 4:04x}{line}00000009done\n".encode()
        upload_pack.upload_pack(repository, request, io.BytesIO())
        with pytest.raises(Invalid):
            viewer = git.Repository(db, "velocity", hidden=("refs/notes/",))
            upload_pack.upload_pack(viewer, request, io.BytesIO())


@settings(max_examples=cases(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=200)
    | st.from_regex(rb"(00[0-9a-f]{2}(want|have|deepen|shallow) ?[0-9a-f ]*\n?){1,3}0000")
)
def test_any_bytes_sent_to_upload_pack_are_answered_or_refused(engine, body):
    with engine.connect() as db:
        try:
            upload_pack.upload_pack(git.Repository(db, "velocity"), body, io.BytesIO())
        except Invalid as refusal:
            assert refusal.next_step


def test_a_gzip_bomb_is_refused_and_a_small_body_is_unpacked():
    assert upload_pack.unzip(gzip.compress(b"0000")) == b"0000"
    with pytest.raises(Invalid, match="too large"):
        upload_pack.unzip(gzip.compress(b"0" * 50_000_000))
    with pytest.raises(Invalid, match="not gzip"):
        upload_pack.unzip(b"plain")
