"""Following a Job's pod: told each time it is another, by a watch that is begun anew as often as it ends."""

import threading
from collections.abc import Callable

import structlog
from lightkube import Client
from lightkube.resources.core_v1 import Pod
from lightkube.types import OnErrorAction, OnErrorResult

from handrail.adapters.isolation.kubernetes.cluster import asking, plain
from handrail.adapters.isolation.kubernetes.pod import OURS, Manifest
from handrail.kernel import Refusal

_WATCHED = 20  # seconds after which the server ends a watch, and it is begun anew
_AGAIN = 1.0  # seconds before an API server that did not answer is asked again
_logger = structlog.get_logger(__name__)


class Following(threading.Thread):
    """Tells `seen` of the pod of a Job each time it is another, and None once it is gone; until `end`.

    A watch that is too old (410), and a server that is away, are begun anew with a look at what is there. The
    client is this thread's own, and closed by `end`: a watch of it that the server ends begins no other then.
    """

    def __init__(self, client: Client, job: str, seen: Callable[[Manifest | None], None]) -> None:
        super().__init__(name=f"pod {job}", daemon=True)  # the last watch may take a while to end
        self._client, self._job, self._seen = client, job, seen
        self._labels = {f"{OURS}/job": job}
        self._over = threading.Event()
        self._had = False  # whether there was a pod

    def end(self) -> None:
        """Tell nothing more, and ask nothing more."""
        self._over.set()
        self._client.close()

    def run(self) -> None:
        """Look and watch, in turn."""
        while not self._over.is_set():
            try:
                with asking("look at a pod"):
                    if self._gone():
                        return
            except Refusal as refusal:
                self._say(refusal.message)
            except (ValueError, RuntimeError) as error:  # no answer of an API server; or the client is closed
                self._say(type(error).__name__)
            self._over.wait(_AGAIN)

    def _say(self, why: str) -> None:
        if not self._over.is_set():
            _logger.warning("kubernetes.unseen", job=self._job, why=why)

    def _gone(self) -> bool:
        """One look at the pod and one watch of it; whether it was there and is no more."""
        listed = self._client.list(Pod, labels=dict(self._labels))
        pods = [plain(pod) for pod in listed]
        for pod in pods:
            self._had = True
            self._seen(pod)
        if self._had and not pods:
            self._seen(None)
            return True
        changes = self._client.watch(
            Pod, labels=dict(self._labels), server_timeout=_WATCHED,
            resource_version=listed.resourceVersion, on_error=self._ended,
        )  # fmt: skip
        for kind, changed in changes:
            if kind == "DELETED":
                self._seen(None)
                return True
            self._had = True
            self._seen(plain(changed))
            if self._over.is_set():
                return True
        return False

    def _ended(self, error: Exception, _: int) -> OnErrorResult:
        _logger.info("kubernetes.watch_ended", job=self._job, why=type(error).__name__)
        return OnErrorResult(OnErrorAction.STOP)
