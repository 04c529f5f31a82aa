"""What a run is in Kubernetes: a Job of one pod, written from values alone.

Nothing here reads what an app says of itself. Names and labels are drawn or hashed, the command and the files
are told inside, and every field that keeps the pod in is a constant or an operator's setting.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from handrail.adapters.isolation.arguments import WRITABLE
from handrail.kernel import NotReady
from handrail.kernel.sandbox import CODE, WORK, Sandbox
from handrail.settings import KubernetesSettings

Manifest = dict[str, Any]

OURS = "handrail.dev"
MANAGED = {"app.kubernetes.io/managed-by": "handrail"}
APP, RELAY = "app", "relay"  # the containers
WAY = "/handrail/way"  # where the relay listens for the app
_ENTER, _TOLD = "/handrail/enter", "/handrail/relay"
_KEPT_AFTER = 300  # seconds that a Job lies there which nobody has deleted
_LONGEST = 86_400  # seconds of what has no limit of its own
_LEEWAY = 30  # seconds between our own end of a run and Kubernetes'
_RELAY_MEMORY = 96 << 20
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_MINOR = re.compile(r"python(3\.\d+)$")


@dataclass(frozen=True)
class Place:
    """What is the same for all runs of this process: the cluster as the settings have it, and who we are."""

    settings: KubernetesSettings
    layers: Path  # where the volume with the layers is mounted here
    uid: int
    uids: int
    labels: Mapping[str, str]  # of this instance and process
    certificate: str  # of whoever answers the relay, as PEM
    address: tuple[str, int]  # where that is: an IP address, so that pods need no names


def job(name: str, sandbox: Sandbox, place: Place) -> Manifest:
    """The Job of a run. Refuses NotReady where its layer does not lie on the volume that pods see."""
    chosen, limits = place.settings, sandbox.limits
    seconds = _LONGEST if limits.seconds is None else int(limits.seconds) + _LEEWAY
    deadline = chosen.start_seconds + seconds
    labels = labels_of(name, sandbox, place)
    app_user, relay_user = _users(name, place)
    code = sum(map(len, sandbox.files.values()))
    pod = {
        "runtimeClassName": chosen.runtime_class,
        "restartPolicy": "Never",
        "activeDeadlineSeconds": deadline,
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "hostNetwork": False,
        "hostPID": False,
        "hostIPC": False,
        "shareProcessNamespace": False,
        "hostname": "sandbox",
        # No names are looked up: a question to a name server is a way out.
        "dnsPolicy": "None",
        "dnsConfig": {"nameservers": ["127.0.0.1"]},
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": app_user,
            "runAsGroup": app_user,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "initContainers": [
            {
                **_container(RELAY, _TOLD, relay_user, chosen),
                "restartPolicy": "Always",  # beside the app, and ended with it
                "resources": _resources(100, _RELAY_MEMORY + code),
                # It prints our own words, and never the app's.
                "terminationMessagePolicy": "FallbackToLogsOnError",
                "volumeMounts": [
                    _mount("told", _TOLD),
                    _mount("code", CODE, written=True),
                    _mount("way", WAY, written=True),
                ],
            }
        ],
        "containers": [
            {
                **_container(APP, _ENTER, app_user, chosen),
                "workingDir": WORK,
                "resources": _resources(chosen.millicores, limits.memory),
                "volumeMounts": [
                    _mount("enter", _ENTER),
                    _mount("code", CODE),
                    _mount("way", WAY),
                    *(_mount(_named(path), path, written=True) for path in WRITABLE),
                    *_layer(sandbox, place),
                ],
            }
        ],
        "volumes": [
            _secret_volume("told", name, ("relay.py", "told.json", "token")),
            _secret_volume("enter", name, ("enter.py", "enter.json", "filter")),
            _in_memory("code", code + (1 << 20)),
            _in_memory("way", 1 << 20),
            *(_in_memory(_named(path), limits.file) for path in WRITABLE),
            {"name": "layers", "persistentVolumeClaim": {"claimName": chosen.claim, "readOnly": True}},
        ],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": chosen.namespace, "labels": labels},
        "spec": {
            "completions": 1,
            "parallelism": 1,
            "backoffLimit": 0,
            "activeDeadlineSeconds": deadline,
            "ttlSecondsAfterFinished": _KEPT_AFTER,
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def labels_of(name: str, sandbox: Sandbox, place: Place) -> dict[str, str]:
    """Who a pod belongs to, by ids alone: an app's name is for its people, and not for a cluster's."""
    run = sandbox.run if _LABEL.fullmatch(sandbox.run) else ""
    app = hashlib.sha256(f"{place.labels[f'{OURS}/instance']}\0{sandbox.app}".encode()).hexdigest()[:16]
    return {**MANAGED, **place.labels, f"{OURS}/job": name, f"{OURS}/run": run, f"{OURS}/app": app}


def streams(sandbox: Sandbox) -> list[str]:
    """What the app's side holds, in the order in which it takes them; the last one says that it begins."""
    return ["door", "printed"] if sandbox.door is not None else ["printed"]


