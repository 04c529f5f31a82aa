"""Web apps on several machines: each is on one of them, whoever asks; and when that one is killed or cut off, another
has it, and nobody who waits for it is told of an error.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from handrail import runtime
from handrail.kernel import SYSTEM, Instance
from handrail.runtime import store
from handrail.server import FIRST_DEFINITIONS, open_instance
from tests.conftest import populate
from tests.journeys import machines, whole
from tests.journeys.hosting import MANIFEST, Browser, Hosting
from tests.journeys.machines import Machine, two_machines
from tests.postgres import Server, postgres
from tests.runtime.shared import acting

__all__ = ["postgres"]
pytestmark = pytest.mark.long

LEASE = 8
PORT = 8444
HERE = "http://sandbox--placed.localhost:8400"
JSON = {"accept": "application/json"}
# Says which process it is, and counts what was really done.
APP = """
import os, secrets
from fastapi import FastAPI, Request, WebSocket
from handrail_sdk import me

app, who, done = FastAPI(), secrets.token_hex(8), []

@app.get("/")
def home():
    return {"who": who, "viewer": me().id}

@app.post("/kept")
async def kept(request: Request):
    done.append(len(await request.body()))
    return {"who": who, "done": done}

@app.get("/claims")
def claims(request: Request):
    return {name: value for name, value in request.headers.items() if name.startswith(("handrail", "x-"))}

@app.websocket("/ws")
async def ws(socket: WebSocket):
    await socket.accept()
    while True:
        await socket.send_text(who + " " + (await socket.receive_text()).upper())
