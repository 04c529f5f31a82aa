"""A WebSocket is asked for once, and heard by each host that is asked until one has accepted it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from handrail.faces.origins import answers
from handrail.faces.origins.lead import greeted
from handrail.kernel import NotReady


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
