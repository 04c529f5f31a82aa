"""A worker with a directory of its own has what the server has, byte for byte, and from nobody else."""

import hashlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from handrail import data, runtime
from handrail.kernel import SYSTEM, Instance, Manifest, NotAllowed, NotFound, Upstream, trail
from handrail.runtime import Borrower, Lender, certificates, lend, store
from handrail.runtime.certificates import CERTIFICATE, KEY
from handrail.server import open_instance
from handrail.settings import HostsSettings, Settings
from tests.conftest import Acting
from tests.postgres import postgres
from tests.runtime.shared import acting as acting_in
from tests.runtime.shared import shared

__all__ = ["postgres", "shared"]

Begin = Callable[[Instance], Lender]


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Begins to lend an instance's files on a free port."""
    begun: list[Lender] = []

    def begin(instance: Instance) -> Lender:
        listening = replace(instance.settings.hosts, listen="127.0.0.1:0")
        instance.settings = replace(instance.settings, hosts=listening)
        begun.append(Lender(instance))
        begun[-1].start()
        return begun[-1]

    yield begin
    for one in begun:
        one.stop()


@pytest.fixture
def lender(instance: Instance, begin: Begin) -> Lender:
    return begin(instance)


def given(instance: Instance, home: Path, name: str = "worker-1") -> None:
    """Issue a certificate and carry it over to a host's directory."""
    with acting_in(instance, "admin") as ctx:
        runtime.issue_certificate(ctx, name).write(home / "hosts")


def borrower(home: Path, lender: Lender) -> Borrower:
    return Borrower(Settings(home=home, hosts=HostsSettings(source=f"127.0.0.1:{lender.port}")))


def held(home: Path) -> dict[str, bytes]:
    """What a directory holds of what is lent."""
    return {file.relative_to(home).as_posix(): file.read_bytes() for file in lend._files(home)}


def test_a_host_has_the_same_files_and_then_those_that_change(
    instance: Instance, lender: Lender, tmp_path: Path
) -> None:
    home = tmp_path / "worker"
    given(instance, home)
    extract = instance.settings.home / "extracts" / "orders" / "1.parquet"
    extract.parent.mkdir(parents=True)
    extract.write_bytes(b"rows" * 1_000_000)
    ours = borrower(home, lender)
    assert ours.sync() > 4
    assert held(home) == held(instance.settings.home)
    assert ours.sync() == 0
    (instance.settings.home / "definitions" / "purposes.yaml").write_text("sales-reporting: Other.\n")
    (instance.settings.home / "definitions" / "README.md").unlink()
    assert ours.sync() == 1
    assert held(home) == held(instance.settings.home)
    keys = {file.name for file in (home / "keys").iterdir()}
    assert keys == {"audit.key", "entities.key", "mask.key"}, "of sessions and the authority it needs nothing"


def test_a_file_that_the_server_has_no_longer_stays_for_runs_that_read_it(
    instance: Instance, lender: Lender, tmp_path: Path
) -> None:
    home = tmp_path / "worker"
    given(instance, home)
    twin = instance.settings.home / "twins" / "twin_1" / "orders.parquet"
    twin.parent.mkdir(parents=True)
    twin.write_bytes(b"rows")
    ours = borrower(home, lender)
    ours.sync()
    twin.unlink()
    ours.sync()
    assert (home / "twins/twin_1/orders.parquet").read_bytes() == b"rows"
    ours._gone["twins/twin_1/orders.parquet"] -= 3601
    ours.sync()
    assert not (home / "twins/twin_1/orders.parquet").exists()


def test_who_has_no_certificate_of_ours_is_told_nothing(
    instance: Instance, lender: Lender, tmp_path: Path
) -> None:
    home = tmp_path / "stranger"
    given(instance, home)
    context = ssl.create_default_context(cafile=str(home / "hosts" / "authority.pem"))
    plain = socket.create_connection(("127.0.0.1", lender.port), timeout=120)
    with pytest.raises((ssl.SSLError, ConnectionError)), plain:
        greeted = context.wrap_socket(plain, server_hostname="handrail-lender")
        greeted.sendall(b"GET /files HTTP/1.1\r\nHost: x\r\n\r\n")
        if greeted.recv(1) == b"":
            raise ConnectionError

    other = Instance.__new__(Instance)
    other.secret = lambda _name: b"x" * 32  # type: ignore[method-assign]
    foreign = certificates.issue(other, "worker-1", 10)
    for name, content in ((CERTIFICATE, foreign.certificate), (KEY, foreign.key)):
        (home / "hosts" / name).write_bytes(content)
    with pytest.raises(Upstream):
        borrower(home, lender).sync()
    assert not (home / "keys").exists()


