"""The whole story, told by the command that outsiders run, against a fresh instance that is really served."""

import json
import subprocess
from pathlib import Path

import pytest

from handrail import runtime
from handrail.settings import Settings
from handrail_demo.tour.stage import handrail

pytestmark = pytest.mark.long
ROLES = {"steward", "maker", "reviewer", "viewer", "compliance"}


@pytest.fixture(scope="module", autouse=True)
def layer(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What apps run on is there before the story begins."""
    runtime.build_layer(Settings(tmp_path_factory.mktemp("nobody")))


def test_every_step_of_the_tour_is_as_expected_and_json_is_all_that_is_said() -> None:
    done = subprocess.run(
        [handrail(), "demo", "--tour", "--json"], capture_output=True, text=True, timeout=600, check=False
    )
    told = json.loads(done.stdout)
    assert [step for step in told["steps"] if not step["ok"]] == []
    assert told["ok"]
    assert done.returncode == 0
    assert len(told["steps"]) >= 25
    assert {step["role"] for step in told["steps"]} == ROLES
    assert sum(step["refuses"] for step in told["steps"]) >= 12


def test_a_used_directory_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    done = subprocess.run(
        [handrail(), "demo", "--tour", "--json", "--home", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert json.loads(done.stderr)["code"] == "invalid"
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]
