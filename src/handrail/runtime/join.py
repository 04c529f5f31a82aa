"""Join an instance as a host of it: see that both agree, get a certificate, write the directory of a worker.

Nothing is said to a server before it has shown that it is the one that the token names; the key of this host
is made here and stays here. Until all agree the token is not used up.
"""

import http.client
import json
import os
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from handrail import settings as configuration
from handrail.kernel import Conflict, Invalid, Refusal, Upstream, storage
from handrail.runtime import certificates_store
from handrail.runtime.borrow import Borrower
from handrail.runtime.certificates import LENDER, Issued
from handrail.runtime.invite import Token

_PATIENCE = 30  # seconds for one thing that the other side does
_CLOCK = 30.0  # seconds by which the clocks of this host, the server and the database may differ
_LARGEST = 1 << 20  # bytes of an answer
_ADDRESS = re.compile(r"([\w.-]+|\[[0-9a-fA-F:.]+\]):\d{1,5}")


@dataclass(frozen=True)
class Joined:
    """A host that is a part of the instance now, and what was found to agree."""

    name: str
    home: str
    until: datetime
    version: str
    clock_seconds: float
    files: int
    apps: str  # where it answers others for web apps; empty: it does runs alone


def join(home: Path, source: str, token: str, database: str, apps: str | None = None) -> Joined:
    """Make `home` the directory of a worker that borrows from the server at `source` (host:port); `database`
    names the environment variable with the database's address. `apps` is where it is to answer others for
    web apps, empty for runs alone; None: at the port of the server's own `hosts.apps`, where that has one.

    Refuses Conflict a directory that is in use, Invalid where `apps` is no address, where the versions, the
    clocks or the databases are not the same or the token is none, and Upstream where the server or the
    database cannot be reached.
    """
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise Conflict(f"{home} is not empty.", next_step="Name a new directory.", subject="hosts")
    if apps and not _ADDRESS.fullmatch(apps):
        raise Invalid(
            f"“{apps[:80]}” is no HOST:PORT at which others can ask for web apps.",
            next_step="Say one such as 0.0.0.0:8444; the token is good still.",
            subject="hosts",
        )
    read = Token.read(token)
    here = datetime.now(UTC)
    kept = _looked_up(database, read.serial)
    server = _Server(source, read.authority)
    hello = server.ask("GET", "/join", {})
    if hello["version"] != (ours := version("handrail")):
        raise Invalid(
            f"The server has version {hello['version']} of Handrail, and this host {ours}.",
            next_step="Install the same version here; the token is good still.",
            subject="hosts",
        )
    clocks = [here, kept.now, datetime.fromisoformat(hello["now"])]
    apart = (max(clocks) - min(clocks)).total_seconds()
    if apart > _CLOCK:
        raise Invalid(
            f"The clocks of this host, the database and the server are {apart:,.0f} seconds apart.",
            next_step="Have them set by NTP, and try again; the token is good still.",
            subject="hosts",
        )
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, kept.name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, None)
    asked = {"token": token, "version": ours, "request": _pem(request)}
    with _made(home):
        given = server.ask("POST", "/join", asked)
    until = datetime.fromisoformat(given["until"])
    issued = Issued(
        given["authority"].encode(), given["certificate"].encode(), _private(key), read.serial, until
    )
    issued.write(home / "hosts")
    if apps is None:
        apps = given["apps"]
    storage.write_file(home / "handrail.toml", _settings(source, database, apps).encode())
    try:
        files = Borrower(configuration.load(home)).sync()
    except Upstream as refusal:
        raise Upstream(
            f"{kept.name} is a part of the instance, but its files have not come: {refusal.message}",
            next_step=f"Start it, which fetches them: handrail worker --home {home}",
            subject="hosts",
        ) from refusal
    return Joined(kept.name, str(home), until, ours, round(apart, 1), files, apps)


@contextmanager
def _made(home: Path) -> Iterator[None]:
    """A directory for its user alone, since all data will be there; it is not left behind where this refuses.

    Refuses Conflict where it cannot be made, before a token is used up for it.
    """
    new = not home.exists()
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Conflict(
            f"{home} cannot be made: {error.strerror}.",
            next_step="Name a new directory where this user may write; the token is good still.",
            subject="hosts",
        ) from error
    try:
        yield
    except Refusal:
        if new:
            home.rmdir()
        raise


