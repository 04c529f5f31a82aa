"""Commands are loaded when they run: what is said of them before is true, and the order of loading matters to none."""

import importlib
from graphlib import TopologicalSorter
from pathlib import Path

import click
import grimp
import pytest

import handrail
from handrail.commands import COMMANDS
from handrail.faces.later import Later
from handrail.server import command

SOURCE = Path(handrail.__file__).parent
ROOMS = ("adapters", "apps", "data", "faces", "kernel", "kit", "openlineage", "review", "runtime", "twins")


def test_help_says_of_each_command_what_it_says_of_itself() -> None:
    later = {name: entry for name, entry in command().commands.items() if isinstance(entry, Later)}
    assert {"audit", "query", "demo"} <= set(later)
    for name, entry in later.items():
        itself = entry.load()
        assert itself.name == name
        assert entry.get_short_help_str(500) == itself.get_short_help_str(500)


def test_every_command_that_a_room_has_is_offered() -> None:
    found = {}
    for file in sorted(SOURCE.glob("*/*commands.py")):
        name = ".".join(("handrail", *file.relative_to(SOURCE).with_suffix("").parts))
        if file.parent.name != "faces" and (
            commands := getattr(importlib.import_module(name), "commands", None)
        ):
            found[name] = {one.name for one in commands if isinstance(one, click.Command)}
    assert {module: set(commands) for module, commands in COMMANDS.items()} == found


@pytest.mark.parametrize("room", ROOMS)
def test_behind_every_front_door_is_what_it_offers(room: str) -> None:
    package = importlib.import_module(f"handrail.{room}")
    assert set(package._offers) - {"subscriptions"} == set(package.__all__) - {"subscriptions"}
    for name in package.__all__:
        assert getattr(package, name) is not None


def test_no_modules_wait_for_each_other() -> None:
    """Any module may be the first that is loaded, so none may need one that needs it."""
    graph = grimp.build_graph(
        "handrail", "handrail_demo", "handrail_bench", exclude_type_checking_imports=True, cache_dir=None
    )
    needs = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    TopologicalSorter(needs).prepare()  # raises CycleError, which names them
