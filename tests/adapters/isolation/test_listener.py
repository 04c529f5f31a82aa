"""A sandbox that others come to: it accepts on a socket that was made for it, until it is stopped."""

import socket
import threading
import time
from pathlib import Path

from tests.adapters.isolation.conftest import Runs

ANSWERS = """
import os, socket
with socket.socket(fileno=int(os.environ['HANDRAIL_LISTENER'])) as listener:
    while True:
        with listener.accept()[0] as caller:
            caller.sendall(b'inside: ' + caller.recv(100))
"""


def asked(path: Path, question: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(20)
        caller.connect(str(path))
        caller.sendall(question)
        return caller.recv(100)


def refused(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as caller:
        try:
            caller.connect(str(path))
        except ConnectionRefusedError:
            return True
    return False


def test_a_sandbox_accepts_on_the_socket_it_was_given_until_it_is_stopped(runs: Runs, tmp_path: Path) -> None:
    listener, path, stop, ended = socket.socket(socket.AF_UNIX), tmp_path / "app", threading.Event(), []
    listener.bind(str(path))
    listener.listen()
    hosted = threading.Thread(
        target=lambda: ended.append(runs(ANSWERS, stop=stop, listener=listener, seconds=None))
    )
    hosted.start()
    try:
        assert asked(path, b"one") == b"inside: one"
        assert asked(path, b"two") == b"inside: two"
        assert listener.fileno() == -1  # ours is closed, so that its death shows
    finally:
        stop.set()
        hosted.join()
    assert ended[0][0].ended == "stopped"
    assert refused(path)


def test_who_keeps_a_copy_of_the_listener_misses_nobody_between_two_sandboxes(
    runs: Runs, tmp_path: Path
) -> None:
    path = tmp_path / "app"
    once = ANSWERS.replace("while True", "for _ in 'x'")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        for question in (b"one", b"two"):
            with socket.socket(socket.AF_UNIX) as caller:
                caller.connect(str(path))  # before there is a sandbox
                caller.sendall(question)
                assert runs(once, listener=listener.dup())[0].code == 0
                assert caller.recv(100) == b"inside: " + question


def test_without_a_listener_none_is_named(runs: Runs) -> None:
    assert runs("import os; print('HANDRAIL_LISTENER' in os.environ)")[1] == "False\n"


def test_a_run_without_a_limit_of_time_has_none_of_processor_time_either(runs: Runs) -> None:
    code = "import resource; print(resource.getrlimit(resource.RLIMIT_CPU))"
    own = "(-1, -1)"
    assert runs(code, seconds=None)[1].strip() == own
    assert runs(code, seconds=3)[1].strip() == "(6, 6)"


def test_a_run_without_a_limit_of_time_goes_on_past_any_tick_of_the_clock(runs: Runs) -> None:
    stop = threading.Event()
    threading.Timer(1.5, stop.set).start()
    begun = time.monotonic()
    outcome, _ = runs("import time\nwhile True: time.sleep(0.1)", stop=stop, seconds=None)
    assert (outcome.ended, outcome.seconds <= time.monotonic() - begun) == ("stopped", True)
