"""Hosted apps: what the way through Handrail adds, a crowd before an app that sleeps, and what sleeping ones
cost.
"""

import asyncio
import http.client
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn

from handrail import apps, runtime
from handrail.kernel import Instance
from handrail.server import application
from handrail_bench.measure import median
from handrail_bench.runtime.who import AS_MAKER, manifest

_PLAIN = (
    b"from fastapi import FastAPI\napp = FastAPI()\n@app.get('/')\ndef home():\n    return {'is': 'here'}\n"
)
_STREAMLIT = b"import streamlit as st\nst.title('Hello')\nst.line_chart([1, 2, 3])\n"


def measured(
    instance: Instance, requests: int, viewers: int, count: int, details: dict[str, Any]
) -> dict[str, Any]:
    """The figures of hosted apps."""
    hosts = runtime.Hosts(instance)
    hosts.start()
    try:
        with _served(instance, hosts) as port:
            found = {"proxy_added_ms": _added(instance, hosts, port, requests, details)}
            found |= _crowd(instance, hosts, port, viewers, details)
            found["sleeping_app_mb"] = _asleep(instance, hosts, port, count)
    finally:
        hosts.stop()
    return found


@contextmanager
def _served(instance: Instance, hosts: runtime.Hosts) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(
            uvicorn.Config(application(instance, hosts), log_level="error", access_log=False)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join(20)


def _push(instance: Instance, name: str, code: bytes) -> None:
    with instance.context(AS_MAKER) as ctx:
        apps.push(ctx, {"handrail.toml": manifest(name, "web", "dashboard"), "app.py": code}, "to measure")


def _visit(instance: Instance, port: int, name: str) -> tuple[str, str]:
    """Begin a visit in the sandbox; gives host and cookie."""
    host = f"sandbox--{name}.localhost:{port}"
    with instance.context(AS_MAKER) as ctx:
        ticket = apps.enter(ctx, name, "sandbox")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", f"/.handrail/enter?ticket={ticket}", headers={"Host": host})
    cookie = (connection.getresponse().getheader("Set-Cookie") or "").partition(";")[0]
    connection.close()
    return host, cookie


def _get(connection: http.client.HTTPConnection, headers: dict[str, str]) -> None:
    connection.request("GET", "/", headers=headers)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{answer.status}: {content[:300]!r}")


class _Unix(http.client.HTTPConnection):
    """A connection to the app itself."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket that the app answers on."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


def _added(
    instance: Instance, hosts: runtime.Hosts, port: int, requests: int, details: dict[str, Any]
) -> float:
    """Milliseconds that a request takes longer through Handrail than at the app's own socket; medians, in
    turn.
    """
    _push(instance, "plain", _PLAIN)
    host, cookie = _visit(instance, port, "plain")
    said = {"Host": host, "Cookie": cookie, "Connection": "keep-alive"}
    through = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    _get(through, said)
    (one,) = hosts.awake()
    direct = _Unix(one.path)
    times: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(2 * requests + 20):
        connection, headers = (through, said) if turn % 2 else (direct, {"Host": "localhost"})
        began = time.perf_counter()
        _get(connection, headers)
        if turn >= 20:
            times[bool(turn % 2)].append((time.perf_counter() - began) * 1000)
    through.close()
    direct.close()
    ours, peer = median(times[True]), median(times[False])
    details["proxy_ms"] = [round(ours, 3), round(peer, 3)]
    return ours - peer


def _crowd(
    instance: Instance, hosts: runtime.Hosts, port: int, viewers: int, details: dict[str, Any]
) -> dict[str, Any]:
    """So many viewers at once before a Streamlit app that sleeps: errors, and how long 95 of 100 waited."""
    _push(instance, "crowd", _STREAMLIT)
    visits = [_visit(instance, port, "crowd") for _ in range(viewers)]
    for one in hosts.awake():
        one.hosting.asleep.set()
        if one.thread is not None:
            one.thread.join()
    began = time.perf_counter()
    took = asyncio.run(_all(port, visits))
    details["viewers_seconds"] = round(time.perf_counter() - began, 2)
    good = sorted(one for one in took if one is not None)
    return {
        "viewers_errors": len(took) - len(good),
        "viewers_p95_ms": good[int(len(good) * 0.95) - 1] if good else None,
    }


async def _all(port: int, visits: list[tuple[str, str]]) -> list[float | None]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
        return await asyncio.gather(*(_viewer(session, port, *visit) for visit in visits))


async def _viewer(session: aiohttp.ClientSession, port: int, host: str, cookie: str) -> float | None:
    """Load the page and wait for the first word of the script over its WebSocket; None where anything
    failed.
    """
    said = {"Host": host, "Cookie": cookie, "Origin": f"http://{host}"}
    began = time.perf_counter()
    try:
        async with session.get(f"http://127.0.0.1:{port}/", headers=said) as page:
            if page.status != 200 or b"Streamlit" not in await page.read():
                return None
        address = f"http://127.0.0.1:{port}/_stcore/stream"
        async with session.ws_connect(address, headers=said, protocols=("streamlit",)) as talking:
            await talking.send_bytes(b"\x5a\x00")  # BackMsg.rerun_script, empty: what a page says first
            word = await talking.receive(timeout=120)
            if word.type is not aiohttp.WSMsgType.BINARY:
                return None
    except (aiohttp.ClientError, TimeoutError, OSError):
        return None
    return (time.perf_counter() - began) * 1000


def _asleep(instance: Instance, hosts: runtime.Hosts, port: int, count: int) -> float:
    """Megabytes that this process has grown by for each of so many apps that were awake and sleep."""
    before = _resident()
    for number in range(count):
        _push(instance, f"sleeper-{number}", _PLAIN)
        host, cookie = _visit(instance, port, f"sleeper-{number}")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        _get(connection, {"Host": host, "Cookie": cookie})
        connection.close()
    for one in hosts.awake():
        one.hosting.asleep.set()
    for one in hosts.awake():
        if one.thread is not None:
            one.thread.join()
    return max(0.0, _resident() - before) / count


def _resident() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024
