"""What a personal column means, in the words contracts use, and the maker that invents it."""

from __future__ import annotations

# Words found in contracts, folded to letters only, and the name of the maker in `fakes.py`.
MEANINGS: dict[str, str] = {
    "personname": "full_name", "fullname": "full_name", "name": "full_name", "contactname": "full_name",
    "firstname": "first_name", "givenname": "first_name", "forename": "first_name",
    "lastname": "last_name", "familyname": "last_name", "surname": "last_name",
    "persontitle": "title", "salutation": "title", "titleofcourtesy": "title",
    "email": "email", "emailaddress": "email", "mail": "email",
    "phone": "phone", "phonenumber": "phone", "telephone": "phone", "mobile": "phone", "fax": "phone",
    "address": "street", "street": "street", "streetaddress": "street", "postaladdress": "street",
    "city": "city", "town": "city", "postalcode": "postal_code", "postcode": "postal_code",
    "zip": "postal_code", "zipcode": "postal_code", "country": "country", "state": "state", "region": "state",
    "company": "company", "companyname": "company", "organisation": "company", "organization": "company",
    "job": "job", "jobtitle": "job", "occupation": "job", "profession": "job",
    "birthdate": "birth_date", "dateofbirth": "birth_date", "dob": "birth_date", "birthday": "birth_date",
    "username": "username", "login": "username", "userid": "username", "handle": "username",
    "iban": "iban", "bankaccount": "iban", "creditcard": "card", "cardnumber": "card",
    "ssn": "national_id", "nationalid": "national_id", "taxid": "national_id", "passport": "national_id",
    "ip": "ip", "ipaddress": "ip", "url": "url", "website": "url", "homepage": "url", "photourl": "url",
    "gender": "gender", "sex": "gender", "latitude": "latitude", "longitude": "longitude",
    "photo": "url", "photopath": "url", "workphone": "phone", "homephone": "phone",
    "note": "prose", "notes": "prose", "freetext": "prose", "comment": "prose", "age": "age",
}  # fmt: skip


# What identifies a person whatever its classification: never modelled.
IDENTIFYING = frozenset(
    (
        "full_name", "first_name", "last_name", "email", "phone", "birth_date", "username", "iban", "card",
        "national_id", "ip",
    )
)  # fmt: skip
_WHOSE = ("shipping", "shipto", "ship", "billing", "bill", "delivery", "home", "work", "office")
_PARTS = {"full_name": ("first_name", "last_name"), "street": ("city", "postal_code", "country", "state")}


def meaning_of(semantic: str | None, column: str = "") -> str | None:
    """The maker for a semantic type, or for a column's name when the contract names no type; None if unknown.

    The name is more exact where a type covers several things: a `person_name` called LastName.
    """
    told, called = MEANINGS.get(_folded(semantic or "")), _called(_folded(column))
    if told is None or called in _PARTS.get(told, ()):
        return called
    return told


def _called(name: str) -> str | None:
    """What a column's name says, also where it says whose: ShipCity, home_phone."""
    whose = next((word for word in _WHOSE if name.startswith(word) and name != word), "")
    return MEANINGS.get(name) or MEANINGS.get(name.removeprefix(whose))


def identifies(semantic: str | None) -> bool:
    """Whether a column of this semantic type names or reaches a person."""
    return MEANINGS.get(_folded(semantic or "")) in IDENTIFYING


def _folded(word: str) -> str:
    return "".join(letter for letter in word.lower() if letter.isalpha())
