"""Attacks on a real sandbox; where it can be done safely, each is seen to succeed once its wall is gone."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest

from handrail.adapters.isolation import Bubblewrap, bubblewrap
from handrail.kernel import NotReady
from handrail.kernel.sandbox import Layer, Sandbox
from tests.adapters.isolation.conftest import LIMITS, UID, Runs


def without(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    """Take walls down: these arguments of bwrap, and for `--seccomp` its value as well."""
    whole = bubblewrap.arguments

    def fewer(*given: object) -> tuple[str, ...]:
        made = list(whole(*given))  # type: ignore[arg-type]
        for word in words:
            at = made.index(word)
            del made[at : at + (2 if word == "--seccomp" else 1)]
        return tuple(made)

    monkeypatch.setattr(bubblewrap, "arguments", fewer)


def without_cgroups(driver: Bubblewrap) -> None:
    driver._groups = None


def processes(marker: str) -> list[int]:
    """The processes on this machine whose command line or environment of birth holds the marker."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if marker.encode() in entry.read_bytes():
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found


# ---- it works -----------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may hide a part of /proc")
def test_a_container_that_hides_parts_of_proc_is_named_as_what_hinders() -> None:
    tries = (
        "from handrail.adapters.isolation import Bubblewrap\nfrom handrail.kernel import NotReady\n"
        f"try: Bubblewrap({UID}).check()\nexcept NotReady as refusal: print(refusal.next_step)"
    )
    hiding = ("bwrap", "--dev-bind", "/", "/", "--ro-bind", "/proc/sys", "/proc/sys", "--")
    ended = subprocess.run(
        (*hiding, sys.executable, "-c", tries), capture_output=True, text=True, check=False
    )
    assert "systempaths=unconfined" in ended.stdout


def test_an_app_runs_with_its_files_and_its_output_comes_back(runs: Runs) -> None:
    code = "import sub.more, sys; sys.path; print(sub.more.x, open('/app/data/é ü.txt').read())"
    files = {"sub/more.py": b"x = 1", "data/\u00e9 \u00fc.txt": b"two"}
    outcome, printed = runs(f"import sys; sys.path.insert(0, '/app')\n{code}", files)
    assert (outcome.ended, outcome.code, printed) == ("exited", 0, "1 two\n")


def test_an_app_with_two_thousand_files_runs(runs: Runs) -> None:
    files = {f"many/{n}.txt": b"x" for n in range(2000)}
    assert runs("import os; print(len(os.listdir('/app/many')))", files)[1] == "2000\n"


def test_exit_codes_and_signals_come_through(runs: Runs) -> None:
    assert (runs("raise SystemExit(7)")[0].ended, runs("raise SystemExit(7)")[0].code) == ("exited", 7)
    outcome, _ = runs("import os; os.kill(os.getpid(), 11)")
    assert (outcome.ended, outcome.code) == ("signal", 11)


def test_a_sandbox_that_cannot_be_built_says_why_and_runs_nothing(driver: Bubblewrap, python: Layer) -> None:
    broken = Layer("d", python.python, {**python.binds, "/more": Path("/nowhere/at/all")})
    outcome = driver.run(
        Sandbox((python.python, "-c", "print(1)"), {}, broken, LIMITS), print, threading.Event()
    )
    assert outcome.ended == "unstarted"
    assert "/nowhere/at/all" in outcome.detail


# ---- who starts it ------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0, reason="only root could start one as root")
def test_root_is_refused_as_the_user_of_a_sandbox() -> None:
    for first, count in ((0, 1), (-5, 10), (5, 0)):
        with pytest.raises(NotReady, match="root"):
            Bubblewrap(first, count).check()


@pytest.mark.skipif(os.geteuid() != 0, reason="a plain user is the sandbox's user already")
def test_no_process_of_a_sandbox_is_root_on_the_host(runs: Runs) -> None:
    marker = f"sleeper-{secrets.token_hex(6)}"
    stop = threading.Event()
    code = f"import os, sys; os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(30)', '{marker}'])"
    thread = threading.Thread(target=runs, args=(code,), kwargs={"stop": stop})
    thread.start()
    while not (found := processes(marker)):
        time.sleep(0.02)
    owners = {
        line
        for pid in found
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line[:4] in ("Uid:", "Gid:")
    }
    groups = {
        Path(f"/proc/{pid}/status").read_text().split("Groups:")[1].splitlines()[0].strip() for pid in found
    }
    stop.set()
    thread.join()
    assert owners == {f"{kind}:" + f"\t{UID}" * 4 for kind in ("Uid", "Gid")}
    assert groups <= {"", str(UID), "65534"}


