"""The wall that a sandbox puts up from inside: seen to hold alone, where the one before it has a hole."""

import os
import secrets
import struct
from pathlib import Path

import pytest

from handrail.adapters.isolation import Bubblewrap, bubblewrap, landlock
from tests.adapters.isolation.conftest import Runs

pytestmark = pytest.mark.skipif(landlock.version() == 0, reason="this kernel has no Landlock")


def with_hole(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    """Let bwrap do something more, such as binding a folder of the host."""
    whole = bubblewrap.arguments

    def more(*given: object) -> tuple[str, ...]:
        made = list(whole(*given))  # type: ignore[arg-type]
        at = made.index("--remount-ro")
        return (*made[:at], *words, *made[at:])

    monkeypatch.setattr(bubblewrap, "arguments", more)


REACHES = """
import os
for attempt in (lambda: open('/hole/canary').read(), lambda: open('/hole/new', 'w').close(), lambda: os.listdir('/hole')):
    try:
        print(bool(attempt() is not False), end=' ')
    except PermissionError:
        print(False, end=' ')
"""


def test_a_folder_of_the_host_that_was_bound_by_mistake_cannot_be_read_or_written(
    runs: Runs, driver: Bubblewrap, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path("/var/tmp") / f"hole-{secrets.token_hex(6)}"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "canary").write_text("seen")
    try:
        with_hole(monkeypatch, "--bind", str(folder), "/hole")
        assert runs(REACHES)[1].split() == ["False"] * 3
        driver._landlock = 0
        assert runs(REACHES)[1].split() == ["True"] * 3
    finally:
        for left in folder.iterdir():
            left.unlink()
        folder.rmdir()


SIGNALS = "import os, sys\nos.kill({pid}, 0)\nprint('could signal it')"


def test_a_process_outside_cannot_be_signalled_even_where_its_number_is_known(
    runs: Runs, driver: Bubblewrap, monkeypatch: pytest.MonkeyPatch
) -> None:
    if driver._landlock < 6:
        pytest.skip("this Landlock does not know of signals")
    code = "import os\nos.kill(1, 0)\nprint('could signal it')"  # the sandbox's first process, which is its user's
    assert "PermissionError" in runs(code)[1]
    driver._landlock = 5
    assert runs(code)[1] == "could signal it\n"


def test_children_stay_behind_it_and_a_program_of_many_generations_goes_on(runs: Runs) -> None:
    code = """
import os, subprocess, sys
depth = int(sys.argv[1]) if len(sys.argv) > 1 else 0
if depth < 20:
    raise SystemExit(subprocess.run([sys.executable, '/app/app.py', str(depth + 1)]).returncode)
try: os.listdir('/')
except PermissionError: print('behind it')
"""
    outcome, printed = runs(code)
    assert (outcome.code, printed) == (0, "behind it\n")


def test_a_sandbox_that_cannot_be_closed_from_inside_runs_no_app(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuses = ((0x20, 0, 0, 0), (0x15, 0, 1, 446), (0x06, 0, 0, 0x50001), (0x06, 0, 0, 0x7FFF0000))
    program = b"".join(struct.pack("=HBBI", *one) for one in refuses)
    monkeypatch.setattr(bubblewrap.seccomp, "program", lambda **_: program)
    outcome, printed = runs("print('the app runs')")
    assert outcome.code == 126
    assert "Landlock" in printed
    assert "the app runs" not in printed


def test_without_landlock_a_sandbox_starts_all_the_same_and_says_so(runs: Runs, driver: Bubblewrap) -> None:
    assert driver.walls["second wall"] == f"Landlock {landlock.version()}"
    driver._landlock = 0
    assert driver.walls["second wall"] == "this kernel has no Landlock"
    assert (
        runs("import os; print('HANDRAIL_LANDLOCK' in os.environ, os.path.exists('/start'))")[1]
        == "False False\n"
    )


def test_the_variable_that_closes_a_sandbox_is_gone_when_the_app_begins(runs: Runs) -> None:
    assert runs(f"import os; print({landlock.VARIABLE!r} in os.environ)")[1] == "False\n"
    assert landlock.VARIABLE not in os.environ
