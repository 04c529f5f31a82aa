"""Compiling metrics: the same requests by our compiler and by metricflow, in an environment of its own."""

import json
import subprocess
from pathlib import Path
from statistics import median
from typing import Any

from handrail.data import ossie
from handrail.data.compile_metric import compile_metric
from handrail.data.models import MetricRequest
from handrail_bench.measure import fastest

ORACLES = Path(__file__).parents[1] / "oracles"


def compiling(turns: int) -> dict[str, Any]:
    """Milliseconds to compile a metric request: the middle of the sample's requests, each at its fastest."""
    sample = json.loads((ORACLES / "sample.json").read_text(encoding="utf-8"))
    known = {one.metric.name: one for one in ossie.load(sample["model"].encode(), "model/bench.yaml")}
    requests = [MetricRequest(**{**one, "by": tuple(one.get("by", ()))}) for one in sample["ours"]]
    ours = [fastest(lambda one=one: compile_metric(known[one.name], one), turns) for one in requests]  # type: ignore[misc]
    theirs, reason = _metricflow({**sample["metricflow"], "repeat": turns})
    return {
        "metric_compile_ms": median(ours),
        "metricflow_compile_ms": theirs,
        **({"metricflow_missing": reason} if reason else {}),
    }


def _metricflow(task: dict[str, Any]) -> tuple[float | None, str]:
    """What metricflow needs for the same requests; without it nothing, and why."""
    python = ORACLES / ".venv" / "bin" / "python"
    if not python.exists():
        return None, "metricflow is not installed; `make oracles` installs it in an environment of its own"
    done = subprocess.run(
        [str(python), str(ORACLES / "metricflow_sql.py")],
        input=json.dumps(task),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return None, f"metricflow failed: {done.stderr.strip().splitlines()[-1:]}"
    return median(one["ms"] for one in json.loads(done.stdout) if "ms" in one), ""
