"""The API server, as far as runs need it: a handful of calls, and in words how each of them can go wrong.

The client is lightkube, of the extra `handrail[kubernetes]`, loaded only where this driver is chosen. Its
requests go to the one server of a kubeconfig, or of the pod that Handrail is in, whose certificate is always
verified.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
from lightkube import Client
from lightkube.config.kubeconfig import KubeConfig, SingleConfig
from lightkube.core.exceptions import ApiError, ConfigError
from lightkube.models.meta_v1 import Status
from lightkube.resources.batch_v1 import Job
from lightkube.resources.core_v1 import Event, Pod, Secret
from lightkube.resources.networking_v1 import NetworkPolicy
from lightkube.resources.node_v1 import RuntimeClass
from lightkube.types import CascadeType, PatchType
from msgspec import convert

from handrail.adapters.isolation.kubernetes.pod import OURS, Manifest
from handrail.kernel import Conflict, LimitReached, NotReady, Refusal, Upstream
from handrail.settings import KubernetesSettings

_PATIENCE = 10.0  # seconds for one answer
_GUIDE = "docs/operate/kubernetes.md"


class Cluster:
    """The namespace of runs in one cluster. Its verbs are for threads; all refuse as `_refusal` says."""

    def __init__(self, settings: KubernetesSettings, home: Path) -> None:
        self._namespace = settings.namespace
        config = _config(settings, home)
        where = urlsplit(config.cluster.server)
        if where.scheme != "https" or config.cluster.insecure:
            raise NotReady(
                "Handrail speaks to an API server over TLS alone, and verifies its certificate.",
                next_step="Give the kubeconfig an https:// server and its certificate-authority, and take "
                "insecure-skip-tls-verify out of it.",
            )
        self.server = where.hostname or "", where.port or 443
        self._config = config
        self._client = self.client()

    def client(self) -> Client:
        """A client of its own, for whoever closes it."""
        try:
            return Client(
                self._config, namespace=self._namespace, timeout=httpx2.Timeout(_PATIENCE), trust_env=False,
                field_manager="handrail",
            )  # fmt: skip
        except (ConfigError, OSError, ValueError) as error:
            raise _unusable(type(error).__name__) from error

    def runtime_class(self, name: str) -> Manifest:
        """A RuntimeClass; refuses NotReady where there is none of this name."""
        with asking(f"look at the RuntimeClass {name}"):
            return plain(self._client.get(RuntimeClass, name))

    def apply_policy(self, policy: Manifest) -> None:
        """Make a network policy what it is to be, whatever it was before."""
        made = convert(policy, NetworkPolicy)
        with asking("set the network policy of runs"):
            name = policy["metadata"]["name"]
            self._client.patch(NetworkPolicy, name, made, patch_type=PatchType.APPLY, force=True)

    def create_job(self, job: Manifest) -> str:
        """Make a Job; gives its id. Refuses Conflict where there is one of that name."""
        with asking("start a Job"):
            made = self._client.create(convert(job, Job))
        return str(plain(made)["metadata"]["uid"])

    def create_secret(self, secret: Manifest) -> None:
        """Make a Secret."""
        with asking("make the Secret of a Job"):
            self._client.create(convert(secret, Secret))

    def create_policy(self, policy: Manifest) -> None:
        """Make a network policy."""
        with asking("make the network policy of a Job"):
            self._client.create(convert(policy, NetworkPolicy))

    def delete_job(self, name: str) -> None:
        """Delete a Job, its pod first and what it owns with it; whether there is one or not."""
        try:
            with asking("end a Job"):
                self._client.delete(Job, name, grace_period=0, cascade=CascadeType.FOREGROUND)
        except _Missing:
            return

    def jobs(self, labels: dict[str, str]) -> list[Manifest]:
        """All Jobs with these labels."""
        with asking("list Jobs"):
            return [plain(job) for job in self._client.list(Job, labels=dict(labels))]

    def pods(self, job: str) -> list[Manifest]:
        """The pods of a Job; there is one, or none yet, or none any more."""
        with asking("look at a pod"):
            return [plain(pod) for pod in self._client.list(Pod, labels={f"{OURS}/job": job})]

    def hindered(self, job: str) -> str:
        """What hindered a Job from having a pod, in the words of Kubernetes; empty where it told nothing."""
        about = {"involvedObject.name": job, "involvedObject.kind": "Job"}
        with asking("look at the events of a Job"):
            found = [plain(event) for event in self._client.list(Event, fields=dict(about))]
        return next((str(one.get("message", "")) for one in found if one.get("type") == "Warning"), "")


class _Missing(NotReady):
    """What was asked for is not there."""


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Turn what a call raises into a refusal that says what Handrail wanted to do."""
    try:
        yield
    except ApiError as error:
        raise _refusal(what, error.status) from error
    except httpx2.HTTPStatusError as error:
        raise _refusal(what, Status(code=error.response.status_code, message="")) from error
    except (httpx2.HTTPError, OSError) as error:
        raise _unreached(error) from error


