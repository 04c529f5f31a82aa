"""What tests stand on: a real instance with the demo company's people, and real input where it is present."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from handrail.kernel import SYSTEM, Caller, Context, Instance, Person, RunRef, Via, identity
from handrail.server import FIRST_DEFINITIONS, open_instance

NORTHWIND = Path(__file__).parents[2] / "shared" / "data" / "northwind" / "northwind.sqlite"

PEOPLE = (
    Person("admin", "Ada Admin", "admin@meridian.example", roles=frozenset({"admin"})),
    Person(
        "maker.sales",
        "Mara Sales",
        "maker.sales@meridian.example",
        frozenset({"maker"}),
        frozenset({"sales"}),
        {"region": "EMEA"},
    ),
    Person(
        "maker.ops",
        "Otto Ops",
        "maker.ops@meridian.example",
        frozenset({"maker"}),
        frozenset({"operations"}),
        {"region": "EMEA"},
    ),
    Person("reviewer.platform", "Rita Review", "reviewer.platform@meridian.example", frozenset({"reviewer"})),
    Person("reviewer.privacy", "Paul Privacy", "reviewer.privacy@meridian.example", frozenset({"reviewer"})),
    Person(
        "steward.sales",
        "Sven Steward",
        "steward.sales@meridian.example",
        frozenset({"steward"}),
        frozenset({"sales"}),
    ),
    Person(
        "steward.hr",
        "Hanna Steward",
        "steward.hr@meridian.example",
        frozenset({"steward"}),
        frozenset({"hr"}),
    ),
    Person("support.oncall", "Sam Support", "support.oncall@meridian.example", frozenset({"support"})),
    Person("compliance", "Cora Compliance", "compliance@meridian.example", frozenset({"compliance"})),
    Person("lead", "Lea Lead", "lead@meridian.example", frozenset({"lead"}), frozenset({"management"})),
    Person(
        "viewer.emea",
        "Emil Viewer",
        "viewer.emea@meridian.example",
        frozenset(),
        frozenset({"sales"}),
        {"region": "EMEA"},
    ),
    Person(
        "viewer.apac",
        "Aiko Viewer",
        "viewer.apac@meridian.example",
        frozenset(),
        frozenset({"sales"}),
        {"region": "APAC"},
    ),
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
