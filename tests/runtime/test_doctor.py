"""The doctor: green on a machine whose sandboxes hold, red where a wall is missing."""

import json

import pytest

from handrail.adapters.isolation import bubblewrap
from handrail.kernel import Instance
from handrail.runtime.doctor import doctor


def test_every_attack_finds_nothing(instance: Instance) -> None:
    found = doctor(instance)
    assert found.failed == ()
    assert found.green
    assert found.held == found.probes >= 60
    assert not list(instance.settings.home.glob("canary-*"))


def test_a_missing_wall_turns_it_red(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = bubblewrap.arguments
    monkeypatch.setattr(
        bubblewrap,
        "arguments",
        lambda *given: ("--ro-bind", "/tmp", "/tmp", *(w for w in whole(*given) if w != "--disable-userns")),
    )
    monkeypatch.setattr(bubblewrap.seccomp, "program", lambda **_: b"\x06\x00\x00\x00\x00\x00\xff\x7f")
    found = doctor(instance)
    assert not found.green
    names = {probe.name for probe in found.failed}
    assert {"calls ptrace", "calls unshare", "makes a IPv4 socket"} <= names
    assert json.dumps([vars(probe) for probe in found.failed])
