"""The house that is measured: a real instance with certified datasets and viewers, made for one bench."""

import datetime
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import tomlkit

from handrail import data
from handrail.kernel import SYSTEM, Caller, Instance, Person, identity
from handrail.server import FIRST_DEFINITIONS, open_instance

PURPOSE = "sales-reporting"
READERS = "analysts"
_ADMIN = Person("admin", "Ada Admin", "admin@bench.example", frozenset({"admin"}))
STEWARDS = tuple(
    Person(name, name.title(), f"{name}@bench.example", frozenset({"steward"}))
    for name in ("first", "second")
)


@dataclass(frozen=True)
class Terms:
    """What a contract says about one dataset: the row filter and the masks."""

    row_filter: str
    masks: Mapping[str, str] | None = None


@contextmanager
def house(home: Path, settings: Mapping[str, Mapping[str, int]]) -> Iterator[Instance]:
    """A new instance in `home`, with an admin and two stewards; closed at the end."""
    Instance.create(home, files=FIRST_DEFINITIONS)
    file = home / "handrail.toml"
    written = tomlkit.dumps({**tomllib.loads(file.read_text(encoding="utf-8")), **settings})
    file.write_text(written, encoding="utf-8")
    instance = open_instance(home)
    try:
        with instance.context(SYSTEM) as ctx:
            identity.first_admin(ctx, _ADMIN)
        people(instance, STEWARDS)
        yield instance
    finally:
        instance.close()


def people(instance: Instance, wanted: tuple[Person, ...]) -> None:
    """Add accounts."""
    with instance.context(Caller(_ADMIN, "cli")) as ctx:
        for person in wanted:
            identity.add_person(ctx, person)


def viewer(instance: Instance, name: str, attributes: Mapping[str, str | tuple[str, ...]]) -> Caller:
    """Somebody who may read what the bench certifies."""
    person = Person(name, name, f"{name}@bench.example", frozenset(), frozenset({READERS}), dict(attributes))
    people(instance, (person,))
    return Caller(person, "rest")


def furnish(instance: Instance, source: Path, terms: Mapping[str, Terms]) -> None:
    """Import a folder of Parquet files, and have every dataset in `terms` certified, by two stewards."""
    first, second = (Caller(person, "cli") for person in STEWARDS)
    with instance.context(first) as ctx:
        data.import_source(ctx, str(source), "bench")
    for name, said in terms.items():
        with instance.context(first) as ctx:
            data.propose(ctx, name, _completion(ctx.clock.now().date(), said))
        with instance.context(second) as ctx:
            data.certify(ctx, name)


def paths(instance: Instance, names: Iterator[str] | tuple[str, ...]) -> dict[str, Path]:
    """The Parquet files that answer for these datasets; what the peer reads, too."""
    with instance.context(SYSTEM) as ctx:
        return {name: data.extract_path(ctx, name) for name in names}


def _completion(today: datetime.date, said: Terms) -> dict[str, object]:
    return {
        "owner": STEWARDS[0].id,
        "deputy": STEWARDS[1].id,
        "purposes": [PURPOSE],
        "readers": [READERS],
        "row_filters": [said.row_filter],
        "masks": dict(said.masks or {}),
        "expires": (today + datetime.timedelta(days=365)).isoformat(),
    }
