"""`kill -9` of a server that is busy: whatever a client was told is there, and nothing is there by half."""

import io
import os
import random
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from handrail import apps, data, runtime
from handrail.apps import store as apps_store
from handrail.data import store as data_store
from handrail.kernel import SYSTEM, Caller, Instance, identity
from handrail.kernel.manifest import FILENAME
from handrail.review import store as review_store
from handrail.runtime import store as runtime_store
from handrail.server import FIRST_DEFINITIONS, open_instance
from tests.conftest import populate
from tests.journeys import whole
from tests.journeys.served import Answer, Served, run_cli

ROUNDS = (2, pytest.param(5, marks=pytest.mark.release))  # times that the server is killed
MARK = "handrail-kill-journey"
# Sleeps as another program of a name of its own, to be found in /proc from outside.
SLEEPS = f"import os, sys\nos.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(300)', '{MARK}'])\n"
PEOPLE = ("maker.sales", "maker.ops", "reviewer.platform", "steward.sales", "steward.hr", "compliance")
Told = list[tuple[str, Any]]


@dataclass
class Traffic:
    """Clients that go on asking until the server is gone, and what they were told."""

    server: Served
    tokens: dict[str, str]
    told: Told = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)

    def ask(
        self, who: str, method: str, path: str, body: bytes | dict[str, Any] | None = None, **more: Any
    ) -> Answer:
        answer = self.server.ask(method, f"/api/v1{path}", self.tokens[who], body, more.get("headers"))
        if answer.status >= 500:
            self.surprises.append(f"{method} {path}: {answer.status} {answer.body!r}")
        return answer

    def go_on(self, client: Callable[["Traffic", int], None], n: int) -> None:
        try:
            while not self.gone.is_set():
                client(self, n)
                n += 1
        except (OSError, ValueError):  # the server is gone, or its answer broke off
            return


def files(name: str, code: str) -> dict[str, bytes]:
    manifest = f'[app]\nname = "{name}"\nkind = "job"\nentrypoint = "app.py"\npurpose = "sales-reporting"\nsays = "Works"\n'
    return {FILENAME: manifest.encode(), "app.py": code.encode()}


def form(name: str, code: str) -> tuple[bytes, dict[str, str]]:
    """A push as a browser or curl sends it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, content in files(name, code).items():
            archive.writestr(path, content)
    parts = [
        (b'name="why"', b"again"),
        (b'name="prompts"', b"say it again"),
        (b'name="app"; filename="a.zip"', packed.getvalue()),
    ]
    body = b"".join(
        b"--b\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + content + b"\r\n"
        for head, content in parts
    )
    return body + b"--b--\r\n", {"Content-Type": "multipart/form-data; boundary=b"}


def pushes(traffic: Traffic, n: int) -> None:
    body, headers = form("pushed", f"print({n})\n")
    answer = traffic.ask("maker.ops", "POST", "/apps", body, headers=headers)
    if answer.status == 201:
        traffic.told.append(("pushed", answer.json["commit"]))


def approves(traffic: Traffic, n: int) -> None:
    """Approve what waits, and take it back, so that there is more to approve."""
    waiting = traffic.ask("reviewer.platform", "GET", "/reviews").json
    for one in waiting:
        at = f"/reviews/{one['app']}/{one['commit']}"
        if traffic.ask("reviewer.platform", "POST", f"{at}/approve", {}).status == 200:
            traffic.told.append(("approved", one["commit"]))
            traffic.ask("reviewer.platform", "POST", f"{at}/withdraw")


def promotes(traffic: Traffic, n: int) -> None:
    """Back and forth between two versions that passed every gate."""
    versions = traffic.ask("maker.sales", "GET", "/apps/staircase/versions").json
    for version in versions:
        answer = traffic.ask("maker.sales", "POST", "/apps/staircase/promote", {"commit": version["commit"]})
        if answer.status == 200:
            traffic.told.append(("promoted", answer.json["commit"]))


def certifies(traffic: Traffic, n: int) -> None:
    about = {"description": f"Orders, said for the {n}th time."}
    proposed = traffic.ask("steward.sales", "POST", "/datasets/orders/propose", about)
    if proposed.status == 200:
        traffic.told.append(("proposed", proposed.json["hash"]))
    certified = traffic.ask("steward.hr", "POST", "/datasets/orders/certify")
    if certified.status == 200:
        traffic.told.append(("certified", certified.json["hash"]))


def runs(traffic: Traffic, n: int) -> None:
    answer = traffic.ask("maker.sales", "POST", f"/apps/{('sleeps', 'staircase')[n % 2]}/run", {})
    if answer.status == 202:
        traffic.told.append(("started", answer.json["id"]))
    time.sleep(0.1)


pytestmark = pytest.mark.long
KINDS = {"pushed", "approved", "promoted", "proposed", "certified", "started"}
CLIENTS = (pushes, approves, promotes, certifies, runs)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance with a dataset, an app between two versions, and many versions that wait for a reviewer."""
    folder = tmp_path_factory.mktemp("kill")
    home = folder / "home"
    Instance.create(home, files=FIRST_DEFINITIONS)
    orders = folder / "orders.csv"
    orders.write_text("order_id,region\n" + "".join(f"{n},EMEA\n" for n in range(20)))
    with opened(home) as instance:
        populate(instance)
        with acting(instance, "steward.sales") as ctx:
            data.import_source(ctx, str(orders))
        changes = data.Changes(
            owner="steward.sales", deputy="steward.hr", purposes=("sales-reporting",), readers=("sales",),
            expires=datetime.now(UTC).date() + timedelta(days=90), description="Orders.",
        )  # fmt: skip
        with acting(instance, "steward.sales") as ctx:
            data.propose(ctx, "orders", changes)
        with acting(instance, "steward.hr") as ctx:
            data.certify(ctx, "orders")
        ready(instance, "staircase", "print('one')\n")
        ready(instance, "staircase", "print('two')\n")
        push(instance, "sleeps", SLEEPS)
        for n in range(2):
            waits(instance, f"waits-{n}")
    return home


