"""A new host becomes a part of an instance by one command and a token that is good once."""

import base64
import importlib
import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from handrail import runtime
from handrail.kernel import (
    SYSTEM,
    Conflict,
    Instance,
    Invalid,
    NotAllowed,
    NotReady,
    Upstream,
    clock,
    storage,
    trail,
)
from handrail.runtime import Lender, admit, certificates, certificates_store, lend
from handrail.runtime.certificates import AUTHORITY, CERTIFICATE, KEY
from handrail.runtime.invite import Token
from handrail.server import command
from handrail.settings import load
from tests.postgres import Server, postgres
from tests.runtime.shared import acting, shared

__all__ = ["postgres", "shared"]

module = importlib.import_module("handrail.runtime.join")  # and not the verb of that name
pytestmark = pytest.mark.parametrize("shared", ["postgresql"], indirect=True)


@pytest.fixture
def lender(shared: Instance) -> Iterator[Lender]:
    shared.settings = replace(shared.settings, hosts=replace(shared.settings.hosts, listen="127.0.0.1:0"))
    begun = Lender(shared)
    begun.start()
    yield begun
    begun.stop()


def token(instance: Instance, name: str = "worker-1") -> str:
    with acting(instance, "admin") as ctx:
        return runtime.invite(ctx, name).token


def joined(lender: Lender, home: Path, said: str, database: str = "SHARED_DATABASE") -> runtime.Joined:
    return runtime.join(home, f"127.0.0.1:{lender.port}", said, database, "127.0.0.1:0")


def certificate_request(said: str = "worker-1", key: ec.EllipticCurvePrivateKey | None = None) -> bytes:
    name = x509.Name([x509.NameAttribute(module.NameOID.COMMON_NAME, said)])
    made = x509.CertificateSigningRequestBuilder().subject_name(name)
    signed = (
        made.sign(key, hashes.SHA256()) if key else made.sign(certificates.Ed25519PrivateKey.generate(), None)
    )
    return str(module._pem(signed)).encode()


def verbs(instance: Instance) -> list[str]:
    with acting(instance, "compliance") as ctx:
        return [one.verb for one in reversed(trail.entries(ctx, verb="host."))]


def test_one_command_makes_a_directory_that_a_worker_starts_from(
    shared: Instance, lender: Lender, tmp_path: Path
) -> None:
    home, said = tmp_path / "worker", token(shared)
    where = (
        "hosts",
        "join",
        f"127.0.0.1:{lender.port}",
        said,
        "--home",
        str(home),
        "--database",
        "SHARED_DATABASE",
    )
    ran = CliRunner().invoke(command(), (*where, "--json"))
    assert ran.exit_code == 0, ran.output
    said_last = ran.output[ran.output.index('{"name"') :].splitlines()[
        0
    ]  # beside what the server in this process logs
    assert json.loads(said_last)["name"] == "worker-1"
    assert (home / "definitions" / "purposes.yaml").read_bytes()
    assert {file.name for file in (home / "keys").iterdir()} == {"audit.key", "entities.key", "mask.key"}
    given = x509.load_pem_x509_certificate((home / "hosts" / CERTIFICATE).read_bytes())
    assert given.serial_number == int(Token.read(said).serial, 16)
    assert (home / "hosts" / KEY).stat().st_mode & 0o077 == 0
    assert verbs(shared) == ["host.invited", "host.joined"]
    assert runtime.Borrower(replace(shared.settings, home=home, hosts=replace(
        shared.settings.hosts, source=f"127.0.0.1:{lender.port}"))).sync() == 0  # fmt: skip


def test_who_joins_is_told_whether_the_host_has_web_apps(
    shared: Instance, lender: Lender, tmp_path: Path
) -> None:
    for name, more, said in (
        ("runs-alone", (), "It does runs and has no web apps"),
        ("with-apps", ("--apps", "0.0.0.0:8444"), "reach it at 0.0.0.0:8444"),
    ):
        asked = (
            "hosts",
            "join",
            f"127.0.0.1:{lender.port}",
            token(shared, name),
            "--database",
            "SHARED_DATABASE",
        )
        ran = CliRunner().invoke(command(), (*asked, "--home", str(tmp_path / name), *more))
        assert ran.exit_code == 0 and said in ran.output, ran.output
        assert load(tmp_path / name).hosts.apps == (more[1] if more else "")


