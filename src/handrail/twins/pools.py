"""Some hundred invented names, streets and towns of a country, made once by mimesis, then drawn by number."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handrail.twins.locales import Land, land_by_code

Texts = NDArray[Any]
NAMES, TOWNS, STREETS, CODES = 500, 150, 300, 20
SEED = 20  # pools are the same in every twin: what is drawn from them is not

# Letters that losing an accent does not make plain.
_PLAIN = str.maketrans(
    {"ß": "ss", "ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ä": "ae",
     "ö": "oe", "ü": "ue"}
)  # fmt: skip
_CYRILLIC = "абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґқғңөұүһә"
_AS_LATIN = (
    "a b v g d e e zh z i i k l m n o p r s t u f kh ts ch sh sch - y - e yu ya i i e g k g n o u u h a"
)
_GREEK = "αβγδεζηθικλμνξοπρσςτυφχψω"
_FROM_GREEK = "a v g d e z i th i k l m n x o p r s s t y f ch ps o"
_OTHERS = str.maketrans(
    dict(zip(_CYRILLIC + _GREEK, f"{_AS_LATIN} {_FROM_GREEK}".replace("-", "").split(" "), strict=True))
)
_SYLLABLES = (
    "ka",
    "mi",
    "to",
    "ra",
    "len",
    "shi",
    "no",
    "ha",
    "yu",
    "min",
    "sa",
    "be",
    "dan",
    "ol",
    "ri",
    "an",
)


@dataclass(frozen=True)
class Pools:
    """What people of one country are made of. Names are by sex: 0 women, 1 men."""

    land: Land
    first: tuple[Texts, Texts]
    last: tuple[Texts, Texts]
    plain_first: tuple[Texts, Texts]  # as they stand in an e-mail address
    plain_last: tuple[Texts, Texts]
    titles: tuple[Texts, Texts]
    jobs: Texts
    forms: Texts  # of companies: GmbH, Inc.
    streets: tuple[Texts, Texts]  # before and after the number of the house
    towns: Texts
    states: tuple[Texts, Texts]  # of each town: in full and short
    codes: NDArray[Any]  # postal codes of each town
    phones: tuple[str, ...]  # shapes, 9 for a digit
    country: str


@cache
def pools(code: str) -> Pools:
    """The pools of a country; takes about 30 ms once."""
    from mimesis import Gender, Generic, Locale  # noqa: PLC0415 - 5 MB that only building a twin needs
    from mimesis.enums import TitleType  # noqa: PLC0415

    land = land_by_code(code)
    made = Generic(Locale(land.locale), seed=SEED)
    person, address = made.person, made.address
    sexes = (Gender.FEMALE, Gender.MALE)
    first = [_some(lambda sex=sex: person.first_name(gender=sex), NAMES) for sex in sexes]  # type: ignore[misc]
    last = [_some(lambda sex=sex: person.last_name(gender=sex), NAMES) for sex in sexes]  # type: ignore[misc]
    if list(last[0]) and set(last[0]) & set(
        last[1]
    ):  # names that do not depend on the sex: the same for both
        last[1] = last[0]
    kind = TitleType.TYPICAL
    titles = [_some(lambda sex=sex: person.title(sex, kind), 6, 20) for sex in sexes]  # type: ignore[misc]
    towns = _some(address.city, TOWNS)
    codes = [_codes(address.postal_code()) for _ in towns]
    states = [address.state() for _ in towns]
    short = {state: address.state(abbr=True).rpartition("-")[2] for state in states}
    streets = [_around_number(address.address()) for _ in range(STREETS)]
    return Pools(
        land,
        (first[0], first[1]),
        (last[0], last[1]),
        (_mailable(first[0]), _mailable(first[1])),
        (_mailable(last[0]), _mailable(last[1])),
        (_everyday(titles[0]), _everyday(titles[1])),
        _some(person.occupation, NAMES),
        _some(lambda: made.finance.company_type(abbr=True), 8, 60),
        (texts([before for before, _ in streets]), texts([after for _, after in streets])),
        towns,
        (texts(states), texts([short[state] for state in states])),
        np.array([list(row) for row in codes], dtype=object),
        tuple(sorted({_phone(person.phone_number(), land) for _ in range(40)})),
        _own_name(land, address.default_country()),
    )


def texts(items: list[str]) -> Texts:
    """Texts as an array of objects."""
    made = np.empty(len(items), dtype=object)
    made[:] = items
    return made


def plain(text: str) -> str:
    """A name in the letters of an e-mail address; what has none of them becomes syllables."""
    lower = unicodedata.normalize("NFC", text).lower().translate(_PLAIN).translate(_OTHERS)
    found = re.sub("[^a-z]", "", unicodedata.normalize("NFKD", lower))
    if found:
        return found
    number = sum(ord(letter) * (place + 1) for place, letter in enumerate(text))
    return _SYLLABLES[number % 16] + _SYLLABLES[number // 16 % 16]


def _mailable(names: Texts) -> Texts:
    return texts([plain(str(name)) for name in names])


def _some(one: Callable[[], str], most: int, tries: int | None = None) -> Texts:
    """Different ones, in the order they came, of twice as many tries."""
    return texts(list(dict.fromkeys(one() for _ in range(tries or 2 * most)))[:most])


def _around_number(address: str) -> tuple[str, str]:
    """What stands before and after the number of a house."""
    found = re.search(r"\d+(-\d+)*", address)
    return (address[: found.start()], address[found.end() :]) if found else (f"{address} ", "")


def _everyday(titles: Texts) -> Texts:
    """Without those that few are called by, where there are others."""
    kept = [title for title in titles if title not in ("Sir", "Master", "Madam", "Miss")]
    return texts(sorted(kept)[:2] or list(titles))


def _own_name(land: Land, said: str) -> str:
    """What a country calls itself, where it is the country that the language is made for."""
    return said if said in land.names else land.names[0]


def _codes(code: str) -> tuple[str, ...]:
    """Postal codes of one town: the same but for the last digits."""
    places = [place for place, letter in enumerate(code) if letter.isdigit()]
    letters = list(code)
    found = []
    for number in range(CODES):
        for place, digit in zip(
            places[-2:], f"{(number * 7 + 3) % 100:02d}"[-len(places[-2:]) :], strict=False
        ):
            letters[place] = digit
        found.append("".join(letters))
    return tuple(found)


def _phone(number: str, land: Land) -> str:
    """The shape of a phone number: its prefix kept, every other digit open. In America, one of fiction."""
    if land.dial == "1":
        return "+1-\\299-\\5\\5\\5-\\0\\199"
    prefix = f"+{land.dial}"
    rest = (
        number.removeprefix(prefix)
        if number.startswith(prefix)
        else re.sub(r"^\(?\+?\d+\)?[ -]*", "", number)
    )
    rest = re.sub(r"\d", "9", rest)
    if sum(letter == "9" for letter in rest) < 7:
        rest = " 999 99999"
    return "".join(f"\\{letter}" if letter.isdigit() else letter for letter in prefix) + (
        rest if rest[0] in " -(" else f" {rest}"
    )
