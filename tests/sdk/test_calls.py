"""The calls of the SDK against a small server of frames, and over HTTP with a token."""

import io
import json
import socket
import threading
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import handrail_sdk as h
from handrail_sdk import transport, wire

TABLE = pa.table(
    {
        "amount": pa.array([Decimal("1.50"), None], pa.decimal128(12, 2)),
        "day": [date(2026, 1, 31), None],
        "n": [1, 2],
    }
)


def stream(table: pa.Table, marked: bool = False) -> bytes:
    buffer = io.BytesIO()
    with pa.ipc.new_stream(buffer, table.schema) as writer:
        writer.write_table(table)
        if marked:  # as a server does over HTTP
            whole = {b"handrail": json.dumps({"complete": True, "count": table.num_rows}).encode()}
            writer.write_batch(pa.RecordBatch.from_pylist([], schema=table.schema), custom_metadata=whole)
    return buffer.getvalue()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """A door that answers every question with TABLE, and `refuse` with a refusal; gives what it was asked."""
    ours, theirs = socket.socketpair()
    requests: list[dict[str, Any]] = []

    def serve() -> None:
        try:
            while True:
                request = wire.receive_message(theirs)
                requests.append(request)
                if request.get("sql") == "refuse":
                    said = {"code": "not_allowed", "message": "No.", "next_step": "Ask."}
                    wire.send_message(theirs, {"refusal": said})
                elif request["verb"] == "me":
                    wire.send_message(theirs, {"id": "x", "name": "X", "email": "x@x.example"})
                elif request["verb"] == "run":
                    moment = {"key": "hello@now/x", "moment": "2026-03-29T01:00:00+00:00", "attempt": 2}
                    wire.send_message(theirs, {"id": "run_1", "environment": "production", **moment})
                elif request["verb"] == "output":
                    wire.send_message(theirs, {})
                    request["content"] = b"".join(wire.receive_content(theirs))
                    wire.send_message(theirs, {})
                else:
                    wire.send_message(theirs, {"stream": "arrow"})
                    wire.send_content(theirs, wire.in_chunks(stream(TABLE)))
                    wire.send_message(theirs, {})
        except wire.Broken:
            return

    thread = threading.Thread(target=serve)
    thread.start()
    transport.connected.cache_clear()
    monkeypatch.setenv("HANDRAIL_FD", str(ours.detach()))  # the SDK owns it from now on
    yield requests
    theirs.shutdown(socket.SHUT_RDWR)
    thread.join()
    transport.connected.cache_clear()
    theirs.close()


def test_a_query_is_a_frame_that_pandas_can_compute_with(asked: list[dict[str, Any]]) -> None:
    frame = h.query("SELECT 1 WHERE x = $x AND d = $d", x=np.int64(3), d=date(2026, 1, 1))
    assert frame["amount"].sum() == 1.5
    assert frame["day"].dt.month.tolist()[0] == 1
    assert asked == [
        {"verb": "query", "sql": "SELECT 1 WHERE x = $x AND d = $d", "params": {"x": 3, "d": "2026-01-01"}}
    ]


def test_the_exact_types_are_to_be_had(asked: list[dict[str, Any]]) -> None:
    assert h.query_arrow("SELECT 1").schema == TABLE.schema


def test_a_metric_is_asked_for_by_name(asked: list[dict[str, Any]]) -> None:
    h.metric("revenue", by="region", where={"year": [2025, 2026]}, grain="month", start=date(2025, 1, 1))
    h.metric("revenue", order="-revenue", limit=3, currency="EUR")
    assert [one["metric"] for one in asked] == [
        {
            "name": "revenue",
            "by": ["region"],
            "where": {"year": [2025, 2026]},
            "grain": "month",
            "start": "2025-01-01",
        },
        {"name": "revenue", "order": ["-revenue"], "limit": 3, "currency": "EUR"},
    ]


def test_a_refusal_says_what_to_do_and_the_next_question_is_answered(asked: list[dict[str, Any]]) -> None:
    with pytest.raises(h.Refused) as refusal:
        h.query("refuse")
    assert (refusal.value.message, refusal.value.next_step, refusal.value.code) == (
        "No.",
        "Ask.",
        "not_allowed",
    )
    assert str(refusal.value) == "No. Ask."
    assert h.me() == h.Me("x", "X", "x@x.example")


def test_a_question_of_ten_megabytes_is_refused_before_it_is_sent(asked: list[dict[str, Any]]) -> None:
    with pytest.raises(h.Refused, match="bytes"):
        h.query("x" * (10 << 20))
    assert asked == []


def test_questions_of_several_threads_do_not_mix(asked: list[dict[str, Any]]) -> None:
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(len(h.query("SELECT 1")))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [2] * 8


@pytest.mark.parametrize(
    "thing",
    [
        pd.DataFrame({"a": [1, None], "b": ["x", pd.NaT]}),
        pa.table({"a": [1.0, None], "b": ["x", None]}),
        [{"a": 1.0, "b": "x"}, {"a": None}],
    ],
)
def test_tables_of_every_make_are_shown_alike(asked: list[dict[str, Any]], thing: Any) -> None:
    h.show(thing, title="Sales by Region")
    assert (asked[0]["kind"], asked[0]["name"], asked[0]["title"]) == (
        "table",
        "sales-by-region.json",
        "Sales by Region",
    )
    assert json.loads(asked[0]["content"]) == {
        "columns": ["a", "b"],
        "rows": [[1.0, "x"], [None, None]],
        "total": 2,
    }


