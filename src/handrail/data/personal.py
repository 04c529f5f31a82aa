"""Say which columns are likely to be personal data, by what they are called and by what is in them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from handrail.data import checksums
from handrail.data.models import Classification
from handrail.data.profile import ColumnProfile
from handrail.data.words import words

_MOST = 0.8  # share of a column's values that must fit for its content alone to decide
_SOME = 0.5
_FEW = 0.2
_ENOUGH = 3  # distinct values below this prove nothing
_NAME_LOCALES = ("en", "de", "fr", "es", "it", "nl", "pt", "sv", "pl")


@dataclass(frozen=True)
class Likeness:
    """What a column seems to hold, how delicate it is, and why we think so."""

    semantic: str
    classification: Classification
    because: str


@dataclass(frozen=True)
class _ByName:
    """A meaning told by the column's words: any of these single words, or all words of one of the phrases."""

    semantic: str
    classification: Classification
    any_of: frozenset[str]
    phrases: tuple[frozenset[str], ...] = ()


def _named(semantic: str, classification: Classification, single: str, *phrases: str) -> _ByName:
    together = tuple(frozenset(phrase.split()) for phrase in phrases)
    return _ByName(semantic, classification, frozenset(single.split()), together)


# The first that fits wins. "sensitive" is what GDPR Art. 9 names, plus pay, money and identity numbers.
_NAMES: tuple[_ByName, ...] = (
    _named(
        "national_id",
        "sensitive",
        "ssn nino bsn pesel dni nif passport steuerid",
        "national id",
        "tax id",
        "social security",
        "insurance number",
        "id card",
        "steuer id",
    ),
    _named(
        "health",
        "sensitive",
        "diagnosis diagnose diagnoses icd icd10 illness disease disability allergy medication blood pregnant",
        "health",
        "sick days",
    ),
    _named("belief", "sensitive", "religion religious ethnicity ethnic race union political party sexuality"),
    _named("pay", "sensitive", "salary salaries wage wages gehalt payroll compensation bonus", "hourly rate"),
    _named("iban", "sensitive", "iban", "bank account", "account number"),
    _named("card_number", "sensitive", "creditcard cvv", "card number", "credit card"),
    _named("email", "personal", "email mail emailaddress", "e mail"),
    _named("phone", "personal", "phone telephone telefon mobile cell cellphone fax handy tel"),
    _named("birth_date", "personal", "dob birthdate birthday birth geburtsdatum naissance born"),
    _named("person_title", "personal", "", "title of courtesy"),
    _named(
        "person_name",
        "personal",
        "firstname lastname surname forename fullname vorname nachname familyname salesperson",
        "first name",
        "last name",
        "given name",
        "family name",
        "middle name",
        "full name",
        "contact name",
        "person name",
        "employee name",
        "customer name",
        "patient name",
        "user name",
        "passenger name",
        "maiden name",
    ),
    _named("login", "personal", "username login userid"),
    _named("ip_address", "personal", "ip ipaddress", "ip address"),
    _named("gender", "personal", "gender sex geschlecht"),
    _named("address", "personal", "address street strasse addr adresse", "house number"),
    _named("photo", "personal", "photo portrait avatar selfie"),
)
# What a semantic type may say that is about a person, by our own words for it.
MEANINGS = frozenset(one.semantic for one in _NAMES) | {"free_text"}
# A name column of these things does not name a person, and an address of theirs is not a home.
_THINGS = frozenset(
    ("company", "product", "category", "supplier", "vendor", "brand", "file", "host", "mac", "store", "web")
)
_EMAIL = re.compile(r"[\w.+%-]+@[\w-]+(\.[\w-]+)*\.[A-Za-z]{2,}")
_PHONE = re.compile(r"(?=.*[+()\s./-])\+?[\d\s().\-/]{7,22}(\s*(x|ext\.?)\s*\d+)?")
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}.*")
_IP = re.compile(r"(\d{1,3}\.){3}\d{1,3}")
_NAME = re.compile(r"[A-ZÀ-Þ][\w'’-]+\.?([ ,]{1,2}([A-ZÀ-Þ][\w'’-]*\.?|van|von|de|der|den|da|di|la|le)){0,4}")


def likeness(column: ColumnProfile) -> Likeness | None:
    """What kind of personal data a column likely holds, or None. Content that is plain beats the name."""
    named = _by_name(column)
    found = _by_content(column)
    if found and named and found.semantic == named.semantic:
        return Likeness(named.semantic, named.classification, "by its name and its values")
    return found or named


