"""Sandboxes that wait for a run: each has the walls of any other, is used once, and nothing of it is shared."""

import os
import re
import secrets
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from handrail.adapters.isolation import Bubblewrap, parked
from handrail.adapters.isolation.users import Users
from handrail.kernel import NotReady
from handrail.kernel.sandbox import Layer, Limits, Outcome, Sandbox
from tests.adapters.isolation.conftest import LIMITS, UID
from tests.adapters.isolation.test_bubblewrap import FORK_BOMB, MEMORY_BOMB, processes

Runs = Callable[..., tuple[Outcome, str]]
NEVER = threading.Event()


@pytest.fixture
def driver() -> Iterator[Bubblewrap]:
    driver = Bubblewrap(UID, 1000, secrets.token_hex(4))
    yield driver
    driver.leave_none()


@pytest.fixture
def light(python: Layer) -> Layer:
    """The Python that apps get, of which little is imported before."""
    return replace(python, imports=("decimal",))


@pytest.fixture
def park(driver: Bubblewrap, light: Layer) -> Callable[..., None]:
    """Let one wait: `park()`, or `park(listens=True)`, or with another layer."""

    def one(layer: Layer = light, *, listens: bool = False, limits: Limits = LIMITS) -> None:
        driver.park(Sandbox((layer.python, "-P"), {}, layer, limits), listens=listens, stop=NEVER)

    return one


@pytest.fixture
def runs(driver: Bubblewrap, light: Layer) -> Runs:
    """Run code with a door: gives how it ended and its output."""

    def run(
        code: str,
        files: Mapping[str, bytes] | None = None,
        command: tuple[str, ...] = ("/app/app.py",),
        **limits: float,
    ) -> tuple[Outcome, str]:
        printed = bytearray()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            sandbox = Sandbox(
                (light.python, "-P", *command), {"app.py": code.encode(), **(files or {})}, light,
                replace(LIMITS, **limits), theirs, app=f"app-{secrets.token_hex(3)}",  # type: ignore[arg-type]
            )  # fmt: skip
            outcome = driver.run(sandbox, printed.extend, threading.Event())
        return outcome, printed.decode(errors="replace")

    return run


def dies(driver: Bubblewrap) -> None:
    """The first that waits ends by itself."""
    process = driver._lot._waiting[0].started.process
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)


# ---- it works -----------------------------------------------------------------------------------------------


def test_what_waited_becomes_the_app_with_its_files_arguments_and_exit_code(
    park: Callable[..., None], runs: Runs
) -> None:
    park()
    code = "import sys\nprint('decimal' in sys.modules, __name__, sys.argv, open('/app/data/é ü/x.txt').read())\nsys.exit(7)"
    outcome, printed = runs(code, {"data/é ü/x.txt": b"two"}, ("/app/app.py", "more"))
    assert (outcome.parked, outcome.ended, outcome.code) == (True, "exited", 7)
    assert printed == "True __main__ ['/app/app.py', 'more'] two\n"


@pytest.mark.parametrize(
    "command",
    [("-c", "print(__name__)\nimport sys; print(sys.argv[1:])", "one"), ("-m", "app", "one")],
    ids=["-c", "-m"],
)
def test_it_becomes_a_module_or_a_line_of_code_as_well(
    park: Callable[..., None], runs: Runs, command: tuple[str, ...]
) -> None:
    park()
    before = (
        "-c",
        "import sys, runpy; sys.path.insert(0, '/app'); runpy.run_module('app', run_name='__main__', alter_sys=True)",
        "one",
    )
    code = "import sys\nprint(__name__)\nprint(sys.argv[1:])"
    outcome, printed = runs(code, command=command if command[0] == "-c" else before)
    assert (outcome.parked, outcome.code, printed) == (True, 0, "__main__\n['one']\n")


def test_a_second_run_finds_none_and_starts_anew(park: Callable[..., None], runs: Runs) -> None:
    park()
    assert [runs("print(1)")[0].parked for _ in range(2)] == [True, False]


