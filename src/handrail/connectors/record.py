"""Record an answer of another system for the sandbox: a real call by whoever answers for it, redacted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from handrail.connectors.credential import read_credential
from handrail.connectors.find import connector_of
from handrail.connectors.models import Connector
from handrail.connectors.redact import redacted, redacted_path
from handrail.connectors.send import send
from handrail.connectors.stand_in import recorded, recorded_path
from handrail.kernel import Conflict, Context, Invalid, NotAllowed, access, definitions, storage
from handrail.kernel.call_patterns import CallPattern, segments_of

_MOST = 200  # answers of one connector
_LARGEST = 1 << 20  # bytes of them all


@dataclass(frozen=True)
class Recording:
    """An answer as the sandbox would give it, and whether it is kept."""

    connector: str
    call: str
    path: str
    params: Mapping[str, str]
    status: int
    body: Any
    kept: bool


def record(
    ctx: Context, name: str, path: str, params: Mapping[str, str] | None = None, keep: bool = False
) -> Recording:
    """Make one reading call, and give its answer as the sandbox would show it; with `keep`, keep it for that.

    The sandbox shows what is kept to every maker, so it is looked at first: what the definition hides is
    blotted out, and nothing else. Refuses all but stewards and those who answer for the connector; NotAllowed
    a call that writes or is not the connector's; Conflict an answer that is no success; Upstream as `send`.
    """
    connector, given = connector_of(ctx, name), dict(params or {})
    access.require(ctx, "record-connector", connector.resource)
    try:
        segments = segments_of(path)
    except ValueError as error:
        raise Invalid(f"The path is not one: {error}.", next_step="Write it as /customers/42.") from None
    allowed = connector.allowed("GET", segments)
    if allowed is None or allowed.writes:
        raise NotAllowed(
            f"{name} has no reading call GET for this path, and nothing else is recorded.",
            next_step=f"It has: {'; '.join(str(one.pattern) for one in connector.calls if not one.writes)}.",
            subject=f"connector:{name}",
            rule="record-reads-only",
        )
    values = allowed.pattern.values(segments) or {}
    secret, call = read_credential(ctx, connector), storage.new_id("call")
    shown = redacted_path(connector, allowed, values)
    ctx.audit.now(
        "connector.recording", f"connector:{name}", call=call, path=shown, params=sorted(given), keep=keep
    )
    sent = tuple((key, str(value)) for key, value in given.items())
    answer = send(connector, "GET", allowed.pattern.filled(values), sent, {}, None, secret)
    try:
        found = orjson.loads(answer.content) if answer.status < 300 else None
    except ValueError:
        found = None
    if found is None:
        raise Conflict(
            f"{name} answered {answer.status}, which is nothing to show in the sandbox.",
            next_step="Ask for something that is there, and that is answered in JSON.",
            subject=f"connector:{name}",
        )
    body = redacted(connector, found)
    made = Recording(name, str(allowed.pattern), shown, redacted(connector, given), answer.status, body, keep)
    if keep:
        _keep(ctx, connector, made)
        ctx.audit.note(
            "connector.recorded", f"connector:{name}", call=call, path=shown, bytes=len(answer.content)
        )
    return made


def _keep(ctx: Context, connector: Connector, made: Recording) -> None:
    """Put it beside the others; the same question once more takes the place of the first."""
    key = CallPattern.parse(made.call).key
    others = [
        _written(other["pattern"], other["path"], other["params"], other["status"], other["body"])
        for other in recorded(ctx, connector.name)
        if (other["call"], other["path"], other["params"]) != (key, made.path, dict(made.params))
    ]
    one = _written(made.call, made.path, made.params, made.status, made.body)
    content = orjson.dumps([*others, one], option=orjson.OPT_INDENT_2) + b"\n"
    if len(others) >= _MOST or len(content) > _LARGEST:
        raise Conflict(
            f"{connector.name} has {len(others)} recorded answers, as many or as large as may be kept.",
            next_step=f"Take some out of definitions/{recorded_path(connector.name)}.",
            subject=f"connector:{connector.name}",
        )
    definitions.write(ctx, recorded_path(connector.name), content, f"Record {made.call} of {connector.name}.")


def _written(call: str, path: str, params: Mapping[str, str], status: int, body: Any) -> dict[str, Any]:
    return {"call": call, "path": path, "params": dict(params), "status": status, "body": body}
