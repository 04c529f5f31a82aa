"""Read YAML definitions strictly: a typo is refused with its file, line, key and the nearest known key."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Collection, Sequence
from types import UnionType
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from handrail.kernel.errors import Invalid

_MAX_BYTES = 8 << 20
_MAX_DEPTH = 40
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_KINDS = {"string_type": "a text (put it in quotes)", "bool_type": "true or false", "list_type": "a list"}

Model = TypeVar("Model", bound=BaseModel)


class File:
    """One definition file while it is read: turns a path inside it into a refusal with the right line."""

    def __init__(self, name: str, node: yaml.Node) -> None:
        self.name = name
        self.node = node

    def wrong(self, problem: str, *path: str | int) -> Invalid:
        """The refusal for what cannot be used at `path`."""
        return invalid(self.name, line_of(find(self.node, *path)), problem)

    def unknown(self, key: str, known: Sequence[str], *path: str | int) -> Invalid:
        """The refusal for a word at `path` that means nothing."""
        return unknown_key(self.name, line_of(find(self.node, *path)), key, known)


def read(content: bytes, file: str) -> tuple[yaml.Node, Any]:
    """The YAML tree, which knows its lines, and its plain values.

    Refuses text that is not YAML in UTF-8, anchors and aliases (a small file could unfold into a huge one),
    more than 40 levels, more than 8 MiB, a key given twice, and more than one document.
    """
    if len(content) > _MAX_BYTES:
        raise invalid(file, 1, f"it is larger than {_MAX_BYTES >> 20} MiB")
    try:
        _refuse_tricks(content, file)
        node = yaml.compose(content, Loader=_LOADER)
        if node is None:
            raise invalid(file, 1, "it is empty")
        _refuse_repeated_keys(node, file)
        return node, yaml.load(content, Loader=_LOADER)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "it is not YAML in UTF-8"
        raise invalid(file, mark.line + 1 if mark else 1, str(problem)) from error


def validate(content: bytes, file: str, model: type[Model]) -> tuple[yaml.Node, Model]:
    """The tree and the checked model; refuses unknown keys and wrong types, each with its line."""
    node, values = read(content, file)
    refuse_unknown_keys(node, model, file)
    try:
        return node, model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        line, path = _locate(node, first["loc"])
        wanted = _KINDS.get(first["type"], first["msg"])
        raise invalid(file, line, f"“{path}” must be {wanted}") from error


def refuse_unknown_keys(node: yaml.Node, annotation: Any, file: str) -> None:
    """Walk the tree along the model's types; the model itself would ignore what it does not know."""
    options = _options(annotation)
    if isinstance(node, yaml.MappingNode):
        model = next((o for o in options if isinstance(o, type) and issubclass(o, BaseModel)), None)
        if model is not None:
            known = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
            for key, value in node.value:
                if key.value not in known:
                    raise unknown_key(file, line_of(key), str(key.value), known)
                refuse_unknown_keys(value, known[key.value], file)
    elif isinstance(node, yaml.SequenceNode):
        item = next((typing.get_args(o)[0] for o in options if typing.get_origin(o) is list), None)
        for child in node.value if item is not None else ():
            refuse_unknown_keys(child, item, file)


def unknown_key(file: str, line: int, key: str, known: Collection[str]) -> Invalid:
    """The refusal for a key that means nothing here."""
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    hint = f"Did you mean “{close[0]}”?" if close else f"Known here: {', '.join(sorted(known))}."
    return Invalid(
        f"{file}, line {line}: unknown key “{key}”.", next_step=hint, file=file, line=line, key=key
    )


def invalid(file: str, line: int, problem: str) -> Invalid:
    """The refusal for a definition that cannot be used."""
    return Invalid(
        f"{file}, line {line}: {problem}.",
        next_step=f"Correct line {line} and try again.",
        file=file,
        line=line,
    )


def line_of(node: yaml.Node) -> int:
    """The line, from 1, where a node begins."""
    return int(node.start_mark.line) + 1


def find(node: yaml.Node, *path: str | int) -> yaml.Node:
    """The node at a path of keys and positions, or the nearest one above it that exists.

    In a list, a word finds the entry whose `property` it is, as custom properties are written.
    """
    for step in path:
        if isinstance(node, yaml.MappingNode):
            found = next((value for key, value in node.value if key.value == step), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            found = node.value[step]
        elif isinstance(node, yaml.SequenceNode):
            found = next((entry for entry in node.value if _property(entry) == step), None)
        else:
            found = None
        if found is None:
            return node
        node = found
    return node


def _property(entry: yaml.Node) -> str | None:
    pairs = entry.value if isinstance(entry, yaml.MappingNode) else ()
    return next((str(value.value) for key, value in pairs if key.value == "property"), None)


def _options(annotation: Any) -> tuple[Any, ...]:
    if typing.get_origin(annotation) in (typing.Union, UnionType):
        return tuple(option for part in typing.get_args(annotation) for option in _options(part))
    return (annotation,)


def _refuse_tricks(content: bytes, file: str) -> None:
    depth = documents = 0
    for event in yaml.parse(content, Loader=_LOADER):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise invalid(file, line, "anchors and aliases are not used in definitions")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        documents += isinstance(event, yaml.DocumentStartEvent)
        if depth > _MAX_DEPTH:
            raise invalid(file, line, f"it is nested more than {_MAX_DEPTH} levels deep")
        if documents > 1:
            raise invalid(file, line, "a second document begins here; a file holds one")


def _refuse_repeated_keys(node: yaml.Node, file: str) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise invalid(file, line_of(key), "a key must be a plain word")
            if key.value in seen:
                raise invalid(file, line_of(key), f"the key “{key.value}” is given twice")
            seen.add(key.value)
            _refuse_repeated_keys(value, file)
    elif isinstance(node, yaml.SequenceNode):
        for child in node.value:
            _refuse_repeated_keys(child, file)


def _locate(node: yaml.Node, loc: Sequence[str | int]) -> tuple[int, str]:
    """Line and dotted path of a validation error; steps that only name a type of a union are passed over."""
    path: list[str] = []
    for step in loc:
        below = find(node, step)
        if below is not node:
            node = below
            path.append(str(step))
    return line_of(node), ".".join(path) or "the file"