@contextmanager
def opened(home: Path) -> Iterator[Instance]:
    instance = open_instance(home)
    try:
        yield instance
    finally:
        instance.close()


def acting(instance: Instance, who: str) -> Any:
    with instance.context(SYSTEM) as ctx:
        somebody = identity.found(ctx, who)
    return instance.context(Caller(somebody, "cli"))


def issued(home: Path) -> dict[str, str]:
    """A token of each of the people who work here."""
    tokens = {}
    with opened(home) as instance:
        for who in PEOPLE:
            with acting(instance, who) as ctx:
                tokens[who] = identity.issue_token(ctx, "journey")[1]
    return tokens


def push(instance: Instance, name: str, code: str) -> str:
    with acting(instance, "maker.sales") as ctx:
        return apps.push(ctx, files(name, code), "It is needed").commit


def ready(instance: Instance, name: str, code: str) -> None:
    """Push a version and run it in the sandbox, so that its gates are open."""
    commit = push(instance, name, code)
    with acting(instance, "maker.sales") as ctx:
        run = apps.run(ctx, name, commit)
    assert runtime.execute(instance, run.id).state == "succeeded"


def waits(instance: Instance, name: str) -> None:
    """Versions of a shared app, one after another put before a reviewer."""
    ready(instance, name, "print('hello')\n")
    with acting(instance, "maker.sales") as ctx:
        apps.share(ctx, name, groups=["sales"])
    with acting(instance, "maker.sales") as ctx:
        apps.ask(ctx, name)


def a_minute_passes(home: Path) -> None:
    """A draft is taken for abandoned only then."""
    for draft in (path for path in home.rglob(".*") if whole.DRAFT.match(path.name)):
        os.utime(draft, (time.time() - 61, time.time() - 61))


def check_told(db: sa.Connection, told: Told) -> None:
    """What a client was told is done, is."""
    kept = {
        "pushed": {row.commit for row in whole.rows(db, apps_store.versions, "commit")},
        "promoted": {row.commit for row in whole.rows(db, apps_store.promotions, "commit")},
        "approved": {row.commit for row in whole.rows(db, review_store.verdicts, "commit")},
        "proposed": {row.digest for row in whole.rows(db, data_store.proposals, "digest")},
        "certified": {row.digest for row in whole.rows(db, data_store.certifications, "digest")},
        "started": {row.id for row in whole.rows(db, runtime_store.runs, "id")},
    }
    assert [one for one in told if one[1] not in kept[one[0]]] == []


def busy_until_killed(traffic: Traffic, first: int, seconds: float, each_kind: bool) -> None:
    """Let every client work, wait, kill the server, and see that it takes its sandboxes along."""
    threads = [threading.Thread(target=traffic.go_on, args=(client, first)) for client in CLIENTS]
    for thread in threads:
        thread.start()
    try:
        if each_kind:  # once, whatever else this machine does, each kind of work was really done
            assert whole.until(lambda: {what for what, _ in traffic.told} == KINDS, 300), traffic.told
            assert whole.until(lambda: bool(whole.survivors(MARK))), "no sandbox began"
        time.sleep(seconds)
    finally:
        traffic.server.kill()
        traffic.gone.set()
        for thread in threads:
            thread.join()
    assert traffic.surprises == []
    assert whole.until(lambda: not whole.survivors(MARK)), "a sandbox outlived its server"


def running(engine: sa.Engine) -> set[str]:
    with engine.connect() as db:
        found = whole.rows(db, runtime_store.runs, "id", "state")
    return {row.id for row in found if row.state == "running"}


@pytest.mark.parametrize("rounds", ROUNDS)
def test_a_server_killed_in_the_middle_of_everything_leaves_nothing_half_done(
    home: Path, rounds: int
) -> None:
    moment = random.Random(20261127)
    tokens = issued(home)
    engine = sa.create_engine(f"sqlite:///{home / 'handrail.db'}")
    server = Served(home).start()
    told: Told = []
    try:
        for turn in range(rounds):
            traffic = Traffic(server, tokens)
            busy_until_killed(traffic, 1000 * turn, moment.uniform(0.2, 2.0), each_kind=turn == 0)
            told += traffic.told
            were_running = running(engine)
            a_minute_passes(home)
            server = Served(home).start()
            with engine.connect() as db:
                check_told(db, told)
                whole.check_apps(db)
                whole.check_verdicts(db)
                whole.check_data(db)
                whole.check_contract(db, home, "orders")
                whole.check_runs(db, were_running)
            whole.check_files(home)
            proof = server.ask("GET", "/api/v1/audit/verify", tokens["compliance"]).json
            assert proof["ok"] is True, proof
    finally:
        server.stop()
        engine.dispose()
    verified = run_cli("audit", "verify", "--json", home=home, person="compliance")
    assert verified.returncode == 0, verified.stderr
    assert "Traceback" not in (home / "server.log").read_text()
