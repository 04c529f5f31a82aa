"""A driver that cannot do everything: the doctor tries the rest, and says what it did not try."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from io import StringIO

import pytest
from rich.console import Console

from handrail.adapters.isolation import Bubblewrap
from handrail.kernel import Instance
from handrail.runtime import diagnosis
from handrail.runtime.commands import _told
from handrail.runtime.diagnosis import Diagnosis, Probe
from handrail.runtime.doctor import doctor

WHY = {
    "a web app: ": "nobody comes to it", "a web app that waited: ": "nobody comes to it", "one that waited: ": "none waits",
    "leaves a process behind": "it is not seen", "is more than one user": "it is",
}  # fmt: skip


class Fewer(Bubblewrap):
    """Real sandboxes, of which some things are not asked."""

    @property
    def untried(self) -> Mapping[str, str]:
        return WHY


def test_what_a_driver_cannot_do_is_not_tried_and_is_said(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Diagnosis] = []
    monkeypatch.setattr(diagnosis, "keep", lambda _, found: kept.append(found))  # the machine's own one stays
    instance.ports.__dict__["isolation"] = Fewer(instance.settings.runtime.uid)
    found = doctor(instance)
    assert kept == [found]
    assert found.green
    assert found.untried == WHY
    assert found.probes > 100
    assert not [probe.name for probe in found.results if probe.name.startswith(tuple(WHY))]
    assert any(probe.name == "takes all memory" for probe in found.results)


def test_a_diagnosis_keeps_what_was_not_tried_and_tells_people() -> None:
    probe = Probe("looks around", True, "nothing")
    found = Diagnosis(1, 1, (), (probe,), {}, "f" * 64, "now", WHY)
    assert diagnosis._parsed(json.dumps(asdict(found)).encode()) == found
    Console(file=(told := StringIO()), width=200).print(_told(found))
    assert "not tried: a web app: nobody comes to it" in told.getvalue()


def test_a_diagnosis_of_before_tried_everything() -> None:
    before = asdict(Diagnosis(1, 1, (), (Probe("looks around", True, "nothing"),)))
    del before["untried"]
    found = diagnosis._parsed(json.dumps(before).encode())
    assert found is not None
    assert found.untried == {}
