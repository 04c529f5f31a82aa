"""The app's door: the same answers as every other face, for exactly one run, whatever an app sends."""

import contextlib
import io
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handrail import data
from handrail.faces.socket import AppDoor
from handrail.kernel import Caller, Instance, LimitReached, Manifest, RunRef, identity, trail
from handrail.kernel.sandbox import Conversation
from handrail_sdk import wire
from tests.conftest import Acting, begun, inhabited
from tests.data import shop
from tests.data.asking import actors

MANIFEST = Manifest.parse(
    Manifest.render("tried") + '\n[data.sales_orders]\ncolumns = ["id", "region", "customer_id", "note"]\n'
)
ORDERS = {"verb": "query", "sql": "SELECT id, region, note FROM sales_orders ORDER BY id"}


@dataclass
class Kept:
    """Outputs as they arrive."""

    room: int = 1 << 20
    found: list[tuple[str, str, str, bytes]] = field(default_factory=list)

    def admit(self, kind: str, name: str, title: str, size: int) -> None:
        if size > self.room:
            raise LimitReached("Too large.", next_step="Send less.")

    def deliver(self, kind: str, name: str, title: str, content: bytes) -> None:
        self.found.append((kind, name, title, content))


@dataclass
class Talk:
    """Our end of a door, and what was said when it closed."""

    socket: socket.socket
    kept: Kept
    thread: threading.Thread
    said: list[Conversation]

    def ask(self, message: dict[str, Any]) -> tuple[dict[str, Any], pa.Table | None]:
        wire.send_message(self.socket, message)
        answer = wire.receive_message(self.socket)
        if not answer.get("stream"):
            return answer, None
        content = b"".join(wire.receive_content(self.socket))
        assert wire.receive_message(self.socket) == {}
        return answer, pa.ipc.open_stream(io.BytesIO(content)).read_all()

    def end(self) -> Conversation:
        self.socket.close()
        self.thread.join(30)
        (said,) = self.said
        return said


Opens = Callable[..., Talk]


@pytest.fixture
def door(instance: Instance) -> Iterator[Opens]:
    """Open the door of a run: `door("viewer.emea", "production")`."""
    opened: list[Talk] = []

    def open_one(person: str = "maker.sales", environment: str = "production", **run: Any) -> Talk:
        with instance.context(instance.system()) as ctx:
            somebody = identity.found(ctx, person)
        ref = RunRef("run_1", "tried", "c0ffee", environment, run.get("manifest", MANIFEST))  # type: ignore[arg-type]
        ours, theirs = socket.socketpair()
        kept, said = Kept(), []
        caller, viewers = Caller(somebody, "socket", run=ref), run.get("viewers")
        thread = threading.Thread(
            target=lambda: said.append(AppDoor().serve(instance, caller, theirs, kept, viewers))
        )
        thread.start()
        opened.append(Talk(ours, kept, thread, said))
        return opened[-1]

    yield open_one
    for talk in opened:
        talk.socket.close()
        talk.thread.join(30)


def company(folder: Path) -> None:
    """Make an instance with certified sales orders, and a twin of them."""
    folder.mkdir()
    instance = inhabited(folder / "home")
    acting = actors(instance)
    with acting("steward.sales") as ctx:
        data.import_source(ctx, str(shop.make(folder / "shop.sqlite")))
        data.propose(ctx, "sales_orders", shop.COMPLETE)
    with acting("steward.hr") as ctx:
        data.certify(ctx, "sales_orders")
    twin = instance.settings.home / "twins" / "sales_orders" / "1.parquet"
    twin.parent.mkdir(parents=True)
    pq.write_table(pa.table({"id": [71], "region": ["TWIN"], "customer_id": [1], "note": ["x"]}), twin)
    with acting("steward.sales") as ctx:
        data.set_rendition(ctx, "sales_orders", twin, {})
    instance.close()


@pytest.fixture
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Instance]:
    """A fresh instance: with the company's orders, where a test names them."""
    with begun(tmp_path, company if "orders" in request.fixturenames else None) as opened:
        yield opened


@pytest.fixture
def orders() -> None:
    """Certified sales orders, and a twin of them: the instance has them from the beginning."""


