"""Invite a host to be a part of this instance: by a token that is good once, for an hour, for one name."""

import base64
import hashlib
import hmac
import secrets
from contextlib import suppress
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from handrail.kernel import Context, Instance, Invalid, NotReady, access
from handrail.runtime import certificates_store
from handrail.runtime.certificates import CERTIFICATE
from handrail.runtime.certificates_store import INVITED, Certificate
from handrail.runtime.host_certificates import must_be_a_name
from handrail.runtime.workers import WORKERS

_SERIAL, _MAC, _KEY = 16, 16, 32  # bytes
_PREFIX = "hrjoin"


@dataclass(frozen=True)
class Invitation:
    """A token for the host of this name. `source` is where it is to ask, as the settings say."""

    name: str
    token: str
    source: str


@dataclass(frozen=True)
class Token:
    """What a token says: the serial number of the certificate that it is for, and the key of the authority
    by which the server is known.
    """

    serial: str
    mac: bytes
    authority: bytes

    @staticmethod
    def read(text: str) -> "Token":
        """Refuses Invalid what is no token."""
        prefix, _, coded = text.strip().partition("_")
        raw = b""
        with suppress(ValueError):
            raw = base64.urlsafe_b64decode(coded)
        if prefix != _PREFIX or len(raw) != _SERIAL + _MAC + _KEY:
            raise Invalid(
                "That is no token of an invitation.",
                next_step="Copy it whole, as `handrail hosts invite` shows it.",
                subject="hosts",
            )
        serial = f"{int.from_bytes(raw[:_SERIAL]):x}"
        return Token(serial, raw[_SERIAL : _SERIAL + _MAC], raw[_SERIAL + _MAC :])


def invite(ctx: Context, name: str) -> Invitation:
    """A token by which the host of this name gets its certificate, and nothing else; for admins.

    Whoever has the token within the hour can become a part of the instance. Refuses Invalid a name that is
    none of a host; NotReady where nothing is lent, and where certificates come from another authority.
    """
    access.require(ctx, "manage-hosts", WORKERS)
    must_be_a_name(name)
    settings = ctx.settings.hosts
    if not settings.listen:
        raise NotReady(
            "This server lends nothing to hosts, and so none can join by it.",
            next_step='Set listen = "HOST:PORT" under [hosts] in handrail.toml, and start the server anew.',
            subject="hosts",
        )
    if (ctx.settings.home / settings.certificates / CERTIFICATE).exists():
        raise NotReady(
            "Certificates of hosts come from an authority of your own here.",
            next_step="Have it issue one for the new host, and put it into hosts/ there.",
            subject="hosts",
        )
    serial = secrets.token_bytes(_SERIAL - 1)
    number = f"{int.from_bytes(serial):x}"
    until = ctx.clock.now() + INVITED
    by = ctx.caller.person.id
    certificates_store.add(ctx, Certificate(number, name, by, ctx.clock.now(), until))
    ctx.audit.note("host.invited", f"host:{name}", serial=number, until=until.isoformat())
    public = Ed25519PrivateKey.from_private_bytes(ctx.instance.secret("hosts")).public_key()
    raw = serial.rjust(_SERIAL, b"\0") + proof(ctx.instance, number) + public.public_bytes_raw()
    return Invitation(name, f"{_PREFIX}_{base64.urlsafe_b64encode(raw).decode()}", settings.listen)


def proof(instance: Instance, serial: str) -> bytes:
    """What only this instance can say of a serial number: who has it was given the token."""
    key = instance.secret("hosts")
    return hmac.digest(key, f"join {serial}".encode(), hashlib.sha256)[:_MAC]
