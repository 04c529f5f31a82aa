"""Load the definition of a connector strictly: what is not understood is refused, never ignored."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from handrail.connectors.models import Allowed, Class, Connector, Credential, Limits, Send
from handrail.kernel import definitions
from handrail.kernel.call_patterns import READING, CallPattern
from handrail.kernel.strict_yaml import File, validate

FOLDER = "connectors/"
SUFFIX = ".yaml"
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")  # a header's name, RFC 9110, 5.6.2
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_TYPE = re.compile(r"[a-z0-9.+-]+/[a-z0-9.+*-]+")
_KEPT = re.compile(r"env:[A-Z][A-Z0-9_]*|file:[A-Za-z0-9._/-]+|[a-z][a-z0-9_-]*:\S+")
_OPENAPI = re.compile(r"[a-z0-9][a-z0-9._-]*\.openapi\.(json|yaml)")
# Headers that say who asks, where to, or where a message ends: Handrail's own to write.
_OURS = frozenset(
    {
        "accept-encoding", "authorization", "connection", "content-encoding", "content-length",
        "content-type", "cookie", "expect", "forwarded", "host", "http2-settings", "keep-alive",
        "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade", "via", "x-forwarded-for", "x-forwarded-host",
        "x-forwarded-proto", "x-http-method", "x-http-method-override", "x-method-override",
        "x-original-url", "x-real-ip", "x-rewrite-url",
    }
)  # fmt: skip
_MOST = {"calls_per_minute": 6000, "request_kb": 768, "response_kb": 16_384, "seconds": 60}
TEMPLATE = """\
# Another system that apps may call.
# docs/operate/connectors.md explains it.
says: Customers and their tickets, as support keeps them.
owner: {owner}
deputy: {owner}
host: {host}
purposes: []            # of apps that may call it
classification: personal  # of what it answers: none, personal or sensitive
readers: []             # groups it answers for
calls:
  - call: GET /customers/{{id}}
  - call: POST /tickets   # so it writes
limits:
  calls_per_minute: 60  # of one app
redact:
  fields: [email]
credential:
  from: env:CONNECTOR_{upper}
  send: bearer