def test_what_lies_beside_or_behind_what_is_lent_is_not(instance: Instance) -> None:
    """Of the authority's key a host could make itself any other; drafts and git's own files are nobody's."""
    home = instance.settings.home
    instance.secret("hosts")
    authority = home / "keys" / "hosts.key"
    for hidden in ("definitions/.git/config", "extracts/.orders-draft/1.parquet", "twins/.t"):
        (home / hidden).parent.mkdir(parents=True, exist_ok=True)
        (home / hidden).write_text(f"hidden {hidden}")
    (home / "definitions" / "link.yaml").symlink_to(authority)
    (home / "extracts" / "seen.parquet").write_text("rows")
    shelf = lend.Shelf(instance)
    paths = {one.path for one in shelf.files()}
    assert "extracts/seen.parquet" in paths
    assert not [one for one in paths if "/." in one or one.endswith("link.yaml")]
    assert {one for one in paths if one.startswith("keys")} == {
        "keys/audit.key", "keys/entities.key", "keys/mask.key"
    }  # fmt: skip
    for file in (authority, home / "twins" / ".t"):
        assert shelf.find(hashlib.sha256(file.read_bytes()).hexdigest()) is None


def test_nothing_is_lent_over_an_older_tls(instance: Instance, lender: Lender, tmp_path: Path) -> None:
    given(instance, tmp_path)
    context = ssl.create_default_context(cafile=str(tmp_path / "hosts" / "authority.pem"))
    context.load_cert_chain(tmp_path / "hosts" / CERTIFICATE, tmp_path / "hosts" / KEY)
    for newest, spoken in ((ssl.TLSVersion.TLSv1_3, True), (ssl.TLSVersion.TLSv1_2, False)):
        context.maximum_version = newest
        with socket.create_connection(("127.0.0.1", lender.port), timeout=120) as plain:
            try:
                context.wrap_socket(plain, server_hostname="handrail-lender")
                assert spoken
            except ssl.SSLError:
                assert not spoken


def test_a_certificate_that_was_revoked_is_good_for_nothing(
    instance: Instance, lender: Lender, acting: Acting, tmp_path: Path
) -> None:
    home, spared = tmp_path / "worker", tmp_path / "spared"
    given(instance, home)
    given(instance, spared, "worker-2")
    borrower(home, lender).sync()
    with acting("admin") as ctx:
        assert runtime.revoke_certificate(ctx, "worker-1") == 1
    with pytest.raises(Upstream):
        borrower(home, lender).sync()
    assert borrower(spared, lender).sync() > 0
    with pytest.raises(NotFound), acting("admin") as ctx:
        runtime.revoke_certificate(ctx, "worker-1")
    with acting("compliance") as ctx:
        assert [one.subject for one in trail.entries(ctx, verb="host.")] == [
            "host:worker-1",
            "host:worker-2",
            "host:worker-1",
        ]


def test_only_admins_make_a_host_a_part_of_the_instance(acting: Acting) -> None:
    for ask in (
        lambda ctx: runtime.issue_certificate(ctx, "mine"),
        lambda ctx: runtime.revoke_certificate(ctx, "mine"),
        runtime.host_certificates,
    ):
        with pytest.raises(NotAllowed), acting("maker.sales") as ctx:
            ask(ctx)


