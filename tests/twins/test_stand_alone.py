"""Twins of a source that no instance knows: `handrail twin build --from SOURCE --out DIR`."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from handrail import data
from handrail.server import command
from handrail.twins.generate import Twin, generate
from handrail.twins.stand_alone import stand_alone


@pytest.fixture
def shop(tmp_path: Path) -> str:
    """Customers and their orders, with a name that nobody shares."""
    with sqlite3.connect(tmp_path / "shop.sqlite") as db:
        db.execute("CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, region TEXT NOT NULL)")
        db.execute(
            "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL REFERENCES customers,"
            " amount NUMERIC(10, 2), placed DATE, paid DATE, note TEXT)"
        )
        regions = ("EMEA", "APAC", "AMER")
        db.executemany(
            "INSERT INTO customers VALUES (?, ?, ?)",
            [(n, f"Person {n}" if n else "Zebulon Quixotrix", regions[n % 3]) for n in range(60)],
        )
        db.executemany(
            "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?)",
            [
                (n, n * n % 60, n % 50 + 0.5, f"2026-0{n % 9 + 1}-10", f"2026-0{n % 9 + 1}-20", "rush")
                for n in range(600)
            ],
        )
    return str(tmp_path / "shop.sqlite")


def run(*words: object) -> Result:
    return CliRunner().invoke(command(), ["twin", "build", *map(str, words)])


def test_views_beside_tables_have_no_twins_of_their_own_and_are_named(shop: str, tmp_path: Path) -> None:
    with sqlite3.connect(shop) as db:
        db.execute("CREATE VIEW paid AS SELECT * FROM orders WHERE paid IS NOT NULL")
    made = run("--from", shop, "--out", tmp_path / "twin", "--variant", "plain", "--json")
    assert made.exit_code == 0, made.output
    told = json.loads(made.stdout)
    assert {one["dataset"] for one in told["tables"]} == {"customers", "orders"}
    assert [one for one in told["left_out"] if '"paid"' in one and "view" in one]
    assert {one.stem for one in (tmp_path / "twin").glob("*.parquet")} >= {"customers", "orders"}


def test_a_source_of_views_alone_has_twins_of_them(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "views.duckdb")) as db:
        db.execute("CREATE VIEW numbers AS SELECT i % 7 AS n FROM range(200) AS t(i)")
    made = run(
        "--from", tmp_path / "views.duckdb", "--out", tmp_path / "twin", "--variant", "plain", "--json"
    )
    assert made.exit_code == 0, made.output
    assert [one["dataset"] for one in json.loads(made.stdout)["tables"]] == ["numbers"]


def test_every_table_of_a_source_becomes_parquet_whose_keys_fit(shop: str, tmp_path: Path) -> None:
    made = run("--from", shop, "--out", tmp_path / "twin", "--variant", "plain", "--json")
    assert made.exit_code == 0, made.output
    told = json.loads(made.stdout)
    assert told["variant"] == "plain" and {one["dataset"] for one in told["tables"]} == {
        "customers",
        "orders",
    }
    assert json.loads((tmp_path / "twin" / "twin.json").read_text())["id"] == told["id"]
    with duckdb.connect() as con:
        orders, customers = (str(tmp_path / "twin" / f"{one}.parquet") for one in ("orders", "customers"))
        assert con.execute("SELECT count(*) FROM read_parquet(?)", [orders]).fetchone() == (600,)
        assert con.execute(
            "SELECT count(*) FROM read_parquet(?) o ANTI JOIN read_parquet(?) c ON o.customer = c.id",
            [orders, customers],
        ).fetchone() == (0,)
    written = b"".join(file.read_bytes() for file in (tmp_path / "twin").iterdir())
    assert b"Quixotrix" not in written
    assert "Quixotrix" not in str(pq.read_table(tmp_path / "twin" / "customers.parquet").to_pylist())


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(shop: str, tmp_path: Path) -> None:
    for out, seed in (("a", 1), ("b", 1), ("c", 2)):
        stand_alone(shop, tmp_path / out, seed=seed)
    a, b, c = ((tmp_path / out / "orders.parquet").read_bytes() for out in "abc")
    assert a == b != c


def test_a_drill_breaks_the_contract_and_says_where(shop: str, tmp_path: Path) -> None:
    told = stand_alone(shop, tmp_path / "twin", "drill")
    kinds = {(one.table, one.kind): one.column for one in told.breaks}
    assert {kind for _, kind in kinds} >= {"dropped", "renamed", "retyped", "empty"}
    for (table, kind), column in kinds.items():
        broken = pq.read_table(tmp_path / "twin" / f"{table}.parquet")
        if kind in ("dropped", "renamed"):
            assert column not in broken.column_names
        if kind == "empty":
            assert broken.num_rows == 0
    assert stand_alone(shop, tmp_path / "again", "drill").breaks == told.breaks


def test_an_earlier_twin_is_replaced_and_anything_else_is_left_alone(shop: str, tmp_path: Path) -> None:
    out = tmp_path / "twin"
    stand_alone(shop, out)
    (out / "orders.parquet").unlink()
    stand_alone(shop, out)
    assert (out / "orders.parquet").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    refused = run("--from", shop, "--out", tmp_path / "mine", "--json")
    assert refused.exit_code == 1 and "holds something else" in refused.stderr
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_what_cannot_be_read_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "torn.sqlite").write_bytes(b"SQLite format 3\0" + b"x" * 50)
    refused = run("--from", tmp_path / "torn.sqlite", "--out", tmp_path / "twin")
    assert refused.exit_code == 1 and not (tmp_path / "twin").exists()
    assert [one.name for one in tmp_path.iterdir()] == ["torn.sqlite"]


def test_a_column_that_betrays_rows_is_invented_instead(
    shop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    real = {one.name: pq.read_table(path) for one, path in data.survey(shop, tmp_path / "real", 10)}["orders"]
    leaks = iter([True])

    def leaky(*given: Any) -> dict[str, Twin]:
        made = generate(*given)
        return made | {"orders": replace(made["orders"], table=real, hostile=())} if next(leaks, 0) else made

    monkeypatch.setattr("handrail.twins.make.generate", leaky)
    told = stand_alone(shop, tmp_path / "twin")
    ((table, column),) = told.withheld
    assert table == "orders"
    made = {one.name: one.made for one in next(x for x in told.tables if x.dataset == table).columns}
    assert "invented" in made[column]


@pytest.mark.parametrize(
    "words",
    [("--out", "x"), ("--variant", "plain", "sales"), ("--from", "x"), ("--from", "x", "--out", "y", "z")],
)
def test_halves_of_the_question_are_refused(words: tuple[str, ...]) -> None:
    assert run(*words).exit_code == 2
