"""Requests on their way to apps that are hostile or broken: a real socket, and an app that says what it likes."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest

from handrail import runtime
from handrail.faces.origins.clients import Clients
from handrail.faces.origins.proxy import pass_on
from handrail.kernel import Caller
from handrail.kernel.people import Person
from handrail.runtime.execute import Hosting
from handrail.runtime.models import Run

App = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
VIEWER = Caller(Person("viewer.emea", "Vera", "vera@example.com"), "socket")


class _Run:
    id = "run_1"


def hosted(path: Path) -> runtime.Hosted:
    """A hosted app whose socket somebody of ours answers."""

    def nobody(word: str) -> Caller:
        raise AssertionError(word)

    seat = runtime.Seat("hostile", "production", "viewer.emea", "c0ffee")
    return runtime.Hosted(seat, cast(Run, _Run()), str(path), Hosting(socket.socket(), nobody), {})


class Visit:
    """One request of a viewer's, and what they got until they left."""

    def __init__(self, **asked: Any) -> None:
        headers = [
            (key.encode(), value) for key, value in asked.pop("headers", {"host": b"a.localhost"}).items()
        ]
        self.scope = {
            "type": "http", "method": "GET", "path": "/", "raw_path": b"/", "query_string": b"",
            "headers": headers, "scheme": "http", "http_version": "1.1", **asked,
        }  # fmt: skip
        self.left = asyncio.Event()
        self.got: list[Any] = []
        self.begun = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.got.append(message)
        if message["type"] == "http.response.body":
            self.begun.set()


async def visited(
    app: App, path: Path, visit: Visit, then: Callable[[], Awaitable[None]] | None = None
) -> int:
    """Carry the visit to the app; gives how many requests still count as going on."""
    server = await asyncio.start_unix_server(app, path)
    one = hosted(path)
    clients = Clients()
    carrying = asyncio.create_task(
        pass_on(clients, one, VIEWER, False, visit.scope, visit.receive, visit.send)
    )
    if then is not None:
        await then()
    try:
        async with asyncio.timeout(20):
            await carrying
    finally:
        server.close()
        await clients.close()
    return one.requests


def told(story: Callable[[], Coroutine[object, object, None]]) -> None:
    """Run it in a loop of its own thread: a test before may have left one in this."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, story()).result()


def says(raw: bytes, goes_on: bool = False) -> App:
    """An app that says this to whoever comes, and closes or is silent for ever."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        await writer.drain()
        if goes_on:
            await reader.read()
        writer.close()

    return answer


def test_who_leaves_in_the_middle_of_an_answer_without_end_holds_no_place(tmp_path: Path) -> None:
    async def story() -> None:
        visit = Visit()

        async def leave() -> None:
            await visit.begun.wait()
            visit.left.set()

        endless = says(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc", goes_on=True)
        assert await visited(endless, tmp_path / "s", visit, leave) == 0
        assert visit.got[1]["body"] == b"abc"

    told(story)


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 042 Odd\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n9\r\nabcdefghi\r\n0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\nabcde",
        b"HTTP/1.1 200 OK\r\nx y: z\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"",
    ],
)
def test_an_answer_that_is_none_is_told_as_such(tmp_path: Path, raw: bytes) -> None:
    async def story() -> None:
        visit = Visit()
        assert await visited(says(raw), tmp_path / "s", visit) == 0
        assert visit.got[0]["status"] in ((502, 204) if b" 204 " in raw else (502,))
        assert b"abc" not in b"".join(one.get("body", b"") for one in visit.got)

    told(story)


@pytest.mark.parametrize("host", [b"a.localhost:99999999", b"a.localhost:\xb2", b"a.localhost", b"[::1"])
def test_a_host_is_for_the_app_alone_and_no_address_of_ours(tmp_path: Path, host: bytes) -> None:
    async def story() -> None:
        visit = Visit(headers={"host": host})
        assert (
            await visited(says(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"), tmp_path / "s", visit) == 0
        )
        assert visit.got[0]["status"] == 200

    told(story)


def test_an_answer_that_breaks_off_is_not_passed_for_a_whole_one(tmp_path: Path) -> None:
    async def story() -> None:
        visit = Visit()
        await visited(says(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nabc"), tmp_path / "s", visit)
        assert all(one.get("more_body", True) for one in visit.got)

    told(story)
