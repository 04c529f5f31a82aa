"""The commands of the runtime room."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from handrail.kernel import Instance
from handrail.runtime.diagnosis import Diagnosis, Probe
from handrail.server import command
from tests.runtime.conftest import Start


def asked(instance: Instance, *words: str, person: str = "maker.sales") -> Result:
    return CliRunner().invoke(command(), [*words, "--home", str(instance.settings.home), "--as", person])


def told(instance: Instance, *words: str) -> Any:
    return json.loads(asked(instance, *words, "--json").stdout)


def test_the_layer_is_built_without_an_instance() -> None:
    result = CliRunner().invoke(command(), ["layers", "build", "--json"])
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    assert answer["digest"].startswith("sha256:")
    assert "pandas" in answer["packages"]


def test_runs_are_listed_read_and_saved(instance: Instance, ended: Start, tmp_path: Path) -> None:
    run = ended("import handrail_sdk as h\nprint('hello')\nh.save('../a.csv', b'1')")
    (listed,) = told(instance, "runs", "list")
    assert (listed["id"], listed["state"]) == (run.id, "succeeded")
    assert told(instance, "runs", "log", run.id) == "hello\n"
    assert told(instance, "runs", "save", run.id, str(tmp_path / "out")) == [
        str(tmp_path / "out" / "01-a.csv")
    ]
    assert (tmp_path / "out" / "01-a.csv").read_bytes() == b"1"


def test_a_run_is_stopped_and_somebody_elses_is_not_found(instance: Instance, start: Start) -> None:
    run = start("pass")
    result = asked(instance, "runs", "stop", run.id, person="viewer.emea")
    assert result.exit_code == 1
    assert asked(instance, "runs", "stop", run.id).output == "Stopped.\n"


def test_the_doctor_exits_with_1_when_it_is_red(monkeypatch: pytest.MonkeyPatch) -> None:
    got_out = Probe("reads a file of the host", False, "b'seen'")
    diagnosis = Diagnosis(2, 1, (got_out,), (got_out,))
    monkeypatch.setattr("handrail.runtime.commands.doctor", lambda *_: diagnosis)
    result = CliRunner().invoke(command(), ["doctor", "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["failed"][0]["name"] == "reads a file of the host"
    assert json.loads(result.stderr)["next_step"]
