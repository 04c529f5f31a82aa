"""Values of our own turned into what JSON can say, the same way for `--json` and for REST."""

import dataclasses
import datetime as dt
import enum
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import PurePath
from typing import Any


def jsonable(value: Any) -> Any:
    """Dataclasses as objects (without fields hidden from repr), dates in ISO 8601, decimals as exact strings,
    sets sorted, bytes as hexadecimal.

    Refuses (TypeError) what has no plain JSON shape, rather than printing its repr.
    """
    if value is None or isinstance(value, str | bool | int | float):
        return value.value if isinstance(value, enum.Enum) else value
    if isinstance(value, enum.Enum):
        return jsonable(value.value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: jsonable(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if field.repr
        }
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((jsonable(item) for item in value), key=str)
    return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal | PurePath):
        return str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, Iterable):
        return [jsonable(item) for item in value]
    raise TypeError(
        f"{type(value).__name__} has no JSON shape; give kit.jsonable a dataclass, mapping or list"
    )
