"""The bench of the governed query runs, and says everything that it promises to say."""

import json
import subprocess
from pathlib import Path

import pytest

from handrail_bench import tpch
from handrail_bench.bench import BARS
from handrail_bench.measure import geomean, median
from handrail_demo.tour.stage import handrail


@pytest.fixture(scope="session")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the command says on stdout at a hundredth of the size."""
    cache = tmp_path_factory.mktemp("cache")
    done = subprocess.run(
        [handrail(), "bench", "query", "--small", "--turns", "1", "--cache", str(cache), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.release
def test_every_figure_is_measured_in_one_run(said: str) -> None:
    found = json.loads(said)
    missing = {key for key in BARS if found[key] is None}
    assert missing <= {"metricflow_compile_ms"}, "only a peer that is not installed may be missing"
    assert ("metricflow_missing" in found["details"]) == bool(missing)
    assert all(found[key] > 0 for key in BARS.keys() - missing)
    assert set(found["details"]["tpch"]) == {f"Q{number}" for number in range(1, 23)}
    assert found["details"]["stream_rows"] == 100_000
    assert found["how"]["peer"].startswith("DuckDB")


def test_there_are_22_questions_and_a_contract_for_each_of_their_tables() -> None:
    assert list(tpch.questions()) == [f"Q{number}" for number in range(1, 23)]
    assert set(tpch.TERMS) == set(tpch.TABLES)


def test_means_are_what_they_are_called() -> None:
    assert geomean([1, 4]) == pytest.approx(2)
    assert (median([3, 1, 2]), median([4, 1, 2, 3])) == (2, 2)


def test_data_is_made_once(tmp_path: Path) -> None:
    first = tpch.generate(0.001, tmp_path)
    (first / "mark").touch()
    assert (tpch.generate(0.001, tmp_path) / "mark").exists()
