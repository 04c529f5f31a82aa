"""A WebSocket is asked for once, and heard by each host that is asked until one has accepted it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from handrail import runtime
from handrail.faces.origins import answers
from handrail.faces.origins.lead import Leading, Led, greeted
from handrail.kernel import SYSTEM, Instance, NotReady
from handrail.runtime import lease_store
from tests.conftest import PEOPLE


def test_each_who_is_asked_hears_what_the_browser_wants_and_from_then_on_what_it_says() -> None:
    came = [{"type": "websocket.receive", "text": "hello"}, {"type": "websocket.connect"}]
    sent: list[Any] = []

    async def receive() -> Any:
        return came.pop()

    async def send(message: Any) -> None:
        sent.append(message["type"])

    async def story() -> None:
        heard, said = greeted(receive, send)
        for _ in range(3):
            assert await heard() == {"type": "websocket.connect"}
        await said({"type": "websocket.accept"})
        assert await heard() == {"type": "websocket.receive", "text": "hello"}

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, story()).result()
    assert sent == ["websocket.accept"]


def test_one_that_is_refused_after_somebody_was_asked_is_told_so_at_once() -> None:
    came, sent = [{"type": "websocket.connect"}], list[Any]()

    async def receive() -> Any:
        return came.pop() if came else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append((message["type"], message["code"]))

    async def story() -> None:
        heard, said = greeted(receive, send)
        await heard()  # by a host that was not the one
        refusal = NotReady("It rests.", next_step="Wait.")
        async with asyncio.timeout(10):
            await answers.refused(refusal, False)({"type": "websocket"}, heard, said)

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, story()).result()
    assert sent == [("websocket.close", 1008)]


def test_what_another_host_has_led_here_goes_no_further(instance: Instance) -> None:
    """Two hosts whose lists differ for a moment would lead it back and forth."""
    hosts = replace(instance.settings.hosts, apps="127.0.0.1:0")
    instance.settings = replace(instance.settings, hosts=hosts)
    about = {
        "name": "other", "kind": "worker", "version": "1", "capacity": 1, "ahead_ms": 0, "sound": True,
        "finding": "", "state": "taking", "known_as": "other.hosts.handrail", "address": "127.0.0.1:1",
    }  # fmt: skip
    with instance.context(SYSTEM) as ctx:
        lease_store.appear(ctx, {"holder": "other boot 1 1", **about})
    seat, got = runtime.Seat("regions", "sandbox", "", "c0ffee"), list[Any]()

    def begin() -> runtime.Run:
        raise AssertionError("it belongs to another host")

    async def receive() -> Any:
        return await asyncio.Event().wait()

    async def send(message: Any) -> None:
        got.append(message)

    async def story() -> None:
        leading = Leading(instance, runtime.Hosts(instance), arrived=True)
        led = Led(PEOPLE[0], seat, begin, lambda: True, False)
        async with asyncio.timeout(20):
            scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}
            await leading.lead(led, scope, receive, send)

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, story()).result()
    assert got[0]["status"] == 421 and (b"handrail-elsewhere", b"1") in got[0]["headers"]
