"""The Kubernetes driver: each run is a Job of one pod under a RuntimeClass, with the limits of any other run.

It was tested against API exchanges that were written after Kubernetes' published schema, and never on a live
cluster; its walls say so wherever they are shown.
"""

import hashlib
import os
import threading
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path

import structlog

from handrail.adapters.isolation.arguments import checked_names
from handrail.adapters.isolation.kubernetes.attempt import Attempt
from handrail.adapters.isolation.kubernetes.belongings import deny_all
from handrail.adapters.isolation.kubernetes.cluster import Cluster
from handrail.adapters.isolation.kubernetes.pod import OURS, Place
from handrail.adapters.isolation.kubernetes.ready import machine, must_be_set, own_address, process, sweep
from handrail.adapters.isolation.kubernetes.switchboard import Switchboard
from handrail.kernel import NotReady
from handrail.kernel.sandbox import Outcome, Sandbox
from handrail.settings import Settings

_TESTED = "against written API exchanges only, never on a live cluster"
_NOT_LISTENED = "a pod answers nobody who comes to it"
_NOT_PARKED = "a pod is made for one run, and none waits"
_NOT_SEEN = "the processes of a pod are on another machine"
# By the beginning of their names, the attacks that mean nothing here.
_UNTRIED = {
    "a web app: ": _NOT_LISTENED,
    "a web app that waited: ": _NOT_LISTENED,
    "one that waited: ": _NOT_PARKED,
    "connects to the port of another app": _NOT_LISTENED,
    "leaves a process behind": _NOT_SEEN,
    "is more than one user": "a pod has the user ids of its runtime; that it becomes no other one is tried",
}
# Containers that share the kernel of their machine: a RuntimeClass of these is no wall.
_NO_WALL = ("runc", "crun", "youki")

_logger = structlog.get_logger(__name__)


class Kubernetes:
    """Runs sandboxes in the cluster of `settings.kubernetes`; `realm` tells this instance's from others'."""

    def __init__(self, settings: Settings, realm: str) -> None:
        self._settings = settings
        instance = hashlib.sha256(realm.encode()).hexdigest()[:16]
        self._labels = {
            f"{OURS}/instance": instance, f"{OURS}/host": machine(), f"{OURS}/process": process()
        }  # fmt: skip
        self._board = Switchboard(settings.kubernetes.listen)
        self._once = threading.Lock()
        self._cluster: Cluster | None = None
        self._place: Place | None = None
        self._handler = ""

    @property
    def walls(self) -> Mapping[str, str]:
        """What holds here, in words, and how little that was tried."""
        chosen = self._settings.kubernetes
        return {
            "tested": _TESTED,
            "runtime class": chosen.runtime_class + (f" ({self._handler})" if self._handler else ""),
            "network": "a policy that denies all but the way back, which the cluster's network must enforce",
            "memory": "limits of the pod",
            "processes": "limited per user in its runtime, and by the podPidsLimit of its machine",
            "second wall": "the filter of system calls, inside the pod",
            "users": "one per run, drawn from runtime.uid on",
        }

    @property
    def untried(self) -> Mapping[str, str]:
        """Attacks that cannot be tried on a pod, and why."""
        return _UNTRIED

    def identity(self) -> str:
        """The cluster's place, what pods are made of, and our own files."""
        code = hashlib.sha256()
        for folder in (resources.files(__package__), resources.files(__package__).joinpath("inside")):
            for file in sorted(folder.iterdir(), key=lambda one: one.name):
                if file.name.endswith(".py"):
                    code.update(file.read_bytes())
        return f"{self._settings.kubernetes} {self._handler} {os.geteuid()} {code.hexdigest()}"

    def check(self) -> None:
        """Refuse NotReady unless the settings name a cluster, and it has what sandboxes need; Upstream
        where it does not answer. Once, also sets its default policy, and ends what dead processes have left.
        """
        self._ready()

    def run(self, sandbox: Sandbox, printed: Callable[[bytes], None], stop: threading.Event) -> Outcome:
        """Run as a Job to its end. Refuses Invalid for bad file names, NotReady for a web app, and as
        `Cluster` does where the Job cannot be made.
        """
        if sandbox.listener is not None:
            raise NotReady(
                "Web apps do not run on Kubernetes: nobody can come to a pod, which reaches Handrail alone.",
                next_step="Host them on a server with bubblewrap (runtime.isolation), or make it a job or "
                "a static app.",
            )
        cluster, place = self._ready()
        checked_names(sandbox.files)
        return Attempt(cluster, self._board, place, sandbox).outcome(printed, stop)

    def park(self, sandbox: Sandbox, *, listens: bool, stop: threading.Event) -> None:
        """Refuses NotReady: no pod waits for a run."""
        raise NotReady("No sandbox waits for a run on Kubernetes.", next_step="Runs start without one there.")

    def keep_parked(self, most: int, memory: int, seconds: float, stop: threading.Event) -> bool:
        """Nothing is to be done: none waits."""
        return False

    def waiting(self) -> tuple[int, int]:
        """None waits."""
        return 0, 0

    def leave_none(self) -> None:
        """None waits."""

    def close(self) -> None:
        """Listen to relays no more."""
        self._board.close()

    def _ready(self) -> tuple[Cluster, Place]:
        with self._once:
            if self._cluster is None or self._place is None:
                self._cluster, self._place = self._looked()
            return self._cluster, self._place

    def _looked(self) -> tuple[Cluster, Place]:
        chosen, runtime = self._settings.kubernetes, self._settings.runtime
        must_be_set(self._settings)
        cluster = Cluster(chosen, self._settings.home)
        handler = str(cluster.runtime_class(chosen.runtime_class).get("handler") or "")
        if handler in _NO_WALL:
            raise NotReady(
                f"The RuntimeClass {chosen.runtime_class} is {handler}, which shares the kernel of its "
                "machine with the app and is no sandbox.",
                next_step="Set kubernetes.runtime_class to one of gVisor (runsc) or Kata.",
            )
        self._handler = handler
        _logger.warning("kubernetes.chosen", tested=_TESTED, namespace=chosen.namespace)
        cluster.apply_policy(deny_all(chosen.namespace))
        sweep(cluster, self._labels)
        port = self._board.open()
        address = own_address(chosen.address, cluster.server, port)
        labels, layers = self._labels, Path(runtime.layers)
        place = Place(chosen, layers, runtime.uid, runtime.uids, labels, self._board.certificate, address)
        return cluster, place
