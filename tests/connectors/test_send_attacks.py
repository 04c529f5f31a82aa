"""What a hostile or broken system can answer, and where a name can lead: each is stopped, and says nothing."""

import gzip
import json
import socket
from collections.abc import Callable
from typing import Any

import pytest

from handrail.connectors import send as sending
from handrail.kernel import Invalid, LimitReached, NotReady, Upstream, trail
from tests.conftest import Acting
from tests.connectors.conftest import SECRET, Runs, define, got
from tests.connectors.upstream import Answer, Called
from tests.connectors.upstream import Upstream as Other
from tests.connectors.upstream import json as in_json

JSON = {"Content-Type": "application/json"}


def test_a_redirect_is_not_followed_and_its_address_not_told(running: Runs, upstream: Other) -> None:
    def answer(called: Called) -> Answer:
        if called.path == "/customers":
            return 302, {"Location": f"http://{upstream.host}/admin?token={SECRET}"}, b""
        return 200, JSON, b'"the admin page"'

    upstream.answer = answer
    with running() as ctx, pytest.raises(Upstream, match="redirect, which is not followed") as refused:
        got(ctx, "/customers")
    assert [one.path for one in upstream.called] == ["/customers"]
    assert "admin" not in str(refused.value.answer())


def test_an_answer_that_is_too_large_is_cut_off_whatever_it_claims(running: Runs, upstream: Other) -> None:
    upstream.answer = in_json(b'"' + b"x" * 10_000 + b'"')
    with running() as ctx, pytest.raises(LimitReached, match="larger than 4 KB"):
        got(ctx, "/customers")
    chunk = b"400\r\n" + b"x" * 1024 + b"\r\n"
    upstream.answer = lambda _: (200, {**JSON, "Transfer-Encoding": "chunked"}, chunk * 500 + b"0\r\n\r\n")
    with running() as ctx, pytest.raises(LimitReached, match="larger than 4 KB"):
        got(ctx, "/customers")


def test_a_bomb_that_is_packed_is_never_unpacked(running: Runs, upstream: Other) -> None:
    bomb = gzip.compress(b"0" * 3_000_000)
    upstream.answer = lambda _: (200, {**JSON, "Content-Encoding": "gzip"}, bomb[:4000])
    with running() as ctx, pytest.raises(Upstream, match="compressed"):
        got(ctx, "/customers")


def test_one_that_drips_is_left_after_the_time_that_a_call_may_take(
    acting: Acting, running: Runs, upstream: Other
) -> None:
    define(acting, upstream.host, ("seconds: 20", "seconds: 0.4"))
    upstream.answer, upstream.slow = in_json(b"x" * 60), 0.05
    with running() as ctx, pytest.raises(Upstream, match=r"within 0\.4 seconds"):
        got(ctx, "/customers")


@pytest.mark.parametrize(
    ("headers", "body", "says"),
    [
        ({"Content-Type": "text/html"}, b"<script>", "'text/html', which its definition does not expect"),
        ({}, b"{}", "no content type"),
        (JSON, b"<html>", "says that it answers JSON"),
        ({**JSON, "X-Claims": "500"}, b"{}", "broke off"),
        ({**JSON, "X-Long": "x" * 20_000}, b"{}", "broke off"),
    ],
)
def test_content_that_is_not_what_was_expected_is_kept_back(
    running: Runs, upstream: Other, headers: dict[str, str], body: bytes, says: str
) -> None:
    upstream.answer = lambda _: (200, {**headers, "Connection": "close"}, body)
    with running() as ctx, pytest.raises(Upstream, match=says):
        got(ctx, "/customers")


@pytest.mark.parametrize(
    ("send", "name", "kept"),
    [
        ("bearer", "", SECRET),
        ("basic", "", "robot:a long password, with signs"),
        ("header", "X-Api-Key", SECRET),
        ("query", "key", 'quite "a" key/+='),
    ],
)
def test_a_credential_that_the_other_system_repeats_never_reaches_the_app(
    acting: Acting,
    running: Runs,
    upstream: Other,
    monkeypatch: pytest.MonkeyPatch,
    send: str,
    name: str,
    kept: str,
) -> None:
    monkeypatch.setenv("CONNECTOR_CRM", kept)
    named = f"send: {send}\n" + (f"  name: {name}\n" if name else "")
    define(acting, upstream.host, ("send: bearer\n", named))
    echoes: tuple[Callable[[Called], Answer], ...] = (
        lambda called: (200, JSON, json.dumps({**called.headers, "path": called.path}).encode()),
        lambda called: (500, {**JSON, "X-Request-Id": str(called.headers) + called.path}, b"{}"),
        lambda _: (200, JSON, json.dumps({"said": kept.upper()}).encode()),
    )
    for echo in echoes:
        upstream.answer = echo
        with running() as ctx, pytest.raises(Upstream, match="repeats the credential") as refused:
            got(ctx, "/customers")
        assert kept not in str(refused.value.answer()) + str(refused.value.facts)
    upstream.answer = in_json(b"{}")
    with running() as ctx:
        assert got(ctx, "/customers").status == 200
    with acting("compliance") as ctx:
        assert kept not in b"".join(trail.export(ctx)).decode()


