"""What waits holds nothing of an app's, goes to its own kind alone, and gives way to jobs; nothing is started here."""

import os
import secrets
import socket
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from handrail.adapters.isolation import parked
from handrail.adapters.isolation.parked import Lot, Parked
from handrail.adapters.isolation.users import Users
from handrail.kernel import NotReady
from handrail.kernel.sandbox import Layer, Sandbox
from tests.adapters.isolation.conftest import LIMITS, UID

PYTHON = "/usr/bin/python3"
LAYER = Layer("sha256:one", PYTHON, {}, imports=("decimal",))
MUCH = 1 << 40


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of ours lie apart from those of servers on this machine."""
    monkeypatch.setattr(parked, "_place", lambda: tmp_path / "parked")
    (tmp_path / "parked").mkdir()
    return tmp_path / "parked"


@pytest.fixture
def app() -> Iterator[Sandbox]:
    """All that a sandbox of an app can have, as a run asks for it."""
    ours, theirs = socket.socketpair()
    with ours, theirs, socket.socket(socket.AF_UNIX) as listener:
        command = (PYTHON, "-P", "-m", "handrail_sdk.run", "app.py")
        yield Sandbox(command, {"app.py": b"print('secret')"}, LAYER, LIMITS, theirs, listener, "payroll")


@pytest.fixture
def users(tmp_path: Path) -> Users:
    """Ids of these tests alone."""
    return Users(UID, 1000, secrets.token_hex(4), tmp_path / "users")


def waits(app: Sandbox, users: Users, *, alive: bool = True, memory: int = 1 << 20) -> Parked:
    """One of this app's kind as if it had come to life."""
    one = Parked(app, users, listens=app.listener is not None)
    one.started = SimpleNamespace(alive=alive, process=SimpleNamespace(returncode=0))  # type: ignore[assignment]
    one.memory = memory
    return one


def test_one_that_waits_knows_nothing_of_the_app_it_was_modelled_on(app: Sandbox, users: Users) -> None:
    with Parked(app, users, listens=True) as one:
        like = one._sandbox
        assert (like.files, like.door, like.listener, like.app) == ({}, None, None, "")
        assert "handrail_sdk.run" not in like.command
        assert list(one.folder.iterdir()) == []


def test_what_is_remembered_of_what_apps_ask_for_is_nothing_of_theirs(app: Sandbox, users: Users) -> None:
    lot = Lot()
    assert lot.take(app) is None
    modelled: list[Sandbox] = []
    assert lot.keep(1, MUCH, 3600, lambda like, _: modelled.append(like))
    (like,) = modelled
    assert (like.files, like.door, like.listener, like.app) == ({}, None, None, "")


@pytest.mark.parametrize("command", [(PYTHON, "-c", "print(1)"), ("/bin/sh", "-P", "x"), (PYTHON, "-I", "x")])
def test_what_begins_otherwise_than_one_that_waits_can_become_gets_none(
    app: Sandbox, users: Users, command: tuple[str, ...]
) -> None:
    lot = Lot()
    with waits(app, users) as one:
        lot.put(one)
        assert lot.take(replace(app, command=command)) is None
        assert lot.take(app) is one
        assert lot.take(app) is None


@pytest.mark.parametrize(
    "other",
    [
        {"layer": replace(LAYER, digest="sha256:two")},
        {"layer": replace(LAYER, python="/opt/python"), "command": ("/opt/python", "-P", "app.py")},
        {"limits": replace(LIMITS, memory=LIMITS.memory + 1)},
        {"listener": None},
    ],
    ids=["another layer", "another Python", "other limits", "no listener"],
)
def test_only_its_own_kind_gets_one(app: Sandbox, users: Users, other: dict[str, Any]) -> None:
    lot = Lot()
    with waits(app, users) as one:
        lot.put(one)
        assert lot.take(replace(app, **other)) is None
        assert lot.waiting()[0] == 1


