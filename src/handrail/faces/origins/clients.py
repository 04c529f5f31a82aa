"""What speaks HTTP to apps that are awake, and to hosts that have others: requests that only ask share
connections, others have their own.

A request that may be sent a second time can go over a connection that the app has just closed; one that
changes something could be carried out twice or never, and nobody would know.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from handrail import runtime

ASKING = frozenset({"GET", "HEAD", "OPTIONS"})
_CONNECT = 3.0  # seconds that another host may take to be reached
_REST = 2.0  # seconds that a connection may rest: less than any app closes one after


To = runtime.Hosted | runtime.Neighbour


@dataclass
class _Kept:
    session: aiohttp.ClientSession
    users: int = 0
    timer: asyncio.TimerHandle | None = None


class Clients:
    """Those of one event loop; closed by whoever ends it."""

    def __init__(self, calling: ssl.SSLContext | None = None) -> None:
        self._calling = calling  # by which other hosts are asked
        self._kept: dict[To, _Kept] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def one(self, to: To, method: str) -> AsyncIterator[aiohttp.ClientSession]:
        """What speaks to this app or host for one request; `method` is empty for one with a body, and for a
        WebSocket.
        """
        if method not in ASKING:
            async with _session(self._connector(to, force_close=True), to) as session:
                yield session
            return
        kept = self._kept.get(to)
        if kept is None:
            connector = self._connector(to, limit=0, keepalive_timeout=_REST)
            kept = self._kept[to] = _Kept(_session(connector, to))
        kept.users += 1
        if kept.timer is not None:
            kept.timer.cancel()
        try:
            yield kept.session
        finally:
            kept.users -= 1
            if not kept.users:
                kept.timer = asyncio.get_running_loop().call_later(_REST, self._let_go, to)

    def _connector(self, to: To, **how: Any) -> aiohttp.BaseConnector:
        if isinstance(to, runtime.Hosted):
            return aiohttp.UnixConnector(path=to.path, **how)
        if self._calling is None:
            raise ConnectionRefusedError("this host has no certificate to ask another one with")
        return aiohttp.TCPConnector(ssl=self._calling, **how)

    async def close(self) -> None:
        """Close all, at once."""
        for to in tuple(self._kept):
            self._let_go(to)
        await asyncio.gather(*self._closing)

    def _let_go(self, to: To) -> None:
        kept = self._kept.pop(to, None)
        if kept is None:  # closed with all while it was used
            return
        if kept.timer is not None:
            kept.timer.cancel()
        closing = asyncio.get_running_loop().create_task(kept.session.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)


def _session(connector: aiohttp.BaseConnector, to: To) -> aiohttp.ClientSession:
    # An app that wakes lets everybody wait in the queue of its socket; a host that is there answers at once.
    connect = None if isinstance(to, runtime.Hosted) else _CONNECT
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
    )
