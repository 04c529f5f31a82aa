"""What tests stand on: a real instance with the demo company's people, and real input where it is present."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from handrail.kernel import SYSTEM, Caller, Context, Instance, RunRef, Via, identity
from handrail.server import FIRST_DEFINITIONS, open_instance
from handrail_demo.company import PEOPLE

NORTHWIND = Path(__file__).parents[2] / "shared" / "data" / "northwind" / "northwind.sqlite"

CHROMIUM = Path(os.environ.get("HANDRAIL_CHROMIUM", "/usr/bin/chromium"))
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

Acting = Callable[..., AbstractContextManager[Context]]


def populate(instance: Instance) -> None:
    """Add the people of the demo company."""
    with instance.context(SYSTEM) as ctx:
        identity.first_admin(ctx, PEOPLE[0])
    with instance.context(Caller(PEOPLE[0], "cli")) as ctx:
        for person in PEOPLE[1:]:
            identity.add_person(ctx, person)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    """A fresh instance in a directory of its own, with people and nothing else."""
    home = tmp_path / "home"
    Instance.create(home, files=FIRST_DEFINITIONS)
    opened = open_instance(home)
    populate(opened)
    yield opened
    opened.close()


@pytest.fixture
def acting(instance: Instance) -> Acting:
    """Opens a context as one of the people: `with acting("maker.sales") as ctx`."""

    def act(person: str, via: Via = "cli", run: RunRef | None = None) -> AbstractContextManager[Context]:
        with instance.context(SYSTEM) as ctx:
            somebody = identity.found(ctx, person)
        return instance.context(Caller(somebody, via, run=run))

    return act


@pytest.fixture(scope="session")
def northwind() -> Path:
    """Microsoft's sample order book, where it lies beside the project."""
    if not NORTHWIND.exists():
        pytest.skip("the Northwind sample database is not beside this project")
    return NORTHWIND


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, one for the whole session: a second driver in one thread does not start."""
    if not CHROMIUM.exists():
        pytest.skip(f"there is no Chromium at {CHROMIUM}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        yield browser
        browser.close()
