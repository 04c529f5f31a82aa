"""Keys: declared ones are checked against the data, undeclared ones are found, and doubts are said."""

import sqlite3
from pathlib import Path

import duckdb

from handrail.data.keys import Keys, find_keys
from handrail.data.profile import profile
from handrail.data.sources import open_source


def _keys(tmp_path: Path, *statements: str) -> dict[str, Keys]:
    path = tmp_path / "source.sqlite"
    with sqlite3.connect(path) as db:
        for statement in statements:
            db.execute(statement)
    db.close()
    source = open_source(str(path))
    tables = source.tables()
    with duckdb.connect() as con:
        profiles = {}
        for table in tables:
            target = tmp_path / f"{table.name}.parquet"
            source.extract(table, target, lambda _rows: None)
            profiles[table.key] = profile(con, target)
        found = find_keys(con, tables, profiles)
    source.close()
    return found


def _pairs(keys: Keys) -> list[tuple[tuple[str, ...], str, tuple[str, ...]]]:
    return [(key.columns, key.table, key.targets) for key in keys.foreign]


def test_a_declared_key_that_does_not_hold_is_a_doubt_and_not_a_key(tmp_path: Path) -> None:
    keys = _keys(
        tmp_path,
        "CREATE TABLE a (code TEXT PRIMARY KEY)",  # SQLite lets a text key be missing
        "INSERT INTO a VALUES (NULL), (NULL), ('x')",
        "CREATE TABLE b (n INTEGER, a TEXT REFERENCES a (code))",
        "INSERT INTO b VALUES (1, 'x'), (2, 'gone')",
    )
    assert keys["a"].primary == ()
    assert keys["a"].doubts == ("Declared primary key (code) has missing or repeated values.",)
    assert keys["b"].foreign == ()
    assert keys["b"].doubts[0] == "Declared foreign key (a) to a does not hold: 1 rows point at nothing."


def test_undeclared_keys_are_found_by_name_and_held_against_the_data(tmp_path: Path) -> None:
    keys = _keys(
        tmp_path,
        "CREATE TABLE customers (id INTEGER, name TEXT)",
        "INSERT INTO customers VALUES (1, 'a'), (2, 'b'), (3, 'a')",
        "CREATE TABLE orders (id INTEGER, customer_id INTEGER, product_id INTEGER)",
        "INSERT INTO orders VALUES (10, 1, 5), (11, 3, 6), (12, 3, 6)",
        "CREATE TABLE products (product_id INTEGER, price REAL)",
        "INSERT INTO products VALUES (5, 1.0), (7, 2.0)",
    )
    assert keys["customers"].primary == ("id",)
    assert _pairs(keys["orders"]) == [(("customer_id",), "customers", ("id",))]
    assert "found by name and content" in keys["orders"].doubts[0]


def test_a_text_code_that_is_wholly_contained_is_found_and_marked_for_checking(tmp_path: Path) -> None:
    airports = ", ".join(f"('{code}', {number})" for number, code in enumerate(("EWR", "JFK", "LGA", "SFO")))
    flights = ", ".join(f"({n}, '{code}')" for n, code in enumerate(("EWR", "JFK", "LGA") * 2))
    keys = _keys(
        tmp_path,
        "CREATE TABLE airports (faa TEXT, height INTEGER)",
        f"INSERT INTO airports VALUES {airports}",
        "CREATE TABLE flights (n INTEGER, origin TEXT)",
        f"INSERT INTO flights VALUES {flights}",
    )
    assert _pairs(keys["flights"]) == [(("origin",), "airports", ("faa",))]
    assert keys["flights"].doubts == (
        "Foreign key (origin) to airports was found by content alone; please check.",
    )


def test_numbers_that_merely_overlap_are_not_taken_for_a_key(tmp_path: Path) -> None:
    keys = _keys(
        tmp_path,
        "CREATE TABLE shops (id INTEGER PRIMARY KEY)",
        "INSERT INTO shops VALUES (1), (2), (3), (4)",
        "CREATE TABLE sales (n INTEGER PRIMARY KEY, quantity INTEGER)",
        "INSERT INTO sales VALUES (100, 1), (101, 2), (102, 3), (103, 3)",
    )
    assert keys["sales"].foreign == ()


def test_two_columns_together_are_a_key_when_no_single_one_is(tmp_path: Path) -> None:
    keys = _keys(
        tmp_path,
        "CREATE TABLE lines (order_id INTEGER, product_id INTEGER, quantity INTEGER)",
        "INSERT INTO lines VALUES (1, 1, 5), (1, 2, 5), (2, 1, 5)",
    )
    assert keys["lines"].primary == ("order_id", "product_id")


def test_a_declared_key_of_an_empty_table_is_kept(tmp_path: Path) -> None:
    keys = _keys(
        tmp_path,
        "CREATE TABLE a (id INTEGER PRIMARY KEY)",
        "CREATE TABLE b (x INTEGER, y INTEGER, a INTEGER REFERENCES a, PRIMARY KEY (x, y))",
    )
    assert keys["b"].primary == ("x", "y")
    assert _pairs(keys["b"]) == [(("a",), "a", ("id",))]
