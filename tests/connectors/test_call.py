"""An app calls another system through Handrail: what is declared and allowed, and nothing else."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from handrail import apps, connectors
from handrail.kernel import (
    Instance,
    Invalid,
    LimitReached,
    Manifest,
    NotAllowed,
    NotFound,
    NotReady,
    identity,
    trail,
)
from tests.conftest import Acting
from tests.connectors.conftest import CALLS, SECRET, Runs, define, got
from tests.connectors.upstream import Upstream
from tests.connectors.upstream import json as in_json


def told(acting: Acting, verb: str) -> list[dict[str, Any]]:
    with acting("compliance") as ctx:
        return [dict(one.facts) for one in trail.entries(ctx, verb=verb)]


def test_the_call_is_made_with_the_credential_and_the_app_gets_the_answer(
    running: Runs, upstream: Upstream
) -> None:
    upstream.answer = in_json(b'{"id": 7, "name": "Ann"}', ETag='"1"', Set_Cookie="a=b", X_Powered_By="x")
    with running() as ctx:
        answer = got(ctx, "/customers/7", params={"fields": ["id", "name"], "all": True})
    assert (answer.status, json.loads(answer.content)) == (200, {"id": 7, "name": "Ann"})
    assert {name.lower() for name in answer.headers} == {"content-type", "etag"}
    (called,) = upstream.called
    assert (called.method, called.path) == ("GET", "/customers/7?fields=id&fields=name&all=true")
    assert called.headers["Authorization"] == f"Bearer {SECRET}"
    assert "Cookie" not in called.headers


def test_a_value_in_the_path_is_encoded_once(running: Runs, upstream: Upstream) -> None:
    with running() as ctx:
        got(ctx, "/customers/a b+ü:1")
    assert upstream.called[0].path == "/customers/a%20b+%C3%BC:1"


def test_the_trail_says_so_before_and_after_without_what_is_hidden(
    acting: Acting, running: Runs, upstream: Upstream
) -> None:
    define(acting, upstream.host, ("[email, phone]", "[email, id]"))
    before: list[int] = []

    def answer(_: object) -> Any:
        before.append(len(told(acting, "connector.called")))
        return 404, {"Content-Type": "text/html"}, b"<h1>No such customer</h1>"

    upstream.answer = answer
    with running() as ctx:
        answered = got(ctx, "/customers/77", params={"email": "ann@example.org"})
    assert (answered.status, answered.content) == (404, b"")  # a page for people says nothing to a program
    assert before == [1]  # durable by the time the other system heard of it
    (called,), (closed,) = told(acting, "connector.called"), told(acting, "connector.answered")
    assert (called["path"], called["params"], called["method"]) == ("/customers/[redacted]", ["email"], "GET")
    assert (called["app"], called["run"], called["rule"]) == ("desk", "run_1", "apps-call")
    assert (closed["status"], closed["bytes"], closed["ended"]) == (404, 0, "answered")
    with acting("compliance") as ctx:
        everything = b"".join(trail.export(ctx)).decode()
    assert SECRET not in everything
    assert "ann@example.org" not in everything
    assert trail_is_whole(acting)


def trail_is_whole(acting: Acting) -> bool:
    with acting("compliance") as ctx:
        return trail.verify(ctx).ok


@pytest.mark.parametrize(
    ("method", "path", "refusal", "says"),
    [
        ("GET", "/admin", NotAllowed, "has no call GET"),
        ("PATCH", "/customers/7", NotAllowed, "has no call PATCH"),
        ("GET", "/customers/7/orders", NotAllowed, "has no call"),
        ("CONNECT", "/customers", NotAllowed, "has no call CONNECT"),
        ("GET\r\nX: y", "/customers", NotAllowed, "has no call"),
        ("GET", "/customers/export", NotAllowed, "does not declare the call GET /customers/export"),
        ("DELETE", "/tickets/7", NotAllowed, "does not declare the call DELETE"),
        ("GET", "/customers/../admin", Invalid, "leads elsewhere"),
        ("GET", "/customers/%2e%2e", Invalid, "the sign %"),
        ("GET", "//evil.example/customers", Invalid, "is empty"),
        ("GET", "https://evil.example/", Invalid, "begins with a slash"),
    ],
)
def test_whatever_is_not_declared_is_refused_and_never_sent(
    running: Runs, upstream: Upstream, method: str, path: str, refusal: type[Exception], says: str
) -> None:
    with running() as ctx, pytest.raises(refusal, match=says):
        got(ctx, path, method)
    assert upstream.called == []


def test_rules_decide_with_reasons(acting: Acting, running: Runs, upstream: Upstream) -> None:
    for run, says in (
        (running("viewer.emea", calls=""), "does not declare the connector crm"),
        (running("viewer.emea", "sandbox", ""), "does not declare the connector crm"),
        (running("steward.hr"), "answers for members of sales"),
        (running("viewer.emea", purpose="finance"), "may be called for sales-reporting, and not for finance"),
    ):
        with run as ctx, pytest.raises(NotAllowed, match=says):
            got(ctx, "/customers")
    with running() as ctx, pytest.raises(NotFound, match="no connector crmm") as refused:
        connectors.call(ctx, connectors.Wanted("crmm", "GET", "/customers"))
    assert refused.value.next_step == "Did you mean crm?"
    as_reading = CALLS.replace(
        '"POST /search"]\nwrites = ["POST /tickets"]', '"POST /search", "POST /tickets"]'
    )
    with running(calls=as_reading) as ctx, pytest.raises(NotAllowed, match="declares it as reading"):
        got(ctx, "/tickets", "POST", json={})
    assert upstream.called == []


def test_nobody_is_answered_when_nobody_answers_for_it(
    instance: Instance, acting: Acting, running: Runs, upstream: Upstream
) -> None:
    for person in ("steward.sales", "steward.hr"):
        with running() as ctx:
            got(ctx, "/customers")
        with acting("admin") as ctx:
            identity.change_person(ctx, replace(identity.found(ctx, person), active=False))
    with running() as ctx, pytest.raises(NotReady, match="nobody answers for it"):
        got(ctx, "/customers")
    assert len(upstream.called) == 2


def test_an_app_calls_as_often_a_minute_as_it_may_whoever_uses_it(
    acting: Acting, running: Runs, upstream: Upstream
) -> None:
    define(acting, upstream.host, ("calls_per_minute: 50", "calls_per_minute: 2"))
    for person in ("viewer.emea", "viewer.apac"):
        with running(person) as ctx:
            got(ctx, "/customers")
    with running() as ctx, pytest.raises(LimitReached, match="2 times within a minute"):
        got(ctx, "/customers")
    with (
        running("maker.sales", "sandbox") as ctx,
        pytest.raises(NotReady),
    ):  # counted apart, and it has no answer
        got(ctx, "/customers")
    assert len(upstream.called) == 2


def test_what_an_app_may_say_beside_the_path_is_limited(running: Runs, upstream: Upstream) -> None:
    for more, says in (
        ({"headers": {"Authorization": "Bearer mine"}}, "not one that an app may set"),
        ({"headers": {"Host": "evil.example"}}, "not one that an app may set"),
        ({"headers": {"If-None-Match": '"1"\r\nX-Admin: yes'}}, "not a line of plain characters"),
        ({"headers": {"If-None-Match\r\nX-Admin": "yes"}}, "not one that an app may set"),
        ({"params": {"a": {"b": 1}}}, "neither text, a number nor"),
        ({"params": {f"a{n}": n for n in range(101)}}, "too many parameters"),
        ({"json": {}}, "has no content"),
    ):
        with running() as ctx, pytest.raises(Invalid, match=says):
            got(ctx, "/customers", **more)
    with running() as ctx, pytest.raises(LimitReached, match="takes 2 KB"):
        got(ctx, "/search", "POST", json={"q": "x" * 3000})
    assert upstream.called == []
    with running() as ctx:
        got(ctx, "/customers", headers={"If-None-Match": '"1"'}, params={"q": "a\r\nHost: evil&x=1#y"})
    assert upstream.called[0].headers["If-None-Match"] == '"1"'
    assert upstream.called[0].path == "/customers?q=a%0D%0AHost%3A+evil%26x%3D1%23y"


def test_a_post_that_reads_needs_nobodys_yes(running: Runs, upstream: Upstream) -> None:
    with running() as ctx:
        assert got(ctx, "/search", "POST", json={"name": "Änn"}).status == 200
    assert upstream.called[0].body == '{"name":"Änn"}'.encode()
    assert upstream.called[0].headers["Content-Type"] == "application/json"


def test_what_was_called_is_known_by_version_for_the_gates(acting: Acting, running: Runs, app: str) -> None:
    for _ in range(2):
        with running() as ctx:
            got(ctx, "/customers/7")
    with acting("steward.sales") as ctx:
        (use,) = connectors.uses(ctx, "crm")
    assert (use.app, use.commit, use.call, use.times, use.last_status) == (
        "desk",
        app,
        "GET /customers/{}",
        2,
        200,
    )
    with acting("maker.ops") as ctx, pytest.raises(NotAllowed, match="who answer for it"):
        connectors.uses(ctx, "crm")


def test_outside_an_app_only_the_sandbox_answers_and_only_who_builds(
    acting: Acting, crm: connectors.Connector, upstream: Upstream
) -> None:
    with acting("viewer.emea") as ctx, pytest.raises(NotAllowed, match="Outside an app"):
        got(ctx, "/customers")
    with acting("maker.sales") as ctx, pytest.raises(NotReady, match="The sandbox has no answer"):
        got(ctx, "/customers")
    assert upstream.called == []


@pytest.mark.parametrize(
    ("old", "new", "says", "next_step"),
    [
        ("[connectors.crm]", "[connectors.cmr]", "there is no connector 'cmr'", "Did you mean 'crm'?"),
        ("/customers/{id}", "/customer/{id}", "crm has no call 'GET /customer/{}'", "'GET /customers/{id}'?"),
    ],
)
def test_a_push_that_declares_what_there_is_not_is_refused(
    acting: Acting, crm: connectors.Connector, old: str, new: str, says: str, next_step: str
) -> None:
    manifest = Manifest.render("desk", purpose="sales-reporting") + CALLS.replace(old, new, 1)
    files = {"handrail.toml": manifest.encode(), "app.py": b"print(1)\n"}
    with acting("maker.sales") as ctx, pytest.raises(Invalid, match=re.escape(says)) as refused:
        apps.push(ctx, files, "A desk", "")
    assert next_step in refused.value.next_step
