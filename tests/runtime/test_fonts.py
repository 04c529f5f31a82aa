"""Runs that draw find the list of fonts that matplotlib would make anew in each of them."""

import json
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from handrail.kernel import Instance, NotReady
from handrail.kernel.sandbox import Layer, Limits, Outcome, Sandbox
from handrail.runtime import layer
from handrail.runtime.fonts import FONTS, with_fonts
from handrail.runtime.layer import OWN, PACKAGES

DRAWS = b"""
import logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
import matplotlib.pyplot as plt
plt.plot([1, 2])
plt.savefig("/tmp/a.png")
plt.close()
"""


def test_an_app_finds_the_list_and_makes_none(instance: Instance) -> None:
    without = layer.build(instance.settings)
    known = with_fonts(instance, without, threading.Event())
    for used, said in ((without, "generated new fontManager"), (known, "Using fontManager instance from")):
        printed, command = bytearray(), (used.python, "-P", "-m", "handrail_sdk.run", "app.py")
        sandbox = Sandbox(command, {"app.py": DRAWS}, used, Limits(memory=512 << 20))
        outcome = instance.ports.isolation.run(sandbox, printed.extend, threading.Event())
        assert (outcome.ended, outcome.code) == ("exited", 0), printed.decode()
        assert said in printed.decode()


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A folder that the sandboxes' user can reach, as none below `tmp_path` is."""
    with tempfile.TemporaryDirectory(prefix="handrail-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_what_one_app_brings_says_nothing_to_others_on_its_layer(
    instance: Instance, open_to_all: Path
) -> None:
    """A package of an app's own that is called as one that the layer lacks, and prints a list."""
    own, packages = open_to_all / "own", open_to_all / "report-0123456789abcdef"
    (own / "matplotlib").mkdir(parents=True)
    packages.mkdir()
    lies = 'import os\nprint(\'{"fontlist-v3.json": "{}"}\', flush=True)\nos._exit(0)\n'
    (own / "matplotlib" / "__init__.py").write_text(lies)
    built = layer.build(instance.settings)
    mine = replace(built, binds={**built.binds, PACKAGES: packages, OWN: own})
    found = with_fonts(instance, mine, threading.Event())
    assert list(found.binds[FONTS].iterdir()) == []


class Printing:
    """An isolation whose sandboxes print this and end so."""

    def __init__(self, printed: bytes, ended: Any = "exited", code: int = 0) -> None:
        self.printed, self.outcome, self.ran = printed, Outcome(ended, code, 0.1), 0

    def run(self, sandbox: Sandbox, printed: Any, stop: threading.Event) -> Outcome:
        self.ran += 1
        printed(self.printed)
        return self.outcome


def listed(folder: Path, isolation: Printing) -> dict[str, str] | None:
    """The lists that an app finds there; None where there is no folder of them."""
    instance = cast(Instance, SimpleNamespace(ports=SimpleNamespace(isolation=isolation)))
    packages = folder / "report-0123456789abcdef"
    found = with_fonts(instance, Layer("d", "/python", {PACKAGES: packages}), threading.Event())
    fonts = found.binds.get(FONTS)
    assert found.binds[PACKAGES] == packages
    return {one.name: one.read_text() for one in fonts.iterdir()} if fonts else None


def test_it_is_made_once(tmp_path: Path) -> None:
    prints = Printing(json.dumps({"fontlist-v3.json": "{}"}).encode())
    assert listed(tmp_path, prints) == listed(tmp_path, prints) == {"fontlist-v3.json": "{}"}
    assert prints.ran == 1


@pytest.mark.parametrize(
    "printed",
    [
        json.dumps({"../../report-0123456789abcdef/os.py": "{}", "fontlist-v3.json/..": "{}"}),
        json.dumps({"fontlist-v3.json": "import os"}),
        json.dumps({"fontlist-v3.json": "[]"}),
        json.dumps({"fontlist-v3.json": ["{}"]}),
        json.dumps([1]),
        "Traceback",
    ],
)
def test_what_is_no_list_by_its_name_or_content_is_not_kept(tmp_path: Path, printed: str) -> None:
    assert listed(tmp_path, Printing(printed.encode())) == {}
    assert [one.name for one in tmp_path.iterdir() if one.is_dir()] == ["fonts-report-0123456789abcdef"]


def test_a_layer_without_matplotlib_has_none_and_is_not_asked_again(tmp_path: Path) -> None:
    fails = Printing(b"ModuleNotFoundError: No module named 'matplotlib'", code=1)
    assert listed(tmp_path, fails) == listed(tmp_path, fails) == {}
    assert fails.ran == 1


def test_a_sandbox_that_was_ended_or_refused_keeps_nobody_from_running_and_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = Printing(b"{", ended="timeout")
    assert listed(tmp_path, ended) is None

    def refused(*_: object) -> Outcome:
        raise NotReady("No sandbox.", next_step="Mend it.")

    with monkeypatch.context() as patched:
        patched.setattr(ended, "run", refused)
        assert listed(tmp_path, ended) is None
    assert listed(tmp_path, Printing(b'{"fontlist-v3.json": "{}"}')) == {"fontlist-v3.json": "{}"}
