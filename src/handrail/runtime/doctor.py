"""Whether a sandbox on this machine holds: attacks from inside a real one, against canaries made for them."""

import json
import secrets
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC
from importlib import resources
from pathlib import Path
from typing import Any

from handrail.kernel import SYSTEM, Instance, NotReady, Refusal
from handrail.kernel.sandbox import WORK, Limits, Outcome, Sandbox
from handrail.runtime import diagnosis, layer
from handrail.runtime.canary import canary
from handrail.runtime.diagnosis import Diagnosis, Probe
from handrail.runtime.layer_build import Progress

_LIMITS = Limits(seconds=60, memory=256 << 20, processes=32, printed=1 << 20, file=8 << 20)
_BOMBS = {
    "prints without end": ("output", "while True: print('x' * 4096)"),
    "loops without end": ("timeout", "while True: pass"),
    "sleeps through every signal": (
        "timeout",
        "import signal, time\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n"
        "    except (OSError, ValueError): pass\nwhile True: time.sleep(1)",
    ),
    "closes its output and goes on": (
        "timeout",
        "import os, time\nfor n in (0, 1, 2): os.close(n)\nwhile True: time.sleep(1)",
    ),
    "takes all memory": ("memory", "kept = []\nwhile True: kept.append(bytearray(1 << 24))"),
    "takes all memory in children": (
        "memory",
        "import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n"
        "        kept = bytearray(os.urandom(1 << 20)) * 100\n"
        "        time.sleep(50)\nos.wait()\nraise SystemExit(1)",
    ),
}
# Of the name of an attack: by whether it is tried as a web app, and in a sandbox that had waited.
_BEFORE = {
    (False, False): "",
    (True, False): "a web app: ",
    (False, True): "one that waited: ",
    (True, True): "a web app that waited: ",
}
_FORKS = "import os, time\nfor _ in range(200):\n    if os.fork() == 0: time.sleep(50)\n"
_THREADS = (
    "import threading, time\n"
    "while True: threading.Thread(target=time.sleep, args=(50,), daemon=True).start()\n"
)
_LEAVES = {
    "leaves a process behind": "",
    "leaves a process behind that ignores signals": "for n in (1, 15): signal.signal(n, signal.SIG_IGN)",
    "leaves a process behind in the place of the first": "libc.prctl(36, 1, 0, 0, 0)",
}
_SURVIVOR = (
    "import ctypes, os, signal, sys, time\nlibc = ctypes.CDLL(None)\n{before}\n"
    "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
    "        os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(60)', '{name}'])\n"
    "    os._exit(0)\ntime.sleep(0.5)\n"
)
_FILES = "import os\nwith open('{place}', 'wb') as file:\n    while True: file.write(bytes(1 << 20))\n"


def doctor(
    instance: Instance, progress: Progress | None = None, stop: threading.Event | None = None
) -> Diagnosis:
    """Attack a real sandbox from inside, and keep what came of it as this machine's diagnosis.

    Refuses NotReady on a machine where no sandbox can be started, and when `stop` ends it early.
    """
    return _Examination(instance, progress or (lambda *_: None), stop or threading.Event()).whole()


