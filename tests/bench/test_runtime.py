"""The bench of the runtime runs, and says everything that it promises to say."""

import json
import subprocess

import pytest

from handrail_bench.runtime.bars import BARS
from handrail_demo.tour.stage import handrail


@pytest.mark.release
def test_every_figure_is_measured_in_one_run_or_said_to_be_missing_and_why() -> None:
    command = [handrail(), "bench", "runtime", "--small", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    missing = {key for key in BARS if found[key] is None}
    assert missing <= {"docker_pass_ratio"}
    assert all(found["details"][f"{key.split('_')[0]}_missing"] for key in missing)
    assert found["jobs_lost"] == found["viewers_errors"] == 0
    assert all(
        found[key] > 0
        for key in ("pass_ratio", "pandas_ratio", "parked_ratio", "sdk_rtt_ratio", "jobs_throughput_ratio")
    )
