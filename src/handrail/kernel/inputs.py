"""The files that a job is given for a run: what a manifest says about each, under `[inputs.NAME]`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NoReturn, Protocol

# What a file may be, by its content; a manifest names one or several of these.
TYPES = ("csv", "xlsx", "parquet", "arrow", "json", "text", "pdf", "png", "jpeg")
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
MOST = 10
_KEYS = ("types", "required", "max_mb", "says")


@dataclass(frozen=True)
class DeclaredInput:
    """A file that a run is given: of one of these types, at most so large (0: as the instance allows)."""

    types: tuple[str, ...]
    required: bool = True
    max_mb: int = 0
    says: str = ""

    @property
    def digested(self) -> list[object]:
        """What an approval is bound to; the sentence for people is not."""
        return [sorted(self.types), self.required, self.max_mb]


class Reader(Protocol):
    """What reads a manifest strictly and knows on which line a key stands."""

    def table(self, name: str) -> dict[str, Any]: ...
    def known_keys(self, table: dict[str, Any], known: Any, where: tuple[str, ...]) -> None: ...
    def strings(self, table: dict[str, Any], where: tuple[str, ...]) -> tuple[str, ...]: ...
    def string(self, table: dict[str, Any], where: tuple[str, ...], *, required: bool = True) -> str: ...
    def refuse(self, where: tuple[str, ...], message: str, next_step: str) -> NoReturn: ...


def read_inputs(reader: Reader, kind: str, scheduled: bool) -> Mapping[str, DeclaredInput]:
    """The declared inputs by name; refuses Invalid by the reader, also what nobody could give."""
    found: dict[str, DeclaredInput] = {}
    for name, table in reader.table("inputs").items():
        where = ("inputs", name)
        if not NAME.fullmatch(name):
            reader.refuse(where, f"'{name[:80]}' is no name of an input", "Use small letters, digits and _.")
        if not isinstance(table, dict):
            reader.refuse(where, "an input is a table of its own", f"Write [inputs.{name}], types below.")
        found[name] = _read(reader, table, where)
        if kind != "job":
            reader.refuse(
                where, "only jobs are given files", "Let people upload them in the app's own pages."
            )
        if scheduled and found[name].required:
            reader.refuse(where, "nobody gives a file to a run by itself", "Say required = false.")
    if len(found) > MOST:
        reader.refuse(("inputs",), f"{MOST} inputs are the most", "Put several into one file.")
    return MappingProxyType(found)


def _read(reader: Reader, table: dict[str, Any], where: tuple[str, ...]) -> DeclaredInput:
    reader.known_keys(table, _KEYS, where)
    types = reader.strings(table, (*where, "types"))
    if unknown := [one for one in types if one not in TYPES]:
        reader.refuse(
            (*where, "types"), f"there is no type '{unknown[0][:40]}'", f"Known: {', '.join(TYPES)}."
        )
    if not types:
        reader.refuse((*where, "types"), "an input has a type", 'Write types = ["csv"].')
    required, most = table.get("required", True), table.get("max_mb", 0)
    if not isinstance(required, bool):
        reader.refuse((*where, "required"), "'required' is true or false", "Write required = false.")
    if not isinstance(most, int) or isinstance(most, bool) or most < 0:
        reader.refuse((*where, "max_mb"), "'max_mb' is a whole number", "Write max_mb = 5.")
    return DeclaredInput(types, required, most, reader.string(table, (*where, "says"), required=False))
