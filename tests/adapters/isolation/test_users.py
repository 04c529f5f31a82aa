"""As whom sandboxes run: each app has a user id to itself as long as one of its sandboxes lives."""

import os
import secrets
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.adapters.isolation import Bubblewrap
from handrail.adapters.isolation.users import Users
from handrail.kernel import LimitReached
from handrail.kernel.sandbox import Layer, Sandbox
from tests.adapters.isolation.conftest import LIMITS, UID
from tests.cases import cases

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start sandboxes as somebody else")


def test_an_app_has_the_same_id_each_time(tmp_path: Path) -> None:
    found = []
    for _ in range(2):
        with Users(100, 1000, "here", tmp_path).one("sales") as uid:
            found.append(uid)
    with Users(100, 1000, "there", tmp_path).one("sales") as elsewhere:
        found.append(elsewhere)
    assert found[0] == found[1] != found[2]
    assert all(100 <= uid < 1100 for uid in found)


@settings(deadline=None, max_examples=cases(60))
@given(st.lists(st.sampled_from("abcdefgh"), max_size=12), st.integers(2, 5))
def test_no_two_apps_have_one_id_at_the_same_time(
    tmp_path_factory: pytest.TempPathFactory, apps: list[str], count: int
) -> None:
    users = Users(100, count, "", tmp_path_factory.mktemp("users"))
    owner: dict[int, str] = {}
    with ExitStack() as held:
        for app in apps:
            try:
                uid = held.enter_context(users.one(app))
            except LimitReached:
                assert len(owner) == count
                assert app not in owner.values()
            else:
                assert owner.setdefault(uid, app) == app


def test_an_id_is_free_again_when_its_app_has_ended(tmp_path: Path) -> None:
    users = Users(100, 2, "", tmp_path)
    with users.one("a"), users.one("b"):
        with pytest.raises(LimitReached, match="2 user ids"), users.one("c"):
            pass
        with users.one("a"):
            pass
    with users.one("c"), users.one("d"):
        pass


def test_another_process_of_handrail_is_asked_as_well_and_its_death_frees_what_it_held(
    tmp_path: Path,
) -> None:
    code = (
        "import sys, time, pathlib\nfrom handrail.adapters.isolation.users import Users\n"
        "with Users(100, 2, '', pathlib.Path(sys.argv[1])).one('a') as uid:\n print(uid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        taken = int(other.stdout.readline())
        users = Users(100, 2, "", tmp_path)
        with users.one("b") as first:
            assert {taken, first} == {100, 101}
            with pytest.raises(LimitReached), users.one("c"):
                pass
            other.kill()
            other.wait()
            with users.one("c") as second:
                assert second == taken


def test_what_was_forked_meanwhile_keeps_no_id_beyond_its_end(tmp_path: Path) -> None:
    """Between a fork and its program each child has all our open files, for long where a machine is busy."""
    users = Users(100, 2, "", tmp_path)
    wait, go_on = os.pipe()
    with users.one("a"), users.one("b"):
        child = os.fork()
        if child == 0:
            os.close(go_on)
            os.read(wait, 1)
            os._exit(0)
    try:
        with users.one("c"), users.one("d"):
            pass
    finally:
        os.close(go_on)
        os.close(wait)
        os.waitpid(child, 0)


TAKES_ALL = """
import ctypes, time
libc, taken = ctypes.CDLL(None), 0
while libc.inotify_init1(0) >= 0: taken += 1
print('took', taken, flush=True)
time.sleep(60)
"""
TAKES_ONE = "import ctypes; print('got' if ctypes.CDLL(None).inotify_init1(0) >= 0 else 'nothing')"


@ROOT_ONLY
def test_one_app_cannot_take_what_the_kernel_grants_a_user_from_another(python: Layer) -> None:
    marker, driver = secrets.token_hex(4), Bubblewrap(UID, 1000, secrets.token_hex(4))
    said, stop = bytearray(), threading.Event()

    def run(app: str, code: str, printed: bytearray) -> None:
        command = (python.python, "-c", code, marker)
        driver.run(Sandbox(command, {}, python, LIMITS, app=app), printed.extend, stop)

    greedy = threading.Thread(target=run, args=("greedy", TAKES_ALL, said))
    greedy.start()
    while b"took" not in said:
        time.sleep(0.02)
    same, other = bytearray(), bytearray()
    run("greedy", TAKES_ONE, same)
    run("modest", TAKES_ONE, other)
    stop.set()
    greedy.join()
    assert same == b"nothing\n"  # without users of their own, all would be as poor
    assert other == b"got\n"
