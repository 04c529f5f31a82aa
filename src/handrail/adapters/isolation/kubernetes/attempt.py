"""One run as a Job, from its beginning to the end of its pod; nothing is left of it, whatever comes up."""

import queue
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import structlog

from handrail.adapters.isolation.kubernetes import belongings, pod
from handrail.adapters.isolation.kubernetes.cluster import Cluster, over_quota
from handrail.adapters.isolation.kubernetes.fate import Fate, fate, late
from handrail.adapters.isolation.kubernetes.following import Following
from handrail.adapters.isolation.kubernetes.pod import Manifest, Place
from handrail.adapters.isolation.kubernetes.switchboard import Session, Switchboard
from handrail.kernel import Conflict, Refusal, Upstream
from handrail.kernel.sandbox import Outcome, Sandbox

_TICK = 0.1  # seconds between two looks at the clock, the stop signal and the output
_NAMES = 3  # that are tried where others have them
_HINDERED = 5.0  # seconds without a pod after which Kubernetes is asked why
_REST = 20.0  # seconds that the last of the output may take
_UNTOLD = 60.0  # seconds after the end of the output in which Kubernetes has to say how it ended
_GOING = 30.0  # seconds that the end of a pod may take
_logger = structlog.get_logger(__name__)


class Attempt:
    """A run of a sandbox; `outcome` sees it to its end."""

    def __init__(self, cluster: Cluster, board: Switchboard, place: Place, sandbox: Sandbox) -> None:
        self._cluster, self._board, self._place, self._sandbox = cluster, board, place, sandbox
        self._seen: queue.SimpleQueue[Manifest | None] = queue.SimpleQueue()
        self._following: Following | None = None
        self._pod: Manifest | None = None
        self._gone = False
        self._name = ""
        self._asked = 0.0  # when Kubernetes was asked last what hinders it

    def outcome(self, printed: Callable[[bytes], None], stop: threading.Event) -> Outcome:
        """Start it, see it to its end, leave nothing; refuses as `Cluster` does where it does not start."""
        started = time.monotonic()
        streams, python = pod.streams(self._sandbox), pod.minor_of(self._sandbox)
        session = Session(self._sandbox, streams, python, printed)
        self._board.expect(session)
        try:
            self._create(session.token)
            self._following = Following(self._cluster.client(), self._name, self._seen.put)
            self._following.start()
            found = self._until_ended(session, stop, started)
        finally:
            self._end(session)
        seconds = round(time.monotonic() - (session.begun or started), 3)
        return Outcome(found.ended, found.code, seconds, 0, found.detail)

    def _create(self, token: str) -> None:
        """The Job, and what it owns: Kubernetes deletes both with it."""
        for left in reversed(range(_NAMES)):
            name = f"handrail-{secrets.token_hex(8)}"
            made = pod.job(name, self._sandbox, self._place)
            try:
                owner = self._cluster.create_job(made)
                break
            except Conflict:  # it is somebody else's, and not ours to end
                if not left:
                    raise
            except Upstream:  # nobody knows whether it was made
                self._name = name
                raise
        self._name = name
        what = (name, owner, self._sandbox, self._place)
        self._cluster.create_policy(belongings.way_back(*what))
        self._cluster.create_secret(belongings.secret(*what, token))
        _logger.info("kubernetes.job", job=self._name, run=self._sandbox.run)

    def _until_ended(self, session: Session, stop: threading.Event, started: float) -> Fate:
        silent: float | None = None  # since when nothing more can come of it
        while True:
            self._look()
            if stop.is_set():
                return Fate("stopped")
            if session.excessive.is_set():
                return Fate("output")
            if session.refused:
                return Fate("unstarted", detail=session.refused)
            found = fate(self._pod, begun=session.begun is not None) if self._pod is not None else None
            if found is not None:
                return self._with_its_output(session, found)
            if self._gone:
                return Fate("lost", detail="its pod was deleted by somebody else than Handrail")
            if (ended := self._late(session, started)) is not None:
                return ended
            if session.ended.is_set():
                silent = silent or time.monotonic()
                if time.monotonic() - silent > _UNTOLD:
                    return Fate("lost", detail="Kubernetes did not say how it ended")

    def _with_its_output(self, session: Session, found: Fate) -> Fate:
        """The end, once all that it printed has come: a short app may end before its call is taken."""
        whole = True
        if session.begun is not None or found.ended in ("exited", "signal"):
            whole = session.ended.wait(_REST)
        if session.excessive.is_set():
            return Fate("output")
        if found == Fate("exited") and not whole:
            return Fate("lost", detail="the last of what it printed did not come")
        return found

    def _look(self) -> None:
        """Take what is known of the pod by now."""
        with suppress(queue.Empty):
            found = self._seen.get(timeout=_TICK)
            self._gone = found is None
            self._pod = found or self._pod

    def _late(self, session: Session, started: float) -> Fate | None:
        now = time.monotonic()
        if session.begun is not None:
            most = self._sandbox.limits.seconds
            return Fate("timeout") if most is not None and now - session.begun > most else None
        if now - started > self._place.settings.start_seconds:
            return Fate("unstarted", detail=late(self._pod))
        if self._pod is None and now - max(started, self._asked) > _HINDERED:
            self._asked = now
            if said := self._hindered():
                if "exceeded quota" in said:
                    raise over_quota(said)
                return Fate("unstarted", detail=said)
        return None

    def _hindered(self) -> str:
        with suppress(Refusal):  # it may come to life without an answer to this
            return self._cluster.hindered(self._name)
        return ""

    def _end(self, session: Session) -> None:
        """Cut it off, then let nothing of it live: first what leads out, for that is certain to go."""
        self._board.forget(session)
        try:
            if self._name:
                self._cluster.delete_job(self._name)
                self._wait_until_gone()
        except Refusal as refusal:  # Kubernetes ends it by itself, at its deadline; the sweep looks again
            _logger.error("kubernetes.left", job=self._name, reason=refusal.message)  # noqa: TRY400
        finally:
            if self._following is not None:
                self._following.end()

    def _wait_until_gone(self) -> None:
        until = time.monotonic() + _GOING
        while self._cluster.pods(self._name):
            if time.monotonic() > until:
                _logger.error("kubernetes.lingers", job=self._name)
                return
            time.sleep(_TICK * 2)