def test_a_launcher_that_cannot_become_its_user_starts_nothing_and_says_why(
    runs: Runs, driver: Bubblewrap, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.check()
    fails = ("/bin/sh", "-c", "echo may not change users; exit 127", "sh")
    monkeypatch.setattr(bubblewrap, "becoming", lambda _user: fails)
    outcome, printed = runs("print(1)")
    assert (outcome.ended, outcome.detail) == ("unstarted", "may not change users")
    assert printed == "may not change users\n"


# ---- what it sees -------------------------------------------------------------------------------------------

READS_ENVIRONMENTS = """
import pathlib
for file in pathlib.Path('/proc').glob('[0-9]*/environ'):
    print(file.read_bytes())
"""


def test_no_process_shows_the_environment_of_the_launcher(
    runs: Runs, driver: Bubblewrap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY_SECRET", "hush-9f31")
    assert "hush-9f31" not in runs(READS_ENVIRONMENTS)[1]
    with monkeypatch.context() as patch:
        patch.setattr(driver, "_landlock", 0)
        assert "hush-9f31" not in runs(READS_ENVIRONMENTS)[1]
    monkeypatch.setattr(bubblewrap, "_NOTHING", dict(os.environ))
    if driver._landlock:  # a second wall: no process outside it shows what only its like may see
        assert "hush-9f31" not in runs(READS_ENVIRONMENTS)[1]
        driver._landlock = 0
    assert "hush-9f31" in runs(READS_ENVIRONMENTS)[1]


def test_files_of_the_host_are_not_there(runs: Runs, tmp_path: Path) -> None:
    canary = Path("/var/tmp") / f"canary-{secrets.token_hex(6)}"
    canary.write_text("seen")
    try:
        code = f"import os; os.symlink('{canary}', 'link')\nfor p in ('{canary}', 'link', '/proc/1/root{canary}'):\n  print(os.path.exists(p))"
        assert runs(code)[1].split() == ["False", "False", "False"]
    finally:
        canary.unlink()


def test_code_layer_and_root_are_read_only_but_the_work_folder_is_not(runs: Runs) -> None:
    code = """
for place in ('/app/app.py', '/app/new', '/layer/new', '/sdk/handrail_sdk/run.py', '/usr/lib/new', '/new', '/dev/new'):
    try:
        open(place, 'a').close()
        print('wrote', place)
    except OSError:
        pass
for place in ('new', '/tmp/new', '/dev/shm/new'):
    open(place, 'a').close()
"""
    outcome, printed = runs(code)
    assert (outcome.code, printed) == (0, "")


def test_nothing_is_inherited_but_the_door(runs: Runs) -> None:
    code = "import os\nfor n in sorted(os.listdir('/proc/self/fd'), key=int)[3:]:\n  try: print(os.readlink('/proc/self/fd/' + n)[:6])\n  except OSError: pass"
    assert runs(code)[1].split() == ["socket"]


# ---- the network ---------------------------------------------------------------------------------------------


@pytest.fixture
def service() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def knock(port: int) -> str:
    return f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 2)\nprint('reached')"


def test_the_network_is_behind_three_walls_and_each_of_them_holds(
    runs: Runs, driver: Bubblewrap, service: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    walls = {"--seccomp", "--unshare-net", "landlock"} if driver._landlock else {"--seccomp", "--unshare-net"}
    for standing in (*map(frozenset, combinations(walls, 1)), frozenset()):
        with monkeypatch.context() as patch:
            without(patch, *(walls - standing - {"landlock"}))
            if "landlock" not in standing:
                patch.setattr(driver, "_landlock", 0)
            assert ("reached" in runs(knock(service))[1]) is (not standing), standing
    assert "reached" not in runs(knock(service))[1]


# ---- the kernel ----------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are those of x86_64")
def test_debugging_and_namespaces_are_refused_by_the_filter(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for name, call in {'ptrace': (101, 0, 0, 0, 0), 'process_vm_readv': (310, os.getpid(), 0, 0, 0, 0, 0)}.items():
    print(name, libc.syscall(*map(ctypes.c_long, call)) >= 0)  # an int would leave half of a place as it was
print('unshare', libc.unshare(0x10000000) == 0)
"""
    assert runs(code)[1].split() == ["ptrace", "False", "process_vm_readv", "False", "unshare", "False"]
    with monkeypatch.context() as patch:
        without(patch, "--seccomp")
        assert runs(code)[1].split() == ["ptrace", "True", "process_vm_readv", "True", "unshare", "False"]
    with monkeypatch.context() as patch:
        without(patch, "--seccomp", "--disable-userns")
        assert runs(code)[1].split()[-2:] == ["unshare", "True"]


# ---- limits --------------------------------------------------------------------------------------------------

MEMORY_BOMB = "kept = []\nwhile True: kept.append(bytearray(1 << 24))"
FORK_BOMB = "import os, time\nwhile True:\n    if os.fork() == 0: time.sleep(60)"


def test_a_memory_bomb_ends_with_that_reason(runs: Runs) -> None:
    outcome, _ = runs(MEMORY_BOMB)
    assert outcome.ended == "memory"
    assert outcome.peak_memory <= LIMITS.memory


def test_without_control_groups_memory_is_watched(runs: Runs, driver: Bubblewrap) -> None:
    without_cgroups(driver)
    slow = "import time\nkept = []\nwhile True: kept.append(bytearray(os.urandom(1 << 20)) * 8); time.sleep(0.01)"
    assert runs(f"import os\n{slow}")[0].ended == "memory"
    outcome, printed = runs("kept = bytearray(2 << 30)")
    assert outcome.ended == "memory" or "MemoryError" in printed


def test_a_fork_bomb_ends_with_that_reason(runs: Runs, driver: Bubblewrap) -> None:
    if driver._groups is None:
        pytest.skip("no control groups on this machine")
    assert runs(FORK_BOMB)[0].ended == "processes"


def test_without_control_groups_the_number_of_processes_is_limited_all_the_same(
    runs: Runs, driver: Bubblewrap
) -> None:
    without_cgroups(driver)
    outcome, printed = runs(FORK_BOMB)
    assert outcome.code == 1
    assert "BlockingIOError" in printed


def test_an_app_that_prints_without_end_is_ended_and_what_is_kept_is_capped(runs: Runs) -> None:
    outcome, printed = runs("while True: print('x' * 100000)")
    assert outcome.ended == "output"
    assert len(printed) == LIMITS.printed


def test_an_endless_loop_ends_at_its_time(runs: Runs) -> None:
    assert runs("while True: pass", seconds=1)[0].ended == "timeout"


def test_an_app_that_closed_its_output_and_ignores_signals_still_ends_at_its_time(runs: Runs) -> None:
    code = (
        "import os, signal, time\nsignal.signal(15, signal.SIG_IGN)\nos.close(1); os.close(2)\ntime.sleep(60)"
    )
    assert runs(code, seconds=1)[0].ended == "timeout"


def test_a_stopped_app_ends(runs: Runs) -> None:
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    assert runs("while True: pass", stop=stop)[0].ended == "stopped"


def test_a_file_beyond_the_limit_cannot_be_written(runs: Runs) -> None:
    for place in ("x", "/tmp/x", "/dev/shm/x"):
        outcome, printed = runs(f"with open('{place}', 'wb') as f: f.write(bytes({LIMITS.file + 1}))")
        assert outcome.code == 1
        assert "OSError" in printed


def test_what_the_kernel_limits_for_each_process_is_what_was_wanted(runs: Runs, driver: Bubblewrap) -> None:
    names = ("AS", "FSIZE", "CORE", "MEMLOCK", "CPU", "NPROC", "NOFILE")
    code = f"import resource\nfor name in {names}: print(*resource.getrlimit(getattr(resource, 'RLIMIT_' + name)))"
    rest = [LIMITS.file, 0, 1 << 20, 40, LIMITS.processes, LIMITS.open_files]
    spare = 8 << 30
    for addresses in (LIMITS.memory + spare, 2 * LIMITS.memory + (1 << 30)):
        if driver._groups is not None or addresses < spare:
            found = [tuple(map(int, line.split())) for line in runs(code)[1].splitlines()]
            assert found == [(one, one) for one in (addresses, *rest)]
        without_cgroups(driver)


# ---- survivors -----------------------------------------------------------------------------------------------


def daemon(marker: str) -> str:
    return f"""
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for n in (0, 1, 2): os.close(n)
        os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(60)', '{marker}'])
    os._exit(0)
time.sleep(0.5)
"""


def test_a_daemon_dies_with_its_run(runs: Runs, driver: Bubblewrap, monkeypatch: pytest.MonkeyPatch) -> None:
    marker = f"daemon-{secrets.token_hex(6)}"
    assert runs(daemon(marker))[0].code == 0
    assert processes(marker) == []
    without_cgroups(driver)
    assert runs(daemon(marker))[0].code == 0
    assert processes(marker) == []
    without(monkeypatch, "--unshare-pid")
    assert runs(daemon(marker))[0].code == 0
    (survivor,) = processes(marker)
    os.kill(survivor, signal.SIGKILL)


def test_a_run_leaves_no_control_group_behind(runs: Runs, driver: Bubblewrap) -> None:
    if driver._groups is None:
        pytest.skip("no control groups on this machine")
    runs(FORK_BOMB)
    own = f"handrail-{os.getpid()}-*"
    assert not list(driver._groups.memory.glob(own)) + list(driver._groups.pids.glob(own))
