"""The two programs in a pod, where things are not as they should be: then nothing of the app runs."""

import json
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from handrail.adapters.isolation import seccomp
from handrail.adapters.isolation.kubernetes.belongings import KNOWN_AS, digest
from handrail.adapters.isolation.kubernetes.inside import relay
from handrail.adapters.isolation.kubernetes.switchboard import Session, Switchboard
from tests.adapters.isolation.kubernetes.test_pod import sandbox

INSIDE = Path(relay.__file__).parent


def enter(folder: Path, **changed: Any) -> subprocess.CompletedProcess[str]:
    """Run the app's first program; the app would make a file."""
    told = {
        "command": [sys.executable, "-c", f"open({str(folder / 'ran')!r}, 'w')"], "environment": {}, "streams": [],
        "way": str(folder / "way"), "work": str(folder), "patience": 20, "limits": {"RLIMIT_NOFILE": 64},
    }  # fmt: skip
    filter_ = changed.pop("filter", seccomp.program(loopback=False))
    (folder / "enter.json").write_text(json.dumps({**told, **changed}))
    (folder / "filter").write_bytes(filter_)
    words = [sys.executable, "-I", "-B", INSIDE / "enter.py", folder]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)


def test_with_all_walls_up_the_app_runs(tmp_path: Path) -> None:
    (tmp_path / "way").touch()
    assert enter(tmp_path).returncode == 0
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "changed",
    [
        {"filter": b""}, {"filter": b"no filter of system calls"}, {"limits": {"RLIMIT_OF_NO_KIND": 1}},
        {"streams": ["printed"]}, {"work": "/nowhere"},
    ],
)  # fmt: skip
def test_without_one_of_them_it_does_not(tmp_path: Path, changed: dict[str, Any]) -> None:
    (tmp_path / "way").touch()
    assert enter(tmp_path, **changed).returncode != 0
    assert not (tmp_path / "ran").exists()


def test_without_a_relay_it_does_not(tmp_path: Path) -> None:
    found = enter(tmp_path, patience=0.1)
    assert "no relay came" in found.stderr
    assert not (tmp_path / "ran").exists()


def told_to(folder: Path, board: Switchboard, files: dict[str, bytes]) -> dict[str, Any]:
    """What a relay is told that is to fetch these files."""
    port = board.open()
    return {
        "address": ["127.0.0.1", port], "known_as": KNOWN_AS, "certificate": board.certificate, "streams": ["printed"],
        "code": str(folder / "app"), "sha256": digest(files), "way": str(folder / "way"),
    }  # fmt: skip


def test_a_relay_lays_down_the_files_of_the_hash_that_it_was_told_and_no_others(tmp_path: Path) -> None:
    board = Switchboard("127.0.0.1:0")
    files = {"app.py": b"print(1)", "pages/first.py": b"", "größe.py": bytes(range(256)) * 1000}
    run = Session(sandbox(files=files), ["printed"], "", lambda _: None)
    board.expect(run)
    told = told_to(tmp_path, board, files)
    relay.fetch(told, run.token)
    assert {name: (tmp_path / "app" / name).read_bytes() for name in files} == files
    relay.fetch(told, run.token)  # as one that was started again does
    with pytest.raises(ValueError, match="other code"):
        relay.fetch({**told, "sha256": digest({"app.py": b"print(2)"})}, run.token)
    board.close()


def test_a_relay_that_is_not_let_in_says_so_to_its_machine(tmp_path: Path) -> None:
    board = Switchboard("127.0.0.1:0")
    (tmp_path / "told.json").write_text(json.dumps(told_to(tmp_path, board, {})))
    (tmp_path / "token").write_text("of-nobody")
    words = [sys.executable, "-I", "-B", INSIDE / "relay.py", tmp_path]
    found = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert found.returncode == 1
    assert found.stdout.startswith("The relay does not reach Handrail at 127.0.0.1")
    assert "of-nobody" not in found.stdout
    board.close()


def test_much_is_carried_both_ways_at_once(tmp_path: Path) -> None:
    board = Switchboard("127.0.0.1:0")
    ours, theirs = socket.socketpair()
    run = Session(sandbox(files={}, door=theirs), ["door", "printed"], "", lambda _: None)
    board.expect(run)
    told = {**told_to(tmp_path, board, {}), "streams": ["door"]}
    listening = threading.Thread(target=relay.listen, args=(told, run.token), daemon=True)
    listening.start()
    while not (tmp_path / "way").exists():
        listening.join(0.01)
    much = bytes(range(256)) * 16_000
    with socket.socket(socket.AF_UNIX) as app, ours, theirs:
        app.connect(told["way"])
        for one, other in ((app, ours), (ours, app)):
            sending = threading.Thread(target=one.sendall, args=(much,))
            sending.start()
            received = bytearray()
            while len(received) < len(much):
                received += other.recv(1 << 16)
            sending.join()
            assert bytes(received) == much
        app.shutdown(socket.SHUT_WR)
        assert ours.recv(1) == b""
    board.forget(run)
    board.close()