"""


def web(name: str = "placed") -> dict[str, bytes]:
    manifest = MANIFEST.format(name=name, kind="web", entrypoint="app.py", layer='layer = "dashboard"\n')
    return {"handrail.toml": manifest.partition("[data.")[0].encode(), "app.py": APP.encode()}


class Company:
    """An instance that machines share, and a server on this one that has no apps of its own."""

    def __init__(self, instance: Instance, one: Machine, other: Machine, database: str) -> None:
        self.instance, self.machines = instance, (one, other)
        for each in self.machines:
            each.worker(instance.settings.home, database.replace("127.0.0.1", each.gateway))
        self.hosting = Hosting(instance)
        until(lambda: len(self.neighbours()) == 2, "the machines are not there")
        self.hosting.push(web())
        self.maker: Browser = self.hosting.browser("maker.sales")

    def neighbours(self) -> set[str]:
        """The machines on which apps may wake."""
        with self.instance.context(SYSTEM) as ctx:
            return {one.name for one in runtime.lease_store.neighbours(ctx)}

    def has(self) -> list[str]:
        """The machines that are said to have the app."""
        with acting(self.instance, "compliance") as ctx:
            return [
                host.name for host in runtime.workers(ctx).hosts for one in host.apps if one.app == "placed"
            ]

    def machine(self, name: str) -> Machine:
        return next(one for one in self.machines if one.name == name)

    def get(self, path: str = "/") -> Any:
        return self.maker.at(HERE).get(path, headers=JSON)

    def ended(self) -> list[str]:
        with self.instance.context(SYSTEM) as ctx:
            return [run.ended for run in store.find_runs(ctx, 100, app="placed")]


def until(true: Any, what: str, seconds: float = 240) -> None:
    assert whole.until(true, seconds), what


@pytest.fixture
def company(postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Company]:
    if reason := machines.why_not():
        pytest.skip(reason)
    home, database = tmp_path / "home", postgres.database(f"placed_{os.urandom(4).hex()}")
    Instance.create(home, files=FIRST_DEFINITIONS)
    monkeypatch.setenv("SHARED_DATABASE", database)
    said = f'[storage]\nurl_env = "SHARED_DATABASE"\n[hosts]\napps = "0.0.0.0:{PORT}"\nmove_seconds = 12\n'
    said += f"lease_seconds = {LEASE}\n"
    (home / "handrail.toml").write_text(f"{said}[runtime]\nparked = 0\n")
    instance = open_instance(home)
    populate(instance)
    runtime.build_layer(instance.settings, "dashboard")
    with two_machines(postgres.port) as (one, other):
        made = Company(instance, one, other, database)
        try:
            yield made
        finally:
            made.hosting.close()
            instance.close()


class Crowd:
    """People who ask all the time, each once more when they were answered."""

    def __init__(self, company: Company, people: int = 3) -> None:
        self.seen: Counter[tuple[int, str]] = Counter()
        self.over = threading.Event()
        self._company = company
        self._threads = [threading.Thread(target=self._come) for _ in range(people)]

    def _come(self) -> None:
        while not self.over.is_set():
            answer = self._company.get()
            known = answer.json().get("who", answer.text) if answer.status_code == 200 else answer.text
            self.seen[answer.status_code, known] += 1

    def who(self) -> list[str]:
        """Which processes have answered."""
        return sorted({who for _, who in self.seen})


@contextmanager
def crowd(company: Company) -> Iterator[Crowd]:
    people = Crowd(company)
    for thread in people._threads:
        thread.start()
    try:
        yield people
    finally:
        people.over.set()
        for thread in people._threads:
            thread.join()


def test_an_app_is_on_one_machine_and_on_the_other_when_that_one_is_killed_and_nobody_is_told_of_an_error(
    company: Company,
) -> None:
    assert company.maker.visit("/visit/placed?environment=sandbox").status_code == 200
    first = company.get().json()
    assert first["viewer"] == "maker.sales"
    (name,) = company.has()
    with company.maker.at(HERE).websocket_connect(f"ws{HERE[4:]}/ws") as socket:
        socket.send_text("hello")
        assert socket.receive_text() == first["who"] + " HELLO"
    big = os.urandom(3 << 20)
    assert company.maker.at(HERE).post("/kept", content=big).json() == {
        "who": first["who"],
        "done": [3 << 20],
    }

    with crowd(company) as people:
        until(lambda: sum(people.seen.values()) > 5, "nobody is answered")
        victim = company.machine(name).processes[0]
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        until(lambda: len(people.who()) == 2, "nobody took its place")
    assert {status for status, _ in people.seen} == {200}
    (now,) = company.has()
    assert now != name
    assert company.maker.at(HERE).post("/kept", content=b"x").json()["done"] == [1]
    assert company.ended() == ["", "interrupted"]


@pytest.mark.release
def test_a_machine_that_is_cut_off_loses_its_app_to_the_other_and_has_it_again_when_it_is_back_and_nobody_is_dropped(
    company: Company,
) -> None:
    assert company.maker.visit("/visit/placed?environment=sandbox").status_code == 200
    with crowd(company) as people:
        until(lambda: sum(people.seen.values()) > 5, "nobody is answered")
        (name,) = company.has()
        (first,) = people.who()
        home = company.machine(name)
        home.cut()
        until(lambda: len(people.who()) == 2, "nobody took its place")
        (relief,) = company.has()
        assert relief != name
        (second,) = set(people.who()) - {first}
        home.mend()
        until(lambda: company.has() == [name], "the app does not come back")
        until(lambda: len(people.who()) == 3, "nobody is answered where it came back")
        (third,) = set(people.who()) - {first, second}
        before = dict(people.seen)
        until(lambda: people.seen[200, third] > 20, "nobody is answered any more")
        assert people.seen[200, first] == before[200, first], "who was cut off has answered again"
    assert {status for status, _ in people.seen} == {200}
    assert company.ended() == ["", "asleep", "interrupted"]
    for machine_ in company.machines:
        machine_.processes[0].send_signal(signal.SIGTERM)
    for machine_ in company.machines:
        assert machine_.processes[0].wait(120) == 0
    assert company.ended() == ["asleep", "asleep", "interrupted"]