def test_one_of_other_limits_another_layer_or_with_a_listener_is_not_taken(
    driver: Bubblewrap, park: Callable[..., None], runs: Runs, light: Layer
) -> None:
    park(limits=replace(LIMITS, seconds=19))
    park(replace(light, digest="another"))
    park(listens=True)
    assert driver.waiting()[0] == 3
    assert not runs("print(1)")[0].parked
    assert driver.waiting()[0] == 3


def test_one_that_died_while_it_waited_is_not_used_and_the_run_starts_without(
    driver: Bubblewrap, park: Callable[..., None], runs: Runs
) -> None:
    park()
    dies(driver)
    outcome, printed = runs("print(1)")
    assert (outcome.parked, outcome.code, printed) == (False, 0, "1\n")


def test_what_was_handed_over_is_never_begun_a_second_time(
    driver: Bubblewrap, park: Callable[..., None], runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sandbox closes its end as soon as it has heard enough, and then nothing can be sent to it."""
    park()
    send = socket.send_fds

    def slow(*given: object) -> int:
        sent = send(*given)  # type: ignore[arg-type]
        time.sleep(1)
        return sent

    monkeypatch.setattr(socket, "send_fds", slow)
    outcome, printed = runs("print(1)")
    assert (outcome.parked, printed) == (True, "1\n")


def test_modules_that_cannot_be_imported_park_nothing(
    driver: Bubblewrap, park: Callable[..., None], light: Layer
) -> None:
    with pytest.raises(NotReady, match="no_such_module"):
        park(replace(light, imports=("no_such_module",)))
    assert driver.waiting() == (0, 0)
    assert left(driver) == []


# ---- nothing is shared --------------------------------------------------------------------------------------

LEAVES = """
import builtins, decimal, os, random
builtins.left = decimal.left = 'secret-of-the-first'
os.environ['LEFT'] = 'secret-of-the-first'
for place in ('/tmp', '/work', '/dev/shm'): open(place + '/left', 'w').write('secret-of-the-first')
print(random.random())
"""
LOOKS = """
import builtins, decimal, os, random
print(random.random())
print(hasattr(builtins, 'left'), hasattr(decimal, 'left'), 'LEFT' in os.environ)
print([os.listdir(place) for place in ('/tmp', '/work', '/dev/shm')], os.listdir('/app'))
"""  # fmt: skip


def test_no_run_finds_anything_of_the_one_before(park: Callable[..., None], runs: Runs) -> None:
    for _ in range(2):
        park()
    first, left_behind = runs(LEAVES, {"own.py": b""})
    second, found = runs(LOOKS)
    assert first.parked
    assert second.parked
    number, *rest = found.splitlines()
    assert rest == ["False False False", "[[], [], []] ['app.py']"]
    assert number != left_behind.strip()  # what was drawn before the app came is not drawn twice


def test_two_that_come_at_once_do_not_get_the_same(
    driver: Bubblewrap, park: Callable[..., None], runs: Runs
) -> None:
    park()
    with ThreadPoolExecutor(4) as pool:
        ended = list(pool.map(lambda n: runs(f"print({n})"), range(4)))
    assert sorted(outcome.parked for outcome, _ in ended) == [False, False, False, True]
    assert [printed for _, printed in ended] == [f"{n}\n" for n in range(4)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start sandboxes as somebody else")
def test_each_has_a_user_of_its_own_who_gives_way_to_an_app(
    light: Layer, park: Callable[..., None], tmp_path: Path
) -> None:
    driver = Bubblewrap(UID, 2)
    # Two ids are few: whatever else runs on this computer has the first of them at times.
    driver._users = Users(UID, 2, secrets.token_hex(4), tmp_path / "users")
    like = Sandbox((light.python, "-P", "-c", "print(1)"), {}, light, replace(LIMITS, seconds=18), app="one")
    try:
        for _ in range(2):
            driver.park(replace(like, limits=LIMITS), listens=False, stop=NEVER)
        first, second = (
            Path(f"/proc/{one.started.process.pid}").stat().st_uid for one in driver._lot._waiting
        )
        assert {first, second} == {UID, UID + 1}
        outcome = driver.run(like, print, threading.Event())
        assert (outcome.parked, outcome.code) == (False, 0)
        assert driver.waiting()[0] == 1
    finally:
        driver.leave_none()


def test_what_imports_print_is_in_no_log(park: Callable[..., None], runs: Runs, light: Layer) -> None:
    park(replace(light, imports=("this",)))
    outcome, printed = runs("print(1)")
    assert (outcome.parked, printed) == (True, "1\n")


# ---- its walls ----------------------------------------------------------------------------------------------


def test_nothing_is_inherited_but_the_door_and_no_environment_tells_of_the_launcher(
    park: Callable[..., None], runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY_SECRET", "hush-9f31")
    code = """
import os, pathlib
found = {n: os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd') if os.path.lexists(f'/proc/self/fd/{n}')}
print([n for n, to in found.items() if to.startswith('socket')] == [os.environ['HANDRAIL_FD']])
print([to[:5] for n, to in sorted(found.items()) if n not in ('0', '1', '2', os.environ['HANDRAIL_FD'])])
print([name for name in os.environ if name.startswith('HANDRAIL')])
told = []
for file in pathlib.Path('/proc').glob('[0-9]*/environ'):
    try: told.append(file.read_bytes())
    except OSError: pass
print(len(told) > 0, any(b'hush-9f31' in one for one in told))
"""
    park()
    outcome, printed = runs(code)
    assert outcome.parked
    assert printed.splitlines() == ["True", "[]", "['HANDRAIL_FD']", "True False"]


def test_its_code_is_read_only(park: Callable[..., None], runs: Runs) -> None:
    park()
    code = """
import os
tries = {
    'write': lambda: open('/app/app.py', 'a'), 'make': lambda: open('/app/new', 'w'), 'remove': lambda: os.unlink('/app/app.py'),
    'rename': lambda: os.rename('/app/app.py', '/app/b'), 'open up': lambda: os.chmod('/app', 0o777),
}
for name, attempt in tries.items():
    try: attempt(); print(name)
    except OSError: pass
"""
    assert runs(code)[1] == ""


@pytest.mark.skipif(
    os.geteuid() != 0, reason="a plain user's sandboxes are that user's, and see no other's folder"
)
def test_nobody_but_handrail_can_put_code_where_it_waits_and_nobody_else_reads_it(
    driver: Bubblewrap, park: Callable[..., None]
) -> None:
    park()
    (one,) = driver._lot._waiting
    found = one.folder.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (0, one._user, 0o750)
    assert all(not place.stat().st_mode & 0o022 for place in (parked.PLACE, parked.PLACE.parent))


def test_what_somebody_planted_where_it_waits_is_neither_followed_nor_run(
    driver: Bubblewrap, park: Callable[..., None], runs: Runs, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    canary.write_text("whole")
    park()
    (driver._lot._waiting[0].folder / "app.py").symlink_to(canary)
    outcome, printed = runs("print(1)")
    assert (outcome.parked, printed) == (False, "1\n")
    assert canary.read_text() == "whole"


@pytest.mark.parametrize(
    ("code", "ended"),
    [(MEMORY_BOMB, "memory"), (FORK_BOMB, "processes"), ("while True: print('x' * 9999)", "output")],
    ids=["memory", "processes", "output"],
)
def test_limits_hold(
    driver: Bubblewrap, park: Callable[..., None], runs: Runs, code: str, ended: str
) -> None:
    if driver._groups is None:
        pytest.skip("no control groups on this machine")
    park()
    outcome, _ = runs(code)
    assert (outcome.parked, outcome.ended) == (True, ended)


def test_its_time_begins_with_the_app(park: Callable[..., None], runs: Runs) -> None:
    park(limits=replace(LIMITS, seconds=2))
    time.sleep(2.5)
    assert runs("print(1)", seconds=2)[0].code == 0
    park(limits=replace(LIMITS, seconds=2))
    assert runs("while True: pass", seconds=2)[0].ended == "timeout"


# ---- its end ------------------------------------------------------------------------------------------------


def left(driver: Bubblewrap) -> list[Path]:
    """Folders and groups that are still there."""
    place, own = parked._place(), os.getpid()
    groups = [driver._groups.memory, driver._groups.pids] if driver._groups else []
    found = list(place.glob(f"handrail-parked-{own}-*"))
    return found + [one for group in groups for one in group.glob(f"handrail-{own}-*")]


def test_those_that_nobody_used_leave_nothing(driver: Bubblewrap, park: Callable[..., None]) -> None:
    park()
    process = driver._lot._waiting[0].started.process
    assert len(left(driver)) >= 1
    driver.leave_none()
    assert process.returncode is not None
    assert left(driver) == []


def test_one_that_was_used_leaves_nothing(driver: Bubblewrap, park: Callable[..., None], runs: Runs) -> None:
    park()
    runs("open('/tmp/x', 'w').write('x')", {"sub/more.py": b"x"})
    assert left(driver) == []


DIES = """
import os, signal, sys, threading
from dataclasses import replace
from pathlib import Path
from handrail.adapters.isolation import Bubblewrap
from handrail.kernel.sandbox import Limits, Sandbox
from handrail.runtime import layer
from handrail.settings import Settings
python = replace(layer.build(Settings(home=Path("/nowhere"))), imports=(sys.argv[2],))
Bubblewrap(int(sys.argv[1])).park(Sandbox((python.python, "-P"), {}, python, Limits()), listens=False, stop=threading.Event())
print("waits", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_server_that_is_killed_leaves_none_alive_and_the_next_one_clears_up(driver: Bubblewrap) -> None:
    marker = "xml.dom.expatbuilder"  # a module that nobody else lets wait
    done = subprocess.run([sys.executable, "-c", DIES, str(UID), marker], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert done.stdout == "waits\n"
    until = time.monotonic() + 30
    while found := [pid for pid in processes(marker) if pid != os.getpid()]:
        assert time.monotonic() < until, found
        time.sleep(0.02)
    driver.check()
    for old in parked._place().glob("handrail-parked-*"):
        owner = re.match(r"handrail-parked-(\d+)-", old.name)
        assert owner
        assert Path(f"/proc/{owner[1]}").exists()


# ---- how many -----------------------------------------------------------------------------------------------


def test_as_many_wait_as_wanted_of_what_apps_asked_for_and_no_longer_than_that_is_of_late(
    driver: Bubblewrap, runs: Runs, light: Layer
) -> None:
    much = 1 << 40

    def keep(most: int, memory: int = much, seconds: float = 3600) -> tuple[bool, int]:
        return driver.keep_parked(most, memory, seconds, NEVER), driver.waiting()[0]

    assert keep(2) == (False, 0)  # nobody asked for anything
    runs("pass")
    assert keep(2) == (False, 0)  # what is no app's program is no app's wish
    assert not runs("", command=("-m", "decimal"))[0].parked
    assert keep(2, memory=0) == (False, 0)
    assert keep(2) == (True, 1)
    assert driver.waiting()[1] > 1 << 20
    assert keep(2, memory=1) == (False, 1)
    assert keep(2) == (True, 2)
    assert keep(2) == (False, 2)
    assert runs("", command=("-m", "decimal"))[0].parked
    assert keep(2) == (True, 2)
    dies(driver)
    assert keep(2) == (True, 2)
    assert keep(0) == (True, 0)
    assert keep(1) == (True, 1)
    assert keep(1, seconds=0) == (True, 0)
    assert left(driver) == []


def test_a_kind_that_does_not_come_to_life_is_not_tried_again_at_once(
    driver: Bubblewrap, light: Layer
) -> None:
    broken = replace(light, imports=("no_such_module",))
    command = (light.python, "-P", "-m", "decimal")
    driver.run(Sandbox(command, {}, broken, LIMITS, app="one"), print, threading.Event())
    assert driver.keep_parked(1, 1 << 40, 3600, NEVER)
    assert not driver.keep_parked(1, 1 << 40, 3600, NEVER)