def _refusal(what: str, status: Status) -> Refusal:
    """The refusal of an answer that is none: by its code, with the words of Kubernetes."""
    code, said = status.code or 0, (status.message or "").strip()[:300]
    if code == 401:
        return NotReady(
            "Kubernetes does not know who Handrail is.",
            next_step="See that the kubeconfig, or the service account of Handrail's pod, is good still.",
        )
    if code == 403 and "exceeded quota" in said:
        return over_quota(said)
    if code == 403:
        return NotReady(
            f"Handrail may not {what}: {said}",
            next_step=f"Give its service account the role of {_GUIDE}.",
        )
    if code == 404:
        return _Missing(
            f"Handrail could not {what}: {said}",
            next_step=f"Make what is missing, as {_GUIDE} says.",
        )
    if code == 409:
        return Conflict(f"Handrail could not {what}: {said}", next_step="Start the run again.")
    if code in (400, 422):
        return NotReady(
            f"Kubernetes does not take what Handrail sends to {what}: {said}",
            next_step="Correct [kubernetes] in handrail.toml where it is named; else report this to "
            "Handrail's makers.",
        )
    return Upstream(
        f"Kubernetes did not {what}: it answered {code} {said}".rstrip() + ".",
        next_step="Start the run again in a while; if that does not help, look at the API server.",
    )


def over_quota(said: str) -> LimitReached:
    """The refusal of what a quota has no room for."""
    return LimitReached(
        f"The namespace of runs has no room for one more: {said}",
        next_step="Wait until others have ended, or let an admin raise its ResourceQuota.",
    )


def _unreached(error: Exception) -> Upstream:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    if cause is not None:
        return Upstream(
            "The API server shows a certificate that Handrail does not trust.",
            next_step="Give the kubeconfig the certificate-authority of the cluster.",
        )
    return Upstream(
        f"The API server of Kubernetes is not reached: {type(error).__name__}.",
        next_step="Start the run again in a while; if that does not help, look at the API server and the "
        "network between.",
    )


def _config(settings: KubernetesSettings, home: Path) -> SingleConfig:
    try:
        if settings.kubeconfig:
            found = KubeConfig.from_file(home / settings.kubeconfig)
        else:
            found = KubeConfig.from_service_account()
        chosen = found.get(settings.context or None)
    except (ConfigError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unusable(type(error).__name__) from error
    if chosen is None or chosen.user is None:
        raise _unusable("no user")
    return chosen


def _unusable(why: str) -> NotReady:
    return NotReady(
        f"Handrail has no way to sign in to Kubernetes: {why}.",
        next_step="Name a kubeconfig file in kubernetes.kubeconfig, or run Handrail in a pod with a service "
        "account.",
    )


def plain(thing: Any) -> Manifest:
    """What a client has read, as it was written."""
    made: Manifest = thing.to_dict()
    return made
