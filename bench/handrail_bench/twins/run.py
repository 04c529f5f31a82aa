"""Run a program as from outside: its seconds, and the memory that it and its children hold at their most."""

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

RIVAL = Path(__file__).parents[2] / "twins"  # where SDV and the judges live, in an environment of their own
_EVERY = 0.2  # seconds between two looks at the memory


@dataclass(frozen=True)
class Ran:
    """How a program ended."""

    code: int | None  # None: it was stopped, for its time or its work was up
    seconds: float
    peak_mb: float
    out: str
    err: str


def ran(command: Sequence[str | Path], limit: float = 3600, work: int | None = None) -> Ran:
    """Run it to its end, or until its seconds are up; its children are ended with it.

    `work` limits the seconds of processors that each of its processes may use, however busy the machine is.
    """
    began = time.perf_counter()
    process = subprocess.Popen(
        [str(one) for one in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    if work is not None:
        resource.prlimit(process.pid, resource.RLIMIT_CPU, (work, work))
    peak, over = [0.0], threading.Event()

    def watch() -> None:
        while not over.wait(_EVERY):
            peak[0] = max(peak[0], sum(map(_held, _tree(process.pid))))

    watching = threading.Thread(target=watch)
    watching.start()
    code: int | None = None
    try:
        out, err = process.communicate(timeout=limit)
        code = None if process.returncode == -signal.SIGKILL and work is not None else process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        out, err = process.communicate()
    finally:
        over.set()
        watching.join()
    return Ran(code, time.perf_counter() - began, peak[0], out, err)


def handrail() -> Path:
    """Our own command line, of this environment."""
    return Path(sys.executable).parent / "handrail"


def build(source: Path, out: Path, seed: int = 0, limit: float = 3600) -> Ran:
    """A plain twin, as anybody makes one."""
    return ran([handrail(), *_asked(source, out, seed)], limit)


def timed_build(source: Path, out: Path, seed: int = 0, limit: float = 3600) -> Ran:
    """The same; on stdout is what it took without Python's start and imports: `{"seconds": …, "work": …}`."""
    return ran([sys.executable, "-m", "handrail_bench.twins.inside", *_asked(source, out, seed)], limit)


def _asked(source: Path, out: Path, seed: int) -> list[str]:
    said = ("twin", "build", "--from", source, "--out", out, "--variant", "plain", "--seed", seed, "--json")
    return [str(one) for one in said]


def rival(script: str, *arguments: str | Path, limit: float = 3600, work: int | None = None) -> Ran | None:
    """One of the scripts beside SDV; None where SDV is not installed."""
    python = RIVAL / ".venv" / "bin" / "python"
    return ran([python, RIVAL / script, *arguments], limit, work) if python.exists() else None


def _tree(root: int) -> list[int]:
    """The process and all below it."""
    found = [root]
    for process in found:  # which grows while it is read
        try:
            lists = [one.read_text() for one in Path(f"/proc/{process}/task").glob("*/children")]
        except OSError:
            continue
        found += [int(child) for text in lists for child in text.split()]
    return found


def _held(process: int) -> float:
    """Megabytes of a process, what it shares with others counted in parts."""
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) / 1024
