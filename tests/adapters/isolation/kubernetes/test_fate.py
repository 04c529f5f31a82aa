"""What Kubernetes says of a pod, and what that means for a run."""

from typing import Any

import pytest

from handrail.adapters.isolation.kubernetes.fate import Fate, fate, late


def pod(**status: Any) -> dict[str, Any]:
    return {"status": status}


def app(**state: Any) -> list[dict[str, Any]]:
    return [{"name": "app", "state": state}]


def ended(code: int, reason: str = "Error", message: str = "") -> dict[str, Any]:
    return pod(
        phase="Failed",
        containerStatuses=app(terminated={"exitCode": code, "reason": reason, "message": message}),
    )


@pytest.mark.parametrize(
    ("found", "begun", "wanted"),
    [
        (pod(), False, None),
        (pod(phase="Pending"), False, None),
        (pod(phase="Running", containerStatuses=app(running={})), True, None),
        (pod(phase="Pending", containerStatuses=app(waiting={"reason": "ContainerCreating"})), False, None),
        (pod(phase="Pending", containerStatuses=app(waiting={"reason": "ErrImagePull"})), False, None),
        (ended(0, "Completed"), True, Fate("exited", 0)),
        (ended(1), True, Fate("exited", 1)),
        (ended(128), True, Fate("exited", 128)),
        (ended(137), True, Fate("signal", 9)),
        (ended(137, "OOMKilled"), True, Fate("memory", 137)),
        (ended(128, "StartError", "exec: no such file"), False, Fate("unstarted", 0, "exec: no such file")),
        (ended(137, "ContainerStatusUnknown"), True, Fate("lost", 0, "its machine did not say how it ended")),
        (pod(reason="DeadlineExceeded"), True, Fate("timeout")),
        (pod(reason="DeadlineExceeded"), False, Fate("unstarted", 0, "no pod of it began in time")),
        (pod(reason="Evicted", message="low on memory"), True, Fate("lost", 0, "Evicted: low on memory")),
        (pod(reason="NodeLost"), True, Fate("lost", 0, "NodeLost")),
        (pod(phase="Failed"), True, Fate("lost", 0, "its pod failed, and nobody said why")),
        (
            pod(
                conditions=[{"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}]
            ),
            True,
            Fate("lost", 0, "PreemptionByScheduler"),
        ),
        (pod(conditions=[{"type": "DisruptionTarget", "status": "False", "reason": "x"}]), True, None),
        (
            pod(containerStatuses=app(waiting={"reason": "InvalidImageName", "message": "no"})),
            False,
            Fate("unstarted", 0, "app: InvalidImageName no"),
        ),
    ],
)
def test_a_pods_status_says_how_its_run_ended(
    found: dict[str, Any], begun: bool, wanted: Fate | None
) -> None:
    assert fate(found, begun=begun) == wanted


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (None, "Kubernetes made no pod of it"),
        (pod(conditions=[{"type": "PodScheduled", "status": "False", "message": "no room"}]), "no machine of the cluster takes it: no room"),
        (pod(containerStatuses=app(waiting={"reason": "ContainerCreating"})), "app: ContainerCreating"),
        (
            pod(initContainerStatuses=[{"name": "relay", "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}, "lastState": {"terminated": {"message": "The relay does not reach Handrail"}}}]),
            "relay: CrashLoopBackOff The relay does not reach Handrail",
        ),
        (pod(phase="Running"), "its pod did not call Handrail: see that the network lets it"),
    ],
)  # fmt: skip
def test_what_does_not_begin_is_told_with_what_it_waits_for(
    found: dict[str, Any] | None, wanted: str
) -> None:
    assert late(found) == wanted