def looks_personal(name: str, type_: str, values: Sequence[str]) -> bool:
    """Whether a column of that name and DuckDB type with these different values is likely personal data."""
    return likeness(ColumnProfile(name, type_, len(values), len(values), tuple(values))) is not None


def _by_name(column: ColumnProfile) -> Likeness | None:
    parts = set(words(column.name))
    joined = "".join(words(column.name))
    for rule in _NAMES:
        if not (parts & rule.any_of or joined in rule.any_of or any(p <= parts for p in rule.phrases)):
            continue
        of_a_thing = rule.semantic in ("person_name", "address") and parts & _THINGS
        if not of_a_thing and _possible(rule.semantic, column.type):
            return Likeness(rule.semantic, rule.classification, "by its name")
    return None


def _possible(semantic: str, type_: str) -> bool:
    """Whether values of this type can hold that: a DATE is no e-mail address, a number no photo."""
    if semantic in ("email", "person_name", "address", "login", "person_title", "iban"):
        return type_ in ("VARCHAR", "BLOB")
    if semantic == "birth_date":
        return type_ in ("DATE", "TIMESTAMP", "VARCHAR", "BIGINT", "INTEGER")
    if semantic == "photo":
        return type_ in ("BLOB", "VARCHAR")
    return type_ != "BOOLEAN" or semantic in ("health", "belief")


def _by_content(column: ColumnProfile) -> Likeness | None:
    values = [value.strip() for value in column.sample if value.strip()]
    if len(values) < _ENOUGH:
        return None
    for semantic, classification, test, share in _CONTENT:
        if column.type != "VARCHAR" and semantic not in ("card_number", "national_id"):
            continue
        if sum(map(test, values)) / len(values) >= share:
            return Likeness(semantic, classification, "by its values")
    if column.type == "VARCHAR" and _are_names(values):
        return Likeness("person_name", "personal", "by its values")
    mentions = sum(1 for value in values if _EMAIL.search(value))
    if mentions / len(values) > 0.02:
        return Likeness("free_text", "personal", "because its texts hold e-mail addresses")
    return None


def _is_phone(value: str) -> bool:
    digits = sum(char.isdigit() for char in value)
    return bool(_PHONE.fullmatch(value)) and 7 <= digits <= 15 and not _ISO_DATE.fullmatch(value)


def _is_ip(value: str) -> bool:
    return bool(_IP.fullmatch(value)) and all(int(part) < 256 for part in value.split("."))


def _are_names(values: Sequence[str]) -> bool:
    """Whether these look like people: a known given name first in half of them, a family name last in some.

    One word may be a city and one table of job titles may begin with a name ("Sales"), hence both.
    """
    given, family = _known_names()
    shaped = [re.split(r"[ ,]+", value) for value in values if _NAME.fullmatch(value)]
    first = sum(1 for parts in shaped if len(parts) > 1 and (parts[0] in given or parts[-1] in given))
    last = sum(1 for parts in shaped if len(parts) > 1 and (parts[-1] in family or parts[0] in family))
    return first >= _SOME * len(values) and last >= _FEW * len(values)


@cache
def _known_names() -> tuple[frozenset[str], frozenset[str]]:
    """Given and family names of nine languages, from the data that the twins' name generator ships with."""
    given: set[str] = set()
    family: set[str] = set()
    for locale in _NAME_LOCALES:
        file = resources.files("mimesis") / "datasets" / locale / "person.json"
        data = json.loads(file.read_text(encoding="utf-8"))
        given.update(*data["names"].values())
        surnames = data["surnames"]
        family.update(*(surnames.values() if isinstance(surnames, dict) else (surnames,)))
    return frozenset(given), frozenset(family)


_Test = Callable[[str], bool]
_CONTENT: Sequence[tuple[str, Classification, _Test, float]] = (
    ("email", "personal", lambda value: bool(_EMAIL.fullmatch(value)), _SOME),
    ("iban", "sensitive", checksums.is_iban, _SOME),
    ("card_number", "sensitive", checksums.is_card_number, 0.95),
    ("national_id", "sensitive", checksums.is_national_id, _MOST),
    ("ip_address", "personal", _is_ip, _MOST),
    ("phone", "personal", _is_phone, _MOST),
)
