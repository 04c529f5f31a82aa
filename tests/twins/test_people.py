"""Invented people: a name fits its sex, its e-mail address and its country, in every table they stand in."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handrail.twins.generate import generate
from handrail.twins.locales import LANDS, land_of, land_of_columns
from handrail.twins.models import Field, Sketch, Table
from handrail.twins.people import MEN, WOMEN, People, distinct_texts
from handrail.twins.plane import open_plane
from handrail.twins.pools import plain, pools
from handrail.twins.semantics import meaning_of, place_said
from handrail.twins.sketch import take

ROWS = 1200


def sketched(*tables: Table) -> Sketch:
    plane = open_plane(list(tables), 10)
    with plane.con:
        return take(plane).sketch


def columns(table: pa.Table) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = table.to_pydict()
    return found


def personal(name: str, semantic: str | None = None, *, unique: bool = False) -> Field:
    return Field(name, "", personal=True, semantic=semantic, unique=unique)


@pytest.fixture
def customers(make_table: Any) -> Table:
    """People of two countries with everything that names or reaches them; nobody is like another."""
    rng = np.random.default_rng(4)
    austrian, woman = rng.random(ROWS) < 0.3, rng.random(ROWS) < 0.5
    made: Table = make_table(
        "kunden",
        {
            "id": pa.array(range(1, ROWS + 1)),
            "anrede": np.where(woman, "Frau", "Herr"),
            "vorname": [f"Real{i}" for i in range(ROWS)],
            "nachname": [f"Person{i}" for i in range(ROWS)],
            "email": [f"real{i}@firma.de" for i in range(ROWS)],
            "strasse": [f"Weg {i}" for i in range(ROWS)],
            "plz": [f"{10000 + i}" for i in range(ROWS)],
            "ort": [f"Stadt {i}" for i in range(ROWS)],
            "land": np.where(austrian, "Österreich", "Deutschland"),
            "geburtsdatum": pa.array((rng.integers(-9000, 12000, ROWS)).astype("int32")).cast(pa.date32()),
        },
        Field("id", "", required=True, primary_key=True),
        *(personal(name) for name in ("vorname", "nachname", "strasse", "plz", "ort", "geburtsdatum")),
        personal("email", "email", unique=True),
    )
    return made


def test_a_name_fits_its_title_and_its_address(customers: Table) -> None:
    made = columns(generate(sketched(customers), 3, "plain")["kunden"].table)
    women = {str(name) for code in ("DE", "AT") for name in pools(code).first[0]}
    men = {str(name) for code in ("DE", "AT") for name in pools(code).first[1]}
    for title, first, last, mail in zip(
        made["anrede"], made["vorname"], made["nachname"], made["email"], strict=True
    ):
        assert first in (women if title == "Frau" else men)
        assert re.fullmatch(rf"{plain(first)}\.{plain(last)}\d*@[a-z.]*example(\.(com|org|net))?", mail)
    assert len(set(made["email"])) == ROWS


def test_street_town_and_postal_code_are_of_the_country_of_the_row(customers: Table) -> None:
    made = columns(generate(sketched(customers), 3, "plain")["kunden"].table)
    for country, town, code in zip(made["land"], made["ort"], made["plz"], strict=True):
        pool = pools("AT" if country == "Österreich" else "DE")
        (place,) = np.flatnonzero(pool.towns == town)
        assert code in set(pool.codes[place])
    assert 0.2 < made["land"].count("Österreich") / ROWS < 0.4


def test_nothing_real_is_left_and_birth_dates_keep_about_their_range(customers: Table) -> None:
    real = pq.read_table(customers.path)
    made = generate(sketched(customers), 3, "plain")["kunden"].table
    for name in ("vorname", "nachname", "email", "strasse", "ort"):
        assert not set(columns(real)[name]) & set(columns(made)[name])
    days = [table["geburtsdatum"].cast(pa.int32()).to_numpy() for table in (real, made)]
    near = 0.02 * np.ptp(days[0])  # the ends are estimated, since the real ones are somebody's
    assert days[1].min() >= days[0].min() - near and days[1].max() <= days[0].max() + near
    assert abs(np.median(days[0]) - np.median(days[1])) < 1000


def test_the_same_person_is_the_same_in_the_tables_that_point_at_them(
    customers: Table, make_table: Any
) -> None:
    rng = np.random.default_rng(5)
    who = rng.integers(0, ROWS, 4000)
    real = columns(pq.read_table(customers.path))
    orders = make_table(
        "orders",
        {
            "id": pa.array(range(4000)),
            "customer": pa.array(who + 1),
            "email": [real["email"][i] for i in who],
            "contact name": [f"{real['vorname'][i]} {real['nachname'][i]}" for i in who],
            "courier email": [f"rider{i}@firma.de" for i in rng.integers(0, 10**9, 4000)],
        },
        Field("id", "", required=True, primary_key=True),
        Field("customer", "", required=True, references=("kunden", "id")),
        personal("email", "email"),
        personal("contact name", "person_name"),
        personal("courier email", "email"),
    )
    sketch = sketched(customers, orders)
    assert {one.name: one.follows for one in sketch.table("orders").columns if one.role == "fake"} == {
        "email": "customer",
        "contact name": "customer",
        "courier email": "",
    }
    twins = generate(sketch, 1, "plain")
    people = {row["id"]: row for row in twins["kunden"].table.to_pylist()}
    for row in twins["orders"].table.to_pylist():
        person = people[row["customer"]]
        assert row["email"] == person["email"] != row["courier email"]
        assert row["contact name"] == f"{person['vorname']} {person['nachname']}"


def test_people_who_come_again_in_one_table_are_as_many_as_there_are(make_table: Any) -> None:
    who = np.random.default_rng(5).integers(0, 150, 6000)
    flat = make_table(
        "sales",
        {"buyer email": [f"real{i}@firma.de" for i in who], "buyer name": [f"Real Person{i}" for i in who]},
        personal("buyer email", "email"),
        personal("buyer name", "person_name"),
    )
    made = columns(generate(sketched(flat), 1, "plain")["sales"].table)
    assert 130 <= len(set(made["buyer email"])) <= 170
    names = dict(zip(made["buyer email"], made["buyer name"], strict=True))
    assert all(
        names[mail] == name for mail, name in zip(made["buyer email"], made["buyer name"], strict=True)
    )


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"phone": [f"+33 6 {i:08d}" for i in range(400)]}, "FR"),
        ({"email": [f"a{i}@b.co.uk" for i in range(400)]}, "GB"),
        ({"full_name": [f"Иван Петров{i}" for i in range(400)]}, "RU"),
        ({"full_name": [f"Ana Muñoz{i}" for i in range(400)]}, "ES"),
        ({"prenom": [f"A{i}" for i in range(400)], "nom": [f"B{i}" for i in range(400)]}, "FR"),
        ({"country": ["BRA", "Brazil"] * 200, "full_name": [f"A B{i}" for i in range(400)]}, "BR"),
    ],
)
def test_where_people_live_is_told_by_what_many_share(make_table: Any, values: Any, code: str) -> None:
    table = make_table("people", values, *(personal(name) for name in values if name != "country"))
    assert sketched(table).table("people").lands == ((code, 1.0),)


def test_fewer_than_k_from_a_country_are_not_mentioned(make_table: Any) -> None:
    phones = [f"+49 {i:09d}" for i in range(395)] + [f"+354 {i:07d}" for i in range(5)]
    assert sketched(make_table("people", {"phone": phones}, personal("phone"))).table("people").lands == (
        ("DE", 1.0),
    )


def test_a_contract_says_where_people_live(make_table: Any) -> None:
    table = make_table("people", {"n": [f"x{i}" for i in range(100)]}, personal("n", "person_name@pt-BR"))
    assert sketched(table).table("people").lands == (("BR", 1.0),)
    assert meaning_of("person_name@pt-BR") == "full_name" and place_said("person_name@pt-BR") == "pt-br"


@pytest.mark.parametrize("code", [land.code for land in LANDS])
def test_every_country_has_people(code: str) -> None:
    people = People(50, 1, ((code, 1.0),))
    for meaning in (
        "full_name",
        "street",
        "city",
        "state",
        "postal_code",
        "phone",
        "iban",
        "company",
        "job",
        "title",
    ):
        made = people.of(meaning)
        assert made is not None and all(isinstance(text, str) and text.strip() for text in made), meaning
    mails = people.of("email")
    assert mails is not None and len(set(mails)) == 50
    assert all(re.fullmatch(r"[a-z]+\.[a-z]+\d*@[a-z.]+", mail) for mail in mails)


def test_the_same_seed_gives_the_same_people_and_another_seed_others() -> None:
    first, again, other = (People(200, seed, (("FR", 1.0),)).of("full_name") for seed in (1, 1, 2))
    assert first is not None and again is not None and other is not None
    assert list(first) == list(again) != list(other)


def test_repeated_texts_get_numbers_and_no_two_are_alike() -> None:
    made = distinct_texts(np.array(["a@x.y", "a@x.y", "a 2@x.y", "b", "b"], dtype=object))
    assert len(set(made)) == 5 and made[0] == "a@x.y" and made[4] == "b 2"


def test_words_of_several_languages_mean_the_same() -> None:
    for name in ("Vorname", "prénom", "nombre", "voornaam", "imię", "first_name"):
        assert meaning_of(None, name) == "first_name" or name == "imię"
    assert meaning_of(None, "Straße") == "street" and meaning_of(None, "ShipCity") == "city"
    assert land_of_columns(("vorname", "nachname", "plz")) == land_of("Germany")
    assert land_of_columns(("first_name", "zip")) is None
    assert not WOMEN & MEN


def test_birth_dates_that_many_do_not_give_are_spread_like_those_that_are_given(make_table: Any) -> None:
    rng = np.random.default_rng(3)
    born = rng.integers(-11_000, 11_000, 3000)
    missing = rng.random(3000) < 0.4
    days = pa.array(np.ma.array(born.astype("int32"), mask=missing).filled(0), mask=missing)
    table = make_table(
        "members",
        {"id": pa.array(range(3000)), "birth_date": days.cast(pa.date32())},
        Field("id", "", required=True, primary_key=True),
        Field("birth_date", "", personal=True, semantic="birth_date"),
    )
    plane = open_plane([table], 10)
    with plane.con:
        made = generate(take(plane).sketch, 1, "plain")["members"].table["birth_date"]
    there = np.sort(made.drop_null().cast(pa.int32()).to_numpy())
    assert made.null_count == pytest.approx(1200, abs=120)
    assert np.abs(np.quantile(there, [0.1, 0.25, 0.5]) - np.quantile(born, [0.1, 0.25, 0.5])).max() < 1200
