"""The service desk of the demo company: it knows who may ask, follows up an order once, and leaves with the demo."""

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from handrail_demo import service_desk
from handrail_demo.service_desk import ServiceDesk

SECRET = "the-desk-knows-this-one"
CLAIM = {"order": "104711", "text": "Tent pole broken"}


@pytest.fixture
def desk() -> Iterator[ServiceDesk]:
    with service_desk.serving(SECRET) as serving:
        yield serving


def told(desk: ServiceDesk, content: bytes | None = None, secret: str = SECRET) -> tuple[int, Any]:
    """GET without content, POST with it."""
    asked = urllib.request.Request(
        f"http://127.0.0.1:{desk.port}/tickets", content, {"Authorization": f"Bearer {secret}"}
    )
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_a_caller_without_the_credential_opens_no_ticket_and_is_told_none(desk: ServiceDesk) -> None:
    for wrong in ("", "the-desk-knows-that-one", "é"):
        assert desk.answer("POST", "/tickets", f"Bearer {wrong}", json.dumps(CLAIM).encode())[0] == 401
        assert desk.answer("GET", "/tickets", wrong, b"")[0] == 401
    assert (desk.asked, desk.tickets) == (0, [])


def test_an_order_that_is_told_twice_is_followed_up_once(desk: ServiceDesk) -> None:
    first, again = (told(desk, json.dumps(CLAIM).encode()) for _ in range(2))
    assert (first[0], again[0]) == (201, 200)
    assert first[1] == again[1]
    assert told(desk) == (200, {"tickets": [first[1]]})


@pytest.mark.parametrize("content", [b"", b"no json", b"[]", b'{"order": "1"}'])
def test_what_is_no_ticket_is_refused(desk: ServiceDesk, content: bytes) -> None:
    assert told(desk, content)[0] == 422
    assert desk.tickets == []


def test_a_desk_whose_port_is_taken_finds_another(desk: ServiceDesk) -> None:
    with service_desk.serving(SECRET, desk.port) as other:
        assert other.port != desk.port
        assert told(other)[0] == 200


def test_it_ends_when_the_process_that_began_it_was_killed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET)
    begin = (
        "import subprocess, sys, time\n"
        "desk = subprocess.Popen([sys.executable, '-m', sys.argv[1], sys.argv[2], '0'], stdout=-1)\n"
        "print(desk.pid, desk.stdout.readline().decode(), end='', flush=True)\n"
        "time.sleep(300)\n"
    )
    words = [sys.executable, "-c", begin, service_desk.__name__, str(tmp_path / "secret")]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as demo:
        assert demo.stdout
        pid = int(demo.stdout.readline().split()[0])
        assert alive(pid)
        demo.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(pid)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
