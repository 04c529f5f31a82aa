"""Who may call for a run, and what each call is told."""

import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace

import pytest

from handrail.adapters.isolation.kubernetes import switchboard
from handrail.adapters.isolation.kubernetes.belongings import KNOWN_AS
from handrail.adapters.isolation.kubernetes.switchboard import Session, Switchboard
from handrail.kernel import NotReady
from tests.adapters.isolation.kubernetes.test_pod import sandbox


@pytest.fixture
def board() -> Iterator[Switchboard]:
    """One that listens."""
    made = Switchboard("127.0.0.1:0")
    made.open()
    yield made
    made.close()


def session(board: Switchboard, python: str = "") -> tuple[Session, bytearray]:
    """A run that waits for its relay, and what it has printed."""
    printed = bytearray()
    made = Session(sandbox(files={"app.py": b"secret code"}), ["printed"], python, printed.extend)
    board.expect(made)
    return made, printed


def call(board: Switchboard, said: object, certificate: str = "") -> bytes:
    """What a caller is told that says this; nothing where it is hung up on."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=certificate or board.certificate)
    plain = socket.create_connection(("127.0.0.1", board.open()), timeout=20)
    with closing(context.wrap_socket(plain, server_hostname=KNOWN_AS)) as line:
        line.sendall(said if isinstance(said, bytes) else json.dumps(said).encode() + b"\n")
        told = b""
        try:
            while piece := line.recv(1 << 16):
                told += piece
        except OSError:
            pass
        return told


def test_the_relay_of_a_run_is_told_its_code(board: Switchboard) -> None:
    run, _ = session(board)
    assert b"secret code" in call(board, {"token": run.token, "stream": "code", "python": "3.11"})


def test_nobody_else_is_told_anything(board: Switchboard) -> None:
    run, printed = session(board)
    for said in (
        {"token": "", "stream": "code", "python": "3.11"}, {"token": run.token[:-1], "stream": "code"},
        {"stream": "code"}, {"token": run.token, "stream": "door"}, {"token": run.token, "stream": ""},
        {"token": [run.token], "stream": "code"}, [run.token, "code"], b"GET / HTTP/1.1\r\n\r\n", b"x" * 5000, b"\n",
        b"\xff\xfe\n",
    ):  # fmt: skip
        assert call(board, said) == b""
    assert printed == b""
    assert run.begun is None


def test_code_is_told_again_to_a_relay_that_begins_anew_and_to_nobody_once_the_app_has_begun(
    board: Switchboard,
) -> None:
    run, printed = session(board)
    wanted = {"token": run.token, "stream": "code", "python": "3.11"}
    assert call(board, wanted) == call(board, wanted) != b""
    hello = json.dumps({"token": run.token, "stream": "printed"}).encode()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=board.certificate)
    plain = socket.create_connection(("127.0.0.1", board.open()), timeout=20)
    with closing(context.wrap_socket(plain, server_hostname=KNOWN_AS)) as line:
        line.sendall(hello + b"\nsaid by the app")
    assert run.ended.wait(20)
    assert printed == b"said by the app"
    assert call(board, wanted) == b""
    call(board, hello + b"\nsaid by another")
    assert printed == b"said by the app"


def test_a_token_is_good_for_nothing_once_its_run_is_over(board: Switchboard) -> None:
    run, _ = session(board)
    board.forget(run)
    assert call(board, {"token": run.token, "stream": "code", "python": "3.11"}) == b""


def test_a_relay_with_another_python_is_sent_away_with_the_reason(board: Switchboard) -> None:
    run, _ = session(board, python="3.12")
    assert call(board, {"token": run.token, "stream": "code", "python": "3.11"}) == b""
    assert run.refused == "the image has Python 3.11, and the layer was built for Python 3.12"


def test_who_takes_long_over_a_greeting_keeps_no_place(
    board: Switchboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of so many calls at a time, by one who sends a byte now and then, none would be left for relays."""
    monkeypatch.setattr(switchboard, "_GREETING", 1.0)
    context = ssl.create_default_context(cadata=board.certificate)
    plain = socket.create_connection(("127.0.0.1", board.open()), timeout=20)
    sent = 0
    with closing(context.wrap_socket(plain, server_hostname=KNOWN_AS)) as line, suppress(OSError):
        line.settimeout(0.2)
        while sent < 60:
            line.sendall(b"x")
            sent += 1
            try:
                if not line.recv(1):
                    break
            except TimeoutError:  # it is still listened to
                continue
    assert sent < 60


def test_what_passes_itself_off_as_handrail_is_not_spoken_to(board: Switchboard) -> None:
    other = Switchboard("127.0.0.1:0")
    other.open()
    with pytest.raises(ssl.SSLCertVerificationError):
        call(board, {"token": "x", "stream": "code"}, other.certificate)
    other.close()


def test_what_is_printed_beyond_its_limit_is_not_kept(board: Switchboard) -> None:
    printed = bytearray()
    run = Session(sandbox(limits=replace(sandbox().limits, printed=10)), ["printed"], "", printed.extend)
    board.expect(run)
    hello = json.dumps({"token": run.token, "stream": "printed"}).encode()
    call(board, hello + b"\n" + b"x" * 50)
    assert run.excessive.wait(20)
    assert printed == b"x" * 10


def test_a_port_that_is_taken_is_said_so(board: Switchboard) -> None:
    with pytest.raises(NotReady, match="cannot listen for its pods"):
        Switchboard(f"127.0.0.1:{board.open()}").open()


@pytest.mark.parametrize("listen", ["", "here", "127.0.0.1:many"])
def test_what_is_no_place_to_listen_is_said_so(listen: str) -> None:
    with pytest.raises(NotReady, match="cannot listen for its pods"):
        Switchboard(listen).open()
