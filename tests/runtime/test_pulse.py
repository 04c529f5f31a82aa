"""A web app that answers nothing for long is ended, and rests before it is woken again; one that answers lives."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from handrail.kernel import Caller, Instance, NotReady
from handrail.kernel.sandbox import Outcome
from handrail.runtime import hosts, pulse
from handrail.runtime.execute import Hosting
from handrail.runtime.hosts import Hosts
from handrail.runtime.models import Run
from handrail.runtime.pulse import Pulse, answers
from handrail.runtime.reasons import Verdict, of_hosted
from handrail.runtime.seats import Hosted, Seat

NEVER = threading.Event()
SEAT = Seat("regions", "production", "", "c0ffee")


@contextmanager
def listening(path: Path, says: bytes | None = b"HTTP/1.1 404 Not Found\r\n\r\n") -> Iterator[list[bytes]]:
    """Something at a Unix socket that says this to everybody, or nothing at all."""
    heard: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    heard.append(connection.recv(1000))
                    connection.sendall(says or b"")

        if says is not None:
            threading.Thread(target=serve, daemon=True).start()
        yield heard
        listener.shutdown(socket.SHUT_RDWR)


def hosted(path: Path) -> Hosted:
    """An app that has answered before."""

    def nobody(word: str) -> Caller:
        raise AssertionError(word)

    run = cast(Run, Named())
    one = Hosted(SEAT, run, str(path), Hosting(socket.socket(socket.AF_UNIX), nobody), {})
    one.ready.set()
    return one


class Named:
    """All that is looked at of a run."""

    id = "run_1"


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for what does not answer."""
    monkeypatch.setattr(pulse, "_PATIENCE", 0.05)


@pytest.mark.parametrize(
    ("says", "lives"),
    [(b"HTTP/1.1 500 Oops\r\n\r\n", True), (b"SSH-2.0-x\r\n", False), (b"", False), (None, False)],
    ids=["an error is an answer", "another protocol", "hangs up", "says nothing"],
)
def test_whatever_an_app_says_in_http_is_a_sign_of_life(
    tmp_path: Path, says: bytes | None, lives: bool
) -> None:
    with listening(tmp_path / "app", says):
        assert answers(str(tmp_path / "app"), 30 if lives else 0.2) == lives
    assert not answers(str(tmp_path / "nobody"), 1)


def test_it_is_asked_for_no_page_of_its_own_and_that_is_no_visit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulse, "_PATIENCE", 30)
    one = hosted(tmp_path / "app")
    used = one.used
    with listening(tmp_path / "app") as heard:
        Pulse(lambda: (one,), 0)._round(NEVER)
    assert heard[0].startswith(b"HEAD /.handrail/")
    assert (one.used, one.requests, one.hosting.answered) == (used, 0, 0)
    assert not one.going


def test_one_that_is_silent_for_too_long_is_ended_and_a_word_in_between_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, now = hosted(tmp_path / "app"), [1000.0]
    monkeypatch.setattr(pulse.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(pulse, "answers", lambda *_: now[0] == 1090.0)
    looks = Pulse(lambda: (one,), 60)
    for moment in (1000.0, 1059.0, 1090.0, 1100.0, 1159.0):
        now[0] = moment
        looks._round(NEVER)
        assert not one.hosting.silent.is_set(), moment
    now[0] = 1160.0
    looks._round(NEVER)
    assert one.hosting.silent.is_set()
    assert one.hosting.asleep.is_set()


def test_one_that_wakes_or_ends_already_is_left_alone(tmp_path: Path) -> None:
    waking, ending = hosted(tmp_path / "a"), hosted(tmp_path / "b")
    waking.ready.clear()
    ending.hosting.asleep.set()
    Pulse(lambda: (waking, ending), 0)._round(NEVER)
    assert not waking.going
    assert not ending.hosting.silent.is_set()


@pytest.mark.parametrize("silent", [True, False])
def test_one_that_was_ended_for_its_silence_rests_as_one_that_ended_by_itself(
    instance: Instance, monkeypatch: pytest.MonkeyPatch, silent: bool, tmp_path: Path
) -> None:
    one = hosted(tmp_path / "app")

    def ends(*_: Any) -> None:
        if silent:
            one.hosting.silent.set()
        one.hosting.asleep.set()

    monkeypatch.setattr(hosts, "carry_out", ends)
    host = Hosts(instance)
    host._live(one)
    if silent:
        with pytest.raises(NotReady, match="has ended by itself"):
            host._rests.must_be_over(SEAT)
    else:
        host._rests.must_be_over(SEAT)


def test_its_run_says_why_it_was_ended() -> None:
    stopped = Verdict("stopped", "stopped")
    found = of_hosted(stopped, Outcome("stopped", 0, 0), answered=7, silent=True)
    assert (found.state, found.ended) == ("failed", "silent")
    assert "answered nobody" in found.reason
    assert of_hosted(stopped, Outcome("stopped", 0, 0), answered=7).state == "succeeded"
