"""What operators and makers rely on is documented: settings, events, audit verbs, commands, words."""

import ast
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import click

from handrail import settings
from handrail.faces.later import Later
from handrail.server import command

ROOT = Path(__file__).parents[2]
OPERATE = ROOT / "docs" / "operate"


def sources(name: str = "*.py") -> Iterator[tuple[Path, ast.Module]]:
    for file in sorted((ROOT / "src" / "handrail").rglob(name)):
        yield file, ast.parse(file.read_text(encoding="utf-8"))


def audit_verbs() -> set[str]:
    return {
        node.args[0].value
        for _, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("note", "now", "soon", "later")
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    } | {"request.refused"}


def events() -> set[str]:
    return {
        node.name
        for file, tree in sources("events.py")
        if file.parent.name != "kernel"
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    }


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[str]:
    for name, there in group.commands.items():
        entry = there.load() if isinstance(there, Later) else there
        if isinstance(entry, click.Group) and entry.commands:
            yield from commands(entry, (*path, name))
        else:
            yield " ".join(("handrail", *path, name))


def test_every_setting_is_documented() -> None:
    text = (OPERATE / "settings.md").read_text()
    missing = [
        f"{section}.{item.name}"
        for section, kind in {**settings.SECTIONS, "engines.NAME": settings.EngineSettings}.items()
        for item in dataclasses.fields(kind)
        if f"`{section}.{item.name}`" not in text
    ]
    assert not missing


def test_every_audit_verb_is_documented_and_no_other() -> None:
    rows = re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \|", (OPERATE / "audit.md").read_text(), re.MULTILINE)
    assert set(rows) == audit_verbs()


def test_every_event_is_documented() -> None:
    text = (OPERATE / "events.md").read_text()
    assert not [name for name in events() if f"`{name}`" not in text]


def test_every_command_is_documented_and_says_what_it_does() -> None:
    text = (OPERATE / "commands.md").read_text()
    assert not [name for name in commands(command()) if f"`{name}" not in text]


def test_the_decisions_are_numbered_without_a_gap_and_say_how_they_are_enforced() -> None:
    files = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(file.name[:4]) for file in files] == list(range(1, len(files) + 1))
    for file in files:
        text = file.read_text()
        for part in (
            "**Context.**",
            "**Decision.**",
            "**Consequences.**",
            "**Alternatives.**",
            "**Enforced by.**",
        ):
            assert part in text, f"{file.name}: {part}"


def test_every_file_that_the_documents_point_to_is_there() -> None:
    files = (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
    lost = [
        f"{file.relative_to(ROOT)}: {target}"
        for file in files
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", file.read_text())
        if not (file.parent / target).exists()
    ]
    assert not lost


def test_the_readme_begins_with_the_two_commands() -> None:
    head = (ROOT / "README.md").read_text()[:1500]
    assert head.index("make demo") < head.index("make test")
