"""Connections to hosted apps: shared by what only asks, rested no longer than apps keep them, closed at the end."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import pytest
from starlette.types import Message, Receive, Scope, Send

from handrail import runtime
from handrail.faces.origins import Origins
from handrail.faces.origins import clients as module
from handrail.faces.origins.clients import Clients
from handrail.kernel import Instance
from tests.faces.test_origins_proxy import hosted

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


class App:
    """Answers whoever comes; counts connections, and how many are open. `leaves` closes after each answer,
    as an app does that has had enough of one.
    """

    def __init__(self, leaves: bool = False) -> None:
        self.came, self.open, self.leaves = 0, 0, leaves

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.came, self.open = self.came + 1, self.open + 1
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(ANSWER)
                await writer.drain()
                if self.leaves:
                    return
        except asyncio.IncompleteReadError:
            pass
        finally:
            self.open -= 1
            writer.close()

    async def until_open(self, count: int) -> None:
        async with asyncio.timeout(20):
            while self.open != count:
                await asyncio.sleep(0.01)


def told(tmp_path: Path, app: App, story: Callable[[Clients, Callable[[str], Coroutine[None, None, bytes]]], Coroutine[None, None, None]]) -> None:  # fmt: skip
    """Run a story in a loop of its own: it asks the app by `ask(method)`."""

    async def run() -> None:
        one, clients = hosted(tmp_path / "app"), Clients()
        server = await asyncio.start_unix_server(app, one.path)

        async def ask(method: str) -> bytes:
            async with clients.one(one, method) as session, session.request(
                method or "POST", "http://localhost/"
            ) as answer:  # fmt: skip
                return await answer.read()

        try:
            await story(clients, ask)
        finally:
            await clients.close()
            await app.until_open(0)
            server.close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, run()).result()


def test_what_only_asks_shares_a_connection_and_what_changes_something_has_its_own(tmp_path: Path) -> None:
    app = App()

    async def story(_: Clients, ask: Callable[[str], Coroutine[None, None, bytes]]) -> None:
        for method in ("GET", "OPTIONS", "GET"):
            assert await ask(method) == b"hi"
        assert app.came == 1
        for _once in range(2):
            assert await ask("POST") == b"hi"
        assert app.came == 3
        assert await ask("") == b"hi"  # with a body
        assert app.came == 4

    told(tmp_path, app, story)


def test_a_connection_that_the_app_has_closed_is_no_answer(tmp_path: Path) -> None:
    app = App(leaves=True)

    async def story(_: Clients, ask: Callable[[str], Coroutine[None, None, bytes]]) -> None:
        for _once in range(5):
            assert await ask("GET") == b"hi"

    told(tmp_path, app, story)


def test_at_the_same_time_each_has_a_connection(tmp_path: Path) -> None:
    app = App()

    async def story(_: Clients, ask: Callable[[str], Coroutine[None, None, bytes]]) -> None:
        assert await asyncio.gather(*(ask("GET") for _ in range(20))) == [b"hi"] * 20

    told(tmp_path, app, story)
    assert app.came > 1


def test_nothing_is_open_once_nobody_asks_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REST", 0.05)
    app = App()

    async def story(clients: Clients, ask: Callable[[str], Coroutine[None, None, bytes]]) -> None:
        await ask("GET")
        await app.until_open(0)
        assert clients._kept == {}

    told(tmp_path, app, story)


def test_a_server_closes_them_before_it_says_that_it_has_ended(tmp_path: Path) -> None:
    app, kept = App(), []

    async def ends(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "lifespan.shutdown.complete"})

    async def story(clients: Clients, ask: Callable[[str], Coroutine[None, None, bytes]]) -> None:
        async def sent(message: Message) -> None:
            kept.append((message["type"], len(clients._kept)))

        async def never() -> Message:
            raise AssertionError

        await ask("GET")
        assert len(clients._kept) == 1
        origins = Origins(ends, cast("Instance", None), cast("runtime.Hosts", None))
        origins._leading._clients = clients
        await origins({"type": "lifespan"}, never, sent)

    told(tmp_path, app, story)
    assert kept == [("lifespan.shutdown.complete", 0)]
