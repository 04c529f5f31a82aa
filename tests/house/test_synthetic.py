"""A twin is called synthetic. Nobody calls it anonymous: what was measured about it stands in its report."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from handrail.twins.stand_alone import stand_alone

ROOT = Path(__file__).resolve().parents[2]
ROOM = ROOT / "src" / "handrail" / "twins"
SAID = sorted([*ROOM.rglob("*.html"), *ROOM.rglob("*.py"), *(ROOT / "docs" / "operate").glob("twins*.md")])


def claims(text: str) -> list[str]:
    """Sentences that use the word without denying it."""
    return [
        one
        for one in re.split(r"(?<=[.!?\n])\s", text)
        if re.search("(?i)anonym(?!eter)", one) and not denied(one)
    ]


def denied(sentence: str) -> bool:
    return bool(re.search(r"\b(not|never)\b[^.]*anonym", sentence, re.IGNORECASE))


@pytest.mark.parametrize("path", SAID, ids=lambda path: path.name)
def test_nothing_in_the_room_calls_a_twin_anonymous(path: Path) -> None:
    assert claims(path.read_text(encoding="utf-8")) == []


def test_neither_do_the_files_of_a_twin(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "given.sqlite") as db:
        db.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT)")
        db.executemany("INSERT INTO people VALUES (?, ?)", [(i, f"a{i}@b.de") for i in range(90)])
    db.close()
    stand_alone(str(tmp_path / "given.sqlite"), tmp_path / "twin")
    for file in (tmp_path / "twin").glob("*.json"):
        assert "anonym" not in file.read_text(encoding="utf-8").lower()


def test_the_test_finds_a_claim() -> None:
    assert claims("The twin is anonymous. It is not anonymous.") == ["The twin is anonymous."]
