"""Invented people: whoever has a name has an address, a mail box and papers that go with it.

Each value is drawn by number from pools of a country, for all people at once. A value depends on the seed and
on what it means alone, so two columns, or two tables, that ask for the same of the same people agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from handrail.twins import check_digits
from handrail.twins.locales import HOME, land_by_code, land_of
from handrail.twins.pools import CODES, Pools, Texts, pools, texts
from handrail.twins.shapes import shaped

DOMAINS = texts(["example.com", "example.org", "example.net", "mail.example", "post.example", "web.example"])
AGENTS = 120
_WOMEN_SAID = """f female w weiblich woman frau femme feminin féminin mujer femenino donna femmina vrouw
    vrouwelijk v kobieta k żeński mulher feminino ж жен. женский 女 女性 mrs ms miss mme madame signora sra
    doña pani"""
_MEN_SAID = """m male männlich mann man herr homme masculin hombre masculino uomo maschio mannelijk mężczyzna
    męski homem м муж. мужской 男 男性 mr sir monsieur signor signore sr don pan"""
WOMEN, MEN = frozenset(_WOMEN_SAID.split()), frozenset(_MEN_SAID.split())
Numbers = NDArray[np.int64]


class People:
    """So many people of these countries. `known` are texts of each that a sketch gave, by meaning."""

    def __init__(
        self,
        count: int,
        seed: int,
        lands: Sequence[tuple[str, float]],
        known: Mapping[str, Texts] | None = None,
    ) -> None:
        self.count, self._seed = count, seed
        known = known or {}
        shares = lands or ((HOME.code, 1.0),)
        weights = np.array([share for _, share in shares])
        codes = texts([code for code, _ in shares])
        self._land = codes[self._rng("land").choice(len(codes), count, p=weights / weights.sum())]
        if "country" in known:
            _override(
                self._land, known["country"], lambda said: found.code if (found := land_of(said)) else None
            )
        self.sex = self._rng("sex").integers(0, 2, count).astype(object)
        for meaning in ("title", "gender"):
            if meaning in known:
                _override(self.sex, known[meaning], _sex_of)
        self.sex = self.sex.astype(np.int64)
        self._at = {str(code): np.flatnonzero(self._land == code) for code in dict.fromkeys(self._land)}
        self._kept: dict[tuple[str, int], Texts] = {}

    def of(self, meaning: str, again: int = 0) -> Texts | None:
        """A text for each person; `again` counts further columns of the same meaning, which differ. None for
        meanings that are not a person's."""
        if meaning not in _MAKERS:
            return None
        if (meaning, again) not in self._kept:
            self._kept[meaning, again] = _MAKERS[meaning](self, again)
        return self._kept[meaning, again]

    def abroad(self) -> NDArray[Any]:
        """The country code of each."""
        return self._land

    def _rng(self, purpose: str, again: int = 0) -> np.random.Generator:
        return np.random.default_rng([self._seed, crc32(purpose.encode()), again])

    def _each(
        self, purpose: str, again: int, make: Callable[[Pools, Numbers, np.random.Generator], Texts]
    ) -> Texts:
        """A text for each person, made country by country."""
        made = np.empty(self.count, dtype=object)
        for code, at in self._at.items():
            made[at] = make(pools(code), at, self._rng(f"{purpose}:{code}", again))
        return made

    def _sexed(self, purpose: str, again: int, which: Callable[[Pools], tuple[Texts, Texts]]) -> Texts:
        """Drawn from the pool of a person's sex by one number each, so that two spellings of a name agree."""
        drawn = self._rng(purpose, again).random(self.count)
        made = np.empty(self.count, dtype=object)
        for code, at in self._at.items():
            for sex, pool in enumerate(which(pools(code))):
                own = at[self.sex[at] == sex]
                made[own] = pool[(drawn[own] * len(pool)).astype(np.int64)]
        return made

    def mail_names(self, again: int) -> Texts:
        """What stands before the @, different for everybody: a second Anna Lang is anna.lang2."""
        first = self._sexed("first", again, lambda one: one.plain_first)
        last = self._sexed("last", again, lambda one: one.plain_last)
        return distinct_texts(np.asarray(first + "." + last, dtype=object), "")


def _sex_of(said: str) -> int | None:
    plain = said.strip().casefold().rstrip(".")
    return 0 if plain in WOMEN else 1 if plain in MEN else None


def _override(array: NDArray[Any], said: Texts, meant: Callable[[str], Any]) -> None:
    """Put what each different text means where it means something."""
    coded = pa.array(said, pa.string()).dictionary_encode()
    indices = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    for number, text in enumerate(coded.dictionary.to_pylist()):
        found = meant(text)
        if found is not None:
            array[indices == number] = found


def distinct_texts(made: Texts, between: str = " ") -> Texts:
    """The same texts made unique: a repeated one gets a number, before the @ of an address."""
    found, numbers = made.copy(), _turns(made)
    while len(again := np.flatnonzero(_turns(found))):
        parts = [str(text).partition("@") for text in made[again]]
        numbers[again] += 1
        found[again] = [
            f"{name}{between}{number}{at}{domain}"
            for (name, at, domain), number in zip(parts, numbers[again], strict=True)
        ]
    return found