def test_nothing_that_goes_wrong_quotes_the_address_with_the_key_in_it(
    acting: Acting, running: Runs, upstream: Other
) -> None:
    define(acting, "127.0.0.1:9", ("send: bearer", "send: query\n  name: key"))
    with running() as ctx, pytest.raises(Upstream, match="cannot be reached") as refused:
        got(ctx, "/customers")
    error: BaseException | None = refused.value
    while error is not None:
        assert SECRET not in repr(error)
        error = error.__cause__ if error.__suppress_context__ else error.__cause__ or error.__context__


def test_an_app_cannot_send_a_parameter_in_the_place_of_the_credential(
    acting: Acting, running: Runs, upstream: Other
) -> None:
    define(acting, upstream.host, ("send: bearer", "send: query\n  name: key"))
    with running() as ctx, pytest.raises(Invalid, match="is for the credential"):
        got(ctx, "/customers", params={"KEY": "mine"})


Looked = Callable[..., list[tuple[Any, ...]]]


def leads(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """Let every name lead to these addresses, one a question, the last for ever; gives what was asked."""
    asked: list[str] = []

    def looked(host: object, port: Any, *_: Any, **__: Any) -> list[tuple[Any, ...]]:
        name = host.decode() if isinstance(host, bytes) else str(host)
        asked.append(name)
        to = answers[min(len(asked), len(answers)) - 1]
        family = socket.AF_INET6 if ":" in to else socket.AF_INET
        place = (to, port, 0, 0) if ":" in to else (to, port)
        return [(family, socket.SOCK_STREAM, 6, "", place)]

    monkeypatch.setattr(socket, "getaddrinfo", looked)
    return asked


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "192.168.0.9", "::1", "fd00::9", "100.64.0.1"])
def test_a_name_that_leads_inside_is_not_called_unless_its_definition_says_so(
    acting: Acting, running: Runs, upstream: Other, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    define(
        acting,
        f"crm.example.com:{upstream.port}",
        ("plain_http: true\nprivate_addresses: true\n", ""),
    )
    leads(monkeypatch, address)
    with running() as ctx, pytest.raises(Upstream, match="leads to a private address"):
        got(ctx, "/customers")
    assert upstream.called == []


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "fd00:ec2::254", "::ffff:169.254.169.254"])
def test_where_machines_are_told_their_own_secrets_nothing_is_ever_sent(
    acting: Acting, running: Runs, upstream: Other, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    define(acting, f"crm.example.com:{upstream.port}")  # which may lead to private addresses
    leads(monkeypatch, address)
    with running() as ctx, pytest.raises(Upstream, match="told their own secrets"):
        got(ctx, "/customers")


def test_a_name_is_decided_about_when_it_is_connected_to_and_not_before(
    acting: Acting, running: Runs, upstream: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is public when it is looked at and private when it is used is asked once, and refused."""
    define(acting, f"crm.example.com:{upstream.port}", ("plain_http: true\nprivate_addresses: true\n", ""))
    asked = leads(monkeypatch, "127.0.0.1", "93.184.216.34")
    with running() as ctx, pytest.raises(Upstream, match="private address"):
        got(ctx, "/customers")
    assert asked == ["crm.example.com"]
    assert upstream.called == []


def test_plain_http_never_leaves_the_own_network(
    acting: Acting, running: Runs, upstream: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    define(acting, f"crm.example.com:{upstream.port}")
    leads(monkeypatch, "93.184.216.34")
    with running() as ctx, pytest.raises(Upstream, match="public address"):
        got(ctx, "/customers")


def test_https_is_spoken_and_a_certificate_that_nobody_vouches_for_refused(
    acting: Acting, running: Runs, upstream: Other
) -> None:
    define(acting, upstream.host, ("plain_http: true\n", ""))
    with running() as ctx, pytest.raises(Upstream, match=r"cannot be reached|certificate"):
        got(ctx, "/customers")
    assert upstream.called == []  # nothing was said in the clear


@pytest.mark.parametrize("kept", ["", "short", "two\nlines of it", "ünsafe secret"])
def test_a_credential_that_is_none_stops_the_call_before_it_is_made(
    running: Runs, upstream: Other, monkeypatch: pytest.MonkeyPatch, kept: str
) -> None:
    monkeypatch.setenv("CONNECTOR_CRM", kept)
    with running() as ctx, pytest.raises(NotReady, match="The credential of crm") as refused:
        got(ctx, "/customers")
    assert not kept or kept not in str(refused.value.answer())
    assert upstream.called == []


def test_proxies_and_passwords_of_the_environment_are_not_used(
    running: Runs, upstream: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with running() as ctx:
        assert got(ctx, "/customers").status == 200


def test_one_loop_serves_all_calls_of_a_process(running: Runs) -> None:
    for _ in range(2):
        with running() as ctx:
            got(ctx, "/customers")
    assert len(sending._loops) == 1
