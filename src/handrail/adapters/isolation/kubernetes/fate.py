"""How a pod ended, or why it does not begin, in our words: a function of what Kubernetes says of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from handrail.adapters.isolation.kubernetes.pod import APP, Manifest
from handrail.kernel.sandbox import Ended

# Reasons of a container that waits which do not go away by themselves; Kubernetes tries others again.
_HOPELESS = (
    "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable",
    "CreateContainerConfigError", "CreateContainerError",
)  # fmt: skip


@dataclass(frozen=True)
class Fate:
    """An end: `code` is the exit code, or the signal's number; `detail` says what people should know."""

    ended: Ended
    code: int = 0
    detail: str = ""


def fate(pod: Manifest, *, begun: bool) -> Fate | None:
    """How a pod ended, as far as it has; `begun` says whether its app had. None while it goes on."""
    status = pod.get("status", {})
    reason, message = str(status.get("reason") or ""), str(status.get("message") or "")
    if reason == "DeadlineExceeded":
        return Fate("timeout") if begun else Fate("unstarted", detail="no pod of it began in time")
    if reason:  # Evicted, NodeLost, Preempting, Terminated (with its node), …
        return Fate("lost", detail=f"{reason}: {message}" if message else reason)
    disrupted = _condition(pod, "DisruptionTarget")
    if disrupted is not None:
        said = f"{disrupted.get('reason') or ''}: {disrupted.get('message') or ''}"
        return Fate("lost", detail=said.strip(": "))
    ended = _state_of_app(pod).get("terminated")
    if ended is not None:
        return _of_app(ended)
    for name, waiting in _waiting(pod):
        if waiting.get("reason") in _HOPELESS:
            said = waiting.get("message") or ""
            return Fate("unstarted", detail=f"{name}: {waiting['reason']} {said}".strip())
    if status.get("phase") == "Failed":
        return Fate("lost", detail=message or "its pod failed, and nobody said why")
    return None


def late(pod: Manifest | None) -> str:
    """Why a pod has not begun after all this time, as far as Kubernetes says."""
    if pod is None:
        return "Kubernetes made no pod of it"
    placed = _condition(pod, "PodScheduled")
    if placed is not None and placed.get("status") == "False":
        return f"no machine of the cluster takes it: {placed.get('message') or placed.get('reason') or ''}"
    for name, waiting in _waiting(pod):
        return f"{name}: {waiting.get('reason') or 'waits'} {waiting.get('message') or ''}".strip()
    return "its pod did not call Handrail: see that the network lets it"


def _of_app(ended: Manifest) -> Fate:
    code, reason = int(ended.get("exitCode") or 0), ended.get("reason") or ""
    if reason == "OOMKilled":
        return Fate("memory", code)
    if reason in ("StartError", "ContainerCannotRun"):
        return Fate("unstarted", detail=str(ended.get("message") or reason))
    if reason == "ContainerStatusUnknown":
        return Fate("lost", detail="its machine did not say how it ended")
    return Fate("signal", code - 128) if code > 128 else Fate("exited", code)


def _state_of_app(pod: Manifest) -> Manifest:
    for one in pod.get("status", {}).get("containerStatuses") or ():
        if one.get("name") == APP:
            found: Manifest = one.get("state") or {}
            return found
    return {}


def _waiting(pod: Manifest) -> Iterator[tuple[str, dict[str, Any]]]:
    """The containers that wait, and what for; of one that ended before, what it said last."""
    status = pod.get("status", {})
    for one in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        waiting = (one.get("state") or {}).get("waiting")
        if waiting is not None:
            before = (one.get("lastState") or {}).get("terminated") or {}
            told = str(before.get("message") or "").strip() or waiting.get("message")
            yield str(one.get("name")), {**waiting, "message": told}


def _condition(pod: Manifest, kind: str) -> Manifest | None:
    conditions = pod.get("status", {}).get("conditions") or ()
    found: Manifest | None = next((one for one in conditions if one.get("type") == kind), None)
    return None if kind == "DisruptionTarget" and found and found.get("status") != "True" else found
