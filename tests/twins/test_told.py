"""What a sketch says about texts: prefixes, check digits and words that many share, and no text that is real."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handrail.data.checksums import is_card_number
from handrail.twins import check_digits, codec
from handrail.twins.generate import generate
from handrail.twins.models import Field, Sketch, Table
from handrail.twins.plane import open_plane
from handrail.twins.sketch import take

ROWS = 2000
WORDS = [
    "parcel",
    "arrived",
    "late",
    "customer",
    "asked",
    "for",
    "refund",
    "driver",
    "left",
    "note",
    "at",
    "door",
    "box",
    "was",
    "wet",
    "please",
    "call",
    "back",
]


def sketched(table: Table) -> Sketch:
    plane = open_plane([table], 10)
    with plane.con:
        return take(plane).sketch


def made_of(table: Table, seed: int = 0) -> list[Any]:
    (twin,) = generate(sketched(table), seed, "plain").values()
    found: list[Any] = twin.table.column(0).to_pylist()
    return found


@pytest.mark.parametrize("digits", [4, 5, 8])
def test_keys_keep_their_prefix_and_none_is_a_real_one(make_table: Any, digits: int) -> None:
    real = [f"ORD-{i:0{digits}d}" for i in range(1, 1 + (ROWS if digits > 4 else 300))]
    table = make_table("orders", {"number": real}, Field("number", "", required=True, unique=True))
    made = made_of(table)
    assert len(set(made)) == len(real)
    assert all(key.startswith("ORD-") and len(key) == 4 + digits and key[4:].isdigit() for key in made)
    assert not set(made) & set(real)


def test_without_looking_real_keys_would_come_back(make_table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handrail.twins.sketch.fresh", lambda *_: 1)
    real = [f"ORD-{i:05d}" for i in range(ROWS)]
    made = made_of(make_table("orders", {"number": real}, Field("number", "", required=True, unique=True)))
    assert set(made) & set(real)


def test_two_kinds_of_keys_stay_two_kinds(make_table: Any) -> None:
    real = [f"ORD-{i:06d}" if i % 4 else f"X{i:07d}" for i in range(ROWS)]
    made = made_of(make_table("orders", {"number": real}, Field("number", "", required=True, unique=True)))
    assert 0.2 < sum(key.startswith("X") for key in made) / ROWS < 0.3


def test_a_check_digit_is_kept(make_table: Any) -> None:
    rng = np.random.default_rng(1)
    real = list(check_digits.cards(ROWS, rng))
    made = made_of(make_table("payments", {"token": real}, Field("token", "", required=True, unique=True)))
    assert all(is_card_number(token) for token in made) and not set(made) & set(real)
    plain = make_table("plain", {"token": [f"4{i * 7919:015d}" for i in range(ROWS)]})
    assert sketched(plain).tables[0].columns[0].check == ""


def test_free_text_has_the_words_that_many_share_and_is_not_copied(make_table: Any) -> None:
    rng = np.random.default_rng(2)
    real = [
        f"{' '.join(rng.choice(WORDS, 8)).capitalize()}. {' '.join(rng.choice(WORDS, 6)).capitalize()}."
        for _ in range(ROWS - 1)
    ] + ["Zebulon Quixotrix called about his divorce. Do not ring again."]
    table = make_table("notes", {"note": real})
    column = sketched(table).tables[0].columns[0]
    assert {word.lower() for word, _ in column.words} == set(WORDS) and column.sentences == 2
    made = made_of(table)
    assert not set(made) & set(real) and len(set(made)) > 0.9 * ROWS
    assert all(
        text.endswith(".") and set(text.lower().replace(".", "").split()) <= set(WORDS) for text in made
    )
    lengths = [np.median([len(text) for text in texts]) for texts in (real, made)]
    assert abs(lengths[0] - lengths[1]) < 0.2 * lengths[0]


def test_one_person_who_writes_much_does_not_fill_the_vocabulary(make_table: Any) -> None:
    rng = np.random.default_rng(2)
    texts = [f"{' '.join(rng.choice(WORDS, 12))} {'quixotrix' if i < 60 else 'today'}" for i in range(ROWS)]
    who = pa.array([1] * 60 + list(range(2, ROWS - 58)))
    told = codec.to_json(sketched(make_table("notes", {"note": texts, "who": who}, entity="who"))).decode()
    assert "quixotrix" not in told and '"refund"' in told


def test_letters_that_fewer_than_k_share_are_not_kept(make_table: Any) -> None:
    real = [f"ORD-{i:06d}" for i in range(ROWS)] + [f"SECRET-{i:03d}" for i in range(6)]
    sketch = sketched(make_table("orders", {"number": real}, Field("number", "", required=True, unique=True)))
    shapes = [shape for shape, _ in sketch.tables[0].columns[0].shapes]
    assert shapes == ["\\O\\R\\D-999999"] and "SECRET" not in codec.to_json(sketch).decode()


def test_a_backslash_in_a_real_code_stays_one(make_table: Any) -> None:
    real = [f"A\\{i:06d}" for i in range(ROWS)]
    made = made_of(make_table("paths", {"code": real}, Field("code", "", required=True, unique=True)))
    assert all(code.startswith("A\\") and len(code) == 8 for code in made)


def test_a_sketch_with_people_and_words_is_read_back_as_it_was(make_table: Any) -> None:
    table = make_table(
        "people",
        {
            "email": [f"a{i % 90}@b.de" for i in range(ROWS)],
            "note": [" ".join(WORDS) + f" {i}" for i in range(ROWS)],
        },
        Field("email", "", personal=True, semantic="email"),
    )
    sketch = sketched(table)
    assert codec.from_json(codec.to_json(sketch)) == sketch
    assert sketch.tables[0].lands and sketch.tables[0].people
    assert pq.read_table(table.path).num_rows == ROWS
