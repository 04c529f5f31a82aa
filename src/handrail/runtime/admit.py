"""Admit a host that shows the token of an invitation: it gets its certificate, once."""

import hmac
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from handrail.kernel import SYSTEM, Instance, Invalid, NotAllowed
from handrail.runtime import certificates, certificates_store
from handrail.runtime.certificates import Issued
from handrail.runtime.invite import Token, proof

DAYS = 365


def admit(instance: Instance, token: str, request: bytes, says: str) -> Issued:
    """The certificate for the key that signed this request (PKCS #10), for the name of the invitation. `says`
    is the version of the host that asks.

    Refuses NotAllowed a token that is none of ours, was used, is too old or was revoked, Invalid another
    version of Handrail and what is no request.
    """
    read = Token.read(token)
    if not hmac.compare_digest(read.mac, proof(instance, read.serial)):
        raise _no_longer_good()  # before the trail is written: anybody can ask
    if says != (ours := version("handrail")):
        raise Invalid(
            f"This server has version {ours} of Handrail, and the host that asks {says[:20]}.",
            next_step="Install the same version there; the token is good still.",
            subject="hosts",
        )
    key = _key(request)
    until = (datetime.now(UTC) + timedelta(days=DAYS)).replace(microsecond=0)
    with instance.context(SYSTEM) as ctx:
        name = certificates_store.redeem(ctx, read.serial, until)
        if name is None:
            raise _no_longer_good()
        ctx.audit.note("host.joined", f"host:{name}", serial=read.serial, until=until.isoformat())
    return certificates.issue(instance, name, DAYS, key=key, serial=int(read.serial, 16))


def _key(request: bytes) -> Ed25519PublicKey:
    key = None
    with suppress(ValueError):
        asked = x509.load_pem_x509_csr(request)
        key = asked.public_key() if asked.is_signature_valid else None
    if not isinstance(key, Ed25519PublicKey):
        raise Invalid(
            "That is no request for a certificate.", next_step="Use `handrail hosts join`.", subject="hosts"
        )
    return key


def _no_longer_good() -> NotAllowed:
    return NotAllowed(
        "This token is good for nothing: it was used, is older than an hour, or was revoked.",
        next_step="Ask an admin for another one: `handrail hosts invite NAME`.",
        subject="hosts",
    )
