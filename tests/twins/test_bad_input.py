"""Bad input: a clear refusal or a stated simplification, alone and through certification; never a crash or a copy."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from handrail import data
from handrail.kernel import LimitReached, Refusal
from handrail.server import command
from handrail.twins.build import build
from handrail.twins.models import TwinReport
from handrail.twins.stand_alone import stand_alone

ROWS = 300


def sqlite(*said: str | tuple[str, list[tuple[Any, ...]]]) -> Callable[[Path], Path]:
    """An SQLite file made by these statements."""

    def make(folder: Path) -> Path:
        with sqlite3.connect(folder / "given.sqlite") as db:
            for one in said:
                db.execute(one) if isinstance(one, str) else db.executemany(*one)
        db.close()
        return folder / "given.sqlite"

    return make


def nested(folder: Path) -> Path:
    with duckdb.connect(str(folder / "given.duckdb")) as con:
        con.execute(
            "CREATE TYPE mood AS ENUM ('a', 'b'); CREATE TABLE a AS SELECT i AS id, [i, i + 1] AS l, "
            "{'x': i, 'y': 't' || i} AS s, MAP {'k': i} AS m, 'a'::mood AS e, INTERVAL (i) DAY AS iv, "
            "i::HUGEINT * 1000000000000000 AS h, uuid() AS u, '101'::BIT AS bt, union_value(k := i) AS un, "
            "[i, 2, 3]::INTEGER[3] AS fixed, 'x'::BLOB AS bl FROM range(300) t(i)"
        )
    return folder / "given.duckdb"


def mixed_folder(folder: Path) -> Path:
    given = folder / "given"
    (given / "sub").mkdir(parents=True)
    (given / "a.csv").write_text("id,x\n" + "".join(f"{i},{i % 5}\n" for i in range(ROWS)))
    pq.write_table(pa.table({"id": list(range(ROWS)), "l": [[1, 2]] * ROWS}), given / "b.parquet")
    (given / "readme.md").write_text("hello")
    (given / "sub" / "d.csv").write_text("a,b\n1,2\n")
    return given


def same_but_for_case(folder: Path) -> Path:
    given = folder / "given"
    given.mkdir()
    pq.write_table(
        pa.table([list(range(ROWS)), list(range(ROWS)), ["x"] * ROWS], names=["Aa", "aA", "AA"]),
        given / "T.parquet",
    )
    (given / "t.csv").write_text("q,q\n" + "".join(f"{i},{i}\n" for i in range(ROWS)))
    return given


COUNTED = [(i, i % 7) for i in range(ROWS)]
MADE: dict[str, Callable[[Path], Path]] = {
    "no rows": sqlite("CREATE TABLE a (id INTEGER PRIMARY KEY, x TEXT, on_day DATE)"),
    "one row": sqlite(
        "CREATE TABLE a (id INTEGER PRIMARY KEY, x TEXT, n REAL)",
        "INSERT INTO a VALUES (1, 'Zebulon Quixotrix', 9.25)",
    ),
    "all nulls": sqlite(
        "CREATE TABLE a (id INTEGER, x TEXT)", ("INSERT INTO a VALUES (?, ?)", [(None, None)] * ROWS)
    ),
    "many columns": sqlite(
        f"CREATE TABLE a ({', '.join(f'c{i} INTEGER' for i in range(150))})",
        (
            f"INSERT INTO a VALUES ({', '.join('?' * 150)})",
            [tuple(i * r % 7 for i in range(150)) for r in range(60)],
        ),
    ),
    "a key to a missing table": sqlite(
        "CREATE TABLE a (id INTEGER PRIMARY KEY, x INTEGER REFERENCES gone(id))",
        ("INSERT INTO a VALUES (?, ?)", COUNTED),
    ),
    "a circle": sqlite(
        "CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER NOT NULL REFERENCES b(id))",
        "CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER NOT NULL REFERENCES a(id))",
        *((f"INSERT INTO {one} VALUES (?, ?)", [(i, i) for i in range(ROWS)]) for one in "ab"),
    ),
    "a circle of double keys": sqlite(
        *(
            f"CREATE TABLE {one} (x INTEGER NOT NULL, y INTEGER NOT NULL, PRIMARY KEY (x, y), "
            f"FOREIGN KEY (x, y) REFERENCES {other}(x, y))"
            for one, other in ("ab", "ba")
        ),
        *((f"INSERT INTO {one} VALUES (?, ?)", COUNTED) for one in "ab"),
    ),
    "a required self reference": sqlite(
        "CREATE TABLE a (id INTEGER PRIMARY KEY, boss INTEGER NOT NULL REFERENCES a(id))",
        ("INSERT INTO a VALUES (?, ?)", [(i, i // 3) for i in range(ROWS)]),
    ),
    "hostile names": sqlite(
        """CREATE TABLE "sel""ect 'x" ("order" INTEGER PRIMARY KEY, "a b" TEXT, "ünï" TEXT, "quo""te" REAL, "x" TEXT)""",
        """CREATE TABLE "group" ("order" INTEGER PRIMARY KEY, "where" INTEGER REFERENCES "sel""ect 'x"("order"))""",
        """CREATE TABLE "Straße/..\\x" (a INTEGER)""",
        (
            """INSERT INTO "sel""ect 'x" VALUES (?, ?, 'b', 0.5, ?)""",
            [(i, f"a{i % 3}", f"{i % 4}") for i in range(ROWS)],
        ),
        ("""INSERT INTO "group" VALUES (?, ?)""", COUNTED),
        ("""INSERT INTO "Straße/..\\x" VALUES (?)""", [(i % 4,) for i in range(ROWS)]),
    ),
    "blobs": sqlite(
        "CREATE TABLE a (id INTEGER PRIMARY KEY, b BLOB)",
        ("INSERT INTO a VALUES (?, ?)", [(i, os.urandom(900)) for i in range(ROWS)]),
    ),
    "enormous texts": sqlite(
        "CREATE TABLE a (id INTEGER PRIMARY KEY, b TEXT)",
        (
            "INSERT INTO a VALUES (?, ?)",
            [(i, "xyz " * 400_000 if i % 90 == 0 else f"w{i}") for i in range(ROWS)],
        ),
    ),
    "mixed types": sqlite(
        "CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER, c DATE)",
        (
            "INSERT INTO a VALUES (?, ?, ?)",
            [
                (i, [1, "two", 3.5, None, b"x"][i % 5], ["2020-01-01", "no date", 5, None][i % 4])
                for i in range(ROWS)
            ],
        ),
    ),
    "views": sqlite(
        "CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER)",
        "CREATE VIEW v AS SELECT * FROM a",
        "CREATE VIEW broken AS SELECT * FROM nothere",
        ("INSERT INTO a VALUES (?, ?)", COUNTED),
    ),
    "nested types": nested,
    "a folder of all sorts": mixed_folder,
    "names that differ by case": same_but_for_case,
}
SAID = {
    "no rows": "fewer than 10 rows",
    "one row": "fewer than 10 rows",
    "a circle": "closes a circle of tables",
    "blobs": "short random bytes",
    "nested types": "kept as JSON text",
    "views": "broken",
    "a folder of all sorts": "readme.md",
}


def bytes_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def all_said(report: TwinReport) -> str:
    return " ".join([*report.left_out, *(text for table in report.tables for text in table.simplifications)])


@pytest.mark.parametrize("case", MADE)
def test_bad_input_becomes_a_twin_that_says_what_it_is_not(case: str, tmp_path: Path) -> None:
    report = stand_alone(str(MADE[case](tmp_path)), tmp_path / "twin", "hostile")
    assert SAID.get(case, "") in all_said(report)
    assert b"Quixotrix" not in bytes_in(tmp_path / "twin")
    for table in report.tables:
        made = pq.read_table(tmp_path / "twin" / f"{table.dataset}.parquet")
        assert made.num_rows == table.rows and all(link.orphans == 0 for link in table.links)
        assert table.privacy.passed


@pytest.mark.parametrize("case", [case for case in MADE if case not in ("enormous texts", "many columns")])
def test_bad_input_that_is_certified_becomes_a_twin_or_a_refusal(
    case: str, tmp_path: Path, acting: Any
) -> None:
    from tests.twins.conftest import certify_all

    try:
        certify_all(acting, MADE[case](tmp_path))
        with acting("steward.sales") as ctx:
            names = [one.name for one in data.datasets(ctx) if one.certified]
            report = build(ctx, names, seed=1)
    except Refusal as refusal:
        assert refusal.next_step
    else:
        assert {table.dataset for table in report.tables} == set(names)
        assert all(table.privacy.passed for table in report.tables)


def test_keys_that_are_each_others_keys_are_let_go_alone_and_refused_when_certified(tmp_path: Path) -> None:
    source = sqlite(
        "CREATE TABLE a (id INTEGER PRIMARY KEY REFERENCES b(id))",
        "CREATE TABLE b (id INTEGER PRIMARY KEY REFERENCES a(id))",
        *((f"INSERT INTO {one} VALUES (?)", [(i,) for i in range(ROWS)]) for one in "ab"),
    )(tmp_path)
    report = stand_alone(str(source), tmp_path / "twin", "plain")
    assert "in a circle of keys" in all_said(report) and len(report.tables) == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("zero.sqlite", b""), ("zero.csv", b""), ("zero.parquet", b""), ("bad.parquet", b"PAR1" + b"x" * 500 + b"PAR1"),
        ("open.csv", b'a,b\n1,"never closed\n2,3\n'), ("torn.sqlite", b"SQLite format 3\0" + b"x" * 90),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_and_leaves_nothing(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Refusal) as refused:
        stand_alone(str(tmp_path / name), tmp_path / "twin")
    assert refused.value.next_step and [one.name for one in tmp_path.iterdir()] == [name]


def test_an_empty_folder_and_an_empty_database_are_refused(tmp_path: Path) -> None:
    (tmp_path / "given").mkdir()
    with sqlite3.connect(tmp_path / "empty.sqlite") as db:
        db.execute("CREATE TABLE a (x)")
        db.execute("DROP TABLE a")
    db.close()
    for name in ("given", "empty.sqlite", "not there"):
        with pytest.raises(Refusal):
            stand_alone(str(tmp_path / name), tmp_path / "twin")
    assert not (tmp_path / "twin").exists()


def test_a_twin_inside_its_source_is_not_read_the_next_time(tmp_path: Path) -> None:
    given = mixed_folder(tmp_path)
    first = stand_alone(str(given), given / "twin", "plain")
    again = stand_alone(str(given), given / "twin", "plain")
    assert [one.dataset for one in first.tables] == [one.dataset for one in again.tables]
    with pytest.raises(Refusal, match="holds something else"):
        stand_alone(str(given), given)
    assert (given / "a.csv").exists()


def test_a_source_that_changes_while_it_is_read_is_read_as_it_was(tmp_path: Path) -> None:
    path = sqlite(
        "PRAGMA journal_mode = WAL",
        "CREATE TABLE parents (id INTEGER PRIMARY KEY)",
        "CREATE TABLE children (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL REFERENCES parents(id))",
        ("INSERT INTO parents VALUES (?)", [(i,) for i in range(ROWS)]),
        ("INSERT INTO children VALUES (?, ?)", [(i, i % ROWS) for i in range(3 * ROWS)]),
    )(tmp_path)
    writing = sqlite3.connect(path)
    writing.execute("INSERT INTO parents VALUES (9999)")
    writing.commit()
    changed: list[str] = []

    def change(step: str, done: int, total: int) -> None:
        if not changed:
            changed.append(step)
            writing.execute("DELETE FROM parents")
            writing.commit()

    report = stand_alone(str(path), tmp_path / "twin", "plain", progress=change)
    writing.close()
    assert changed and {one.dataset: one.rows for one in report.tables} == {
        "parents": ROWS + 1,
        "children": 3 * ROWS,
    }
    assert all(link.orphans == 0 for one in report.tables for link in one.links)


def test_a_full_disk_is_said_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", small], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root may mount a small disk")
    try:
        source = MADE["mixed types"](tmp_path)
        with pytest.raises(LimitReached, match="no room"):
            stand_alone(str(source), small / "twin")
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", small], check=True)


def test_who_interrupts_a_build_finds_nothing_half_written_and_the_old_twin(tmp_path: Path) -> None:
    source, out = MADE["a circle"](tmp_path), tmp_path / "twin"
    before = stand_alone(str(source), out).id
    slow = (
        "import handrail.twins.stand_alone as s, signal, sys, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a job in the background has none
        "real = s.make\n"
        "def make(*given):\n"
        "    print('making', flush=True)\n"
        "    made = real(*given)\n"
        "    time.sleep(60)\n"
        "s.make = make\n"
        "from pathlib import Path\n"
        "s.stand_alone(sys.argv[1], Path(sys.argv[2]))\n"
    )
    room = tmp_path / "tmp"
    room.mkdir()
    running = subprocess.Popen(
        [sys.executable, "-c", slow, source, out],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, "TMPDIR": str(room)},
    )  # fmt: skip
    assert running.stdout is not None and running.stdout.readline() == "making\n"
    time.sleep(0.5)
    running.send_signal(signal.SIGINT)
    assert running.wait(60) != 0
    assert json.loads((out / "twin.json").read_text())["id"] == before
    assert list(room.iterdir()) == [] and not [one for one in tmp_path.iterdir() if one.name.startswith(".")]


@pytest.mark.parametrize(
    ("moment", "where"),
    [
        ("mkdir", "handrail-twin-"),
        pytest.param("mkdir", ".twin.", marks=pytest.mark.release),
        pytest.param("unlink", ".parquet", marks=pytest.mark.release),
        ("rmdir", "handrail-twin-"),
    ],
)
def test_an_interrupt_while_a_folder_is_made_or_removed_leaves_none(
    tmp_path: Path, moment: str, where: str
) -> None:
    interrupted = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a job in the background has none
        "from pathlib import Path\n"
        "import handrail.twins.stand_alone as s\n"
        "_, source, out, moment, where = sys.argv\n"
        "real, waiting = getattr(os, moment), [True]\n"
        "def once(path, *given, **more):\n"
        "    if moment == 'mkdir':\n"
        "        real(path, *given, **more)\n"
        "    if waiting and where in str(path):\n"
        "        waiting.clear()\n"
        "        signal.raise_signal(signal.SIGINT)\n"
        "    if moment != 'mkdir':\n"
        "        real(path, *given, **more)\n"
        "setattr(os, moment, once)\n"
        "s.stand_alone(source, Path(out))\n"
    )
    source, room = MADE["mixed types"](tmp_path), tmp_path / "tmp"
    room.mkdir()
    ended = subprocess.run(
        [sys.executable, "-c", interrupted, source, tmp_path / "twin", moment, where],
        stderr=subprocess.DEVNULL, env={**os.environ, "TMPDIR": str(room)},
    )  # fmt: skip
    assert ended.returncode != 0, "it was interrupted"
    assert list(room.iterdir()) == [] and not [one for one in tmp_path.iterdir() if one.name.startswith(".")]


def test_an_old_twin_stays_when_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = MADE["no rows"](tmp_path), tmp_path / "twin"
    before = stand_alone(str(source), out).id
    plain = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.name.startswith(".twin.") and not self.name.endswith(".old"):
            raise KeyboardInterrupt
        return plain(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(KeyboardInterrupt):
        stand_alone(str(source), out)
    assert json.loads((out / "twin.json").read_text())["id"] == before
    assert not [one for one in tmp_path.iterdir() if one.name.startswith(".")]


def test_the_command_says_what_was_left_out(tmp_path: Path) -> None:
    source = MADE["views"](tmp_path)
    told = CliRunner().invoke(
        command(), ["twin", "build", "--from", str(source), "--out", str(tmp_path / "twin")]
    )
    assert told.exit_code == 0 and 'view "broken" cannot be read' in " ".join(told.output.split())
