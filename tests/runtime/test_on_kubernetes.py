"""A run as a Job from its queue to its outputs: the room does what it does with any driver.

The API server tells a written story, and the pod's containers are processes with its mounts; see
`tests/adapters/isolation/kubernetes`.
"""

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from handrail import runtime
from handrail.adapters.isolation.kubernetes import Kubernetes
from handrail.kernel import Instance
from handrail.runtime import diagnosis, layer
from handrail.runtime.diagnosis import Diagnosis, Probe
from tests.adapters.isolation.kubernetes.api_server import Story, telling
from tests.adapters.isolation.kubernetes.conftest import settings_for
from tests.adapters.isolation.kubernetes.node import Node
from tests.conftest import Acting
from tests.runtime.conftest import Start


@pytest.fixture
def clustered(instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Story]:
    """The instance with a cluster that is known to hold, and its story."""
    monkeypatch.setattr(diagnosis, "folder", lambda _settings: tmp_path / "diagnoses")
    layer.build(instance.settings)
    root, python = layer.root_of(instance.settings), layer.python_of(instance.settings).host
    node = Node(python, root)
    story = Story("ends_well", node)
    for one in story.exchanges:  # its layers and limits are those of this instance
        if one["request"]["method"] == "POST":
            one["request"]["body"] = "<any>"
    with telling(story, tmp_path / "api") as kubeconfig:
        chosen = settings_for(tmp_path, kubeconfig, python).kubernetes
        own = replace(instance.settings.runtime, isolation="kubernetes", uid=52_001, uids=1, layers=str(root))
        instance.settings = replace(instance.settings, kubernetes=chosen, runtime=own)
        driver = Kubernetes(instance.settings, "here")
        instance.ports.__dict__["isolation"] = driver
        driver.check()
        known = diagnosis.fingerprint(instance.settings, driver)
        diagnosis.keep(
            instance.settings, Diagnosis(1, 1, (), (Probe("looks", True, "nothing"),), {}, known, "now")
        )
        yield story
        port = driver._board.open()
        instance.ports.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=20)
    node.close()
    assert not story.unknown
    assert not story.unasked


def test_what_a_job_prints_and_hands_over_comes_from_a_pod_as_from_anywhere(
    clustered: Story, instance: Instance, start: Start, acting: Acting
) -> None:
    code = (
        "import handrail_sdk, pandas\n"
        "print('counted')\n"
        "handrail_sdk.show(pandas.DataFrame({'region': ['north', 'south'], 'orders': [3, 4]}), title='Orders')\n"
        "open('note.txt', 'w').write('written to the working folder')\n"
    )
    run = runtime.execute(instance, start(code).id)
    assert (run.state, run.ended, run.reason) == ("succeeded", "exited", "")
    with acting(run.person) as ctx:
        assert runtime.log(ctx, run.id) == "counted\n"
        handed = {one.name: one for one in runtime.outputs(ctx, run.id)}
    assert "note.txt" in handed
    assert len(handed) == 2
    assert clustered.node.deleted.is_set()
    assert not [thread for thread in threading.enumerate() if thread.name == f"door {run.id}"]
