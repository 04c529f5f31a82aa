"""Every figure of the runtime, ours and the peer's in turn, in one run."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from handrail import runtime
from handrail_bench.house import house, people
from handrail_bench.measure import in_turn
from handrail_bench.runtime import hosted, jobs
from handrail_bench.runtime.bare import Bare, sandboxed
from handrail_bench.runtime.bars import BARS
from handrail_bench.runtime.rtt import round_trips
from handrail_bench.runtime.waiting import Waiting
from handrail_bench.runtime.who import MAKER

Say = Callable[[str], None]
_IMPORTS = "import pandas, duckdb"


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    turns: int
    trips: int
    jobs: int
    requests: int
    viewers: int
    apps: int


FULL = Size(turns=12, trips=20_000, jobs=200, requests=300, viewers=100, apps=24)
SMALL = Size(turns=2, trips=200, jobs=6, requests=20, viewers=5, apps=2)
_LIMITS = {"runtime": {"waiting": 100_000, "questions": 1_000_000, "hosted": 64}}


def measured(size: Size, say: Say) -> dict[str, Any]:
    """Every figure by its key, and how they were measured; makes an instance and removes it."""
    with tempfile.TemporaryDirectory() as folder, house(Path(folder) / "home", _LIMITS) as instance:
        people(instance, (MAKER,))
        say("building layers")
        layers = {
            name: runtime.build_layer(instance.settings, name) for name in ("report", "data", "dashboard")
        }
        isolation = instance.ports.isolation
        found: dict[str, Any] = dict.fromkeys(BARS)
        details: dict[str, Any] = {}
        for key, layer, code in (("pass_ratio", "report", "pass"), ("pandas_ratio", "data", _IMPORTS)):
            say(f"python -c {code!r}")
            ours = partial(sandboxed, isolation, layers[layer], code)
            pair = in_turn(ours, partial(Bare(layers[layer]).run, code), size.turns, _nothing)
            found[key], details[key.replace("_ratio", "_ms")] = pair.ratio, pair.told[:3]
        say("a sandbox that waits")
        waiting = Waiting(isolation, layers["data"], _IMPORTS)
        peer = partial(Bare(layers["data"]).run, _IMPORTS)
        pair = in_turn(waiting.use, peer, size.turns, waiting.park)
        found["parked_ratio"], details["parked_ms"] = pair.ratio, pair.told[:3]
        details["parked_mb"] = round(isolation.waiting()[1] / (1 << 20), 1)
        isolation.leave_none()
        say("round trips of the SDK")
        inside, outside = round_trips(instance, layers["report"], size.trips)
        found["sdk_rtt_ratio"], details["sdk_rtt_us"] = inside / outside, [inside, outside]
        found["docker_pass_ratio"], details["docker_missing"] = _docker(size.turns)
        say(f"{size.jobs} jobs")
        found |= jobs.queued(instance, Bare(layers["report"]), size.jobs, details)
        say("hosted apps")
        found |= hosted.measured(instance, size.requests, size.viewers, size.apps, details)
    return {**found, "details": details, "how": _how(size)}


def _nothing() -> None:
    """No turn leaves anything behind."""


def _docker(turns: int) -> tuple[float | None, str | None]:
    """The same program in a container, where there is a daemon and an image of Python; else why not."""
    tool = shutil.which("docker") or shutil.which("podman")
    if tool is None:
        return None, "neither docker nor podman is installed"
    command = [tool, "run", "--rm", "--network", "none", "python:3.11-slim", "python", "-c", "pass"]
    tried = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if tried.returncode:
        return None, (tried.stderr.strip().splitlines() or ["it ended with no word"])[0][:200]
    plain = ["python3", "-I", "-S", "-c", "pass"]
    pair = in_turn(
        lambda: subprocess.run(command, check=True, capture_output=True),
        lambda: subprocess.run(plain, check=True, capture_output=True),
        turns,
        _nothing,
    )
    return pair.ratio, None


def _how(size: Size) -> dict[str, Any]:
    return {
        **vars(size),
        "cpus": os.cpu_count(),
        "load_per_minute": round(os.getloadavg()[0], 1),
        "peer": "the same interpreter and packages as plain processes of this user",
        "what_counts": "ours and the peer in turn, the fastest turn of each; medians for single requests",
    }