@dataclass(frozen=True)
class _Kept:
    """What the database says of an invitation, and what time it has."""

    name: str
    now: datetime


def _looked_up(variable: str, serial: str) -> _Kept:
    url = os.environ.get(variable, "")
    if not url.startswith("postgresql://"):
        raise Invalid(
            f"{variable} holds no postgresql:// address.",
            next_step="Put the address of the instance's database there, as it is on the server.",
            subject="hosts",
        )
    engine = storage.open_engine(url)
    try:
        with engine.connect() as db:
            table = certificates_store.certificates
            name = db.scalar(sa.select(table.c.name).where(table.c.serial == serial))
            now: datetime = db.execute(sa.select(storage.database_now())).scalar_one()
    except sa.exc.DBAPIError as error:
        raise Upstream(
            f"The database of {variable} cannot be asked: {type(error.orig).__name__}.",
            next_step="See that this host reaches it, and that it is the one that the server uses.",
            subject="hosts",
        ) from error
    finally:
        engine.dispose()
    if name is None:
        raise Invalid(
            f"The database of {variable} is not the one in which this token was made.",
            next_step="Use the address that the server uses.",
            subject="hosts",
        )
    return _Kept(str(name), now)


class _Server:
    """Whoever lends, known by a certificate that the instance's authority has signed."""

    def __init__(self, source: str, authority: bytes) -> None:
        host, _, port = source.rpartition(":")
        if not host or not port.isdigit():
            raise Invalid(f"“{source[:80]}” is no HOST:PORT.", next_step="Say where the server lends.")
        self._where, self._source = (host.strip("[]"), int(port)), source
        self._authority = Ed25519PublicKey.from_public_bytes(authority)

    def ask(self, method: str, path: str, body: dict[str, str]) -> dict[str, Any]:
        """Its answer; refuses as the server does, and Upstream when there is none or another one answers."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # looked at below, before we ask
        try:
            with (
                socket.create_connection(self._where, timeout=_PATIENCE) as plain,
                context.wrap_socket(plain, server_hostname=LENDER) as greeted,
            ):
                self._must_be_known(greeted.getpeercert(binary_form=True) or b"")
                connection = http.client.HTTPConnection(LENDER)
                connection.sock = greeted
                connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
                answer = connection.getresponse()
                said: dict[str, Any] = json.loads(answer.read(_LARGEST))
        except (OSError, http.client.HTTPException, ValueError, InvalidSignature) as error:
            raise Upstream(
                f"No server of this instance answers at {self._source}: {type(error).__name__}.",
                next_step="See that the server is up and lends there, and that the token is of its instance.",
                subject="hosts",
            ) from error
        if answer.status != http.client.OK:
            raise Invalid(str(said["message"]), next_step=str(said["next_step"]), subject="hosts")
        return said

    def _must_be_known(self, shown: bytes) -> None:
        """Raise unless this certificate is the lender's own, of the authority that the token names."""
        found = x509.load_der_x509_certificate(shown)
        self._authority.verify(found.signature, found.tbs_certificate_bytes)
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        usage = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        lends = set(usage) == {ExtendedKeyUsageOID.SERVER_AUTH}
        if not (lends and LENDER in names.get_values_for_type(x509.DNSName)):
            raise ValueError("a certificate of another host")
        if not found.not_valid_before_utc <= datetime.now(UTC) <= found.not_valid_after_utc:
            raise ValueError("a certificate that is not good now")


def _settings(source: str, database: str, apps: str) -> str:
    lines = ["[storage]", f'url_env = "{database}"', "", "[hosts]", f'source = "{source}"']
    return "\n".join([*lines, *([f'apps = "{apps}"'] if apps else []), ""])


def _pem(request: x509.CertificateSigningRequest) -> str:
    return request.public_bytes(serialization.Encoding.PEM).decode()


def _private(key: Ed25519PrivateKey) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
