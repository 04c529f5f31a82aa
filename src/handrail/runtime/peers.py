"""How hosts speak to each other about the apps that they have: TLS 1.3, with a certificate on both sides.

A host's certificate comes from its folder (`hosts.certificates`). One that has the instance's own directory,
and so the authority, gives itself one each time it starts.
"""

import socket
import ssl
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from handrail.kernel import SYSTEM, Instance, Upstream
from handrail.runtime import certificates, certificates_store
from handrail.runtime.certificates import AUTHORITY, CERTIFICATE, KEY

_ELSEWHERE = ("192.0.2.1", 9)  # a documentation address (RFC 5737): asked for a way to it, nothing is sent
_ANY = ("0.0.0.0", "::", "")  # noqa: S104 - compared with, not bound


@dataclass(frozen=True)
class Papers:
    """What this host shows to others: when it is asked (`serving`), and when it asks (`calling`)."""

    serving: ssl.SSLContext
    calling: ssl.SSLContext
    known_as: str


def papers(instance: Instance) -> Papers:
    """This host's; refuses Upstream where its certificate cannot be read, or there is none."""
    folder = instance.settings.home / instance.settings.hosts.certificates
    try:
        if (folder / CERTIFICATE).exists():
            return _read(folder)
        with tempfile.TemporaryDirectory(prefix="handrail-") as made:
            name = socket.gethostname().lower()
            certificates.issue(instance, name, certificates.MOST_DAYS).write(Path(made))
            return _read(Path(made))
    except (OSError, ValueError, x509.ExtensionNotFound) as error:  # of ssl too, which is an OSError
        raise Upstream(
            f"The certificate of this host cannot be used: {type(error).__name__}.",
            next_step=f"See that {folder} holds authority.pem, host.pem and host.key, and host.pem a name.",
            subject="hosts",
        ) from error


def _read(folder: Path) -> Papers:
    found = x509.load_pem_x509_certificate((folder / CERTIFICATE).read_bytes())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    known_as = names.get_values_for_type(x509.DNSName)[:1]
    if not known_as:
        raise ValueError("a certificate without a name")
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.verify_mode = ssl.CERT_REQUIRED
    calling = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for context in (serving, calling):
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_verify_locations(folder / AUTHORITY)
        context.load_cert_chain(folder / CERTIFICATE, folder / KEY)
    return Papers(serving, calling, known_as[0])


def may_ask(instance: Instance, serial: str) -> bool:
    """Whether a host with the certificate of this serial number, which is of ours, may still ask."""
    with instance.context(SYSTEM) as ctx:
        return not certificates_store.is_revoked(ctx, serial.lower().lstrip("0"))


def announced(instance: Instance, port: int) -> str:
    """Where other hosts reach this one's apps: as `hosts.apps` says, or where that is every address of this
    machine, by the one that it has on its way to the database, or to others.
    """
    host = instance.settings.hosts.apps.rpartition(":")[0].strip("[]")
    if host in _ANY:
        database = instance.engine.url
        host = _own((database.host, database.port or 5432)) if database.host else "127.0.0.1"
        if database.host and host.startswith("127."):
            host = _own(_ELSEWHERE)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def for_others(apps: str) -> str:
    """Where another host of this instance answers for web apps, when this one does at `apps`: at every
    address of its own, and the same port. Empty where this one answers nobody.
    """
    host, _, port = apps.rpartition(":")
    return f"{'[::]' if ':' in host else '0.0.0.0'}:{port}" if port else ""  # noqa: S104 - by certificates alone


def _own(towards: tuple[str, int]) -> str:
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.connect(towards)
        return str(asked.getsockname()[0])
    return "127.0.0.1"
