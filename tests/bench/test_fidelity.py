"""The bank of small programs: each does what it was asked on tidy data, and the mess of offices breaks many."""

from __future__ import annotations

from pathlib import Path

from handrail import data
from handrail_bench.fidelity import messes
from handrail_bench.fidelity.recall import Failures, K, Measured, bank, run, summed


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


def test_the_mess_of_offices_breaks_most_but_not_all(tmp_path: Path) -> None:
    went = outcomes(tmp_path, tidy=False)
    assert 0.5 < sum(bool(why) for why in went.values()) / len(went) < 0.9


def test_recall_is_the_share_of_what_fails_on_real_data() -> None:
    one, other, third, *_ = bank()
    found = summed([Measured(one, "E", "E", ""), Measured(other, "E", "", "E"), Measured(third, "", "E", "")])
    assert (found.recall, found.precision, found.plain_recall) == (0.5, 0.5, 0.5)
    assert {*found.missed, *found.missed_held_out} == {other.name}
    assert found.only_twin == (third.name,)
