"""The only way out to another system: one request, to one checked address, within its limits."""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
from collections.abc import Coroutine, Mapping
from functools import lru_cache, partial
from typing import Any
from urllib.parse import urlencode

import aiohttp
import orjson
from yarl import URL

from handrail.connectors.credential import attached, gives_away
from handrail.connectors.guard import Guarded, guarded_socket
from handrail.connectors.models import Answered, Connector
from handrail.kernel import LimitReached, Refusal, Upstream

# What an app is told of an answer beside its content; cookies and the rest are Handrail's and the system's.
SHOWN = (
    "content-type",
    "etag",
    "last-modified",
    "link",
    "location",
    "retry-after",
    "x-request-id",
    "x-total-count",
)
_REDIRECTS = frozenset({300, 301, 302, 303, 305, 307, 308})
_FAILED = 400


def send(
    connector: Connector,
    method: str,
    path: str,
    params: tuple[tuple[str, str], ...],
    headers: Mapping[str, str],
    body: bytes | None,
    secret: str,
) -> Answered:
    """Make the call, and give the answer.

    Follows no redirect. Refuses Upstream what does not answer in time, answers with what its definition does
    not expect or repeats the credential, and an address that `guard` refuses; LimitReached an answer that is
    too large. No refusal quotes the address called, which may hold the credential, nor what came back.
    """
    exchange = _exchange(connector, method, path, params, headers, body, secret)
    try:
        return _run(exchange)
    except Refusal:
        raise
    except TimeoutError:
        because = f"did not answer within {connector.limits.seconds:g} seconds"
    except aiohttp.ClientSSLError:
        because = "could not show a certificate that is trusted here"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        guard = _guarded(error)
        because = f"is not called: {guard}" if guard else "cannot be reached, or broke off"
    raise _upstream(connector, because) from None


async def _exchange(
    connector: Connector,
    method: str,
    path: str,
    params: tuple[tuple[str, str], ...],
    headers: Mapping[str, str],
    body: bytes | None,
    secret: str,
) -> Answered:
    proof, as_params = attached(connector.credential, secret)
    query = urlencode((*params, *as_params))
    address = URL(f"{connector.address}{path}" + (f"?{query}" if query else ""), encoded=True)
    told = {
        "Accept": ", ".join(connector.content_types),
        "Accept-Encoding": "identity",
        "User-Agent": "Handrail",
        **({"Content-Type": "application/json"} if body is not None else {}),
        **headers,
        **proof,
    }
    private, plain = connector.private_addresses, connector.plain_http
    async with (
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                force_close=True,
                use_dns_cache=False,
                socket_factory=partial(guarded_socket, private=private, plain_http=plain),
                ssl=_trusted(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")),
            ),
            timeout=aiohttp.ClientTimeout(total=connector.limits.seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
        ) as session,
        session.request(method, address, headers=told, data=body, allow_redirects=False) as answer,
    ):
        return await _answered(connector, answer, secret)


@lru_cache(maxsize=2)
def _trusted(_file: str | None, _folder: str | None) -> ssl.SSLContext:
    """The authorities that this machine trusts; reading them takes longer than a call, so it is done once."""
    return ssl.create_default_context()


async def _answered(connector: Connector, answer: aiohttp.ClientResponse, secret: str) -> Answered:
    if answer.status in _REDIRECTS:
        raise _upstream(connector, "answers with a redirect, which is not followed")
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise _upstream(connector, "answers compressed, which it was not asked to")
    most = connector.limits.response_kb << 10
    content = bytearray()
    async for piece in answer.content.iter_any():
        content += piece
        if len(content) > most:
            raise LimitReached(
                f"The answer of {connector.name} is larger than {connector.limits.response_kb:,} KB.",
                next_step="Ask for less, a page at a time where it offers pages.",
                subject=f"connector:{connector.name}",
            )
    shown = {name: answer.headers[name] for name in SHOWN if name in answer.headers}
    if any(gives_away(part, secret) for part in (bytes(content), *(one.encode() for one in shown.values()))):
        raise _upstream(
            connector, "repeats the credential it was called with in its answer, which is kept back"
        )
    return Answered(answer.status, shown, _expected(connector, answer, bytes(content)))


def _expected(connector: Connector, answer: aiohttp.ClientResponse, content: bytes) -> bytes:
    """The content as the definition expects it; of a failure with a page for people, nothing."""
    if not content:
        return content
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    json = kind == "application/json" or kind.endswith("+json")
    wanted = json and "application/json" in connector.content_types
    if not wanted and kind not in connector.content_types:
        if answer.status >= _FAILED:
            return b""
        raise _upstream(
            connector,
            f"answers with {kind[:60] or 'no content type'!r}, which its definition does not expect",
        )
    if json:
        try:
            orjson.loads(content)
        except ValueError:
            raise _upstream(connector, "says that it answers JSON, and does not") from None
    return content


def _upstream(connector: Connector, because: str) -> Upstream:
    return Upstream(
        f"{connector.name} {because}.",
        next_step=f"Try again later; ask {connector.owner}, who answers for it, if it stays so.",
        subject=f"connector:{connector.name}",
    )


def _guarded(error: BaseException | None) -> str:
    """What the guard said, wherever in a chain of errors it stands."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, Guarded):
            return str(error)
        inner = getattr(error, "os_error", None)
        error = (
            inner
            if isinstance(inner, BaseException) and id(inner) not in seen
            else error.__cause__ or error.__context__
        )
    return ""


class _Loop:
    """One thread that waits for all answers; a process that was forked has another."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, name="connectors", daemon=True).start()


_starting = threading.Lock()
_loops: list[_Loop] = []


def _run(exchange: Coroutine[Any, Any, Answered]) -> Answered:
    with _starting:
        if not _loops or _loops[-1].process != os.getpid():
            _loops[:] = [_Loop()]
        loop = _loops[-1].loop
    return asyncio.run_coroutine_threadsafe(exchange, loop).result()
