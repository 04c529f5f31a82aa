"""Draft a contract from what was found in a source: a start for the steward, never a certification."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from open_data_contract_standard.model import (
    CustomProperty,
    OpenDataContractStandard,
    Server,
)

from handrail.data import odcs
from handrail.data.key_names import KEY_WORDS, name_parts
from handrail.data.keys import Keys
from handrail.data.models import Column, CombinedLink, Contract
from handrail.data.personal import Likeness, likeness
from handrail.data.persons import PEOPLE, kind_of_person
from handrail.data.profile import ColumnProfile, Profile
from handrail.data.promises import Rule
from handrail.data.sources.live import LiveSource
from handrail.data.sources.table import Extracted, Table
from handrail.data.words import words

_PORT = 5432
_ENOUGH_ROWS = 100


@dataclass(frozen=True)
class Found:
    """Everything known about one table of a source after it was read."""

    dataset: str
    table: Table
    profile: Profile
    extracted: Extracted
    keys: Keys

    def likenesses(self) -> dict[str, Likeness]:
        """The columns that look like personal data."""
        found = {column.name: likeness(column) for column in self.profile.columns}
        return {name: what for name, what in found.items() if what}


def draft(found: Found, all_: Sequence[Found], source: str, server: Server) -> OpenDataContractStandard:
    """A draft contract: everything that can be seen, and nothing that somebody has to decide.

    Owner, deputy, purposes, readers, row filters and expiry stay empty: a steward completes them.
    """
    names = {one.table.key: one for one in all_}
    personal = found.likenesses()
    entity, subject = entity_key(found, names, personal)
    references = {
        foreign.columns[0]: (names[foreign.table].dataset, foreign.targets[0])
        for foreign in found.keys.foreign
        if len(foreign.columns) == 1
    }
    combined = tuple(_combined(found, names))
    notes = dict(found.extracted.notes)
    declared = {column.name: column for column in found.table.columns}
    columns = tuple(
        _column(one, found, personal.get(one.name), references.get(one.name), notes.get(one.name, ""))
        for one in found.profile.columns
    )
    computed = [f"{name}: {one.note}" for name, one in declared.items() if one.note]
    contract = Contract(
        name=found.dataset,
        version="1.0.0",
        digest="",
        description=found.table.description,
        owner=None,
        deputy=None,
        purposes=(),
        readers=(),
        columns=columns,
        row_filters=(),
        entity_key=entity,
        subject=subject,
        expires=None,
        source=source,
        physical_name=found.table.key,
        rows=found.extracted.rows,
        quality=tuple(_accepted(found, columns, combined)),
        combined=combined,
    )
    about = [notes[""]] if "" in notes else []
    return odcs.document(contract, server, found.table.kind, [*about, *computed, *found.keys.doubts])


def _combined(found: Found, all_: Mapping[str, Found]) -> Iterator[CombinedLink]:
    """The foreign keys of several columns, each once, whatever the order in which the source names them."""
    seen: list[CombinedLink] = []
    for foreign in found.keys.foreign:
        if len(foreign.columns) > 1:
            link = CombinedLink(foreign.columns, all_[foreign.table].dataset, foreign.targets)
            if not any(link.same_as(other) for other in seen):
                seen.append(link)
                yield link


def _accepted(found: Found, columns: Sequence[Column], links: Sequence[CombinedLink]) -> Iterator[Rule]:
    """Accepted values where a plain column has few, none of them rare: seen, so a hint and no obstacle."""
    pointing = {name for link in links for name in link.columns}
    for column, one in zip(columns, found.profile.columns, strict=True):
        points = column.references or column.name in pointing
        free = not (column.unique or column.primary_key or column.classification or points)
        if free and len(one.categories) > 1 and one.values >= _ENOUGH_ROWS:
            yield Rule("invalid", columns=(column.name,), values=one.categories, blocking=False)


def server_of(source: str, kind: str, location: str) -> Server:
    """Where the data came from, in the standard's words; `location` holds no password."""
    if kind == "postgres":
        parts = urlsplit(location)
        database = parts.path.lstrip("/") or "postgres"
        host, port = parts.hostname or "localhost", parts.port or _PORT
        return Server(
            server=source, type="postgres", host=host, port=port, database=database, schema="public"
        )
    if kind == "duckdb":
        return Server(server=source, type="duckdb", database=location)
    if kind == "files":
        form = "parquet" if Path(location).suffix == ".parquet" else "csv"
        return Server(server=source, type="local", path=location, format=form)
    return Server(server=source, type="custom", path=location, format=kind)


def live_server(source: str, stays: LiveSource) -> Server:
    """Where the data stays, with the engine of the settings that answers there."""
    host, _, database = stays.server.partition("/")
    name, _, port = host.rpartition(":")
    server = Server(server=source, type="postgres" if stays.engine_kind == "postgres" else "custom")
    if stays.server:
        server = server.model_copy(update={"host": name, "port": int(port), "database": database})
    return server.model_copy(
        update={"customProperties": [CustomProperty(property="engine", value=stays.engine_name)]}
    )


def entity_key(
    found: Found, all_: Mapping[str, Found], personal: Mapping[str, Likeness]
) -> tuple[str | None, str | None]:
    """The column that says whom a row is about, and what such a person is called; (None, None) if nobody.

    A table of people is about its own key; any other about the people it points at, customers first.
    """
    own = kind_of_person(found.table.name)
    if len(found.keys.primary) == 1 and own:
        return found.keys.primary[0], own
    for person in PEOPLE:
        for foreign in found.keys.foreign:
            if len(foreign.columns) == 1 and kind_of_person(all_[foreign.table].table.name) == person:
                return foreign.columns[0], person
        for column in found.profile.columns:
            if words(column.name) in ((person, "id"), (person, "key"), (person, "number"), (person, "no")):
                return column.name, person
    semantics = {what.semantic for what in personal.values()}
    if len(found.keys.primary) == 1 and semantics & {"birth_date", "national_id"}:
        return found.keys.primary[0], "person"
    return None, None


def _column(
    one: ColumnProfile,
    found: Found,
    personal: Likeness | None,
    references: tuple[str, str] | None,
    note: str,
) -> Column:
    why = f"Likely {personal.semantic.replace('_', ' ')}, {personal.because}." if personal else ""
    return Column(
        name=one.name,
        type=one.type,
        required=_required(one, found),
        unique=_unique(one, found),
        primary_key=one.name in found.keys.primary,
        classification=personal.classification if personal else None,
        semantic=personal.semantic if personal else None,
        references=references,
        description=" ".join(part for part in (note, why) if part),
    )


def _required(one: ColumnProfile, found: Found) -> bool:
    """Whether the contract may promise a value: declared, a key, or seen often where nothing is declared.

    A promise made from a handful of rows breaks with the next import, and the certification with it.
    """
    if one.values < found.profile.rows:
        return False
    declared = any(column.name == one.name and column.required for column in found.table.columns)
    undeclared = found.table.kind in ("file", "view") and found.profile.rows >= _ENOUGH_ROWS
    return declared or one.name in found.keys.primary or undeclared


def _unique(one: ColumnProfile, found: Found) -> bool:
    """Whether the contract may promise distinct values: declared, the key, or named like one."""
    if one.name not in found.keys.unique:
        return found.keys.primary == (one.name,)
    declared = (one.name,) in found.table.unique or found.keys.primary == (one.name,)
    return declared or (found.profile.rows >= _ENOUGH_ROWS and bool(KEY_WORDS & set(name_parts(one.name))))