@pytest.mark.parametrize(
    ("server", "more", "has"),
    [
        ("10.0.0.1:8444", (), "0.0.0.0:8444"), ("[fd00::1]:8444", (), "[::]:8444"), ("", (), ""),
        ("10.0.0.1:8444", ("--no-apps",), ""), ("10.0.0.1:8444", ("--apps", "10.0.0.2:9"), "10.0.0.2:9"),
    ],
)  # fmt: skip
def test_a_host_has_web_apps_where_the_server_has_and_it_is_not_told_otherwise(
    shared: Instance, lender: Lender, tmp_path: Path, server: str, more: tuple[str, ...], has: str
) -> None:
    shared.settings = replace(shared.settings, hosts=replace(shared.settings.hosts, apps=server))
    where = ("hosts", "join", f"127.0.0.1:{lender.port}", token(shared), "--database", "SHARED_DATABASE")
    ran = CliRunner().invoke(command(), (*where, "--home", str(tmp_path / "worker"), *more))
    assert ran.exit_code == 0, ran.output
    assert load(tmp_path / "worker").hosts.apps == has


def test_what_says_both_and_a_home_that_is_a_file_use_no_token_up(
    shared: Instance, lender: Lender, tmp_path: Path
) -> None:
    said = token(shared)
    where = ("hosts", "join", f"127.0.0.1:{lender.port}", said, "--database", "SHARED_DATABASE")
    both = ("--apps", "0.0.0.0:8444", "--no-apps")
    ran = CliRunner().invoke(command(), (*where, "--home", str(tmp_path / "worker"), *both))
    assert ran.exit_code == 1 and "the opposite" in ran.output
    (tmp_path / "file").touch()
    with pytest.raises(Conflict):
        joined(lender, tmp_path / "file", said)
    assert joined(lender, tmp_path / "worker", said).name == "worker-1"
    assert (tmp_path / "worker").stat().st_mode & 0o077 == 0, "all data of the instance is there"


