"""Hosts ask each other for their apps over TLS: who is no host is told nothing, and nobody is led in circles."""

import asyncio
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from handrail import runtime
from handrail.faces.origins.arrive import Arrivals, _Gate
from handrail.faces.origins.clients import Clients
from handrail.faces.origins.headers import between_hosts, from_host, to_browser
from handrail.faces.origins.lead import Leading
from handrail.faces.origins.onward import Onward, Unreached
from handrail.kernel import Conflict, Instance, Invalid, Refusal
from handrail.runtime import Neighbour, certificates
from tests.conftest import Acting

SEAT = runtime.Seat("regions", "sandbox", "", "c0ffee")
HOST = [(b"host", b"sandbox--regions.localhost:8400"), (b"accept", b"application/json")]


@pytest.fixture
def there(instance: Instance) -> Iterator[Neighbour]:
    """A host that answers others."""
    instance.settings = replace(instance.settings, hosts=replace(instance.settings.hosts, apps="127.0.0.1:0"))
    hosts = runtime.Hosts(instance)
    arrivals = Arrivals(instance, hosts)
    arrivals.start()
    yield Neighbour("there boot 1 1", "there", hosts.address, hosts.known_as)
    arrivals.stop()


class Asked:
    """What another host is asked, and what it has answered."""

    def __init__(self, there: Neighbour, calling: ssl.SSLContext, **more: Any) -> None:
        self.there, self.calling, self.got = there, calling, list[Any]()
        self.scope = {
            "type": "http", "method": "GET", "path": "/", "raw_path": b"/", "query_string": b"",
            "headers": HOST, "scheme": "http", **more,
        }  # fmt: skip
        self.body = [{"type": "http.request", "body": b"x" * 100, "more_body": False}]
        self.read = 0

    async def receive(self) -> Any:
        if self.scope["method"] == "GET" or self.read:
            await asyncio.Event().wait()
        self.read += 1
        return self.body.pop()

    async def send(self, message: Any) -> None:
        self.got.append(message)

    def go(self) -> int:
        """The status of the answer."""

        async def run() -> None:
            clients = Clients(self.calling)
            onward = Onward(self.there, SEAT, False, self.scope, self.receive, self.send)
            try:
                async with asyncio.timeout(60):
                    await onward.go(clients)
            finally:
                await clients.close()

        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, run()).result()
        return int(self.got[0]["status"])


class Spoken(Asked):
    """A WebSocket that another host is asked for."""

    def __init__(self, there: Neighbour, calling: ssl.SSLContext) -> None:
        super().__init__(there, calling, type="websocket", scheme="ws", subprotocols=[])

    async def receive(self) -> Any:
        self.read += 1
        return {"type": "websocket.connect"} if self.read == 1 else await asyncio.Event().wait()

    def go_and_be_closed(self) -> None:
        with suppress(KeyError):  # there is no status where it was not accepted
            self.go()


def given(instance: Instance, folder: Path, name: str = "front", lends: bool = False) -> ssl.SSLContext:
    """What a host asks by whose certificate is of this authority."""
    made = certificates.issue(instance, name, 10, lends=lends)
    made.write(folder)
    context = ssl.create_default_context(cafile=str(folder / "authority.pem"))
    context.load_cert_chain(folder / "host.pem", folder / "host.key")
    return context


def stranger() -> Instance:
    other = Instance.__new__(Instance)
    other.secret = lambda _name: b"x" * 32  # type: ignore[method-assign]
    return other


