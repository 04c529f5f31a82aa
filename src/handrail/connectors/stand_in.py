"""What answers in the sandbox for another system: what was recorded of it, or what its OpenAPI file says.

Nothing here reaches the network, and the same call is answered the same each time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson

from handrail.connectors.generate import Generator
from handrail.connectors.load import FOLDER
from handrail.connectors.models import Allowed, Answered, Connector
from handrail.kernel import Context, Invalid, NotReady, definitions
from handrail.kernel.call_patterns import CallPattern
from handrail.kernel.strict_yaml import read

_JSON = {"content-type": "application/json"}


def stand_in(
    ctx: Context, connector: Connector, allowed: Allowed, values: Mapping[str, str], asked: Mapping[str, Any]
) -> Answered:
    """The answer of the sandbox; `values` stand in the places of the path, `asked` are path, params and body.

    Refuses NotReady a call of which nothing was recorded and that no OpenAPI file describes, and Invalid what
    cannot be read of either.
    """
    kept = [one for one in recorded(ctx, connector.name) if one["call"] == allowed.pattern.key]
    if kept:
        same = [one for one in kept if (one["path"], one["params"]) == (asked["path"], asked["params"])]
        alike = [one for one in kept if one["path"] == asked["path"]]
        chosen = (same or alike or kept)[_number(asked) % len(same or alike or kept)]
        return Answered(chosen["status"], _JSON, orjson.dumps(chosen["body"]), "recorded")
    document = described(ctx, connector)
    operation = operations(document).get(allowed.pattern.key) if document else None
    if document is None or operation is None:
        raise NotReady(
            f"The sandbox has no answer for {allowed.pattern} of {connector.name}: nothing was recorded"
            " of it, and no OpenAPI file describes it.",
            next_step=f"Ask {connector.owner} to record one: handrail connectors record {connector.name}.",
            subject=f"connector:{connector.name}",
        )
    status, schema = _response(document, operation)
    if schema is None:
        return Answered(status, {}, b"", "openapi")
    seed = f"{connector.name} {allowed.pattern.key} {json.dumps(asked, sort_keys=True, default=str)}"
    made = _told(schema)
    if made is None:
        made = Generator(document, seed, values).value(schema.get("schema", {}))
    return Answered(status, _JSON, orjson.dumps(made, default=str), "openapi")


def recorded(ctx: Context, name: str) -> tuple[Mapping[str, Any], ...]:
    """What was recorded of a connector; refuses Invalid a file that is none of ours."""
    content = definitions.read(ctx, recorded_path(name))
    if content is None:
        return ()
    try:
        found = orjson.loads(content)
        return tuple(
            {
                "call": CallPattern.parse(one["call"]).key,
                "pattern": str(one["call"]),
                "path": str(one["path"]),
                "params": dict(one["params"]),
                "status": int(one["status"]),
                "body": one["body"],
            }
            for one in found
        )
    except (ValueError, KeyError, TypeError):
        raise Invalid(
            f"{recorded_path(name)} is not what `handrail connectors record` writes.",
            next_step="Take it away, and record again.",
            subject=f"connector:{name}",
        ) from None


def recorded_path(name: str) -> str:
    """Where recorded answers are kept, beside the definition."""
    return f"{FOLDER}{name}.recorded.json"


def described(ctx: Context, connector: Connector) -> Mapping[str, Any] | None:
    """The OpenAPI document of a connector, or None; refuses one that is not there, and a broken one."""
    if connector.openapi is None:
        return None
    path = f"{FOLDER}{connector.openapi}"
    content = definitions.read(ctx, path)
    if content is None:
        raise NotReady(
            f"{path}, which the definition of {connector.name} names, is not there.",
            next_step=f"Put it there, or take the line out of {FOLDER}{connector.name}.yaml.",
            subject=f"connector:{connector.name}",
        )
    return _document(content, path)


def operations(document: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """The operations of a document by the key of their call; below the path of its first server, too."""
    servers = document.get("servers") or ({"url": ""},)
    base = str(servers[0].get("url", "")).partition("://")[2] or str(servers[0].get("url", ""))
    prefix = f"/{base.partition('/')[2]}".rstrip("/") if "/" in base else ""
    found: dict[str, Mapping[str, Any]] = {}
    for path, item in document["paths"].items():
        for method, operation in item.items() if isinstance(item, Mapping) else ():
            for place in (path, prefix + path):
                try:
                    pattern = CallPattern.parse(f"{method.upper()} {place}")
                except ValueError:
                    continue
                found.setdefault(pattern.key, operation)
    return found


@lru_cache(maxsize=32)
def _document(content: bytes, path: str) -> Mapping[str, Any]:
    try:
        document = orjson.loads(content) if path.endswith(".json") else read(content, path)[1]
    except ValueError:
        document = None
    if not isinstance(document, dict) or not isinstance(document.get("paths"), dict):
        raise Invalid(
            f"{path} is no OpenAPI document: it has no paths.",
            next_step="Put the document there as the other system publishes it.",
        )
    return document


def _response(
    document: Mapping[str, Any], operation: Mapping[str, Any]
) -> tuple[int, Mapping[str, Any] | None]:
    """The status of a call that goes well, and what describes its content; None for no content."""
    responses = {str(key): value for key, value in (operation.get("responses") or {}).items()}
    good = sorted(key for key in responses if key.startswith("2"))
    chosen = responses[good[0]] if good else responses.get("default", {})
    steps = str(chosen.get("$ref", "")).removeprefix("#/").split("/") if "$ref" in chosen else []
    for at, step in enumerate(steps):
        chosen = (document if at == 0 else chosen).get(step, {})
    status = int(good[0]) if good and good[0].isdigit() else 200
    content = chosen.get("content") or {}
    json_type = next((kind for kind in content if "json" in kind), None)
    return status, content[json_type] if json_type else None


def _told(media: Mapping[str, Any]) -> Any:
    """The example that a document gives of an answer, or None."""
    if "example" in media:
        return media["example"]
    for one in (media.get("examples") or {}).values():
        if isinstance(one, Mapping) and "value" in one:
            return one["value"]
    return None


def _number(asked: Mapping[str, Any]) -> int:
    text = json.dumps(asked, sort_keys=True, default=str)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
