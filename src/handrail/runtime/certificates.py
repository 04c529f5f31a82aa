"""By which certificates hosts know each other: a small authority of the instance's own.

An operator with another one supplies certificates of it instead ([hosts] in the settings). A host's is good
for asking and, below a domain of its own, for being asked for its apps; the lender's is of another name, so
that no host can pass itself off as the one that lends.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from handrail.kernel import Instance, storage

LENDER = "handrail-lender"  # the name of whoever lends, in its certificate
_HOSTS = "hosts.handrail"  # the domain of the names of all others
AUTHORITY, CERTIFICATE, KEY = "authority.pem", "host.pem", "host.key"
MOST_DAYS = 3650
_YEARS = timedelta(days=MOST_DAYS)
_BEFORE = timedelta(hours=1)  # for a host whose clock is behind


@dataclass(frozen=True)
class Issued:
    """What a host needs: whom it trusts, its certificate and its key, as PEM; `serial` in hexadecimal. The
    key is empty where the host has made it and keeps it.
    """

    authority: bytes
    certificate: bytes
    key: bytes
    serial: str
    until: datetime

    def write(self, folder: Path) -> None:
        """Put it into a folder for the host's own user alone."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        storage.write_file(folder / AUTHORITY, self.authority)
        storage.write_file(folder / CERTIFICATE, self.certificate)
        storage.write_file(folder / KEY, self.key, mode=0o600)


def issue(
    instance: Instance,
    name: str,
    days: int,
    *,
    lends: bool = False,
    key: Ed25519PublicKey | None = None,
    serial: int | None = None,
) -> Issued:
    """A certificate for a host of this name, for so many days: for asking others and for being
    asked for its apps, or else to lend. For a `key` that the host has made, and of this serial number, or for
    new ones.
    """
    authority = Ed25519PrivateKey.from_private_bytes(instance.secret("hosts"))
    now = datetime.now(UTC).replace(microsecond=0)
    made_here = Ed25519PrivateKey.generate()
    public = key or made_here.public_key()
    usage = [ExtendedKeyUsageOID.SERVER_AUTH]
    if not lends:
        usage.append(ExtendedKeyUsageOID.CLIENT_AUTH)
    known_as = LENDER if lends else f"{name}.{_HOSTS}"
    made = (
        _begun(name, authority, public, now, now + timedelta(days=days), serial)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usage), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(known_as)]), critical=False)
        .add_extension(_known_by(authority), critical=False)
        .sign(authority, None)
    )
    return Issued(
        _own(authority),
        made.public_bytes(serialization.Encoding.PEM),
        b"" if key else _private(made_here),
        f"{made.serial_number:x}",
        made.not_valid_after_utc,
    )


def _own(authority: Ed25519PrivateKey) -> bytes:
    """The authority's own certificate; another one each time, of the same key and name."""
    now = datetime.now(UTC).replace(microsecond=0)
    own = x509.SubjectKeyIdentifier.from_public_key(authority.public_key())
    made = (
        _begun("handrail hosts", authority, authority.public_key(), now, now + _YEARS, None)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=False, content_commitment=False, key_encipherment=False,
                data_encipherment=False, key_agreement=False, key_cert_sign=True, crl_sign=False,
                encipher_only=False, decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(own, critical=False)
        .sign(authority, None)
    )  # fmt: skip
    return made.public_bytes(serialization.Encoding.PEM)


def _private(key: Ed25519PrivateKey) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def _known_by(authority: Ed25519PrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())


def _begun(
    name: str,
    authority: Ed25519PrivateKey,
    key: Ed25519PublicKey,
    now: datetime,
    until: datetime,
    serial: int | None,
) -> x509.CertificateBuilder:
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "handrail hosts")])
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(now - _BEFORE)
        .not_valid_after(until)
    )
