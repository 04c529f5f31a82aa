"""Whose rows they are, by the name of a table: kinds of people, those first whom a row is likely about."""

from __future__ import annotations

from handrail.data.words import singular, words

PEOPLE = (
    *("customer", "client", "patient", "employee", "person", "member", "student", "user", "subscriber"),
    *("guest", "passenger", "donor", "tenant", "driver", "applicant", "candidate", "contact", "visitor"),
)


def kind_of_person(table: str) -> str | None:
    """The kind of person a table's rows are, when its last word says so ("hr_employees": employee)."""
    last = singular(words(table)[-1]) if words(table) else ""
    return last if last in PEOPLE else None