def _turns(made: Texts) -> Numbers:
    """How many equal texts stand before each."""
    indices = pa.array(made, pa.string()).dictionary_encode().indices.to_numpy(zero_copy_only=False)
    order = np.argsort(indices, kind="stable")
    ordered = indices[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(made) else np.zeros(0, np.int64)
    turns = np.empty(len(made), dtype=np.int64)
    turns[order] = np.arange(len(made)) - np.repeat(starts, np.diff(np.r_[starts, len(made)]))
    return turns


def _full_name(one: People, again: int) -> Texts:
    return np.asarray(one.of("first_name", again) + " " + one.of("last_name", again), dtype=object)  # type: ignore[operator]


def _email(one: People, again: int) -> Texts:
    return np.asarray(
        one.mail_names(again) + "@" + DOMAINS[one._rng("domain", again).integers(0, len(DOMAINS), one.count)],
        dtype=object,
    )


def _username(one: People, again: int) -> Texts:
    return np.asarray([name.replace(".", "", 1) for name in one.mail_names(again)], dtype=object)


def _company(one: People, again: int) -> Texts:
    def make(pool: Pools, at: Numbers, rng: np.random.Generator) -> Texts:
        owners, others = (pool.last[1][rng.integers(0, len(pool.last[1]), len(at))] for _ in range(2))
        names = np.where(rng.random(len(at)) < 0.4, owners + " & " + others, owners)
        return np.asarray(names + " " + pool.forms[rng.integers(0, len(pool.forms), len(at))], dtype=object)

    return one._each("company", again, make)


def _street(one: People, again: int) -> Texts:
    def make(pool: Pools, at: Numbers, rng: np.random.Generator) -> Texts:
        before, after = pool.streets
        picked = rng.integers(0, len(before), len(at))
        numbers = (
            np.arange(1, 400)
            .astype(str)
            .astype(object)[rng.integers(0, 199, len(at)) + rng.integers(0, 200, len(at))]
        )
        return np.asarray(before[picked] + numbers + after[picked], dtype=object)

    return one._each("street", again, make)


def _town(one: People, again: int, which: Callable[[Pools, Numbers, Numbers], Texts]) -> Texts:
    """Of the town that a person lives in: its name, state or a postal code."""

    def make(pool: Pools, at: Numbers, rng: np.random.Generator) -> Texts:
        return which(pool, rng.integers(0, len(pool.towns), len(at)), rng.integers(0, CODES, len(at)))

    return one._each("town", again, make)


def _job(one: People, again: int) -> Texts:
    return one._each("job", again, lambda pool, at, rng: pool.jobs[rng.integers(0, len(pool.jobs), len(at))])


def _phone(one: People, again: int) -> Texts:
    def make(pool: Pools, at: Numbers, rng: np.random.Generator) -> Texts:
        return shaped(pool.phones[0], len(at), rng)

    return one._each("phone", again, make)


def _iban(one: People, again: int) -> Texts:
    def make(pool: Pools, at: Numbers, rng: np.random.Generator) -> Texts:
        land = pool.land if pool.land.iban else land_by_code("DE")
        return check_digits.ibans(land.code, land.iban, len(at), rng)

    return one._each("iban", again, make)


def _national_id(one: People, again: int) -> Texts:
    def make(pool: Pools, at: Numbers, rng: np.random.Generator) -> Texts:
        found = check_digits.national_ids(pool.land.code, len(at), rng)
        return shaped("99999999999", len(at), rng) if found is None else found

    return one._each("national_id", again, make)


def _ip(one: People, again: int) -> Texts:
    parts = np.arange(256).astype(str).astype(object)
    rng = one._rng("ip", again)
    made = np.full(one.count, "10", dtype=object)
    for _ in range(3):
        made = made + "." + parts[rng.integers(0, 256, one.count)]
    return np.asarray(made, dtype=object)


def _agent(one: People, again: int) -> Texts:
    from mimesis import Internet  # noqa: PLC0415 - only building a twin needs it

    internet = Internet(seed=20)
    pool = texts(sorted({internet.user_agent() for _ in range(AGENTS)}))
    return np.asarray(pool[one._rng("agent", again).integers(0, len(pool), one.count)])


_MAKERS: dict[str, Callable[[People, int], Texts]] = {
    "full_name": _full_name,
    "first_name": lambda one, again: one._sexed("first", again, lambda pool: pool.first),
    "middle_name": lambda one, again: one._sexed("middle", again, lambda pool: pool.first),
    "last_name": lambda one, again: one._sexed("last", again, lambda pool: pool.last),
    "title": lambda one, again: one._sexed("title", again, lambda pool: pool.titles),
    "gender": lambda one, again: texts(["Female", "Male"])[one.sex],
    "email": _email,
    "username": _username,
    "url": lambda one, again: np.asarray("https://example.com/" + one.mail_names(again), dtype=object),
    "company": _company,
    "street": _street,
    "city": lambda one, again: _town(one, again, lambda pool, town, code: pool.towns[town]),
    "state": lambda one, again: _town(one, again, lambda pool, town, code: pool.states[0][town]),
    "state_short": lambda one, again: _town(one, again, lambda pool, town, code: pool.states[1][town]),
    "postal_code": lambda one, again: _town(one, again, lambda pool, town, code: pool.codes[town, code]),
    "country": lambda one, again: one._each(
        "", 0, lambda pool, at, rng: np.full(len(at), pool.country, dtype=object)
    ),
    "country_2": lambda one, again: one.abroad(),
    "country_3": lambda one, again: one._each(
        "", 0, lambda pool, at, rng: np.full(len(at), pool.land.long, dtype=object)
    ),
    "job": _job,
    "phone": _phone,
    "iban": _iban,
    "card": lambda one, again: check_digits.cards(one.count, one._rng("card", again)),
    "national_id": _national_id,
    "ip": _ip,
    "user_agent": _agent,
}
