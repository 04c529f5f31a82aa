"""Some hundred invented names, streets and towns of a country, made once by mimesis, then drawn by number."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from handrail.twins.locales import Land, land_by_code

if TYPE_CHECKING:
    from mimesis import Address, Gender, Person

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


class Pools:
    """What people of one country are made of. Names are by sex: 0 women, 1 men.

    Each part is drawn when it is first asked for, from random numbers of its own: a company takes family
    names alone, and whichever thread asks first, a part holds the same. Takes about 5 ms a part.
    """

    def __init__(self, land: Land) -> None:
        self.land = land

    @cached_property
    def first(self) -> tuple[Texts, Texts]:
        """Given names."""
        person = self._person("first")
        women, men = (_some(partial(person.first_name, sex), NAMES) for sex in _sexes())
        return women, men

    @cached_property
    def last(self) -> tuple[Texts, Texts]:
        """Family names, the same for both where they do not depend on the sex."""
        person = self._person("last")
        women, men = (_some(partial(person.last_name, sex), NAMES) for sex in _sexes())
        return (women, women) if set(women) & set(men) else (women, men)

    @cached_property
    def plain_first(self) -> tuple[Texts, Texts]:
        """Given names as they stand in an e-mail address."""
        return _mailable(self.first[0]), _mailable(self.first[1])

    @cached_property
    def plain_last(self) -> tuple[Texts, Texts]:
        """Family names as they stand in an e-mail address."""
        return _mailable(self.last[0]), _mailable(self.last[1])

    @cached_property
    def titles(self) -> tuple[Texts, Texts]:
        """What people are addressed by: Ms, Mr."""
        from mimesis.enums import TitleType  # noqa: PLC0415 - 5 MB that only building a twin needs

        person, kind = self._person("title"), TitleType.TYPICAL
        women, men = (_everyday(_some(partial(person.title, sex, kind), 6, 20)) for sex in _sexes())
        return women, men

    @cached_property
    def jobs(self) -> Texts:
        """What people do for a living."""
        return _some(self._person("job").occupation, NAMES)

    @cached_property
    def forms(self) -> Texts:
        """Of companies: GmbH, Inc."""
        from mimesis import Finance, Locale  # noqa: PLC0415

        finance = Finance(Locale(self.land.locale), seed=f"{SEED} form")
        return _some(partial(finance.company_type, abbr=True), 8, 60)

    @cached_property
    def streets(self) -> tuple[Texts, Texts]:
        """Of each street, what stands before and after the number of the house."""
        address = self._address("street")
        made = [_around_number(address.address()) for _ in range(STREETS)]
        return texts([before for before, _ in made]), texts([after for _, after in made])

    @cached_property
    def towns(self) -> Texts:
        """Names of towns."""
        return _some(self._address("town").city, TOWNS)

    @cached_property
    def states(self) -> tuple[Texts, Texts]:
        """The state of each town: in full and short."""
        address = self._address("state")
        states = [address.state() for _ in self.towns]
        short = {state: address.state(abbr=True).rpartition("-")[2] for state in states}
        return texts(states), texts([short[state] for state in states])

    @cached_property
    def codes(self) -> NDArray[Any]:
        """Postal codes of each town."""
        address = self._address("code")
        return np.array([list(_codes(address.postal_code())) for _ in self.towns], dtype=object)

    @cached_property
    def phones(self) -> tuple[str, ...]:
        """Shapes of telephone numbers, 9 for a digit."""
        person = self._person("phone")
        return tuple(sorted({_phone(person.phone_number(), self.land) for _ in range(40)}))

    @cached_property
    def country(self) -> str:
        """What the country calls itself."""
        return _own_name(self.land, self._address("country").default_country())

    def _person(self, part: str) -> Person:
        from mimesis import Locale, Person  # noqa: PLC0415

        return Person(Locale(self.land.locale), seed=f"{SEED} {part}")

    def _address(self, part: str) -> Address:
        from mimesis import Address, Locale  # noqa: PLC0415

        return Address(Locale(self.land.locale), seed=f"{SEED} {part}")


@cache
def pools(code: str) -> Pools:
    """The pools of a country."""
    return Pools(land_by_code(code))


def _sexes() -> tuple[Gender, Gender]:
    from mimesis import Gender  # noqa: PLC0415

    return Gender.FEMALE, Gender.MALE


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
