"""What speaks HTTP to apps that are awake: requests that only ask share connections, others have their own.

A request that may be sent a second time can go over a connection that the app has just closed; one that
changes something could be carried out twice or never, and nobody would know.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from handrail import runtime

_ASKING = frozenset({"GET", "HEAD", "OPTIONS"})
_REST = 2.0  # seconds that a connection may rest: less than any app closes one after


@dataclass
class _Kept:
    session: aiohttp.ClientSession
    users: int = 0
    timer: asyncio.TimerHandle | None = None


class Clients:
    """Those of one event loop; closed by whoever ends it."""

    def __init__(self) -> None:
        self._kept: dict[runtime.Hosted, _Kept] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def one(self, hosted: runtime.Hosted, method: str) -> AsyncIterator[aiohttp.ClientSession]:
        """What speaks to this app for one request; `method` is empty for one with a body, and a WebSocket."""
        if method not in _ASKING:
            async with _session(aiohttp.UnixConnector(path=hosted.path, force_close=True)) as session:
                yield session
            return
        kept = self._kept.get(hosted)
        if kept is None:
            connector = aiohttp.UnixConnector(path=hosted.path, limit=0, keepalive_timeout=_REST)
            kept = self._kept[hosted] = _Kept(_session(connector))
        kept.users += 1
        if kept.timer is not None:
            kept.timer.cancel()
        try:
            yield kept.session
        finally:
            kept.users -= 1
            if not kept.users:
                kept.timer = asyncio.get_running_loop().call_later(_REST, self._let_go, hosted)

    async def close(self) -> None:
        """Close all, at once."""
        for hosted in tuple(self._kept):
            self._let_go(hosted)
        await asyncio.gather(*self._closing)

    def _let_go(self, hosted: runtime.Hosted) -> None:
        kept = self._kept.pop(hosted, None)
        if kept is None:  # closed with all while it was used
            return
        if kept.timer is not None:
            kept.timer.cancel()
        closing = asyncio.get_running_loop().create_task(kept.session.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)


def _session(connector: aiohttp.BaseConnector) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=None),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
    )