def test_each_person_gets_their_own_rows_masked_and_on_the_trail(
    door: Opens, orders: None, acting: Acting
) -> None:
    for person, rows in (("viewer.emea", [(1, "EMEA")]), ("viewer.apac", [(2, "APAC")])):
        _, table = door(person).ask(ORDERS)
        assert table is not None
        assert [(row["id"], row["region"]) for row in table.to_pylist()] == rows
        assert table["note"].null_count == table.num_rows
    with acting("compliance") as ctx:
        (entry,) = [
            e for e in trail.entries(ctx, verb="query") if e.person == "viewer.apac" and "run" in e.facts
        ][:1]
    assert (entry.via, entry.facts["run"], entry.facts["app"]) == ("socket", "run_1", "tried")


def test_a_run_that_goes_on_asks_with_the_rights_of_each_moment(
    door: Opens, orders: None, acting: Acting
) -> None:
    talk = door("viewer.emea")

    def become(**changes: Any) -> dict[str, Any] | list[int]:
        with acting("admin") as ctx:
            identity.change_person(ctx, replace(identity.found(ctx, "viewer.emea"), **changes))
        answer, table = talk.ask(ORDERS)
        return answer["refusal"] if table is None else table["id"].to_pylist()

    with acting("admin") as ctx:
        before = identity.found(ctx, "viewer.emea")
    assert become() == [1]
    assert become(attributes={"region": "APAC"}) == [2]
    moved = become(groups=frozenset())
    assert isinstance(moved, dict) and "viewer.emea" not in moved["message"] and moved["next_step"]
    closed = become(groups=before.groups, active=False)
    assert isinstance(closed, dict) and "active" in closed["message"]
    assert become(active=True, attributes=before.attributes) == [1]
    assert talk.ask({"verb": "me"})[0]["id"] == "viewer.emea"


def test_the_sandbox_answers_from_the_twin_to_the_same_question(door: Opens, orders: None) -> None:
    _, table = door("maker.sales", "sandbox").ask(ORDERS)
    assert table is not None
    assert table["region"].to_pylist() == ["TWIN"]


def test_a_refusal_is_an_answer_and_the_conversation_goes_on(door: Opens, orders: None) -> None:
    talk = door("viewer.emea")
    for sql in ("SELECT email FROM customers", "DROP TABLE sales_orders", "SELECT * FROM nothing", ""):
        answer, _ = talk.ask({"verb": "query", "sql": sql})
        assert answer["refusal"]["message"]
        assert answer["refusal"]["next_step"]
    assert talk.ask({"verb": "me"})[0] == {
        "id": "viewer.emea",
        "name": "Emil Viewer",
        "email": "viewer.emea@meridian.example",
    }
    said = talk.end()
    assert (said.questions, len(said.refusals), said.broken) == (5, 4, "")


@pytest.mark.parametrize(
    "claimed",
    [
        {"environment": "production"}, {"run": "run_2"}, {"person": "admin"}, {"purpose": "finance"},
        {"app": "another"}, {"caller": {"person": "admin"}}, {"via": "cli"}, {"id": 1},
    ],
)  # fmt: skip
def test_nothing_that_an_app_sends_says_who_it_is_or_where(
    door: Opens, orders: None, claimed: dict[str, Any]
) -> None:
    talk = door("maker.sales", "sandbox")
    assert talk.ask({**ORDERS, **claimed})[0]["refusal"]["code"] == "invalid"
    assert talk.ask({"verb": "me", **claimed})[0]["refusal"]["code"] == "invalid"


@pytest.mark.parametrize(
    "message",
    [
        {}, {"verb": "certify"}, {"verb": 1}, {"verb": "query", "sql": 1}, {"verb": "query", "params": []},
        {"verb": "query", "sql": None}, {"verb": "query", "metric": {"name": "x", "by": "y"}},
        {"verb": "output", "kind": "text", "name": "x", "title": "", "size": -1},
        {"verb": "output", "kind": "text", "name": "x", "title": "", "size": "1"},
        {"verb": "query", "sql": "SELECT 1", "params": {"x": {"deep": [{}]}}},
    ],
)  # fmt: skip
def test_a_request_that_is_none_is_refused_in_words(
    door: Opens, orders: None, message: dict[str, Any]
) -> None:
    talk = door()
    answer, _ = talk.ask(message)
    assert answer["refusal"]["next_step"]
    assert "id" in talk.ask({"verb": "me"})[0]


