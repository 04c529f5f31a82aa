"""Blot out what a connector's definition hides: in previews, on the trail and in what is recorded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from handrail.connectors.models import Allowed, Connector

BLOT = "[redacted]"


def redacted(connector: Connector, value: Any) -> Any:
    """A JSON value without what stands under one of the connector's field names, at any depth."""
    if isinstance(value, Mapping):
        return {
            key: BLOT if str(key).lower() in connector.fields else redacted(connector, item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [redacted(connector, item) for item in value]
    return value


def redacted_path(connector: Connector, allowed: Allowed, values: Mapping[str, str]) -> str:
    """The path as it may be shown: of places named like a hidden field the name alone."""
    shown = {name: BLOT if name.lower() in connector.fields else value for name, value in values.items()}
    return "/" + "/".join(
        shown[part[1:-1]] if part.startswith("{") else part for part in allowed.pattern.segments
    )


def redacted_headers(connector: Connector, headers: Mapping[str, str]) -> dict[str, str]:
    """Headers as they may be shown."""
    return {
        name: BLOT if name.lower() in connector.hidden_headers else value for name, value in headers.items()
    }


def preview(
    connector: Connector, line: str, params: Mapping[str, Any], headers: Mapping[str, str], body: Any
) -> str:
    """What a call would send, for whoever answers for the other system; the credential is not in it."""
    lines = [line]
    lines += [
        f"{name} = {json.dumps(value, ensure_ascii=False)}"
        for name, value in redacted(connector, params).items()
    ]
    lines += [f"{name}: {value}" for name, value in redacted_headers(connector, headers).items()]
    if body is not None:
        lines += ["", json.dumps(redacted(connector, body), ensure_ascii=False, indent=2)]
    return "\n".join(lines)
