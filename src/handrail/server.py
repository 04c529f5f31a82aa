"""The composition root: settings, then ports, then rooms, then faces. Read it second."""

from pathlib import Path

from handrail import settings as configuration
from handrail.kernel import Instance
from handrail.kernel.ports import Ports

# The packages whose access rules, tables and event subscriptions make up the house.
ROOMS: tuple[str, ...] = ()

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


def open_instance(home: Path) -> Instance:
    """Open the instance in `home` with everything plugged in; brings its database up to date."""
    settings = configuration.load(home)
    return Instance(settings, Ports(), rooms=ROOMS)
