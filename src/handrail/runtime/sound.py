"""Nothing runs on a machine of which nobody knows whether its sandboxes hold: they are examined first."""

import fcntl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from handrail.kernel import Instance, NotReady
from handrail.runtime import diagnosis
from handrail.runtime.diagnosis import Diagnosis

_TICK = 0.2  # seconds between two looks whether somebody else has examined them, or nobody need wait any more


def must_be_sound(instance: Instance, stop: threading.Event) -> None:
    """Refuse NotReady where sandboxes do not hold; where that is not known, examine them first.

    That takes some ten seconds, once for each version of what it rests on. `stop` ends it early, with
    NotReady; refuses as `doctor` and `layer.build` do where no sandbox can be started.
    """
    found = examined(instance, stop)
    if not found.green:
        raise diagnosis.red(found)


def examined(instance: Instance, stop: threading.Event) -> Diagnosis:
    """What is known of this machine's sandboxes, red or green; examines them as `must_be_sound`."""
    settings, isolation = instance.settings, instance.ports.isolation
    isolation.check()
    found = diagnosis.known(settings, isolation)
    if found is None:
        from handrail.runtime.doctor import doctor  # noqa: PLC0415 - needed once a version, not at every start

        with _alone(instance, stop):
            found = diagnosis.known(settings, isolation) or doctor(instance, stop=stop)
    return found


@contextmanager
def _alone(instance: Instance, stop: threading.Event) -> Iterator[None]:
    """One examination at a time, among all threads and processes that would believe it."""
    place = diagnosis.folder(instance.settings)
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (place / "lock").open("w") as lock:
        while not _locked(lock.fileno()):
            if stop.wait(_TICK):
                raise NotReady("The sandbox is being examined.", next_step="Start it again in a moment.")
        yield


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
