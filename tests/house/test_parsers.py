"""Whatever reads what others wrote refuses it or understands it, and never does anything else.

Good inputs are broken at random: bytes turned, lost, doubled and swapped, odd words put in their place.
HANDRAIL_EXAMPLES sets how many are tried with each parser, HANDRAIL_SEED where chance begins.
"""

import contextlib
import gzip
import io
import json
import os
import socket
import struct
import threading
import zipfile
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from dulwich.objects import Blob, Tree
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from handrail.apps import unpack
from handrail.connectors.load import load as load_connector
from handrail.data import filters, load, ossie, parse, resolve
from handrail.faces.socket import AppDoor
from handrail.kernel import Caller, Instance, Manifest, Refusal, git, identity, upload_pack
from handrail_sdk import wire
from tests.connectors.conftest import CALLS, DEFINITION
from tests.data.asking import MANIFEST, MODEL, opened, run
from tests.data.governing import CONTRACTS, ORDERS
from tests.data.test_contract_file import GOOD

EXAMPLES = int(os.environ.get("HANDRAIL_EXAMPLES", "60"))
SEED = int(os.environ.get("HANDRAIL_SEED", "0"))
ODD = (
    *(
        b"\0",
        b"\xff\xfe",
        "é\u202e￼".encode(),
        b"\r\n",
        b"-1",
        b"1e999",
        b"9" * 40,
        b"null",
        b"{}",
        b"[]",
        b"''",
    ),
    *(
        b"&a *a",
        b"!!python/object:os.system",
        b"<<: *x",
        b"${HOME}",
        b"../../etc/passwd",
        b"[" * 300,
        b"(" * 300,
    ),
    *(
        b"---\n",
        b"? ",
        b"\t",
        b'"',
        b"'",
        b"%",
        b"\\u0000",
        b"\xed\xa0\x80",
        b"0000",
        b"PK\x05\x06",
        b"viewer.",
    ),
)


@st.composite
def broken(draw: st.DrawFn, good: tuple[bytes, ...]) -> bytes:
    """One of the good inputs, with a few things wrong, or nothing but noise."""
    if draw(st.integers(0, 19)) == 0:
        return draw(st.binary(max_size=300))
    content = draw(st.sampled_from(good))
    for _ in range(draw(st.integers(0, 4))):
        at, to = sorted(draw(st.integers(0, len(content))) for _ in range(2))
        to = min(to, at + draw(st.sampled_from([0, 1, 4, 40, 400])))
        content = draw(
            st.sampled_from(
                [
                    content[:at] + content[to:],
                    content[:at] + content[at:to] * 2 + content[to:],
                    content[:at] + draw(st.sampled_from(ODD)) + content[to:],
                    content[:at] + draw(st.binary(max_size=4)) + content[to:],
                    content[to:] + content[:at],
                    content[:to],
                ]
            )
        )
    return content


def tried(good: Callable[[], tuple[bytes, ...]] | tuple[bytes, ...]) -> Callable[..., Any]:
    """Try a parser on broken inputs; all that it may raise is a refusal."""
    inputs = st.deferred(lambda: broken(good() if callable(good) else good))

    def around(test: Callable[..., None]) -> Callable[..., None]:
        return seed(SEED)(
            settings(
                max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck)
            )(given(content=inputs)(test))
        )

    return around


@contextlib.contextmanager
def understood_or_refused() -> Iterator[None]:
    """Let a refusal pass that says what happened and what to do next, and nothing else."""
    try:
        yield
    except Refusal as refusal:
        assert refusal.message, repr(refusal)
        assert refusal.next_step, refusal.message


def text(content: bytes) -> str:
    """As a face hands a body on: decoded, whatever it was."""
    return content.decode("utf-8", "surrogateescape" if len(content) % 7 == 0 else "replace")


@tried((GOOD.encode(), GOOD.replace("\n", "\r\n").encode()))
def test_a_contract_is_refused_or_understood(content: bytes) -> None:
    with understood_or_refused():
        load.load(content, "contracts/orders.odcs.yaml")


@tried((MODEL,))
def test_a_model_is_refused_or_understood(content: bytes) -> None:
    with understood_or_refused():
        ossie.load(content, "model/shop.yaml")


@tried((DEFINITION.format(host="crm.example.com").encode(),))
def test_a_connector_is_refused_or_understood(content: bytes) -> None:
    with understood_or_refused():
        load_connector(content, "crm")


@tried(
    (
        MANIFEST.encode(),
        CALLS.encode(),
        Manifest.render("tried").encode(),
        b'[schedule]\ncron = "0 6 * * MON"\ntimezone = "Europe/Berlin"\n',
    )
)
def test_a_manifest_is_refused_or_understood(content: bytes) -> None:
    with understood_or_refused():
        Manifest.parse(text(content))


