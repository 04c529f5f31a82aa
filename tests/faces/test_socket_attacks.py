"""What a hostile app may write at its door: each is answered in words, and the next honest question as well."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from handrail.faces import socket as faces_socket
from handrail.kernel import Caller, Instance, NotAllowed, RunRef, identity, trail
from handrail_sdk import wire
from tests.conftest import Acting
from tests.faces.test_socket import MANIFEST, ORDERS, Opens, door, instance, orders

__all__ = ["door", "instance", "orders"]
LONE = "\ud800"  # half of a letter, which JSON can say and no other text can
DEEP: Any = "x"
for _ in range(400):
    DEEP = [DEEP]
WIDE = list(range(100_000))
SQL = "SELECT id FROM sales_orders WHERE region = $x"
QUESTIONS: list[dict[str, Any]] = [
    {"verb": "query", "sql": f"SELECT id AS {LONE} FROM sales_orders"},
    {"verb": "query", "sql": f"SELECT '{LONE}' AS x FROM sales_orders"},
    {"verb": "query", "sql": "SELECT '\0' AS x FROM sales_orders"},
    {"verb": "query", "sql": "SELECT id FROM sales_orders\0; DROP TABLE x"},
    {"verb": "query", "sql": "(" * 5000},
    {"verb": "query", "sql": "SELECT " + "-" * 5000 + "1 FROM sales_orders"},
    {"verb": "query", "sql": "SELECT id FROM sales_orders WHERE id IN (" + "1," * 300_000 + "1)"},
    {"verb": "query", "sql": SQL, "params": {"x": LONE}},
    {"verb": "query", "sql": SQL, "params": {"x": "\0"}},
    {"verb": "query", "sql": SQL, "params": {"x": DEEP}},
    {"verb": "query", "sql": SQL, "params": {"x": {"a": DEEP}}},
    {"verb": "query", "sql": SQL, "params": {"x": float("nan")}},
    {"verb": "query", "sql": SQL, "params": {"x": float("inf")}},
    {"verb": "query", "sql": SQL, "params": {"x": 10**400}},
    {"verb": "query", "sql": SQL, "params": {"x": WIDE}},
    {"verb": "query", "sql": SQL, "params": {"x": [1, "a", None, {}]}},
    {"verb": "query", "sql": SQL, "params": {"x": []}},
    {"verb": "query", "sql": SQL, "params": {"x": True, "y": 1}},
    {"verb": "query", "sql": SQL, "params": {LONE: 1, "x": "a"}},
    {"verb": "query", "sql": SQL, "params": {"mask_key": "a", "x": "a"}},
    {"verb": "query", "sql": "SELECT $mask_key AS k FROM sales_orders", "params": {"mask_key": "a"}},
    {"verb": "query", "sql": SQL, "params": {"viewer_0_0": "APAC", "x": "a"}},
    {"verb": "query", "sql": "SELECT 1", "metric": {"name": "revenue"}},
    *(
        {"verb": "query", "metric": {"name": "revenue", **more}}
        for more in (
            {"where": {"region": LONE}},
            {"where": {LONE: "x"}},
            {"where": {"region": {"$ne": 1}}},
            {"where": {"region": [[["a"]]]}},
            {"where": {"region": DEEP}},
            {"where": {"region": WIDE}},
            {"where": {"region": None}},
            {"where": {"region": "' OR 1=1 --"}},
            {"where": {"region = region OR 1": "x"}},
            {"where": {f"d{n}": n for n in range(5000)}},
            {"where": {"region": float("nan")}},
            {"where": {"region": 10**400}},
            {"by": ["region"] * 5000},
            {"by": ["region; DROP TABLE x"]},
            {"by": ["\0"]},
            {"order": ["-" * 100_000]},
            {"grain": "'); --"},
            {"start": "9999999-99-99"},
            {"start": LONE},
            {"start": "0001-01-01", "end": "9999-12-31", "grain": "day"},
            {"limit": -1},
            {"limit": 10**30},
            {"currency": LONE},
        )
    ),
    {"verb": "query", "metric": {"name": "../../etc/passwd"}},
    {"verb": "query", "metric": {"name": LONE}},
    {"verb": "query", "metric": {"name": "x" * 1_000_000}},
    {"verb": LONE},
    {LONE: 1},
    {"verb": "me", LONE: 1},
    {"verb": "x" * 1_000_000},
]


@pytest.mark.parametrize("message", QUESTIONS, ids=lambda message: json.dumps(message)[:70])
def test_whatever_is_asked_is_refused_in_words_or_answered(
    door: Opens, orders: None, message: dict[str, Any]
) -> None:
    talk = door("viewer.emea")
    answer, table = talk.ask(message)
    if table is None:
        assert answer["refusal"]["next_step"]
        assert answer["refusal"]["code"] != "upstream", "this is told as a mistake of ours"
    answer, table = talk.ask(ORDERS)
    assert table is not None and table["id"].to_pylist() == [1]


def test_a_run_that_asks_on_and_on_is_shown_out(
    door: Opens, instance: Instance, acting: Acting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or it would fill the trail with refusals for as long as it runs."""
    monkeypatch.setattr(faces_socket, "_MOST_REFUSALS", 5)
    instance.settings = replace(instance.settings, runtime=replace(instance.settings.runtime, questions=3))
    talk = door()
    answers = [talk.ask({"verb": "me"})[0] for _ in range(8)]
    assert [bool(answer.get("refusal")) for answer in answers] == [False] * 3 + [True] * 5
    with pytest.raises(wire.Closed):
        talk.ask({"verb": "me"})
    assert "without end" in talk.end().broken
    with acting("compliance") as ctx:
        assert len(trail.entries(ctx, verb="request.refused")) == 5


