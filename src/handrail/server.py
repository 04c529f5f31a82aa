"""The composition root: settings, then ports, then rooms, then faces. Read it second."""

from importlib.metadata import entry_points
from pathlib import Path

import click

from handrail import apps
from handrail import settings as configuration
from handrail.adapters.engines.duckdb import DuckDB
from handrail.faces import cli
from handrail.kernel import Instance, Invalid
from handrail.kernel.ports import Ports

# The packages whose access rules, tables and event subscriptions make up the house.
ROOMS: tuple[str, ...] = ("handrail.apps",)

# What a new instance's definitions hold before anybody has written one.
FIRST_DEFINITIONS = {
    "README.md": (
        b"# Definitions\n\n"
        b"Contracts (`contracts/*.odcs.yaml`), semantic models (`model/*.yaml`), access rules\n"
        b"(`policies/*.cedar`) and the purposes data may be used for (`purposes.yaml`).\n"
        b"Edit them here, by pull request, or in Handrail, which commits.\n"
    ),
    "purposes.yaml": (
        b"# Every purpose that data may be used for: a name, and what it means in a sentence.\n"
        b"sales-reporting: Reports on orders, revenue and returns for steering the business.\n"
        b"operations: Running stock, logistics and day-to-day business.\n"
        b"finance: Closing the books and controlling.\n"
        b"people: Looking after employees.\n"
    ),
}


# The rooms' commands, in the order that `handrail --help` shows them.
COMMANDS: tuple[click.Command, ...] = ()


def open_instance(home: Path) -> Instance:
    """Open the instance in `home` with everything plugged in; brings its database up to date."""
    try:
        settings = configuration.load(home)
    except configuration.SettingsError as error:
        raise Invalid(error.message, next_step=error.next_step) from None
    return Instance(settings, Ports(apps=apps.Directory(), engine=DuckDB()), rooms=ROOMS)


class Composition:
    """What the command line needs of this page: making, opening and serving an instance."""

    def create(self, home: Path) -> None:
        """Make the directory of a new instance."""
        Instance.create(home, files=FIRST_DEFINITIONS)

    def open(self, home: Path) -> Instance:
        """Open an instance."""
        return open_instance(home)

    def serve(self, home: Path, host: str | None, port: int | None) -> None:
        """Serve an instance until told to stop."""


def main() -> None:
    """The `handrail` command. Installed packages may add commands by the entry point `handrail.commands`."""
    extra = [point.load() for point in entry_points(group="handrail.commands")]
    cli.build(Composition(), (*COMMANDS, *extra))()
