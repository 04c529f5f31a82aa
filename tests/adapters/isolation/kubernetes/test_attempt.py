"""What a pod printed belongs to its end, whichever of the two is heard of first."""

import threading
from typing import Any

import pytest

from handrail.adapters.isolation.kubernetes import attempt
from handrail.adapters.isolation.kubernetes.attempt import Attempt
from handrail.adapters.isolation.kubernetes.fate import Fate


class Heard:
    """As much of a session as an end asks about."""

    def __init__(self, begun: float | None) -> None:
        self.begun = begun
        self.ended, self.excessive = threading.Event(), threading.Event()


def ended(session: Heard, found: Fate) -> Fate:
    nobody: Any = None
    heard: Any = session
    return Attempt(nobody, nobody, nobody, nobody)._with_its_output(heard, found)


@pytest.mark.parametrize("begun", [None, 1.0])
def test_what_was_printed_is_waited_for_even_where_its_call_comes_after_the_end(begun: float | None) -> None:
    session = Heard(begun)
    threading.Timer(0.2, session.ended.set).start()
    assert ended(session, Fate("exited")) == Fate("exited")
    assert session.ended.is_set()


def test_a_good_end_whose_output_does_not_come_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt, "_REST", 0.05)
    found = ended(Heard(1.0), Fate("exited"))
    assert (found.ended, found.detail) == ("lost", "the last of what it printed did not come")
    assert ended(Heard(1.0), Fate("exited", 3)) == Fate("exited", 3)


def test_one_that_never_began_is_told_at_once() -> None:
    assert ended(Heard(None), Fate("unstarted", detail="no image")) == Fate("unstarted", detail="no image")


def test_too_much_output_is_the_end_whatever_else_is_said() -> None:
    session = Heard(1.0)
    session.excessive.set()
    session.ended.set()
    assert ended(session, Fate("exited")) == Fate("output")