def test_a_host_cannot_pass_itself_off_as_the_server(
    instance: Instance, lender: Lender, tmp_path: Path
) -> None:
    """The certificate of a host is of the same authority; it is good for borrowing alone."""
    worker, mallory = tmp_path / "worker", tmp_path / "mallory"
    given(instance, worker)
    given(instance, mallory, "handrail-lender")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(mallory / "hosts" / CERTIFICATE, mallory / "hosts" / KEY)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def pretend() -> None:
            came, _ = listener.accept()
            with pytest.raises(ssl.SSLError), came:
                context.wrap_socket(came, server_side=True).recv(1)

        pretending = threading.Thread(target=pretend)
        pretending.start()
        source = HostsSettings(source=f"127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(Upstream):
            Borrower(Settings(home=worker, hosts=source)).sync()
        pretending.join()


def test_other_content_than_was_announced_is_not_kept(
    instance: Instance, lender: Lender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "worker"
    given(instance, home)
    forged = tmp_path / "forged"
    forged.write_text("permit(principal, action, resource);")
    monkeypatch.setattr(lend.Shelf, "find", lambda *_: forged)
    with pytest.raises(Upstream):
        borrower(home, lender).sync()
    assert [file for file in home.rglob("*") if file.is_file() and file.parent.name != "hosts"] == []


@pytest.mark.parametrize("path", ["../x", "/etc/x", "definitions/../../x", "handrail.toml", "keys/hosts.key"])
def test_nothing_is_written_outside_of_what_is_lent(
    instance: Instance, lender: Lender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    home = tmp_path / "worker"
    given(instance, home)
    listed = (lend.Lent(path, 1, "0" * 64),)
    monkeypatch.setattr(lend.Shelf, "files", lambda _: listed)
    with pytest.raises(Upstream, match="ValueError"):
        borrower(home, lender).sync()


def test_a_host_that_borrows_makes_no_key_of_its_own(
    instance: Instance, tmp_path: Path, lender: Lender
) -> None:
    instance.settings = replace(instance.settings, hosts=HostsSettings(source="127.0.0.1:1"))
    with pytest.raises(Upstream, match="key mask"):
        instance.secret("mask")


ASKS = """
import handrail_sdk
handrail_sdk.show(handrail_sdk.query("SELECT region, count(*) AS n FROM orders GROUP BY region ORDER BY region"))
"""
DECLARES = """
[app]
name = "tried"
kind = "job"
entrypoint = "app.py"
purpose = "sales-reporting"
says = "Counts"
[data.orders]
columns = ["region"]
"""


@pytest.mark.parametrize("shared", ["postgresql"], indirect=True)
def test_a_run_on_a_worker_gives_the_same_answer_as_on_the_server(
    shared: Instance, begin: Begin, tmp_path: Path
) -> None:
    orders = tmp_path / "orders.csv"
    orders.write_text(
        "order_id,region\n" + "".join(f"{n},{'EMEA' if n % 3 else 'APAC'}\n" for n in range(60))
    )
    with acting_in(shared, "steward.sales") as ctx:
        data.import_source(ctx, str(orders))
    changes = data.Changes(
        owner="steward.sales", deputy="steward.hr", purposes=("sales-reporting",), readers=("sales",),
        expires=datetime.now(UTC).date() + timedelta(days=90), description="Orders.",
    )  # fmt: skip
    with acting_in(shared, "steward.sales") as ctx:
        data.propose(ctx, "orders", changes)
    with acting_in(shared, "steward.hr") as ctx:
        data.certify(ctx, "orders")

    home = tmp_path / "worker"
    given(shared, home)
    lender = begin(shared)
    said = f'[storage]\nurl_env = "SHARED_DATABASE"\n[hosts]\nsource = "127.0.0.1:{lender.port}"\n'
    (home / "handrail.toml").write_text(said)
    borrower(home, lender).sync()
    worker = open_instance(home)
    try:
        answers = []
        for host in (shared, worker):
            with acting_in(shared, "maker.sales") as ctx:
                every = {"app.py": ASKS.encode()}
                run = runtime.start(ctx, "tried", "c0ffee", every, Manifest.parse(DECLARES), "production")
            over = runtime.execute(host, run.id)
            assert over.state == "succeeded", over.reason
            with shared.context(SYSTEM) as ctx:
                (found,) = store.find_outputs(ctx, run.id)
                answers.append(store.find_output(ctx, run.id, found.n))
        assert answers[0] is not None
        assert answers[1] is not None
        assert answers[0][1] == answers[1][1]
        assert b"EMEA" in answers[0][1]
        with acting_in(shared, "compliance") as ctx:
            assert trail.verify(ctx).ok
    finally:
        worker.close()
