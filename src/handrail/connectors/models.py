"""The nouns of the room: a connector as its file states it, a call, its answer, and what waits for a yes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

from handrail.kernel import Environment, Resource
from handrail.kernel.call_patterns import CallPattern, best

Send = Literal["bearer", "basic", "header", "query"]
Class = Literal["sensitive", "personal", "none"]
ApprovalState = Literal["waiting", "approved", "refused"]


@dataclass(frozen=True)
class Allowed:
    """A call that a connector can make, and whether it changes something over there.

    `classification` is that of what it answers; "" where the definition does not say.
    """

    pattern: CallPattern
    writes: bool
    classification: Class | Literal[""] = ""


@dataclass(frozen=True)
class Credential:
    """Where the credential is kept, and how it is sent; never what it is.

    `name` is that of the header or parameter, for the two ways that need one.
    """

    kept: str
    send: Send
    name: str = ""


@dataclass(frozen=True)
class Limits:
    """What one app may ask of the other system, and what one call may take."""

    calls_per_minute: int = 60
    request_kb: int = 64
    response_kb: int = 1024
    seconds: float = 10.0


@dataclass(frozen=True)
class Connector:
    """Another system as its definition states it: who answers for it, where it is, and which calls there are.

    `fields` are names, in small letters, of what is blotted out wherever a call is shown; `headers` are those
    that an app may set. `digest` names the file.
    """

    name: str
    digest: str
    says: str
    owner: str
    deputy: str
    host: str
    purposes: tuple[str, ...]
    readers: tuple[str, ...]
    calls: tuple[Allowed, ...]
    plain_http: bool = False
    private_addresses: bool = False
    limits: Limits = field(default_factory=Limits)
    fields: tuple[str, ...] = ()
    hidden_headers: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    content_types: tuple[str, ...] = ("application/json",)
    credential: Credential | None = None
    openapi: str | None = None

    @property
    def resource(self) -> Resource:
        """What rules look at."""
        return Resource("Connector", self.name, {"owner": self.owner, "deputy": self.deputy})

    @property
    def address(self) -> str:
        """Scheme and host."""
        return f"{'http' if self.plain_http else 'https'}://{self.host}"

    @cached_property
    def target(self) -> str:
        """Names where writes go and as whom: a yes to one counts for no other."""
        kept = self.credential
        as_whom = [kept.kept, kept.send, kept.name] if kept else []
        stated = [self.host, self.plain_http, self.private_addresses, as_whom]
        return hashlib.sha256(json.dumps(stated).encode()).hexdigest()[:16]

    def allowed(self, method: str, segments: tuple[str, ...]) -> Allowed | None:
        """The call that a method and a path fit, or None."""
        found = best((one.pattern for one in self.calls), method, segments)
        return next((one for one in self.calls if one.pattern == found), None)


@dataclass(frozen=True)
class Wanted:
    """A call as somebody asks for it. A run says which app and where; without one, `app` and the sandbox."""

    connector: str
    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    app: str = ""


@dataclass(frozen=True)
class Answered:
    """What came back: the other system's answer, or what stands for it in the sandbox.

    `synthetic` says where an answer of the sandbox is from ("recorded" or "openapi"); a real one has none.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes
    synthetic: str = ""


@dataclass(frozen=True)
class Approval:
    """The first write of a version by a call, which waits for a yes or has its answer.

    `preview` is what would be sent, with what the definition blots out blotted out.
    """

    id: str
    connector: str
    app: str
    commit: str
    call: str
    target: str
    address: str
    preview: str
    by: str
    at: datetime
    state: ApprovalState = "waiting"
    decided_by: str = ""
    decided_at: datetime | None = None
    reason: str = ""

    @property
    def page(self) -> str:
        """Where it is decided."""
        return f"/connectors/{self.connector}/approvals/{self.id}"


@dataclass(frozen=True)
class Use:
    """How often a version of an app made a call, and how the last one ended (None: it has not)."""

    app: str
    commit: str
    environment: Environment
    connector: str
    call: str
    writes: bool
    times: int
    last_at: datetime
    last_status: int | None


@dataclass(frozen=True)
class Called:
    """A call that a run made; the class of its answers then or now, whichever is higher ("": not said)."""

    connector: str
    call: str
    classification: Class | Literal[""]


@dataclass(frozen=True)
class Standing:
    """A connector with what is missing before it can answer, in words."""

    connector: Connector
    lacks: tuple[str, ...]
    recorded: tuple[str, ...] = ()  # the calls that the sandbox answers from what was recorded
    generated: tuple[str, ...] = ()  # and from the OpenAPI file


@dataclass(frozen=True)
class Unreadable:
    """A definition that cannot be used, and why."""

    name: str
    because: str