def minor_of(sandbox: Sandbox) -> str:
    """The version of Python that the layer was built for, such as 3.12; empty where that is not known."""
    python = sandbox.layer.python
    found = _MINOR.search(str(sandbox.layer.binds.get(python, python)))
    return found[1] if found else ""


def _users(name: str, place: Place) -> tuple[int, int]:
    """The ids of app and relay: the first of those that sandboxes have, drawn with the name; never root."""
    if place.uid < 1 or place.uids < 1:
        raise NotReady(
            "A pod that runs as root is no sandbox.",
            next_step="Set runtime.uid in handrail.toml to a user id that nothing else uses.",
        )
    drawn = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % place.uids
    return place.uid + drawn, place.uid + place.uids


def _container(name: str, folder: str, user: int, chosen: KubernetesSettings) -> Manifest:
    program = "relay.py" if name == RELAY else "enter.py"
    return {
        "name": name,
        "image": chosen.image,
        "imagePullPolicy": "IfNotPresent",
        "command": [chosen.python, "-I", "-B", f"{folder}/{program}", folder],
        "securityContext": {
            "privileged": False,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "runAsUser": user,
            "runAsGroup": user,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def _resources(millicores: int, memory: int) -> Manifest:
    """What it may use is what it has for itself; nothing is written to a disk but a few words of ours."""
    whole = {"cpu": f"{millicores}m", "memory": str(memory), "ephemeral-storage": "64Mi"}
    return {"requests": whole, "limits": dict(whole)}


def _layer(sandbox: Sandbox, place: Place) -> list[Manifest]:
    """Every folder of the layer from the volume; Python itself is the image's."""
    found: list[Manifest] = []
    for inside, outside in sandbox.layer.binds.items():
        if outside.is_relative_to(place.layers):
            below = outside.relative_to(place.layers).as_posix()
            found.append({**_mount("layers", inside), "subPath": below})
        elif not _is_python(inside, sandbox):
            raise NotReady(
                f"{outside.name} is not below {place.layers}, so no pod can see it.",
                next_step="Set runtime.layers to where the volume of kubernetes.claim is mounted here.",
            )
    return found


def _is_python(inside: str, sandbox: Sandbox) -> bool:
    return PurePosixPath(sandbox.layer.python).is_relative_to(inside)


def _secret_volume(volume: str, name: str, keys: tuple[str, ...]) -> Manifest:
    items = [{"key": key, "path": key} for key in keys]
    return {"name": volume, "secret": {"secretName": name, "items": items, "defaultMode": 0o444}}


def _in_memory(volume: str, size: int) -> Manifest:
    return {"name": volume, "emptyDir": {"medium": "Memory", "sizeLimit": str(size)}}


def _mount(volume: str, path: str, *, written: bool = False) -> Manifest:
    return {"name": volume, "mountPath": path, "readOnly": not written}


def _named(path: str) -> str:
    return path.strip("/").replace("/", "-")
