"""Call another system for an app: the only way to any, decided, counted, limited and on the trail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from handrail.connectors import store
from handrail.connectors.approve import require_yes
from handrail.connectors.credential import read_credential
from handrail.connectors.find import answers_for, connector_of
from handrail.connectors.models import Allowed, Answered, Connector, Wanted
from handrail.connectors.redact import redacted_path
from handrail.connectors.send import send
from handrail.connectors.stand_in import stand_in
from handrail.kernel import (
    Context,
    Environment,
    Invalid,
    LimitReached,
    Manifest,
    NotAllowed,
    NotReady,
    Refusal,
    access,
    storage,
)
from handrail.kernel.call_patterns import READING, CallPattern, segments_of

_MOST_PARAMS = 100
# Denials that pass by themselves once somebody has done something: the answer is "not ready".
_NOT_YET = frozenset({"call-needs-owner"})


@dataclass(frozen=True)
class _Settled:
    """A call with everything settled that decides about it."""

    connector: Connector
    allowed: Allowed
    values: Mapping[str, str]
    params: tuple[tuple[str, str], ...]
    body: bytes | None
    environment: Environment
    app: str
    manifest: Manifest | None


def call(ctx: Context, wanted: Wanted) -> Answered:
    """Make a call by a connector, and give the answer.

    From a run, the run says which app, version and environment; without one the sandbox answers. Production
    calls the other system; the sandbox never does (`stand_in`). Each call is decided by the action "call",
    and the decision is on the trail, durably, before anything is sent; what came of it follows. An app may
    call what it declares; the sandbox answers any call of a connector that it declares, and records it, for
    the gates to see. The first write of a version in production waits for a yes (`approve`).

    Refuses NotFound, NotAllowed and Invalid what is not the connector's or not declared; NotReady without
    a yes, a credential or anybody who answers for it; LimitReached beyond its limits; Upstream as `send`.
    """
    settled = _settled(ctx, wanted)
    connector, run = settled.connector, ctx.caller.run
    decided = _decided(ctx, settled)
    shown = redacted_path(connector, settled.allowed, settled.values)
    production = settled.environment == "production"
    if production and run is not None and settled.allowed.writes:
        require_yes(ctx, run, connector, settled.allowed, shown, wanted)
    secret = read_credential(ctx, connector) if production else ""
    facts = {
        "call": storage.new_id("call"),
        "environment": settled.environment,
        "method": settled.allowed.pattern.method,
        "path": shown,
        "params": sorted({name for name, _ in settled.params}),
        "writes": settled.allowed.writes,
        "sent_bytes": len(settled.body or b""),
        "definition": connector.digest,
        **decided,
    }
    with ctx.instance.context(ctx.caller) as own:  # committed before anything is sent
        taken = store.take_turn(own, connector, settled.app, settled.environment)
        if taken:
            own.audit.note("connector.called", f"connector:{connector.name}", **facts)
            if run is not None:
                store.observe(own, run, connector.name, settled.allowed)
                store.keep_call(own, run.id, connector.name, settled.allowed)
    if not taken:
        raise LimitReached(
            f"{settled.app or 'You'} called {connector.name} {connector.limits.calls_per_minute} times within"
            " a minute, as often as it may.",
            next_step="Wait a minute, and ask for more with each call.",
            subject=f"connector:{connector.name}",
        )
    return _made(ctx, settled, wanted, secret, str(facts["call"]))


def _made(ctx: Context, settled: _Settled, wanted: Wanted, secret: str, name: str) -> Answered:
    connector, pattern, began = settled.connector, settled.allowed.pattern, ctx.clock.now()
    ended, status, size = "broke", None, 0
    try:
        if settled.environment == "production":
            path = pattern.filled(settled.values)
            answer = send(
                connector, pattern.method, path, settled.params, wanted.headers, settled.body, secret
            )
        else:
            asked = {"path": wanted.path, "params": dict(wanted.params), "json": wanted.json}
            answer = stand_in(ctx, connector, settled.allowed, settled.values, asked)
        ended, status, size = answer.synthetic or "answered", answer.status, len(answer.content)
    except Refusal as refusal:
        ended = refusal.code
        raise
    finally:
        taken = round((ctx.clock.now() - began).total_seconds() * 1000)
        facts = {"status": status, "bytes": size, "ended": ended, "milliseconds": taken}
        with ctx.instance.context(ctx.caller) as own:
            own.audit.note("connector.answered", f"call:{name}", connector=connector.name, **facts)
            if ctx.caller.run is not None:
                store.close(own, ctx.caller.run, connector.name, pattern.key, status)
    return answer


def _settled(ctx: Context, wanted: Wanted) -> _Settled:
    connector, run = connector_of(ctx, wanted.connector), ctx.caller.run
    app, manifest, environment = wanted.app, None, "sandbox"
    if run is not None:
        app, manifest, environment = run.app, run.manifest, run.environment
    elif app:
        _, manifest = ctx.ports.apps.declared(ctx, app, "sandbox")
    try:
        segments = segments_of(wanted.path)
    except ValueError as error:
        raise _invalid(connector, f"The path is not one: {error}") from None
    allowed = connector.allowed(wanted.method, segments)
    if allowed is None:
        raise NotAllowed(
            f"{connector.name} has no call {wanted.method[:20]} for this path.",
            next_step=f"It has: {'; '.join(str(one.pattern) for one in connector.calls)}.",
            subject=f"connector:{connector.name}",
            rule="call-needs-definition",
        )
    values = allowed.pattern.values(segments)
    assert values is not None  # it fits
    params, body = _params(connector, wanted.params), _body(connector, allowed.pattern, wanted.json)
    _check_headers(connector, wanted.headers)
    where: Environment = "production" if environment == "production" else "sandbox"
    return _Settled(connector, allowed, values, params, body, where, app, manifest)


def _decided(ctx: Context, settled: _Settled) -> dict[str, str]:
    """Ask the rules; gives the one that allowed it, for the trail."""
    connector, allowed, manifest = settled.connector, settled.allowed, settled.manifest
    declared = manifest.connectors.get(connector.name) if manifest else None
    key = allowed.pattern.key
    reading = declared is not None and key in declared.reading
    writing = declared is not None and key in declared.writing
    decision = access.decide(
        ctx,
        "call",
        connector.resource,
        environment=settled.environment,
        app=settled.app,
        call=str(allowed.pattern),
        writes=allowed.writes,
        answered_for=bool(answers_for(ctx, connector)),
        readers=connector.readers,
        purpose=manifest.purpose if manifest else "",
        purposes=connector.purposes,
        declared=declared is not None or manifest is None,
        declared_call=reading or writing or manifest is None,
        declared_write=writing or manifest is None,
    )
    if decision.allowed:
        return {"rule": decision.rule, "policy_version": decision.policy_version}
    denial = access.denial(decision, "call", connector.resource)
    if decision.rule in _NOT_YET:
        raise NotReady(denial.message, next_step=denial.next_step, **denial.facts)
    raise denial


def _params(connector: Connector, given: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The parameters as they travel: a list is said once for each of its values."""
    found: list[tuple[str, str]] = []
    own = (
        connector.credential.name.lower()
        if connector.credential and connector.credential.send == "query"
        else ""
    )
    for name, value in given.items():
        if own and name.lower() == own:
            raise _invalid(connector, f"The parameter {name} is for the credential, which Handrail sends")
        for one in value if isinstance(value, list) else [value]:
            if one is None or isinstance(one, dict | list):
                raise _invalid(
                    connector, f"The parameter {name[:80]!r} is neither text, a number nor true or false"
                )
            found.append((name, str(one).lower() if isinstance(one, bool) else str(one)))
    if len(found) > _MOST_PARAMS or sum(len(name) + len(value) for name, value in found) > 4096:
        raise _invalid(connector, "These are too many parameters")
    return tuple(found)


