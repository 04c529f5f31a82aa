"""A driver whose API server tells a story, and whose pods are processes of this machine."""

import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from handrail.adapters.isolation.kubernetes import Kubernetes, attempt
from handrail.kernel.sandbox import Layer, Limits, Outcome, Sandbox
from handrail.runtime import layer as layers
from handrail.settings import KubernetesSettings, RuntimeSettings, Settings
from tests.adapters.isolation.kubernetes.api_server import Story, telling
from tests.adapters.isolation.kubernetes.node import Node

LIMITS = Limits(seconds=20, memory=256 << 20, processes=24, printed=1 << 20, file=8 << 20)
IMAGE = f"registry.example/python@sha256:{'0' * 64}"
MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass
class Cluster:
    """One driver in front of one story; `run` gives how a run ended and what it printed."""

    driver: Kubernetes
    story: Story
    node: Node
    layer: Layer
    settings: Settings

    def run(
        self,
        code: str,
        stop: threading.Event | None = None,
        door: Callable[[socket.socket], None] | None = None,
        **limits: Any,
    ) -> tuple[Outcome, str]:
        """Run code as an app's only file; `door` answers it."""
        printed = bytearray()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            answers = threading.Thread(target=door or (lambda _: None), args=(ours,))
            answers.start()
            command = (self.layer.python, "-P", "/app/app.py")
            sandbox = Sandbox(
                command, {"app.py": code.encode()}, self.layer, replace(LIMITS, **limits), theirs, app="sales",
                run="run-1",
            )  # fmt: skip
            outcome = self.driver.run(sandbox, printed.extend, stop or threading.Event())
            answers.join()
        return outcome, printed.decode(errors="replace")


@pytest.fixture
def tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Cluster]]:
    """A cluster of a story by its name; at the end all of the story has been asked, and nothing else."""
    monkeypatch.setattr(
        attempt, "_HINDERED", 300.0
    )  # a busy machine is not to ask what its story does not have
    made: list[Story] = []
    with ExitStack() as opened:

        def tell(name: str, **chosen: Any) -> Cluster:
            python = layers.python_of(Settings(home=tmp_path)).host
            home = Path(tempfile.mkdtemp(prefix="handrail-volume-"))  # which pods' users reach
            home.chmod(0o755)
            opened.callback(shutil.rmtree, home)
            layer = layer_in(home)
            node = Node(python, home / "layers")
            opened.callback(node.close)
            story = Story(name, node)
            made.append(story)
            kubeconfig = opened.enter_context(telling(story, tmp_path / "api"))
            settings = settings_for(home, kubeconfig, python, **chosen)
            driver = Kubernetes(settings, str(home))
            opened.callback(driver.close)
            return Cluster(driver, story, node, layer, settings)

        yield tell
    for story in made:
        assert not story.unknown
        assert not story.unasked


def settings_for(folder: Path, kubeconfig: Path, python: Path, **chosen: Any) -> Settings:
    """The settings of an operator who has done what the documentation says."""
    kubernetes = KubernetesSettings(
        kubeconfig=str(kubeconfig), image=IMAGE, python=str(python), claim="handrail-layers", listen="127.0.0.1:0",
        **chosen,
    )  # fmt: skip
    runtime = RuntimeSettings(isolation="kubernetes", uid=52_001, uids=1, layers=str(folder / "layers"))
    return Settings(home=folder, runtime=runtime, kubernetes=kubernetes)


def layer_in(folder: Path) -> Layer:
    """A layer as `runtime.layer` makes it, its packages on the volume and its Python beside."""
    place = folder / "layers"
    for name in ("report-1", "sdk-1"):
        with suppress(OSError):  # of some tests that start nothing
            (place / name).mkdir(parents=True, exist_ok=True)
    binds = {
        f"/usr/bin/python{MINOR}": Path(f"/usr/bin/python{MINOR}"),
        "/layer": place / "report-1",
        "/sdk": place / "sdk-1",
    }
    return Layer("sha256:1", f"/usr/bin/python{MINOR}", binds, environment={"PYTHONPATH": "/sdk:/layer"})