def test_none_is_started_beside_a_job_where_it_could_not_give_way(
    app: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    lot, started = Lot(), []

    def keep() -> bool:
        return lot.keep(1, MUCH, 3600, lambda like, _: started.append(like))

    job = replace(app, listener=None)
    lot.take(job)
    monkeypatch.setattr(parked, "may_hurry", lambda: False)
    with lot.going(job):
        assert not keep()
    with lot.going(app):  # what people come to goes on for days
        assert keep()
    monkeypatch.setattr(parked, "may_hurry", lambda: True)
    with lot.going(job):
        assert keep()
    assert len(started) == 2


def test_those_that_died_or_hold_too_much_are_not_kept_or_added_to(app: Sandbox, users: Users) -> None:
    lot, started = Lot(), []
    lot.take(app)
    lot.put(waits(app, users, alive=False))
    lot.put(waits(app, users, memory=5))

    def keep(memory: int) -> bool:
        return lot.keep(2, memory, 3600, lambda like, _: started.append(like))

    assert keep(5)  # one had died
    assert (lot.waiting(), started) == ((1, 5), [])
    assert not keep(5)
    assert keep(6)
    assert len(started) == 1
    lot.empty()
    assert lot.waiting() == (0, 0)


def test_a_kind_that_cannot_wait_is_left_alone_for_a_while(app: Sandbox) -> None:
    lot, tried = Lot(), []

    def refuses(like: Sandbox, _: bool) -> None:
        tried.append(like)
        raise NotReady("It did not come to life.", next_step="Nothing.")

    lot.take(app)
    assert lot.keep(1, MUCH, 3600, refuses)
    assert not lot.keep(1, MUCH, 3600, refuses)
    assert len(tried) == 1


def test_nothing_is_handed_to_one_that_is_dead_or_whose_folder_somebody_was_in(
    app: Sandbox, users: Users, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parked, "hurry", lambda _user: None)  # nothing of that user runs here
    with waits(app, users, alive=False) as dead:
        assert not dead.become(app)
        assert list(dead.folder.iterdir()) == []
    canary = tmp_path / "canary"
    canary.write_text("whole")
    for plant in (
        lambda folder: (folder / "app.py").symlink_to(canary),
        lambda folder: (folder / "app.py").write_text("import evil"),
    ):
        with waits(app, users) as one:
            plant(one.folder)
            assert not one.become(app)
            assert not one._used
    assert canary.read_text() == "whole"
    folders = {"data/app.py": b"print(1)"}
    with waits(app, users) as one:
        (one.folder / "data").symlink_to(tmp_path)
        assert not one.become(replace(app, files=folders))
    assert not (tmp_path / "app.py").exists()
    with waits(app, users) as one:
        assert one.become(app)
        assert one._used
        assert (one.folder / "app.py").read_bytes() == app.files["app.py"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has users to tell apart")
def test_each_has_a_user_that_no_app_and_no_other_has_and_a_folder_of_that_user(
    app: Sandbox, users: Users
) -> None:
    with waits(app, users) as one, waits(app, users) as other, users.one("payroll") as apps:
        assert len({one._user, other._user, apps}) == 3
        found = one.folder.stat()
        assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (0, one._user, 0o750)


def test_folders_of_killed_servers_are_removed_and_those_of_living_ones_are_not(place: Path) -> None:
    nobody = int(Path("/proc/sys/kernel/pid_max").read_text()) + 1
    gone, own = place / f"handrail-parked-{nobody}-x", place / f"handrail-parked-{os.getpid()}-x"
    other = place / "handrail-parked-of-somebody"
    for folder in (gone, own, other):
        folder.mkdir()
    parked.sweep()
    assert [folder.exists() for folder in (gone, own, other)] == [False, True, True]


def test_a_folder_goes_with_what_waited_in_it(app: Sandbox, users: Users, place: Path) -> None:
    with waits(app, users) as one:
        assert [one.folder] == list(place.iterdir())
    assert list(place.iterdir()) == []
    assert one._control.fileno() == -1
