"""The doctor: green on a machine whose sandboxes hold, red where a wall is missing, and then nothing runs."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

import pytest

import handrail
import handrail_sdk
from handrail import runtime
from handrail.adapters.isolation import bubblewrap
from handrail.kernel import Instance, NotReady, trail
from handrail.runtime import diagnosis, layer
from handrail.runtime.doctor import _Examination, doctor
from handrail.runtime.interpreter import reachable
from tests.conftest import Acting
from tests.runtime.conftest import Start

SOURCE = Path(handrail.__file__).parents[1]
SDK = Path(handrail_sdk.__file__).parents[1]
PACKAGES = Path(pytest.__file__).parents[1]
PLAIN = 64323

ALLOWS_ALL = b"\x06\x00\x00\x00\x00\x00\xff\x7f"


@pytest.fixture
def apart(instance: Instance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Instance:
    """The instance, whose diagnoses count for no other test."""
    monkeypatch.setattr(diagnosis, "folder", lambda _settings: tmp_path / "diagnoses")
    return instance


def red(instance: Instance) -> diagnosis.Diagnosis:
    """A diagnosis of this machine as it is now, in which two attacks got out."""
    settings, isolation = instance.settings, instance.ports.isolation
    failed = (diagnosis.Probe("reads a file", False, "b'x'"), diagnosis.Probe("calls ptrace", False, "0"))
    return diagnosis.Diagnosis(9, 7, failed, failed, {}, diagnosis.fingerprint(settings, isolation), "now")


def test_every_attack_finds_nothing(apart: Instance, acting: Acting) -> None:
    found = doctor(apart)
    assert found.failed == ()
    assert found.green
    assert found.held == found.probes > 300
    names = [probe.name for probe in found.results]
    for waited, at_once in (("one that waited: ", ""), ("a web app that waited: ", "a web app: ")):
        again = {name.removeprefix(waited) for name in names if name.startswith(waited)}
        assert len(again) > 20
        assert {f"{at_once}{name}" for name in again} <= set(names)
    assert len(set(names)) == len(names)
    assert not list(apart.settings.home.glob("canary-*"))
    assert diagnosis.known(apart.settings, apart.ports.isolation) == found
    with acting("compliance") as ctx:
        (entry,) = trail.entries(ctx, verb="sandbox.examined")
    assert entry.facts["held"] == found.held


def test_an_examination_that_is_stopped_is_no_diagnosis(apart: Instance) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(NotReady, match=r"not examined to the end|did not come to life"):
        doctor(apart, stop=stop)
    assert diagnosis.known(apart.settings, apart.ports.isolation) is None


def test_a_missing_wall_turns_it_red(apart: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = bubblewrap.arguments
    gone = ("--disable-userns", "--unshare-net", "--unshare-ipc")

    def fewer(*given: object) -> tuple[str, ...]:
        made = list(whole(*given))  # type: ignore[arg-type]
        at = made.index("--remount-ro")
        made[at:at] = ["--ro-bind", tempfile.gettempdir(), "/host", "--symlink", "/host", "/var"]
        return tuple(word for word in made if word not in gone)

    monkeypatch.setattr(bubblewrap, "arguments", fewer)
    monkeypatch.setattr(bubblewrap.seccomp, "program", lambda **_: ALLOWS_ALL)
    monkeypatch.setattr(apart.ports.isolation, "_landlock", 0)
    monkeypatch.setattr(bubblewrap, "limiting", lambda *_, **__: "")
    for costly in ("_bombs", "_survivors"):  # without limits they take what the machine has
        monkeypatch.setattr(_Examination, costly, lambda _: ())
    found = doctor(apart)
    assert not found.green
    names = {probe.name for probe in found.failed}
    assert {
        "calls ptrace", "calls unshare", "calls splice", "calls process_vm_readv", "calls memfd_secret",
        "makes a IPv4 socket", "makes a netlink socket", "lists /var", "is in the host's net namespace",
        "is in the host's ipc namespace", "connects to a service of the host",
        "connects to an abstract socket of the host", "connects to an abstract socket of another app",
        "a web app: connects to a service of the host", "a web app: makes a netlink socket",
        "sees connections of the host", "puts up a filter of its own (prctl)",
        "makes the device that hides files of a lower layer",
        "leaves a picture of its memory on the disk when it crashes",
    } <= names  # fmt: skip
    assert json.dumps([vars(probe) for probe in found.failed])


# ---- what is known of it -------------------------------------------------------------------------------------


def test_a_red_machine_starts_no_run_and_says_what_got_out(apart: Instance, start: Start) -> None:
    diagnosis.keep(apart.settings, red(apart))
    with pytest.raises(
        NotReady, match=r"2 of 9 attacks got out of a sandbox \(reads a file; calls ptrace\)"
    ) as refused:
        start("print(1)")
    assert "handrail doctor" in refused.value.next_step


def test_a_run_that_was_queued_before_it_turned_red_is_not_executed(apart: Instance, start: Start) -> None:
    diagnosis.keep(apart.settings, replace(red(apart), failed=(), held=9))
    run = start("print(1)")
    diagnosis.keep(apart.settings, red(apart))
    over = runtime.execute(apart, run.id)
    assert (over.state, over.ended) == ("failed", "refused")
    assert "attacks got out" in over.reason


@pytest.mark.parametrize("what", ["version", "kernel", "program", "user ids"])
def test_an_upgrade_makes_a_diagnosis_count_no_more(
    apart: Instance, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    settings, isolation = apart.settings, apart.ports.isolation
    diagnosis.keep(settings, red(apart))
    assert diagnosis.known(settings, isolation) is not None
    if what == "version":
        monkeypatch.setattr(diagnosis, "_own_version", lambda: "99")
    elif what == "kernel":
        monkeypatch.setattr(diagnosis.platform, "uname", lambda: ("Linux", "here", "99", "later", "x"))
    elif what == "program":
        monkeypatch.setattr(bubblewrap, "found", lambda _tool: "/bin/sh")
    else:
        isolation = bubblewrap.Bubblewrap(70_000, 5)
        if os.geteuid() != 0:
            pytest.skip("a plain user has one")
    assert diagnosis.known(settings, isolation) is None


def test_a_diagnosis_that_is_half_there_or_somebody_elses_is_none(
    apart: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, isolation = apart.settings, apart.ports.isolation
    diagnosis.keep(settings, replace(red(apart), failed=(), held=9))
    (kept,) = diagnosis.folder(settings).glob("*.json")
    whole = kept.read_bytes()
    for broken in (whole[:40], b"", b"{}", b"[]", b"\xff"):
        kept.write_bytes(broken)
        assert diagnosis.known(settings, isolation) is None
    kept.write_bytes(whole)
    assert diagnosis.known(settings, isolation) is not None
    if os.geteuid() == 0:
        os.chown(kept, PLAIN, PLAIN)
        assert diagnosis.known(settings, isolation) is None


# ---- as a plain user -----------------------------------------------------------------------------------------

AS_ANYBODY = """
import json, sys
from pathlib import Path
from handrail.kernel import Instance
from handrail.runtime.doctor import doctor
from handrail.server import FIRST_DEFINITIONS, open_instance
home, layers = Path(sys.argv[1], "instance"), sys.argv[2]
Instance.create(home, files=FIRST_DEFINITIONS)
settings = home / "handrail.toml"
settings.write_text(settings.read_text().replace('# layers = ""', f'layers = "{layers}"'))
opened = open_instance(home)
if len(sys.argv) > 3:
    opened.ports.isolation._landlock = 0