def test_a_grouped_frame_keeps_its_groups_and_a_long_one_is_cut(asked: list[dict[str, Any]]) -> None:
    h.show(pd.DataFrame({"g": ["x", "x"], "n": [1, 2]}).groupby("g")["n"].sum())
    h.show(pd.DataFrame({"n": range(6000)}))
    assert json.loads(asked[0]["content"]) == {"columns": ["g", "n"], "rows": [["x", 3]], "total": 1}
    long = json.loads(asked[1]["content"])
    assert (len(long["rows"]), long["total"]) == (5000, 6000)


def test_what_cannot_be_shown_is_refused(asked: list[dict[str, Any]]) -> None:
    with pytest.raises(h.Refused, match="show"):
        h.show(object())


def test_a_file_is_saved_by_content_or_by_path(asked: list[dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"2")
    h.save("a.bin", b"1")
    h.save("b.bin", tmp_path / "x")
    assert [request["content"] for request in asked] == [b"1", b"2"]


def test_outside_of_handrail_the_way_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    transport.connected.cache_clear()
    for name in ("HANDRAIL_FD", "HANDRAIL_URL", "HANDRAIL_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(h.Refused, match="does not run under Handrail"):
        h.query("SELECT 1")


@pytest.fixture
def laptop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[tuple[str, str | None, Any]]]:
    """A server as a laptop meets it; gives method and path, the token, and the body of each request."""
    seen: list[tuple[str, str | None, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self, status: int, media: str, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", media)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            seen.append((f"GET {self.path}", self.headers["Authorization"], None))
            person = {"id": "x", "name": "X", "email": "x@x.example", "roles": []}
            self.answer(200, "application/json", json.dumps({"person": person, "scopes": None}).encode())

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen.append((f"POST {self.path}", self.headers["Authorization"], body))
            if body["sql"] == "refuse":
                problem = {
                    "title": "x",
                    "status": 403,
                    "detail": "No.",
                    "code": "not_allowed",
                    "next_step": "Ask.",
                }
                self.answer(403, "application/problem+json", json.dumps(problem).encode())
            elif body["sql"] == "crash":
                self.answer(500, "text/plain", b"oops")
            else:
                self.answer(200, "application/vnd.apache.arrow.stream", stream(TABLE, marked=True))

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever).start()
    transport.connected.cache_clear()
    monkeypatch.delenv("HANDRAIL_FD", raising=False)
    monkeypatch.setenv("HANDRAIL_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HANDRAIL_TOKEN", "hr_secret")
    monkeypatch.chdir(tmp_path)
    yield seen
    server.shutdown()
    server.server_close()
    transport.connected.cache_clear()


def test_a_laptop_asks_the_sandbox_with_its_token_for_the_declared_purpose(
    laptop: list[tuple[str, str | None, Any]],
) -> None:
    Path("handrail.toml").write_text('[app]\npurpose = "sales-reporting"\n')
    assert len(h.query("SELECT 1", x=1)) == 2
    assert h.me().id == "x"
    assert laptop == [
        (
            "POST /api/v1/query",
            "Bearer hr_secret",
            {"sql": "SELECT 1", "params": {"x": 1}, "environment": "sandbox", "purpose": "sales-reporting"},
        ),
        ("GET /api/v1/me", "Bearer hr_secret", None),
    ]


def test_a_refusal_over_https_is_the_same_refusal(laptop: list[tuple[str, str | None, Any]]) -> None:
    with pytest.raises(h.Refused) as refusal:
        h.query("refuse")
    assert (refusal.value.message, refusal.value.next_step, refusal.value.code) == (
        "No.",
        "Ask.",
        "not_allowed",
    )
    with pytest.raises(h.Refused, match="could not answer"):
        h.query("crash")


def test_on_a_laptop_outputs_are_files_and_text(
    laptop: list[tuple[str, str | None, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    h.text("hello")
    h.save("../../a.csv", b"1")
    assert "hello" in capsys.readouterr().out
    assert Path("outputs/a.csv").read_bytes() == b"1"


def test_a_token_never_travels_unencrypted(monkeypatch: pytest.MonkeyPatch) -> None:
    transport.connected.cache_clear()
    monkeypatch.delenv("HANDRAIL_FD", raising=False)
    monkeypatch.setenv("HANDRAIL_URL", "http://handrail.example")
    monkeypatch.setenv("HANDRAIL_TOKEN", "x")
    with pytest.raises(h.Refused, match="https"):
        h.me()
    monkeypatch.setenv("HANDRAIL_URL", "http://localhost.evil.example")
    transport.connected.cache_clear()
    with pytest.raises(h.Refused, match="https"):
        h.me()


def test_a_run_knows_the_moment_that_it_is_for(asked: list[dict[str, Any]]) -> None:
    found = h.this_run()
    assert (found.id, found.environment, found.key, found.attempt) == (
        "run_1",
        "production",
        "hello@now/x",
        2,
    )
    assert found.moment is not None
    assert found.moment.isoformat() == "2026-03-29T01:00:00+00:00"
