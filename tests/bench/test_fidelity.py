"""The bank of small programs: each does what it was asked on tidy data, and the mess of offices breaks many."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from handrail import data
from handrail.twins.stand_alone import stand_alone
from handrail_bench.fidelity import messes, recall, renditions
from handrail_bench.fidelity.bank import bank
from handrail_bench.fidelity.outcome import Failures, Measured, run
from handrail_bench.fidelity.recall import measured, summed
from handrail_bench.fidelity.renditions import K, went
from handrail_bench.twins import measured as bench


def outcomes(folder: Path, tidy: bool) -> Failures:
    went: Failures = {}
    for name, source in messes.write(folder / "source", tidy).items():
        (folder / name).mkdir()
        data.survey(str(source), folder / name, K)
        went |= run([one for one in bank() if one.database == name], folder / name)
    return went


def test_there_are_many_and_a_third_is_held_out() -> None:
    assert len(bank()) >= 60
    assert sum(one.held_out for one in bank()) * 3 >= len(bank())
    assert all(one.task.endswith((".", "?")) for one in bank())


def test_every_program_passes_where_everything_is_filled_in_properly(tmp_path: Path) -> None:
    assert {name: why for name, why in outcomes(tmp_path, tidy=True).items() if why} == {}


@pytest.mark.release
def test_the_mess_of_offices_breaks_most_but_not_all(tmp_path: Path) -> None:
    went = outcomes(tmp_path, tidy=False)
    assert 0.5 < sum(bool(why) for why in went.values()) / len(went) < 0.9


def test_recall_stands_beside_the_share_of_alarms_that_are_false() -> None:
    found = summed(
        [
            Measured("a", False, "E", "E", ""),
            Measured("b", False, "E", "", "E"),
            Measured("c", True, "", "E", ""),
            Measured("d", True, "", "", ""),
            Measured("e", True, "", "", ""),
        ]
    )
    assert (found.recall, found.precision, found.plain_recall) == (0.5, 0.5, 0.5)
    assert found.false_alarms == round(1 / 3, 4), "of the three that pass on real data one fails on the twin"
    assert (found.missed, found.missed_held_out, found.only_twin) == (("b",), (), ("c",))


def test_a_twin_that_breaks_everything_is_told_by_its_false_alarms() -> None:
    found = summed([Measured("a", False, "E", "E", ""), Measured("b", False, "", "E", "")])
    assert (found.recall, found.precision, found.false_alarms) == (1.0, 0.5, 1.0)


@pytest.mark.release
def test_a_source_is_looked_at_once_and_its_twins_are_those_of_builds_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = messes.WRITERS["meters"](tmp_path / "source", False)
    built: list[str] = []

    def building(*asked: Any) -> Any:
        built.append(asked[2])
        return stand_alone(*asked)

    monkeypatch.setattr(renditions, "stand_alone", building)
    found = went("meters", source, tmp_path / "made", (3, 5))
    assert built == ["hostile"]
    names = [one.name for one in bank() if one.database == "meters"]
    assert [one.program for one in found.programs] == names * 2, "each program is measured for each seed"
    stand_alone(str(source), tmp_path / "plain-5", "plain", 5)
    for file in ("meters.parquet", "readings.parquet"):
        drawn, whole = (pq.read_table(at / "plain-5" / file) for at in (tmp_path / "made", tmp_path))
        assert drawn.equals(whole), file


def test_every_database_is_measured_and_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messes, "WRITERS", {"meters": messes.WRITERS["meters"]})
    monkeypatch.setattr(recall, "NORTHWIND", Path("nowhere"))
    said: list[str] = []
    (found,) = measured((0,), said.append)
    assert {one.program for one in found.programs} == {b.name for b in bank() if b.database == "meters"}
    assert found.making > 0 and found.running > 0
    assert said == [f"programs on hostile twins: {n} of 1 databases" for n in (0, 1)]


def test_what_is_drawn_while_programs_run_is_no_part_of_the_answer() -> None:
    code = (
        "import os; from handrail_bench.fidelity.recall import forked\n"
        "with forked() as pool: pool.submit(os.write, 1, b'a bar').result()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert "a bar" in done.stderr


def test_the_part_about_programs_waits_for_no_database_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "recall", lambda _seeds, _say: summed([Measured("a", False, "E", "E", "")]))
    asked = bench.Asked(bench.SMALL, ("payments",), tmp_path, tmp_path, frozenset({"fidelity"}), alone=True)
    found = bench.measured(asked, lambda _: None)
    assert found["fidelity_recall"] == 1.0
    assert found["details"]["fidelity"]["false_alarms"] == 0.0
    assert list(tmp_path.iterdir()) == []