def _body(connector: Connector, pattern: CallPattern, given: Any) -> bytes | None:
    if given is None:
        return None
    if pattern.method in READING:
        raise _invalid(connector, f"A {pattern.method} has no content")
    try:
        body = orjson.dumps(given)
    except TypeError:
        raise _invalid(connector, "The content cannot be said in JSON") from None
    if len(body) > connector.limits.request_kb << 10:
        raise LimitReached(
            f"The content has {len(body):,} bytes; {connector.name} takes {connector.limits.request_kb} KB.",
            next_step="Send it in parts.",
            subject=f"connector:{connector.name}",
        )
    return body


def _check_headers(connector: Connector, given: Mapping[str, str]) -> None:
    for name, value in given.items():
        if name.lower() not in connector.headers:
            may = ", ".join(connector.headers) or "none"
            raise _invalid(
                connector, f"The header {name[:80]!r} is not one that an app may set (it may: {may})"
            )
        if not (value.isascii() and value.isprintable()) or len(value) > 1000:
            raise _invalid(connector, f"The value of the header {name} is not a line of plain characters")


def _invalid(connector: Connector, problem: str) -> Invalid:
    return Invalid(
        f"{problem}.",
        next_step=f"Look at /connectors/{connector.name}, which says what it takes.",
        subject=f"connector:{connector.name}",
    )