@pytest.mark.parametrize(
    "sent",
    [
        struct.pack(">I", 0xFFFFFFFF),  # a giant frame, of which nothing comes
        struct.pack(">I", 2) + b"[]",
        struct.pack(">I", 0),
        struct.pack(">I", 5) + b"hello",
        struct.pack(">I", 2) + b"\xff\xfe",
        struct.pack(">I", 100_000) + b"[" * 100_000,
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_a_forged_frame_ends_the_conversation_and_is_named(door: Opens, sent: bytes) -> None:
    talk = door()
    talk.socket.sendall(sent)
    talk.socket.settimeout(10)
    with contextlib.suppress(ConnectionResetError):  # there was more to read than one frame
        assert talk.socket.recv(1) == b""
    assert talk.end().broken


def test_half_a_frame_and_then_nothing_is_an_ordinary_end(door: Opens) -> None:
    talk = door()
    talk.socket.sendall(struct.pack(">I", 100) + b"{")
    assert talk.end() == Conversation()


def test_an_output_is_taken_as_announced(door: Opens) -> None:
    talk = door()
    announced = {"verb": "output", "kind": "file", "name": "a.bin", "title": "A", "size": 300_000}
    assert talk.ask(announced)[0] == {}
    wire.send_content(talk.socket, iter([b"x" * 100_000] * 3))
    assert wire.receive_message(talk.socket) == {}
    assert talk.kept.found == [("file", "a.bin", "A", b"x" * 300_000)]


def test_an_output_that_is_too_large_is_refused_before_it_is_sent(door: Opens) -> None:
    talk = door()
    answer, _ = talk.ask({"verb": "output", "kind": "file", "name": "a", "title": "", "size": 1 << 40})
    assert answer["refusal"]["code"] == "limit_reached"
    assert "id" in talk.ask({"verb": "me"})[0]


@pytest.mark.parametrize("pieces", [[b"x" * 10], [b"x" * 10] * 20])
def test_an_output_other_than_announced_ends_the_conversation(door: Opens, pieces: list[bytes]) -> None:
    talk = door()
    talk.ask({"verb": "output", "kind": "file", "name": "a", "title": "", "size": 100})
    talk.socket.settimeout(10)
    with pytest.raises((wire.Broken, wire.Closed)):  # the door may close before the last piece is sent
        wire.send_content(talk.socket, iter(pieces))
        wire.receive_message(talk.socket)
    assert "announced" in talk.end().broken
    assert talk.kept.found == []


def test_an_app_that_does_not_read_its_answers_hinders_nobody(
    door: Opens, orders: None, instance: Instance, acting: Acting, tmp_path: Path
) -> None:
    many = instance.settings.home / "twins" / "sales_orders" / "2.parquet"
    count = 200_000
    pq.write_table(
        pa.table(
            {"id": range(count), "region": ["r"] * count, "customer_id": [1] * count, "note": ["x"] * count}
        ),
        many,
    )
    with acting("steward.sales") as ctx:
        data.set_rendition(ctx, "sales_orders", many, {})
    talk = door("maker.sales", "sandbox")
    wire.send_message(talk.socket, {"verb": "query", "sql": "SELECT id, region FROM sales_orders"})
    assert wire.receive_message(talk.socket) == {"stream": "arrow"}
    with acting("steward.sales") as ctx:  # would wait for a transaction that the answer held open
        data.revoke(ctx, "sales_orders", "To see that this goes through.")
    talk.end()


def test_a_run_that_asks_without_end_is_refused_and_each_refusal_stands_on_the_trail(
    door: Opens, instance: Instance, acting: Acting
) -> None:
    instance.settings = replace(instance.settings, runtime=replace(instance.settings.runtime, questions=3))
    talk = door()
    answers = [talk.ask({"verb": "me"})[0] for _ in range(5)]
    assert ["refusal" in answer for answer in answers] == [False, False, False, True, True]
    with acting("compliance") as ctx:
        found = trail.entries(ctx, verb="request.refused")
    assert [(entry.person, entry.via, entry.facts["run"]) for entry in found] == [
        ("maker.sales", "socket", "run_1")
    ] * 2


def test_an_error_of_ours_is_answered_without_its_words(
    door: Opens, orders: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("row 4711 of the customer list")

    monkeypatch.setattr(data, "query", broken)
    answer, _ = door("viewer.emea").ask(ORDERS)
    assert answer["refusal"]["code"] == "upstream"
    assert "4711" not in json.dumps(answer)
