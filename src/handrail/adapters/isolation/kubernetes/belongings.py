"""What a Job of a run has besides its pod: what its containers are told, and the policies of its network."""

import base64
import hashlib
import json
from collections.abc import Mapping
from importlib import resources

from handrail.adapters.isolation import seccomp
from handrail.adapters.isolation.arguments import ENVIRONMENT
from handrail.adapters.isolation.kubernetes.pod import (
    MANAGED,
    OURS,
    WAY,
    Manifest,
    Place,
    labels_of,
    streams,
)
from handrail.adapters.isolation.programs import SPARE_ADDRESSES
from handrail.kernel.sandbox import CODE, WORK, Sandbox

KNOWN_AS = "handrail-relay"  # the name in the certificate of whoever answers the relay
DENY_ALL = "handrail-runs"  # the policy of every run's pod


def secret(name: str, owner: str, sandbox: Sandbox, place: Place, token: str) -> Manifest:
    """What the two containers are told, each its own part, gone with the Job whose id is `owner`."""
    told = {
        "address": list(place.address),
        "known_as": KNOWN_AS,
        "certificate": place.certificate,
        "streams": streams(sandbox),
        "code": CODE,
        "sha256": digest(sandbox.files),
        "way": f"{WAY}/socket",
    }
    entering = {
        "command": [place.settings.python, *sandbox.command[1:]],
        "environment": {**ENVIRONMENT, **sandbox.layer.environment},
        "streams": streams(sandbox),
        "way": f"{WAY}/socket",
        "work": WORK,
        "patience": place.settings.start_seconds,
        "limits": _rlimits(sandbox),
    }
    data = {
        "relay.py": _program("relay.py"),
        "told.json": json.dumps(told).encode(),
        "token": token.encode(),
        "enter.py": _program("enter.py"),
        "enter.json": json.dumps(entering).encode(),
        "filter": seccomp.program(loopback=False),
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _owned(name, owner, labels_of(name, sandbox, place), place),
        "immutable": True,
        "type": "Opaque",
        "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
    }


def way_back(name: str, owner: str, sandbox: Sandbox, place: Place) -> Manifest:
    """The policy by which this one pod reaches this one process of Handrail, and nothing else."""
    host, port = place.address
    to: list[Manifest] = [{"ipBlock": {"cidr": f"{host}/{128 if ':' in host else 32}"}}]
    if place.settings.server_namespace:  # some networks know pods by their labels, and not by their addresses
        space = {"kubernetes.io/metadata.name": place.settings.server_namespace}
        to.append(
            {
                "namespaceSelector": {"matchLabels": space},
                "podSelector": {"matchLabels": {f"{OURS}/answers": "relays"}},
            }
        )
    labels = labels_of(name, sandbox, place)
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _owned(name, owner, labels, place),
        "spec": {
            "podSelector": {"matchLabels": {f"{OURS}/job": name}},
            "policyTypes": ["Ingress", "Egress"],
            "egress": [{"to": to, "ports": [{"protocol": "TCP", "port": port}]}],
        },
    }


def deny_all(namespace: str) -> Manifest:
    """The policy under which all pods of runs are: nobody reaches them, and they reach nobody."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": DENY_ALL, "namespace": namespace, "labels": MANAGED},
        "spec": {"podSelector": {"matchLabels": MANAGED}, "policyTypes": ["Ingress", "Egress"]},
    }


def digest(files: Mapping[str, bytes]) -> str:
    """The hash of an app's files, which the relay works out again once it has them."""
    whole = hashlib.sha256()
    for name in sorted(files):
        whole.update(f"{len(name.encode())} {len(files[name])} {name}".encode() + b"\0" + files[name])
    return whole.hexdigest()


def _rlimits(sandbox: Sandbox) -> dict[str, int]:
    """What the kernel keeps for each process, as bubblewrap's launcher sets it."""
    limits = sandbox.limits
    most = {
        "RLIMIT_AS": limits.memory + SPARE_ADDRESSES,
        "RLIMIT_FSIZE": limits.file,
        "RLIMIT_CORE": 0,
        "RLIMIT_MEMLOCK": 1 << 20,
        "RLIMIT_NPROC": limits.processes,
        "RLIMIT_NOFILE": limits.open_files,
    }
    if limits.seconds is not None:
        most["RLIMIT_CPU"] = 2 * max(1, int(limits.seconds))
    return most


def _owned(name: str, owner: str, labels: Mapping[str, str], place: Place) -> Manifest:
    parent = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": owner}
    return {
        "name": name,
        "namespace": place.settings.namespace,
        "labels": dict(labels),
        "ownerReferences": [parent],
    }


def _program(name: str) -> bytes:
    return resources.files(__package__).joinpath("inside", name).read_bytes()