found = doctor(opened)
opened.close()
print(json.dumps([found.probes, [f"{one.name}: {one.found}" for one in found.failed], dict(found.walls)]))
"""


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="everybody else is a plain user in all the other tests")
@pytest.mark.parametrize(
    "less",
    [
        pytest.param((), id="all walls"),
        pytest.param(("without Landlock",), id="without Landlock", marks=pytest.mark.release),
    ],
)
def test_every_attack_finds_nothing_where_a_plain_user_started_it(
    instance: Instance, less: tuple[str]
) -> None:
    system = Path("/usr/bin/python3")
    told = subprocess.run(
        [system, "-c", "import sys; print(sys.version_info[:2])"], capture_output=True, text=True
    )
    if told.stdout.strip() != str(sys.version_info[:2]) or not (reachable(SOURCE) and reachable(PACKAGES)):
        pytest.skip("a plain user cannot reach this Python and these packages")
    layers = next(iter(layer.build(instance.settings).binds["/layer"].parents))
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        os.chown(folder, PLAIN, PLAIN)
        done = subprocess.run(
            [system, "-c", AS_ANYBODY, folder, layers, *less],
            user=PLAIN,
            group=PLAIN,
            extra_groups=[],
            env={"PYTHONPATH": f"{SOURCE}:{SDK}:{PACKAGES}", "PYTHONDONTWRITEBYTECODE": "1", "HOME": folder},
            cwd="/",
            capture_output=True,
            text=True,
            timeout=300,
        )
    assert done.returncode == 0, done.stderr
    probes, failed, walls = json.loads(done.stdout.splitlines()[-1])
    assert failed == []
    assert probes > 220
    assert walls["users"] == f"all sandboxes are user {PLAIN}, who Handrail is"
    assert walls["second wall"].startswith("this kernel has no" if less else "")