def test_what_speaks_to_apps_is_let_go_with_the_host(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left to themselves its connections would stay open beyond the loop that has them."""
    instance.settings = replace(instance.settings, hosts=replace(instance.settings.hosts, apps="127.0.0.1:0"))
    let_go: list[bool] = []

    async def noted(_leading: Leading) -> None:
        let_go.append(asyncio.get_running_loop().is_running())

    monkeypatch.setattr(Leading, "close", noted)
    arrivals = Arrivals(instance, runtime.Hosts(instance))
    arrivals.start()
    assert let_go == []
    arrivals.stop()
    assert let_go == [True]


def test_a_host_is_answered_and_finds_out_by_itself_that_nobody_is_signed_in(
    instance: Instance, there: Neighbour, tmp_path: Path
) -> None:
    asked = Asked(there, given(instance, tmp_path))
    assert asked.go() == 401
    assert b"Nobody is signed in here" in asked.got[1]["body"]


def test_who_has_no_certificate_of_ours_is_told_nothing(
    instance: Instance, there: Neighbour, tmp_path: Path
) -> None:
    given(instance, tmp_path)
    bare = ssl.create_default_context(cafile=str(tmp_path / "authority.pem"))
    foreign = given(stranger(), tmp_path / "foreign")
    foreign.load_verify_locations(tmp_path / "authority.pem")
    lender = given(instance, tmp_path / "lender", "lender", lends=True)  # good for lending alone
    for calling in (bare, foreign, lender):
        with pytest.raises(Unreached):
            Asked(there, calling).go()
        assert Asked(there, calling, method="POST", headers=[*HOST, (b"content-length", b"100")]).go() == 502


def test_a_host_whose_certificate_was_revoked_is_told_nothing(
    instance: Instance, there: Neighbour, tmp_path: Path, acting: Acting
) -> None:
    for name in ("front", "spared"):
        with acting("admin") as ctx:
            runtime.issue_certificate(ctx, name).write(tmp_path / name)
    with acting("admin") as ctx:
        runtime.revoke_certificate(ctx, "front")
    calling = {}
    for name in ("front", "spared"):
        calling[name] = ssl.create_default_context(cafile=str(tmp_path / name / "authority.pem"))
        calling[name].load_cert_chain(tmp_path / name / "host.pem", tmp_path / name / "host.key")
    assert Asked(there, calling["spared"]).go() == 401
    with pytest.raises(Unreached, match="elsewhere"):
        Asked(there, calling["front"]).go()


def test_hosts_speak_no_older_tls(instance: Instance, there: Neighbour, tmp_path: Path) -> None:
    older = given(instance, tmp_path)
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(Unreached):
        Asked(there, older).go()

    async def run() -> None:
        serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        serving.load_cert_chain(tmp_path / "host.pem", tmp_path / "host.key")
        serving.maximum_version = ssl.TLSVersion.TLSv1_2
        heard = list[bytes]()

        async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append(await reader.read(1000))
            writer.close()

        server = await asyncio.start_server(hear, "127.0.0.1", 0, ssl=serving)
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        old = Neighbour("", "there", address, "front.hosts.handrail")
        asked = Asked(old, runtime.papers(instance).calling)
        clients = Clients(asked.calling)
        with pytest.raises(Unreached):
            async with asyncio.timeout(60):
                await Onward(old, SEAT, False, asked.scope, asked.receive, asked.send).go(clients)
        await clients.close()
        server.close()
        assert heard == []

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, run()).result()


@pytest.mark.parametrize(
    ("serial", "said", "heard"),
    [
        ("", b"https", None),  # a connection by which no certificate came
        ("0A", b"https", "https"),
        ("0A", b"http", "http"),
        ("0A", b"ftp", "http"),
    ],
)
def test_only_a_host_says_what_the_browser_spoke_and_no_app_hears_that_one_did(
    instance: Instance, serial: str, said: bytes, heard: str | None
) -> None:
    came, got = list[Any](), list[Any]()

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        came.append((scope["scheme"], scope["headers"]))

    async def send(message: Any) -> None:
        got.append(message)

    scope = {"type": "http", "scheme": "https", "host_certificate": serial}
    scope["headers"] = [*HOST, (b"handrail-scheme", said)]  # type: ignore[assignment]

    async def receive() -> Any:
        return {"type": "http.request"}

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, _Gate(instance, app)(scope, receive, send)).result()
    assert came == ([(heard, HOST)] if heard else [])
    assert [one["status"] for one in got[:1]] == ([] if heard else [421])


@pytest.mark.parametrize("pretends", ["name", "authority"])
def test_nothing_is_said_to_a_host_that_is_another_than_the_one_that_was_chosen(
    instance: Instance, there: Neighbour, tmp_path: Path, pretends: str
) -> None:
    calling = given(instance, tmp_path)
    spoken = Spoken(there, calling)
    spoken.go_and_be_closed()
    assert spoken.got == [{"type": "websocket.close", "code": 1008}], "nobody is signed in"
    if pretends == "name":
        there = replace(there, known_as="other.hosts.handrail")
    else:
        given(stranger(), tmp_path / "other")
        calling = ssl.create_default_context(cafile=str(tmp_path / "other" / "authority.pem"))
    asked = Asked(there, calling, method="POST", headers=[*HOST, (b"content-length", b"100")])
    with pytest.raises(Unreached):
        asked.go()
    assert asked.read == 0, "another host may still be given what was to be sent"
    with pytest.raises(Unreached):
        Spoken(there, calling).go_and_be_closed()


def test_a_host_that_is_no_way_to_the_app_leads_nobody_on_and_has_read_nothing(
    instance: Instance, there: Neighbour, tmp_path: Path
) -> None:
    elsewhere = [(b"host", b"handrail.example.com"), *HOST[1:], (b"content-length", b"100")]
    asked = Asked(there, given(instance, tmp_path), method="POST", headers=elsewhere)
    with pytest.raises(Unreached, match="elsewhere"):
        asked.go()
    assert asked.read == 0 and not asked.got


def test_neither_a_browser_nor_an_app_can_say_what_only_hosts_say() -> None:
    said = [(b"handrail-scheme", b"https"), (b"Handrail-Elsewhere", b"1"), (b"x", b"1")]
    lowered = [(key.lower(), value) for key, value in said]
    assert between_hosts(lowered, {"handrail-scheme": "http"}) == [("x", "1"), ("handrail-scheme", "http")]
    assert [key for key, _ in to_browser(said, "", False) if key.startswith(b"handrail")] == []
    assert from_host(said) == [(b"x", b"1")]


def test_what_was_sent_whole_to_a_host_that_is_lost_is_asked_of_nobody_else(
    instance: Instance, tmp_path: Path
) -> None:
    """Nobody knows whether it was carried out; who only asks can be answered by another."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    calling = given(instance, tmp_path)
    context.load_cert_chain(tmp_path / "host.pem", tmp_path / "host.key")

    async def lost(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (await reader.readuntil(b"\r\n\r\n")).startswith(b"POST"):
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            await reader.read(1000)
        writer.close()

    def asked(**more: Any) -> Callable[[], Any]:
        async def run() -> Any:
            server = await asyncio.start_server(lost, "127.0.0.1", 0, ssl=context)
            port = server.sockets[0].getsockname()[1]
            there = Neighbour("", "there", f"127.0.0.1:{port}", "front.hosts.handrail")
            one = Asked(there, calling, **more)
            clients = Clients(calling)
            try:
                async with asyncio.timeout(60):
                    await Onward(there, SEAT, False, one.scope, one.receive, one.send).go(clients)
                return one.got[0]["status"]
            except Unreached:
                return "asked again"
            finally:
                await clients.close()
                server.close()

        return lambda: ThreadPoolExecutor(1).submit(asyncio.run, run()).result()

    assert asked(method="POST", headers=[*HOST, (b"content-length", b"100")])() == 502
    assert asked()() == "asked again"


@pytest.mark.parametrize(("said", "means"), [("", 421), ("Handrail-Elsewhere: 1\r\n", "asked again")])
def test_an_app_that_says_421_itself_is_not_taken_for_a_host_that_has_it_not(
    instance: Instance, tmp_path: Path, said: str, means: object
) -> None:
    """Who asked would be sent from host to host, and the app asked again and again."""
    serving, calling = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), given(instance, tmp_path)
    serving.load_cert_chain(tmp_path / "host.pem", tmp_path / "host.key")

    async def misdirected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 421 Misdirected Request\r\n{said}Content-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async def run() -> object:
        server = await asyncio.start_server(misdirected, "127.0.0.1", 0, ssl=serving)
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        asked = Asked(Neighbour("", "there", address, "front.hosts.handrail"), calling)
        clients = Clients(calling)
        try:
            async with asyncio.timeout(60):
                await Onward(asked.there, SEAT, False, asked.scope, asked.receive, asked.send).go(clients)
            return asked.got[0]["status"]
        except Unreached:
            return "asked again"
        finally:
            await clients.close()
            server.close()

    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(asyncio.run, run()).result() == means


def test_no_certificate_is_shown_where_there_is_none(instance: Instance) -> None:
    async def run() -> None:
        with pytest.raises(ConnectionRefusedError):
            async with Clients().one(Neighbour("", "", "127.0.0.1:1", ""), "GET"):
                pass

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, run()).result()


@pytest.mark.parametrize(("said", "refused"), [("8444:", Invalid), ("127.0.0.1:taken", Conflict)])
def test_an_address_at_which_nobody_can_listen_is_refused_with_what_to_do(
    instance: Instance, said: str, refused: type[Refusal]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        said = said.replace("taken", str(listener.getsockname()[1]))
        instance.settings = replace(instance.settings, hosts=replace(instance.settings.hosts, apps=said))
        with pytest.raises(refused, match=re.escape(said)):
            Arrivals(instance, runtime.Hosts(instance)).start()
