"""Reads an event with the classes that OpenLineage generates from its schemas, as strictly as these say.

An unknown key, a missing one, a value of another type, or a facet under another schema than the client's own
is an error.
"""

from __future__ import annotations

import enum
import importlib
import pkgutil
import types
import typing
from typing import Any

import attr
from openlineage.client import generated
from openlineage.client.event_v2 import RunEvent
from openlineage.client.generated import base

MODULES = [
    importlib.import_module(f"{generated.__name__}.{m.name}")
    for m in pkgutil.iter_modules(generated.__path__)
]
FACETS = {
    kind._get_schema(): kind
    for module in MODULES
    for kind in vars(module).values()
    if isinstance(kind, type)
    and attr.has(kind)
    and hasattr(kind, "_get_schema")
    and issubclass(kind, base.BaseFacet)
}


def read(event: dict[str, Any]) -> RunEvent:
    """The event as the client's own class; raises AssertionError or what the class's validators raise."""
    made: RunEvent = _made(RunEvent, event, "event")
    return made


def _made(kind: Any, value: Any, where: str) -> Any:
    names = {field.name: field for field in attr.fields(kind)}
    hints = typing.get_type_hints(kind)
    assert isinstance(value, dict), where
    unknown = value.keys() - names.keys()
    assert not unknown, f"{where}: {unknown}"
    given: dict[str, Any] = {}
    for name, field in names.items():
        if name not in value:
            assert field.default is not attr.NOTHING, f"{where}.{name} is missing"
            continue
        read = _value(hints[name], value[name], f"{where}.{name}")
        if field.init:
            given[field.alias] = read
        else:
            assert value[name] == kind._get_schema(), f"{where}.{name}"
    return kind(**given)


def _value(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        options = [one for one in arguments if one is not type(None)]
        assert value is not None, where
        return _value(options[0], value, where)
    if origin is list:
        assert isinstance(value, list), where
        return [_value(arguments[0], one, f"{where}[{n}]") for n, one in enumerate(value)]
    if origin is dict:
        assert isinstance(value, dict), where
        facet = isinstance(arguments[1], type) and issubclass(arguments[1], base.BaseFacet)
        return {
            key: _facet(one, arguments[1], f"{where}.{key}")
            if facet
            else _value(arguments[1], one, f"{where}.{key}")
            for key, one in value.items()
        }
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint(value)
    if attr.has(hint):
        return _made(hint, value, where)
    assert isinstance(value, hint), f"{where}: {value!r} is no {hint}"
    return value


def _facet(value: dict[str, Any], above: type, where: str) -> Any:
    kind = FACETS[value["_schemaURL"]]
    assert issubclass(kind, above), f"{where}: {kind.__name__} does not belong there"
    return _made(kind, value, where)