def viewers(instance: Instance) -> Callable[[str], Caller]:
    """Who is at a hosted app, by the word that it was given for them: here, their name."""
    ref = RunRef("run_1", "tried", "c0ffee", "production", MANIFEST)

    def found(word: str) -> Caller:
        if word not in ("viewer.emea", "viewer.apac"):
            raise NotAllowed("Nobody.", next_step="Ask for somebody.")
        with instance.context(instance.system()) as ctx:
            return Caller(identity.found(ctx, word), "socket", run=ref)

    return found


def test_a_hosted_app_that_is_always_refused_fills_no_trail_and_is_answered_later(
    door: Opens, instance: Instance, acting: Acting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faces_socket, "_MOST_REFUSALS", 5)
    talk = door(viewers=viewers(instance))
    answers = [talk.ask({"verb": "me", "viewer": "nobody"})[0]["refusal"]["code"] for _ in range(9)]
    assert answers == ["not_allowed"] * 5 + ["limit_reached"] * 4
    with acting("compliance") as ctx:
        assert len(trail.entries(ctx, verb="request.refused")) == 5
    monkeypatch.setattr(faces_socket, "_HOUR", 0.0)
    assert talk.ask({"verb": "me", "viewer": "viewer.apac"})[0]["id"] == "viewer.apac"


def test_what_a_hosted_app_is_refused_stands_on_the_trail_in_the_name_of_whom_it_asked_for(
    door: Opens, instance: Instance, acting: Acting
) -> None:
    talk = door("maker.sales", viewers=viewers(instance))
    assert talk.ask({"verb": "me", "viewer": "viewer.emea"})[0]["id"] == "viewer.emea"
    talk.ask({"verb": "me", "viewer": "viewer.apac", "odd": 1})
    talk.ask({"verb": "me", "viewer": "viewer.emea"})
    talk.ask({"verb": "me", "viewer": "nobody"})
    with acting("compliance") as ctx:
        actors = [entry.person for entry in trail.entries(ctx, verb="request.refused")]
    assert sorted(actors) == ["maker.sales", "viewer.apac"]


def test_no_more_of_what_was_asked_stands_on_the_trail_than_a_sentence(door: Opens, acting: Acting) -> None:
    door().ask({"verb": "query", "metric": {"name": "x" * 900_000}})
    with acting("compliance") as ctx:
        (entry,) = trail.entries(ctx, verb="request.refused")
    assert len(json.dumps([entry.subject, dict(entry.facts)])) < 4_000


def test_an_app_that_closes_its_end_while_it_waits_leaves_nothing_behind(door: Opens, orders: None) -> None:
    for how in (socket.SHUT_WR, socket.SHUT_RDWR):
        talk = door("viewer.emea")
        wire.send_message(talk.socket, ORDERS)
        talk.socket.shutdown(how)
        assert talk.end().broken == ""
        assert not talk.thread.is_alive()


def test_answers_written_over_one_another_by_two_threads_of_an_app_end_only_its_own_conversation(
    door: Opens, orders: None
) -> None:
    talk, other = door("viewer.emea"), door("viewer.apac")
    half = struct.pack(">I", 50) + b'{"verb": "me'
    talk.socket.sendall(half + half * 4)
    talk.socket.shutdown(socket.SHUT_WR)
    assert talk.end().broken
    _, table = other.ask(ORDERS)
    assert table is not None and table["id"].to_pylist() == [2]
