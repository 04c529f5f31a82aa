"""What must be there before a process' first Job: settings, an address, and nothing of one that is gone."""

import hashlib
import ipaddress
import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path

import structlog

from handrail.adapters.isolation.kubernetes.cluster import Cluster
from handrail.adapters.isolation.kubernetes.pod import OURS
from handrail.adapters.isolation.watching import started
from handrail.kernel import NotReady
from handrail.settings import Settings

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_IMAGE = re.compile(r"[a-z0-9][A-Za-z0-9._:/-]*@sha256:[0-9a-f]{64}")
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_GUIDE = "docs/operate/kubernetes.md"
_logger = structlog.get_logger(__name__)


def must_be_set(settings: Settings) -> None:
    """Refuse NotReady where [kubernetes] lacks what a pod cannot be without."""
    chosen = settings.kubernetes
    wrong = {
        "kubernetes.runtime_class": not _NAME.fullmatch(chosen.runtime_class),
        "kubernetes.namespace": not _NAME.fullmatch(chosen.namespace),
        "kubernetes.claim": not _NAME.fullmatch(chosen.claim),
        "kubernetes.image": not _IMAGE.fullmatch(chosen.image),
        "kubernetes.python": not chosen.python.startswith("/"),
        "kubernetes.millicores": chosen.millicores < 1,
        "kubernetes.start_seconds": chosen.start_seconds < 1,
        "runtime.layers": not Path(settings.runtime.layers or "nowhere").is_absolute(),
    }
    if missing := [name for name, bad in wrong.items() if bad]:
        by_digest = " An image is named by its digest: name@sha256:…" if "kubernetes.image" in missing else ""
        raise NotReady(
            f"Nothing runs on Kubernetes before these are set: {', '.join(missing)}.{by_digest}",
            next_step=f"Set them in handrail.toml; {_GUIDE} says to what.",
        )


def own_address(wanted: str, towards: tuple[str, int], port: int) -> tuple[str, int]:
    """Where pods reach this process: as `kubernetes.address` says, or else by the address that this machine
    has on its way to the API server. Refuses NotReady for a name, which pods cannot look up.
    """
    host, _, said = wanted.rpartition(":") if wanted else ("", "", "")
    try:
        found = host.strip("[]") or _on_the_way(towards)
        return str(ipaddress.ip_address(found)), int(said or port)
    except (OSError, ValueError) as error:
        raise NotReady(
            f"Pods do not know where Handrail is: {wanted or towards[0]!r} gives no address.",
            next_step="Set kubernetes.address to an IP address and port that pods reach, such as "
            "10.0.0.7:8446.",
        ) from error


def _on_the_way(towards: tuple[str, int]) -> str:
    """Nothing is sent: a datagram's socket is only asked which way it would take."""
    family, _, _, _, where = socket.getaddrinfo(*towards, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, socket.SOCK_DGRAM) as asked:
        asked.connect(where)
        return str(asked.getsockname()[0])


def machine(boot: Path = _BOOT) -> str:
    """This machine, since it was started last, as a label: another one may have its name, whose processes are
    not to be looked for here. What was left before a restart ends at its deadline.
    """
    name = f"{socket.gethostname()} {boot.read_text(encoding='ascii').strip()}"
    return hashlib.sha256(name.encode()).hexdigest()[:16]


def process() -> str:
    """This process as a label: its number, and when it began, as a later one may have that number."""
    return f"{os.getpid()}-{started(os.getpid())}"


def sweep(cluster: Cluster, labels: Mapping[str, str]) -> int:
    """End what processes of this host and instance left that live no more; gives how many Jobs that were.

    What was left on another host ends at its deadline, and Kubernetes deletes it.
    """
    mine = {key: labels[f"{OURS}/{key}"] for key in ("instance", "host")}
    ended = 0
    for job in cluster.jobs({f"{OURS}/{key}": value for key, value in mine.items()}):
        metadata = job.get("metadata", {})
        number, _, birth = str((metadata.get("labels") or {}).get(f"{OURS}/process", "")).partition("-")
        if number.isdigit() and birth and started(int(number)) != birth:
            cluster.delete_job(str(metadata["name"]))
            _logger.warning("kubernetes.swept", job=metadata["name"])
            ended += 1
    return ended