@tried(
    (
        b"WITH a AS (SELECT id, sum(amount) OVER (PARTITION BY region) AS s FROM orders WHERE id IN ($1, ?)) SELECT * FROM a",
        b"SELECT DISTINCT ON (region) * EXCLUDE (id) FROM orders o, LATERAL (SELECT o.id + 1) l QUALIFY rank() OVER () = 1",
        b"SELECT name, CASE WHEN born > DATE '2000-01-01' THEN 'x''y' ELSE e'\\n' END FROM customers ORDER BY ALL LIMIT 3",
        b"SELECT region, count(*) FILTER (WHERE amount > 1) FROM orders GROUP BY GROUPING SETS ((region), ()) -- end",
    )
)
def test_sql_is_refused_or_understood(content: bytes) -> None:
    sql = text(content)
    with understood_or_refused():
        resolve.resolve(parse.read(sql), sql, CONTRACTS)


@tried((b"region = viewer.region AND amount BETWEEN 1 AND 2 OR id IN viewer.ids", b'"Ship Name" IS NOT NULL'))
def test_a_row_filter_is_refused_or_understood(content: bytes) -> None:
    with understood_or_refused():
        filters.check_filter(text(content), ORDERS)


def zipped() -> tuple[bytes, ...]:
    made = []
    for how in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", how) as archive:
            archive.writestr("app/handrail.toml", MANIFEST)
            archive.writestr("app/app.py", "print('hello')\n" * 20)
        made.append(buffer.getvalue())
    return tuple(made)


@tried(zipped)
def test_a_zip_is_refused_or_unpacked(content: bytes) -> None:
    with understood_or_refused():
        files = unpack.rooted(unpack.unzip(io.BytesIO(content), unpack.Limits(50, 1 << 20)))
        assert all(not name.startswith("/") and ".." not in name.split("/") for name in files)


def framed(*messages: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(message)) + message for message in messages)


ASKED = tuple(
    framed(json.dumps(message).encode(), b'{"verb": "me"}')
    for message in (
        {"verb": "query", "sql": "SELECT id FROM orders", "params": {"a": [1, "x", None]}},
        {
            "verb": "query",
            "metric": {"name": "sales", "by": ["region"], "where": {"region": "EMEA"}, "grain": "month"},
        },
        {"verb": "output", "kind": "table", "name": "t", "title": "T", "size": 3},
    )
)


class Nothing:
    """Takes any output, and keeps none."""

    def admit(self, kind: str, name: str, title: str, size: int) -> None: ...

    def deliver(self, kind: str, name: str, title: str, content: bytes) -> None: ...


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Any:
    instance = opened(tmp_path_factory.mktemp("parsers"))
    yield instance
    instance.close()


@tried(ASKED)
def test_an_app_may_say_anything_on_its_socket(house: Instance, content: bytes, caplog: Any) -> None:
    ours, its = socket.socketpair()
    with house.context(house.system()) as ctx:
        caller = Caller(identity.found(ctx, "maker.sales"), "socket", run=run("sandbox"))
    said: list[Any] = []
    serving = threading.Thread(target=lambda: said.append(AppDoor().serve(house, caller, ours, Nothing())))
    serving.start()
    its.sendall(content)
    its.shutdown(socket.SHUT_WR)
    with contextlib.suppress(ConnectionResetError):  # the door closed before it had read everything
        while its.recv(1 << 16):
            pass
    serving.join()
    its.close()
    assert said, "the door fell"
    assert "door.broken" not in caplog.text
    assert not any(refusal.code == "upstream" for refusal in said[0].refusals), said[0].refusals


@tried(ASKED)
def test_a_frame_is_read_or_broken(content: bytes) -> None:
    ours, its = socket.socketpair()
    its.sendall(content)
    its.close()
    with contextlib.suppress(wire.Broken):
        while True:
            assert isinstance(wire.receive_message(ours), dict)
    ours.close()


@pytest.fixture(scope="module")
def repository(house: Instance) -> SimpleNamespace:
    with house.context(house.system()) as ctx:
        made = git.Repository(ctx.db, "tried")
        blob = Blob.from_string(b"print()\n")
        tree = Tree()
        tree.add(b"app.py", 0o100644, blob.id)
        for one in (blob, tree):
            made.object_store.add_object(one)
    return SimpleNamespace(want=blob.id, house=house)


def asked_of_git() -> tuple[bytes, ...]:
    want = Blob.from_string(b"print()\n").id
    line = b"want " + want + b" multi_ack_detailed side-band-64k thin-pack ofs-delta agent=git/2.39\n"
    have = b"have " + b"1" * 40 + b"\n"
    packets = b"%04x%s" % (len(line) + 4, line) + b"0000" + b"%04x%s" % (len(have) + 4, have) + b"0009done\n"
    shallow = b"%04x%s" % (len(line) + 4, line) + b"000cdeepen 1" + b"0000" + b"0009done\n"
    return packets, shallow


@tried(asked_of_git)
def test_git_may_send_anything(repository: SimpleNamespace, content: bytes) -> None:
    with repository.house.context(repository.house.system()) as ctx:
        opened = git.Repository(ctx.db, "tried")
        with understood_or_refused():
            upload_pack.upload_pack(opened, content, io.BytesIO())
    with understood_or_refused():
        upload_pack.unzip(content if len(content) % 2 else gzip.compress(content)[: len(content)])
