"""Whoever leaves stops what runs for them: by HTTP, from an app's socket, and with Ctrl-C in the terminal.

Each question would run for hours, and no time limit ends it: an entry on the trail says that the engine gave up.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn

from handrail import data
from handrail.data.slots import slots_of
from handrail.faces.socket import AppDoor
from handrail.kernel import Caller, Instance, identity
from handrail.kernel.audit import recent
from handrail.server import application
from handrail_sdk import wire
from tests.data.asking import actors, furnished, run

HOURS = "SELECT count(*) AS n FROM orders, range(10000000) a, range(10000000) b WHERE a.range * 2 > b.range + amount"
MANY = "SELECT amount, a.range AS r, b.range AS s FROM orders, range(3000000) a, range(3000000) b"
ASKED = {"verb": "query", "sql": HOURS}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    instance = furnished(tmp_path_factory.mktemp("home"))
    limits = instance.settings.data
    for name, value in (("seconds", 36_000), ("max_rows", 10**15), ("max_mb", 10**9)):
        object.__setattr__(limits, name, value)
    yield instance
    instance.close()


@pytest.fixture(scope="module")
def server(shop: Instance) -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application(shop), log_config=None))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join()


def entries(shop: Instance, verb: str) -> list[Any]:
    with shop.context(shop.system()) as ctx:
        return list(recent(ctx.db, verb=verb))


def awaited(what: Callable[[], Any]) -> Any:
    """What comes in the end; a test that hangs here has failed."""
    for _ in range(6000):
        if found := what():
            return found
        time.sleep(0.01)
    raise AssertionError("it never came")


def closing(shop: Instance, of: Any) -> Any:
    """The entry that closes the question which `of` opened."""
    subject = f"query:{of.facts['query']}"
    return awaited(lambda: [e for e in entries(shop, "query.answered") if e.subject == subject])[0]


def begun(shop: Instance, before: int) -> Any:
    """The entry that opens the next question."""
    return awaited(lambda: [e for e in entries(shop, "query.allowed") if e.seq > before])[0]


def newest(shop: Instance) -> int:
    return max((e.seq for e in entries(shop, "query.allowed")), default=0)


def taken(shop: Instance) -> int:
    """Places that are taken now."""
    with shop.context(shop.system()) as ctx:
        return slots_of(ctx).taken()


def ask_by_http(shop: Instance, port: int, sql: str, accept: str = "application/json") -> socket.socket:
    with actors(shop)("viewer.emea") as ctx:
        secret = identity.issue_token(ctx, "test", None)[1]
    body = json.dumps({"sql": sql, "purpose": "sales-reporting"})
    client = socket.create_connection(("127.0.0.1", port))
    client.sendall(
        f"POST /api/v1/query HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {secret}\r\nAccept: {accept}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    return client


def test_a_client_that_leaves_before_the_first_row_stops_the_engine(shop: Instance, server: int) -> None:
    before = newest(shop)
    client = ask_by_http(shop, server, HOURS)
    opening = begun(shop, before)
    assert taken(shop) == 1
    client.close()
    facts = closing(shop, opening).facts
    assert (facts["ended"], facts["rows"]) == ("cancelled", 0)
    awaited(lambda: taken(shop) == 0)


@pytest.mark.parametrize("accept", ["application/json", "text/csv", "application/vnd.apache.arrow.stream"])
def test_a_client_that_leaves_in_the_middle_stops_the_engine(
    shop: Instance, server: int, accept: str
) -> None:
    before = newest(shop)
    client = ask_by_http(shop, server, MANY, accept)
    assert client.recv(1 << 16).startswith(b"HTTP/1.1 200")
    opening = begun(shop, before)
    client.close()
    facts = closing(shop, opening).facts
    assert facts["ended"] == "cancelled"
    assert facts["rows"] > 0
    assert facts["bytes"] > 0
    awaited(lambda: taken(shop) == 0)


def test_a_client_that_stays_gets_its_answer(shop: Instance, server: int) -> None:
    before = newest(shop)
    client = ask_by_http(shop, server, "SELECT count(*) AS n FROM orders")
    assert client.recv(1 << 16).startswith(b"HTTP/1.1 200")
    assert closing(shop, begun(shop, before)).facts["ended"] == "complete"
    client.close()


def test_an_app_that_is_gone_stops_the_engine(shop: Instance) -> None:
    ours, its = socket.socketpair()
    with actors(shop)("viewer.emea") as ctx:
        caller = Caller(identity.found(ctx, "viewer.emea"), "socket", run=run("sandbox"))
    before = newest(shop)
    serving = threading.Thread(target=AppDoor().serve, args=(shop, caller, ours, None))
    serving.start()
    wire.send_message(its, ASKED)
    opening = begun(shop, before)
    its.close()
    assert closing(shop, opening).facts["ended"] == "cancelled"
    serving.join()


@pytest.mark.parametrize("sql", [HOURS, MANY])
def test_ctrl_c_stops_the_engine_and_says_so_on_the_trail(shop: Instance, sql: str) -> None:
    before = newest(shop)
    command = [
        *(sys.executable, "-m", "handrail", "query", sql, "--purpose", "sales-reporting"),
        "--format",
        "csv",
    ]
    about = {**os.environ, "HANDRAIL_HOME": str(shop.settings.home), "HANDRAIL_PERSON": "viewer.emea"}
    toml = shop.settings.home / "handrail.toml"
    toml.write_text("[data]\nseconds = 36000\nmax_rows = 1000000000000\nmax_mb = 1000000\n")
    asking = subprocess.Popen(command, env=about, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    opening = begun(shop, before)
    asking.send_signal(signal.SIGINT)
    said = asking.communicate(timeout=60)[1].decode()
    assert asking.returncode not in (0, None)
    assert "Traceback" not in said
    assert closing(shop, opening).facts["ended"] == "cancelled"


def test_a_client_that_is_killed_gives_its_place_back(shop: Instance) -> None:
    before = newest(shop)
    command = [sys.executable, "-m", "handrail", "query", HOURS, "--purpose", "sales-reporting"]
    about = {**os.environ, "HANDRAIL_HOME": str(shop.settings.home), "HANDRAIL_PERSON": "viewer.emea"}
    asking = subprocess.Popen(command, env=about, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    begun(shop, before)
    assert taken(shop) == 1
    asking.kill()
    asking.wait()
    assert taken(shop) == 0


@pytest.mark.parametrize("begun_", [False, True])
def test_an_answer_that_nobody_holds_any_more_is_closed(shop: Instance, begun_: bool) -> None:
    before = newest(shop)
    with actors(shop)("viewer.emea") as ctx:
        answer = data.query(ctx, data.Request(MANY, purpose="sales-reporting"))
        batches = answer.batches() if begun_ else None
        if batches:
            next(batches)
        assert taken(shop) == 1
        del answer, batches
    assert closing(shop, begun(shop, before)).facts["ended"] == "cut"
    assert taken(shop) == 0