"""


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, populate_by_name=True)


class _Call(_Strict):
    call: str
    writes: bool | None = None
    classification: str | None = None


class _Limits(_Strict):
    calls_per_minute: int = Limits.calls_per_minute
    request_kb: int = Limits.request_kb
    response_kb: int = Limits.response_kb
    seconds: float = Limits.seconds


class _Redact(_Strict):
    fields: list[str] = []
    headers: list[str] = []


class _Credential(_Strict):
    kept: str = Field(alias="from")
    send: str
    name: str = ""


class _File(_Strict):
    says: str
    owner: str
    deputy: str
    host: str
    purposes: list[str]
    readers: list[str]
    calls: list[_Call]
    classification: str | None = None
    plain_http: bool = False
    private_addresses: bool = False
    limits: _Limits = _Limits()
    redact: _Redact = _Redact()
    headers: list[str] = []
    content_types: list[str] = ["application/json"]
    credential: _Credential | None = None
    openapi: str | None = None


def path_of(name: str) -> str:
    """Where the definition of that connector is."""
    return f"{FOLDER}{name}{SUFFIX}"


def load(content: bytes, name: str) -> Connector:
    """The connector; refuses Invalid what cannot be used, with its file, line and key."""
    path = path_of(name)
    node, stated = validate(content, path, _File)
    file = File(path, node)
    if not NAME.fullmatch(name) or len(name) > 63:
        raise file.wrong(f"“{name}” is no name for a connector: small letters, digits and single dashes")
    for key in ("says", "owner", "deputy"):
        if not getattr(stated, key).strip():
            raise file.wrong(f"“{key}” is empty", key)
    _check_host(file, stated)
    for key, most in _MOST.items():
        if not 0 < getattr(stated.limits, key) <= most:
            raise file.wrong(f"“limits.{key}” must be more than 0 and at most {most:,}", "limits", key)
    return Connector(
        name=name,
        digest=definitions.digest(content),
        says=stated.says.strip(),
        owner=stated.owner,
        deputy=stated.deputy,
        host=stated.host,
        purposes=tuple(stated.purposes),
        readers=tuple(stated.readers),
        calls=_calls(file, stated),
        plain_http=stated.plain_http,
        private_addresses=stated.private_addresses,
        limits=Limits(**stated.limits.model_dump()),
        fields=tuple(one.lower() for one in stated.redact.fields),
        hidden_headers=_headers(file, stated.redact.headers, "redact", "headers"),
        headers=_headers(file, stated.headers, "headers"),
        content_types=_types(file, stated.content_types),
        credential=_credential(file, stated.credential),
        openapi=_openapi(file, stated.openapi),
    )


def _check_host(file: File, stated: _File) -> None:
    host, _, port = stated.host.partition(":")
    labels = host.split(".")
    if not all(_LABEL.fullmatch(one) for one in labels) or len(host) > 253:
        raise file.wrong(
            f"“{stated.host[:80]}” is no host: a name such as crm.example.com, or one with a :port", "host"
        )
    if ":" in stated.host and not (re.fullmatch(r"[1-9][0-9]{0,4}", port) and int(port) <= 65_535):
        raise file.wrong(f"“{port[:20]}” is no port", "host")
    if labels[-1].isdigit() or labels[-1].startswith("0x"):
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            raise file.wrong(f"“{host}” is neither a name nor an address of four numbers", "host") from None
    if stated.plain_http and not stated.private_addresses:
        raise file.wrong(
            "“plain_http” is for systems within your own network: private_addresses must be true as well",
            "plain_http",
        )


def _calls(file: File, stated: _File) -> tuple[Allowed, ...]:
    found: dict[str, Allowed] = {}
    usual_class = _class(file, stated.classification, "classification")
    for at, one in enumerate(stated.calls):
        try:
            pattern = CallPattern.parse(one.call)
        except ValueError as error:
            raise file.wrong(str(error), "calls", at, "call") from None
        if pattern.key in found:
            raise file.wrong(f"“{one.call}” is listed twice", "calls", at, "call")
        usual = pattern.method not in READING
        writes = usual if one.writes is None else one.writes
        own_class = _class(file, one.classification, "calls", at, "classification")
        found[pattern.key] = Allowed(pattern, writes, own_class or usual_class)
    if not found:
        raise file.wrong("there is no call in “calls”", "calls")
    return tuple(found.values())


def _class(file: File, stated: str | None, *where: str | int) -> Class | Literal[""]:
    known: dict[str, Class] = {one: one for one in get_args(Class)}
    if stated is not None and stated not in known:
        raise file.unknown(stated, tuple(known), *where)
    return known[stated] if stated is not None else ""


def _headers(file: File, names: list[str], *where: str) -> tuple[str, ...]:
    for at, name in enumerate(names):
        if not _TOKEN.fullmatch(name):
            raise file.wrong(f"“{name[:80]}” is no name of a header", *where, at)
        if where == ("headers",) and name.lower() in _OURS:
            raise file.wrong(f"the header “{name}” is Handrail's own to write", *where, at)
    return tuple(name.lower() for name in names)


def _types(file: File, types: list[str]) -> tuple[str, ...]:
    for at, one in enumerate(types):
        if not _TYPE.fullmatch(one):
            raise file.wrong(f"“{one[:80]}” is no content type", "content_types", at)
    return tuple(types)


def _credential(file: File, stated: _Credential | None) -> Credential | None:
    if stated is None:
        return None
    if not _KEPT.fullmatch(stated.kept):
        raise file.wrong(
            "“credential.from” says where the credential is kept: env:NAME, file:NAME or, of a secrets"
            " manager, plugin:key; a credential itself never stands here",
            *("credential", "from"),
        )
    ways: dict[str, Send] = {"bearer": "bearer", "basic": "basic", "header": "header", "query": "query"}
    if stated.send not in ways:
        raise file.unknown(stated.send, tuple(ways), "credential", "send")
    send = ways[stated.send]
    if (send in ("header", "query")) != bool(stated.name):
        needs = "needs a name" if send in ("header", "query") else "needs no name"
        raise file.wrong(f"a credential that is sent as {send} {needs}", "credential", "send")
    if stated.name and not _TOKEN.fullmatch(stated.name):
        raise file.wrong(f"“{stated.name[:80]}” is no name", "credential", "name")
    return Credential(stated.kept, send, stated.name)


def _openapi(file: File, name: str | None) -> str | None:
    if name is not None and not _OPENAPI.fullmatch(name):
        raise file.wrong(
            "“openapi” names a file beside this one that ends in .openapi.json or .openapi.yaml", "openapi"
        )
    return name


def template(name: str, host: str, owner: str) -> str:
    """The beginning of a definition, to be completed."""
    values: dict[str, Any] = {"owner": owner, "host": host, "upper": name.upper().replace("-", "_")}
    return TEMPLATE.format(**values)
