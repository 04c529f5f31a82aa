"""Tells whether a small table names nobody: by what the contract says, by names, and by what is in it."""

# ruff: noqa: S608 - every name in the SQL is quoted or our own, every value is bound
from __future__ import annotations

from handrail import data
from handrail.twins.columns import quoted
from handrail.twins.models import Field
from handrail.twins.plane import Plane
from handrail.twins.roles import kind_of
from handrail.twins.semantics import identifies, meaning_of

# What a column's name says of a person. A bare “name” is that of a thing, unless its values look like people.
_OF_PEOPLE = frozenset(
    (
        *("first_name", "middle_name", "last_name", "title", "email", "phone", "birth_date", "username"),
        *("iban", "card", "national_id", "ip", "user_agent", "gender", "age", "street"),
    )
)
_BARE = frozenset(("name", "nom", "nome", "nombre", "naam", "label", "title"))


def names_nobody(plane: Plane, table: str) -> bool:
    """Whether no column of the table is about a person, it is no table of people and points at none, and no
    row of another says that it is whom the row is about."""
    own = plane.tables[table]
    if any(_of_people(plane, one) for one in {table, *plane.above(table)}):
        return False
    if any(_about_people(one) for one in own.fields):
        return False
    return not any(_look_like_people(plane, table, one) for one in own.fields)


def _of_people(plane: Plane, table: str) -> bool:
    """Whether the rows of a table are people, or about some."""
    if plane.tables[table].entity is not None or data.kind_of_person(table) is not None:
        return True
    return any(_counted(plane, other, table) for other in plane.tables)


def _about_people(one: Field) -> bool:
    if one.personal or one.sensitive or identifies(one.semantic):
        return True
    meaning = meaning_of(one.semantic, one.name)
    return meaning in _OF_PEOPLE or (meaning == "full_name" and one.name.lower() not in _BARE)


def _counted(plane: Plane, other: str, table: str) -> bool:
    """Whether rows of another table are about the rows of this one, as its contract says."""
    entity = plane.tables[other].entity
    return any(link.to == table and entity in link.columns for link in plane.links(other))


def _look_like_people(plane: Plane, table: str, one: Field) -> bool:
    column = quoted(one.name)
    found = plane.con.execute(
        f"SELECT DISTINCT {column}::VARCHAR AS v FROM {plane.views[table]} WHERE v IS NOT NULL ORDER BY v"
    ).fetchall()
    sql_type = plane.types[table][one.name]
    sql_type = "VARCHAR" if kind_of(sql_type) == "text" else sql_type
    return data.looks_personal(one.name, sql_type, [value for (value,) in found])