class _Examination:
    """One examination: the driver and the Python it is made with, and what ends it early."""

    def __init__(self, instance: Instance, report: Progress, stop: threading.Event) -> None:
        instance.ports.isolation.check()
        self._instance, self._report, self._stop = instance, report, stop
        self._isolation = instance.ports.isolation
        self._python = layer.build(instance.settings, progress=report)

    def whole(self) -> Diagnosis:
        settings, walls = self._instance.settings, dict(self._isolation.walls)
        fingerprint = diagnosis.fingerprint(settings, self._isolation)
        found: list[Probe] = []
        stages = {"attacks from inside": self._attacks, "bombs": self._bombs, "survivors": self._survivors}
        for done, (label, stage) in enumerate(stages.items()):
            self._report(label, done, len(stages))
            found += (probe for probe in stage() if not probe.name.startswith(tuple(self._isolation.untried)))
            if self._stop.is_set():
                raise NotReady(
                    "The sandbox was not examined to the end.", next_step="Run `handrail doctor` again."
                )
        self._report("done", len(stages), len(stages))
        failed = tuple(probe for probe in found if not probe.held)
        with self._instance.context(SYSTEM) as ctx:
            now = ctx.clock.now().astimezone(UTC).isoformat(timespec="seconds")
            untried = dict(self._isolation.untried)
            made = Diagnosis(
                len(found), len(found) - len(failed), failed, tuple(found), walls, fingerprint, now, untried
            )
            ctx.audit.note(
                "sandbox.examined", f"machine:{socket.gethostname()}", probes=made.probes, held=made.held,
                failed=[probe.name for probe in failed], fingerprint=fingerprint,
            )  # fmt: skip
        diagnosis.keep(settings, made)
        return made

    def _attacks(self) -> Iterator[Probe]:
        """All attacks as a job, those that differ as an app that people come to, and both once more in a
        sandbox that had waited; beside another app.
        """
        landlock = self._isolation.walls.get("second wall", "").startswith("Landlock")
        with canary(self._instance.settings.home) as made, self._neighbour() as neighbour:
            made |= {"file_limit": _LIMITS.file, "open_files": _LIMITS.open_files, "landlock": landlock}
            made |= {"neighbour": neighbour}
            for (hosted, parked), before in _BEFORE.items():
                if before and before in self._isolation.untried:
                    continue
                yield from (
                    self._inside_parked(made, hosted=hosted) if parked else self._inside(made, hosted=hosted)
                )

    def _inside_parked(self, made: Mapping[str, Any], *, hosted: bool) -> list[Probe]:
        """The attacks in a sandbox that had waited; none where none can, since then none will."""
        like = Sandbox((self._python.python, "-P"), {}, self._python, _LIMITS)
        try:
            self._isolation.park(like, listens=hosted, stop=self._stop)
        except Refusal as refusal:
            return [Probe(f"{_BEFORE[hosted, True]}waits", True, f"none can: {refusal.message}"[:200])]
        return self._inside(made, hosted=hosted, parked=True)

    def _inside(self, made: Mapping[str, Any], *, hosted: bool, parked: bool = False) -> list[Probe]:
        told = {**made, "hosted": hosted, "before": _BEFORE[hosted, parked]}
        files = {**_program("inside"), "canary.json": json.dumps(told).encode()}
        outcome, printed = self._run(files, _LIMITS, hosted=hosted)
        lines = printed.decode(errors="replace").strip().splitlines()
        probes = [Probe(**json.loads(line)) for line in lines if line[:1] == "{"]
        said = f"{outcome.ended} {outcome.code}: {lines[-1] if lines else outcome.detail}"
        name = f"{_BEFORE[hosted, parked]}lets every attack be tried"
        tried = outcome.ended == "exited" and outcome.code == 0 and outcome.parked == parked
        return [*probes, Probe(name, tried, said[:200])]

    @contextmanager
    def _neighbour(self) -> Iterator[dict[str, str]]:
        """Another app, which lives meanwhile: its name is in all that it leaves."""
        name, printed = f"neighbour-{secrets.token_hex(8)}", bytearray()
        ready, stop = threading.Event(), threading.Event()

        def heard(piece: bytes) -> None:
            printed.extend(piece)
            if b"ready\n" in printed:
                ready.set()

        hosted = _BEFORE[True, False] not in self._isolation.untried
        told = {"name": name, "hosted": hosted}
        files = {**_program("neighbour"), "canary.json": json.dumps(told).encode()}
        living = threading.Thread(
            target=self._sandboxed,
            args=(files, replace(_LIMITS, seconds=None), heard, stop),
            kwargs={"hosted": hosted, "app": name},
        )
        living.start()
        try:
            if not ready.wait(_LIMITS.seconds):
                raise NotReady(
                    f"The second sandbox did not come to life: {printed.decode(errors='replace')[-200:]}",
                    next_step="Run `handrail doctor` again when the machine has less to do.",
                )
            yield {"name": name}
        finally:
            stop.set()
            living.join()

    def _bombs(self) -> Iterator[Probe]:
        for name, (wanted, code) in _BOMBS.items():
            limits = replace(_LIMITS, seconds=2) if wanted == "timeout" else _LIMITS
            outcome, _ = self._run({"app.py": code.encode()}, limits)
            yield Probe(name, outcome.ended == wanted, f"ended: {outcome.ended}")
        for name, code in {"forks without end": _FORKS, "starts threads without end": _THREADS}.items():
            outcome, _ = self._run({"app.py": code.encode()}, _LIMITS)
            held = outcome.ended == "processes" or (outcome.ended == "exited" and outcome.code != 0)
            yield Probe(name, held, f"ended: {outcome.ended} {outcome.code}")
        for folder in (WORK, "/tmp", "/dev/shm"):  # noqa: S108 - the sandbox's own
            place = f"{folder}/much"
            outcome, _ = self._run({"app.py": _FILES.format(place=place).encode()}, _LIMITS)
            held = outcome.ended != "timeout" and outcome.code != 0
            yield Probe(f"writes to {place} without end", held, f"ended: {outcome.ended} {outcome.code}")

    def _survivors(self) -> Iterator[Probe]:
        for name, before in _LEAVES.items():
            marker = f"survivor-{secrets.token_hex(8)}"
            self._run({"app.py": _SURVIVOR.format(name=marker, before=before).encode()}, _LIMITS)
            cmdlines = Path("/proc").glob("[0-9]*/cmdline")
            alive = [entry for entry in cmdlines if marker.encode() in _content(entry)]
            yield Probe(name, not alive, f"{len(alive)} processes")
        stop = threading.Event()
        timer = threading.Timer(0.5, stop.set)
        timer.start()
        outcome, _ = self._run({"app.py": b"while True: pass"}, _LIMITS, stop)
        timer.join()
        yield Probe("goes on when it is stopped", outcome.ended == "stopped", f"ended: {outcome.ended}")

    def _run(
        self,
        files: Mapping[str, bytes],
        limits: Limits,
        stop: threading.Event | None = None,
        *,
        hosted: bool = False,
    ) -> tuple[Outcome, bytes]:
        printed = bytearray()
        outcome = self._sandboxed(files, limits, printed.extend, stop or self._stop, hosted=hosted)
        return outcome, bytes(printed)

    def _sandboxed(
        self,
        files: Mapping[str, bytes],
        limits: Limits,
        heard: Callable[[bytes], None],
        stop: threading.Event,
        *,
        hosted: bool = False,
        app: str = "attacker",
    ) -> Outcome:
        ours, theirs = socket.socketpair()
        listener = socket.socket(socket.AF_UNIX) if hosted else None
        with ours, theirs:
            command = (self._python.python, "-P", "/app/app.py")
            sandbox = Sandbox(command, files, self._python, limits, theirs, listener, f"doctor {app}")
            return self._isolation.run(sandbox, heard, stop)


def _program(name: str) -> dict[str, bytes]:
    """The files of a program of ours, which begins as `app.py` and is imported as it is here."""
    place = resources.files("handrail.runtime").joinpath("probes")
    files = [one for one in place.iterdir() if one.name.endswith(".py")]
    modules = {f"handrail/runtime/probes/{one.name}": one.read_bytes() for one in files}
    begin = f"import sys\nsys.path.insert(0, '/app')\nimport handrail.runtime.probes.{name}\n"
    return {**modules, "app.py": begin.encode()}


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
