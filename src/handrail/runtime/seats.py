"""Whom an app is hosted for, and what is known of one that is awake: who is there, and by which word it asks
for them.
"""

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from handrail.kernel import Caller, NotAllowed
from handrail.runtime import lease
from handrail.runtime.execute import Hosting
from handrail.runtime.mind import Holding
from handrail.runtime.models import Run

_MARGIN = 1.0  # seconds before the end of its lease from which an app is led nobody any more
_GRACE = 30.0  # seconds in which an app may still ask for somebody who has left


class Elsewhere(Exception):
    """Another host answers there. No refusal: whoever asked is led there, and the trail is not told."""


@dataclass(frozen=True)
class Seat:
    """For whom an app is hosted: one sandbox for each app, version, environment and class of viewers.

    `whose` is the person, or empty where everybody would be shown the same.
    """

    app: str
    environment: str
    whose: str
    commit: str

    @property
    def across_versions(self) -> tuple[str, str, str]:
        """The same seat in any version."""
        return self.app, self.environment, self.whose


@dataclass(eq=False)
class Hosted:
    """An app that is awake, or wakes at this moment."""

    seat: Seat
    run: Run
    path: str  # of the Unix socket that it answers on
    hosting: Hosting
    callers: dict[str, Caller]
    thread: threading.Thread | None = None
    ready: threading.Event = field(default_factory=threading.Event)  # it has answered
    ended: threading.Event = field(default_factory=threading.Event)
    knocked: bool = False  # somebody asks it whether it is ready
    begun: float = field(default_factory=time.monotonic)
    used: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)  # of the five below, and the callers
    requests: int = 0  # going on now
    there: dict[str, int] = field(default_factory=dict)  # of each person, how many
    left: dict[str, float] = field(default_factory=dict)  # when the last of theirs ended
    words: dict[str, str] = field(default_factory=dict)  # the one that each of them has
    retired: float | None = None  # since when a later version is there, or another host's
    moved: bool = False  # another host may have it from now on
    silent: float | None = None  # since when it has not answered

    @contextmanager
    def request(self, caller: Caller) -> Iterator[str]:
        """Count a request, and give the word by which the app asks questions for whom it came from.

        A person has the same one while they are there: a page may ask without end, and what we keep may not
        grow with it.
        """
        person = caller.person.id
        with self.lock:
            self.requests += 1
            self.there[person] = self.there.get(person, 0) + 1
            word = self.words.setdefault(person, secrets.token_urlsafe(24))
            self.callers[word] = caller
        try:
            yield word
        finally:
            with self.lock:
                self.requests -= 1
                self.there[person] -= 1
                self.left[person] = self.used = time.monotonic()

    @property
    def going(self) -> bool:
        """Whether it ends or has ended, and answers nobody who comes now."""
        held = lease.now() < self.hosting.good_until() - _MARGIN
        return self.hosting.asleep.is_set() or self.ended.is_set() or self.moved or not held

    def forget(self) -> None:
        """Let the words go that were given for people who have left; those who are there may still wait for
        what an earlier request of theirs has begun.
        """
        before = time.monotonic() - _GRACE
        with self.lock:
            gone = {one for one, left in self.left.items() if left < before and not self.there[one]}
            for one in gone:
                del self.callers[self.words.pop(one)], self.left[one], self.there[one]

    def answered(self) -> None:
        """Note that the app has answered a request, with no mistake of its own."""
        self.hosting.answered += 1
        self.ready.set()


@dataclass
class Sitting:
    """Somebody at a static app, whose code runs in their browser: what it asks stands on the trail as one
    run.
    """

    seat: Seat
    run: Run
    holding: Holding
    used: float = field(default_factory=time.monotonic)
    shown: int = 0  # files
    questions: int = 0


def caller_by(callers: dict[str, Caller], run: Run, word: str) -> Caller:
    """For whom a word is good that an app asks by; refuses NotAllowed one that is nobody's who is there."""
    found = callers.get(word)
    if found is None:
        raise NotAllowed(
            "This question is for nobody who is here: a web app asks while it answers a request.",
            next_step="Ask inside the function that answers the request, not when the app starts or in a "
            "thread of your own.",
            subject=f"run:{run.id}",
        )
    return found
