"""Whether a sandbox on this machine holds: attacks from inside a real one, against canaries made for them."""

import json
import os
import secrets
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

from handrail.kernel import Instance
from handrail.kernel.sandbox import Layer, Limits, Outcome, Sandbox
from handrail.runtime import layer
from handrail.runtime.layer_build import Progress

_LIMITS = Limits(seconds=30, memory=256 << 20, processes=32, printed=1 << 20, file=8 << 20)
_BOMBS = {
    "prints without end": ("output", "while True: print('x' * 4096)"),
    "loops without end": ("timeout", "while True: pass"),
    "sleeps through every signal": (
        "timeout",
        "import signal, time\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n"
        "    except (OSError, ValueError): pass\nwhile True: time.sleep(1)",
    ),
    "takes all memory": ("memory", "kept = []\nwhile True: kept.append(bytearray(1 << 24))"),
    "takes all memory in children": (
        "memory",
        "import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n"
        "        kept = bytearray(os.urandom(1 << 20)) * 100\n"
        "        time.sleep(20)\nos.wait()\nraise SystemExit(1)",
    ),
}
_FORKS = "import os, time\nfor _ in range(200):\n    if os.fork() == 0: time.sleep(20)\n"
_SURVIVOR = (
    "import os, sys, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
    "        os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(60)', '{name}'])\n"
    "time.sleep(0.5)\n"
)


@dataclass(frozen=True)
class Probe:
    """One attack: whether the sandbox held, and what the attack found."""

    name: str
    held: bool
    found: str


@dataclass(frozen=True)
class Diagnosis:
    """All probes; red when one failed."""

    probes: int
    held: int
    failed: tuple[Probe, ...]
    results: tuple[Probe, ...] = field(repr=False)

    @property
    def green(self) -> bool:
        """Whether apps may run here."""
        return not self.failed


def doctor(instance: Instance, progress: Progress | None = None) -> Diagnosis:
    """Attack a real sandbox from inside; refuses NotReady on a machine where none can be started."""
    report = progress or (lambda _label, _done, _total: None)
    instance.ports.isolation.check()
    python = layer.build(instance.settings, progress=progress)
    report("attacks from inside", 0, 3)
    with _canary(instance) as canary:
        found = _inside(instance, python, canary)
    report("bombs", 1, 3)
    found += [_bomb(instance, python, name, *bomb) for name, bomb in _BOMBS.items()]
    found += [_forks(instance, python)]
    report("survivors", 2, 3)
    found += [_survivors(instance, python), _stopped(instance, python)]
    report("done", 3, 3)
    failed = tuple(probe for probe in found if not probe.held)
    return Diagnosis(len(found), len(found) - len(failed), failed, tuple(found))


@contextmanager
def _canary(instance: Instance) -> Iterator[dict[str, Any]]:
    """A secret in the environment, files that everybody may read, and services to be found by nobody."""
    secret = secrets.token_hex(16)
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.create_server(("127.0.0.1", 0)) as service,
        socket.socket(socket.AF_UNIX) as abstract,
        socket.socket(socket.AF_UNIX) as named,
    ):
        Path(folder).chmod(0o755)
        outside, inside_home = Path(folder) / "canary", instance.settings.home / f"canary-{secret[:8]}"
        abstract.bind(f"\0{secret[:16]}")
        named.bind(f"{folder}/socket")
        Path(f"{folder}/socket").chmod(0o777)
        os.environ["HANDRAIL_CANARY"] = secret
        try:
            for file in (outside, inside_home):
                file.write_text(secret)
                file.chmod(0o644)
            for listener in (abstract, named):
                listener.listen()
            yield {
                "secret": secret, "file": str(outside), "home_file": str(inside_home),
                "port": service.getsockname()[1], "abstract": secret[:16], "socket": f"{folder}/socket",
                "hostname": socket.gethostname(), "file_limit": _LIMITS.file,
            }  # fmt: skip
        finally:
            del os.environ["HANDRAIL_CANARY"]
            inside_home.unlink(missing_ok=True)


def _inside(instance: Instance, python: Layer, canary: dict[str, Any]) -> list[Probe]:
    script = resources.files("handrail.runtime").joinpath("probes", "inside.py").read_bytes()
    files = {"app.py": script, "canary.json": json.dumps(canary).encode()}
    outcome, printed = _run(instance, python, files, _LIMITS)
    probes = [
        Probe(**json.loads(line)) for line in printed.decode(errors="replace").splitlines() if line[:1] == "{"
    ]
    if outcome.ended != "exited" or outcome.code != 0:
        said = printed.decode(errors="replace").strip().splitlines()[-1:] or [outcome.detail]
        probes.append(
            Probe("lets every attack be tried", False, f"{outcome.ended} {outcome.code}: {said[0]}")
        )
    return probes


def _bomb(instance: Instance, python: Layer, name: str, wanted: str, code: str) -> Probe:
    seconds = 2 if wanted == "timeout" else 20
    outcome, _ = _run(instance, python, {"app.py": code.encode()}, replace(_LIMITS, seconds=seconds))
    return Probe(name, outcome.ended == wanted, f"ended: {outcome.ended}")


def _forks(instance: Instance, python: Layer) -> Probe:
    outcome, _ = _run(instance, python, {"app.py": _FORKS.encode()}, _LIMITS)
    held = outcome.ended == "processes" or (outcome.ended == "exited" and outcome.code != 0)
    return Probe("forks without end", held, f"ended: {outcome.ended} {outcome.code}")


def _survivors(instance: Instance, python: Layer) -> Probe:
    name = f"survivor-{secrets.token_hex(8)}"
    _run(instance, python, {"app.py": _SURVIVOR.format(name=name).encode()}, _LIMITS)
    alive = [entry for entry in Path("/proc").glob("[0-9]*/cmdline") if name.encode() in _content(entry)]
    return Probe("leaves a process behind", not alive, f"{len(alive)} processes")


def _stopped(instance: Instance, python: Layer) -> Probe:
    stop = threading.Event()
    timer = threading.Timer(0.5, stop.set)
    timer.start()
    outcome, _ = _run(instance, python, {"app.py": b"while True: pass"}, _LIMITS, stop)
    timer.join()
    return Probe("goes on when it is stopped", outcome.ended == "stopped", f"ended: {outcome.ended}")


def _run(
    instance: Instance,
    python: Layer,
    files: dict[str, bytes],
    limits: Limits,
    stop: threading.Event | None = None,
) -> tuple[Outcome, bytes]:
    printed = bytearray()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        command = (python.python, "-P", "/app/app.py")
        sandbox = Sandbox(command, files, python, limits, theirs)
        outcome = instance.ports.isolation.run(sandbox, printed.extend, stop or threading.Event())
    return outcome, bytes(printed)


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
