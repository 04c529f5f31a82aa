"""Commands that are loaded when they run: each needs a part of the product, and all of it takes longer."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import click


class Later(click.Command):
    """A command's place in a group. Help lists its name and `says`, without which it is loaded for that."""

    def __init__(self, name: str, load: Callable[[], click.Command], says: str | None = None) -> None:
        super().__init__(name, short_help=says)
        self.load = load

    def get_short_help_str(self, limit: int = 45) -> str:
        """Its sentence, as far as it fits."""
        whole = click.Command(self.name, help=self.short_help) if self.short_help else self.load()
        return whole.get_short_help_str(limit)

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """The context of the command itself: from here on click has to do with that."""
        return self.load().make_context(info_name, args, parent, **extra)


def listed(module: str, name: str) -> Callable[[], click.Command]:
    """Loads the command of this name from the list `commands` of a module."""

    def load() -> click.Command:
        commands: list[click.Command] = import_module(module).commands
        return next(command for command in commands if command.name == name)

    return load