def test_a_network_that_is_cut_once_the_token_is_used_up_leaves_a_host_that_can_be_started(
    shared: Instance, lender: Lender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(_: object) -> int:
        raise Upstream("It does not lend its files: TimeoutError.", next_step="See that it is up.")

    home = tmp_path / "worker"
    with monkeypatch.context() as patched:
        patched.setattr(runtime.Borrower, "sync", cut)
        with pytest.raises(Upstream, match="worker-1 is a part of the instance") as refused:
            joined(lender, home, token(shared))
    assert f"handrail worker --home {home}" in refused.value.next_step
    assert runtime.Borrower(load(home)).sync() > 0


def test_a_token_is_good_once_even_for_two_at_the_same_time(
    shared: Instance, lender: Lender, tmp_path: Path
) -> None:
    said, came = token(shared), list[object]()
    ready = threading.Barrier(2)

    def come(n: int) -> None:
        ready.wait()
        try:
            came.append(joined(lender, tmp_path / f"worker-{n}", said).name)
        except Invalid as refusal:
            came.append(refusal.message)

    threads = [threading.Thread(target=come, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(str(one)[:10] for one in came) == ["This token", "worker-1"]
    with pytest.raises(Invalid, match="was used"):
        joined(lender, tmp_path / "third", said)
    assert not (tmp_path / "third").exists()


def test_a_token_that_is_late_revoked_or_made_up_is_good_for_nothing(
    shared: Instance, lender: Lender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    revoked, late = token(shared, "revoked"), token(shared, "late")
    with acting(shared, "admin") as ctx:
        runtime.revoke_certificate(ctx, "revoked")
    with pytest.raises(NotAllowed, match="good for nothing"):
        admit.admit(shared, revoked, certificate_request(), module.version("handrail"))
    now = shared.clock.now()
    monkeypatch.setattr(clock.SystemClock, "now", lambda _: now + timedelta(minutes=61))
    with pytest.raises(NotAllowed, match="good for nothing"):
        admit.admit(shared, late, certificate_request(), module.version("handrail"))
    monkeypatch.undo()


def test_who_only_knows_the_serial_number_has_no_token(
    shared: Instance, lender: Lender, tmp_path: Path
) -> None:
    """It stands in the list of certificates and on the trail."""
    raw = bytearray(base64.urlsafe_b64decode(token(shared).partition("_")[2]))
    raw[16:32] = bytes(16)
    forged = f"hrjoin_{base64.urlsafe_b64encode(bytes(raw)).decode()}"
    before = len(verbs(shared))
    with pytest.raises(Invalid, match="good for nothing"):
        joined(lender, tmp_path / "worker", forged)
    assert len(verbs(shared)) == before
    with shared.context(SYSTEM) as ctx:
        assert [one.invited for one in certificates_store.all_certificates(ctx)] == [True]


def test_a_server_of_another_authority_is_told_nothing(
    shared: Instance, lender: Lender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sits at that address would otherwise be given the token, and become a host with it."""
    said = token(shared)
    raw = base64.urlsafe_b64decode(said.partition("_")[2])
    other = certificates.Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    sent: list[object] = []
    monkeypatch.setattr(module.http.client.HTTPConnection, "request", lambda *given: sent.append(given))
    with pytest.raises(Upstream, match="No server of this instance"):
        joined(lender, tmp_path / "worker", f"hrjoin_{base64.urlsafe_b64encode(raw[:32] + other).decode()}")
    assert sent == []


def test_a_server_that_speaks_an_older_tls_is_told_nothing(
    shared: Instance, lender: Lender, tmp_path: Path
) -> None:
    asked = module._Server(f"127.0.0.1:{lender.port}", Token.read(token(shared)).authority)
    assert asked.ask("GET", "/join", {})["version"]
    assert lender._server is not None
    lender._server.context.minimum_version = module.ssl.TLSVersion.TLSv1_2
    lender._server.context.maximum_version = module.ssl.TLSVersion.TLSv1_2
    with pytest.raises(Upstream, match="No server of this instance"):
        asked.ask("GET", "/join", {})


def test_a_host_cannot_pass_itself_off_as_the_server_that_lends(
    shared: Instance, lender: Lender, tmp_path: Path
) -> None:
    server = module._Server("127.0.0.1:1", Token.read(token(shared)).authority)
    lends = x509.load_pem_x509_certificate(certificates.issue(shared, "lender", 10, lends=True).certificate)
    host = x509.load_pem_x509_certificate(certificates.issue(shared, "handrail-lender", 10).certificate)
    server._must_be_known(lends.public_bytes(module.serialization.Encoding.DER))
    with pytest.raises(ValueError, match="another host"):
        server._must_be_known(host.public_bytes(module.serialization.Encoding.DER))


def test_of_the_lenders_certificate_the_name_the_use_and_the_time_count_each(
    shared: Instance, lender: Lender, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = module._Server("127.0.0.1:1", Token.read(token(shared)).authority)

    def issued() -> bytes:
        made = certificates.issue(shared, "lender", 10, lends=True).certificate
        return x509.load_pem_x509_certificate(made).public_bytes(module.serialization.Encoding.DER)

    good = issued()
    with monkeypatch.context() as patched:
        patched.setattr(certificates, "LENDER", "worker-1.hosts.handrail")
        other_name = issued()
    with monkeypatch.context() as patched:
        asks = SimpleNamespace(SERVER_AUTH=module.ExtendedKeyUsageOID.CLIENT_AUTH)
        patched.setattr(certificates, "ExtendedKeyUsageOID", asks)
        other_use = issued()
    server._must_be_known(good)
    for other in (other_name, other_use):
        with pytest.raises(ValueError, match="another host"):
            server._must_be_known(other)
    monkeypatch.setattr(module, "datetime", _Later)
    with pytest.raises(ValueError, match="not good now"):
        server._must_be_known(good)


def test_who_is_admitted_has_the_version_of_the_server_the_key_that_signed_and_the_name_of_the_invitation(
    shared: Instance, lender: Lender
) -> None:
    said, request, ours = token(shared), certificate_request("server-1"), module.version("handrail")
    with pytest.raises(Invalid, match=r"the host that asks 0\.0\.1"):
        admit.admit(shared, said, request, "0.0.1")
    der = x509.load_pem_x509_csr(request).public_bytes(module.serialization.Encoding.DER)
    forged = x509.load_der_x509_csr(der[:-1] + bytes([der[-1] ^ 1]))
    of_another_kind = certificate_request(key=ec.generate_private_key(ec.SECP256R1()))
    for other in (str(module._pem(forged)).encode(), of_another_kind, b"none"):
        with pytest.raises(Invalid, match="no request"):
            admit.admit(shared, said, other, ours)
    given = x509.load_pem_x509_certificate(admit.admit(shared, said, request, ours).certificate)
    names = given.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["worker-1.hosts.handrail"]


def test_nothing_is_used_up_before_versions_clocks_and_databases_agree(
    shared: Instance, lender: Lender, postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, home = token(shared), tmp_path / "worker"
    with monkeypatch.context() as patched:
        patched.setattr(module, "version", lambda _: "0.0.1")
        with pytest.raises(Invalid, match=r"this host 0\.0\.1"):
            joined(lender, home, said)
    with monkeypatch.context() as patched:
        patched.setattr(module, "datetime", _Ahead)
        with pytest.raises(Invalid, match=r"3,\d\d\d seconds apart"):
            joined(lender, home, said)
    monkeypatch.setenv("NO_ADDRESS", "sqlite://")
    with pytest.raises(Invalid, match="NO_ADDRESS holds no"):
        joined(lender, home, said, "NO_ADDRESS")
    monkeypatch.setenv("EMPTY_DATABASE", postgres.database("empty"))
    with pytest.raises(Upstream, match="cannot be asked"):
        joined(lender, home, said, "EMPTY_DATABASE")
    monkeypatch.setenv("OTHER_DATABASE", postgres.database("other"))
    others = storage.open_engine(os.environ["OTHER_DATABASE"])
    certificates_store.certificates.create(others)
    others.dispose()
    with pytest.raises(Invalid, match="not the one in which this token was made"):
        joined(lender, home, said, "OTHER_DATABASE")
    with pytest.raises(NotAllowed):
        admit.admit(shared, f"hrjoin_{base64.urlsafe_b64encode(bytes(64)).decode()}", b"", "1")
    with pytest.raises(Invalid, match="no HOST:PORT"):
        runtime.join(home, f"127.0.0.1:{lender.port}", said, "SHARED_DATABASE", 'x"]\n[runtime]:1')
    with pytest.raises(Invalid, match="no token"):
        joined(lender, home, "hrjoin_abc")
    assert not home.exists()
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").touch()
    with pytest.raises(Conflict):
        joined(lender, tmp_path / "used", said)
    assert joined(lender, home, said).name == "worker-1"


class _Later(module.datetime):  # type: ignore[name-defined, misc]
    """A clock of three weeks from now."""

    @classmethod
    def now(cls, zone: object = None) -> object:
        return super().now(zone) + timedelta(days=21)


class _Ahead(module.datetime):  # type: ignore[name-defined, misc]
    """A clock that is an hour ahead."""

    @classmethod
    def now(cls, zone: object = None) -> object:
        return super().now(zone) + timedelta(hours=1)


def test_who_has_no_certificate_is_lent_nothing_though_they_may_ask_to_join(
    shared: Instance, lender: Lender
) -> None:
    server = module._Server(f"127.0.0.1:{lender.port}", Token.read(token(shared)).authority)
    assert server.ask("GET", "/join", {})["version"]
    for path in ("/files", f"/content/{'0' * 64}"):
        with pytest.raises(Upstream):  # no answer at all
            server.ask("GET", path, {})


def test_who_has_no_certificate_can_send_no_more_than_a_request(shared: Instance, lender: Lender) -> None:
    """It would be kept in memory, of whoever reaches the port."""
    said = token(shared)
    server = module._Server(f"127.0.0.1:{lender.port}", Token.read(said).authority)
    asked = {"token": said, "version": module.version("handrail"), "request": "none"}
    with pytest.raises(Invalid, match="no request for a certificate"):
        server.ask("POST", "/join", {**asked, "more": "x" * 8000})
    with pytest.raises(Upstream):
        server.ask("POST", "/join", {**asked, "more": "x" * 17000})


def spoken(lender: Lender) -> ssl.SSLSocket:
    """A connection of somebody who has no certificate, and has said nothing yet."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    plain = socket.create_connection(("127.0.0.1", lender.port), timeout=30)
    return context.wrap_socket(plain)


def test_strangers_have_so_many_connections_at_a_time_and_hosts_have_theirs_beside_them(
    shared: Instance, lender: Lender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each costs a thread: whoever reaches the port could have all that the server can start."""
    home = tmp_path / "worker"
    joined(lender, home, token(shared))
    monkeypatch.setattr(lend, "_EACH", 2)
    with spoken(lender), spoken(lender), pytest.raises(OSError):
        spoken(lender)
    # Their ends are noticed, and a host that shows its certificate is none of them.
    until = time.monotonic() + 30
    while lender._server._strangers:  # type: ignore[union-attr]
        assert time.monotonic() < until
        time.sleep(0.05)
    borrower = runtime.Borrower(load(home))
    with spoken(lender):
        assert borrower.sync() == 0
        assert len(lender._server._strangers) == 1  # type: ignore[union-attr]


def test_a_stranger_is_not_told_what_the_server_is_made_of(shared: Instance, lender: Lender) -> None:
    for asked in (b"GET /join HTTP/1.0\r\n\r\n", b"PUT /x HTTP/1.0\r\n\r\n"):
        with spoken(lender) as line:
            line.sendall(asked)
            told = b""
            while piece := line.recv(4096):
                told += piece
        assert told.startswith(b"HTTP/1.1 ")
        assert b"Python" not in told


def test_a_stranger_who_sends_a_byte_now_and_then_is_hung_up_on(
    shared: Instance, lender: Lender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lend, "_STAYS", 1.0)
    sent = 0
    with spoken(lender) as line, suppress(OSError):
        line.settimeout(0.2)
        line.sendall(b"GET /")
        while sent < 60:
            line.sendall(b"x")
            sent += 1
            try:
                if not line.recv(1):
                    break
            except TimeoutError:  # it is still listened to
                continue
    assert sent < 60


def test_only_admins_invite_and_only_where_something_is_lent(shared: Instance, tmp_path: Path) -> None:
    with pytest.raises(NotAllowed), acting(shared, "maker.sales") as ctx:
        runtime.invite(ctx, "worker-1")
    with pytest.raises(NotReady, match="lends nothing"), acting(shared, "admin") as ctx:
        runtime.invite(ctx, "worker-1")
    shared.settings = replace(shared.settings, hosts=replace(shared.settings.hosts, listen="127.0.0.1:0"))
    with pytest.raises(Invalid, match="no name"), acting(shared, "admin") as ctx:
        runtime.invite(ctx, "Worker 1")
    certificates.issue(shared, "server", 10).write(shared.settings.home / "hosts")
    with pytest.raises(NotReady, match="authority of your own"), acting(shared, "admin") as ctx:
        runtime.invite(ctx, "worker-1")
    assert (shared.settings.home / "hosts" / AUTHORITY).exists()
