"""Keys: declared ones are checked against the data, undeclared ones are found, and doubts are said."""

import sqlite3
from pathlib import Path
from typing import Any

import duckdb
import pytest

from handrail.data.keys import Keys, find_keys
from handrail.data.profile import profile
from handrail.data.sources import Table, open_source


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


def _folder_keys(folder: Path, **tables: str) -> dict[str, Keys]:
    """Keys of a folder in which each table is a Parquet file, or CSV where its name ends in _csv; by table."""
    (folder / "real").mkdir()
    (folder / "extracts").mkdir()
    with duckdb.connect() as db:
        for name, sql in tables.items():
            csv = name.endswith("_csv")
            path = folder / "real" / f"{name.removesuffix('_csv')}.{'csv' if csv else 'parquet'}"
            db.execute(f"COPY ({sql}) TO '{path}' ({'FORMAT csv, HEADER' if csv else 'FORMAT parquet'})")
        source = open_source(str(folder / "real"))
        profiles = {}
        for table in source.tables():
            target = folder / "extracts" / f"{table.name}.parquet"
            source.extract(table, target, lambda _rows: None)
            profiles[table.key] = profile(db, target)
        found = find_keys(db, source.tables(), profiles)
    return {Path(key).stem: keys for key, keys in found.items()}


def _links(keys: Keys) -> list[tuple[tuple[str, ...], str, tuple[str, ...]]]:
    return [(columns, Path(table).stem, targets) for columns, table, targets in _pairs(keys)]


_SHOP = {
    "customer": "SELECT i AS c_custkey, 'n' || i % 7 AS c_name, i % 5 AS c_nationkey FROM range(1, 61) t(i)",
    "nation": "SELECT i AS n_nationkey, 'land ' || i // 2 AS n_name, 1.5 * i AS n_area FROM range(5) t(i)",
    "part": "SELECT i AS p_partkey, i % 9 AS p_size, 'x' AS p_brand FROM range(1, 41) t(i)",
    "supplier": "SELECT i AS s_suppkey, i % 5 AS s_nationkey, 'y' AS s_phone FROM range(1, 11) t(i)",
    "partsupp": "SELECT p AS ps_partkey, 1 + (p + s * 3) % 10 AS ps_suppkey, p * 7 % 5 AS ps_availqty"
    " FROM range(1, 41) a(p), range(3) b(s)",
    "orders": "SELECT i * 4 AS o_orderkey, 1 + i % 60 AS o_custkey, 'F' AS o_status FROM range(1, 201) t(i)",
    "lineitem": "SELECT o * 4 AS l_orderkey, 1 + (o * 3 + n) % 40 AS l_partkey,"
    " 1 + (1 + (o * 3 + n) % 40 + (o + n) % 3 * 3) % 10 AS l_suppkey, n AS l_linenumber, n % 2 AS l_quantity"
    " FROM range(1, 201) a(o), range(1, 5) b(n)",
}


def test_columns_with_their_tables_prefix_are_linked_and_keys_of_several_columns_are_found(
    tmp_path: Path,
) -> None:
    keys = _folder_keys(tmp_path, **_SHOP)
    assert {name: one.primary for name, one in keys.items()} == {
        "customer": ("c_custkey",),
        "nation": ("n_nationkey",),
        "part": ("p_partkey",),
        "supplier": ("s_suppkey",),
        "partsupp": ("ps_partkey", "ps_suppkey"),
        "orders": ("o_orderkey",),
        "lineitem": ("l_orderkey", "l_linenumber"),
    }
    assert {name: _links(one) for name, one in keys.items() if one.foreign} == {
        "customer": [(("c_nationkey",), "nation", ("n_nationkey",))],
        "supplier": [(("s_nationkey",), "nation", ("n_nationkey",))],
        "orders": [(("o_custkey",), "customer", ("c_custkey",))],
        "partsupp": [
            (("ps_partkey",), "part", ("p_partkey",)),
            (("ps_suppkey",), "supplier", ("s_suppkey",)),
        ],
        "lineitem": [
            (("l_orderkey",), "orders", ("o_orderkey",)),
            (("l_partkey",), "part", ("p_partkey",)),
            (("l_suppkey",), "supplier", ("s_suppkey",)),
            (("l_partkey", "l_suppkey"), "partsupp", ("ps_partkey", "ps_suppkey")),
        ],
    }


def test_a_key_of_several_columns_is_not_pointed_at_when_one_pair_is_not_there(tmp_path: Path) -> None:
    strange = (
        f"{_SHOP['lineitem']} UNION ALL SELECT 4, 1, (SELECT min(s) FROM range(1, 11) t(s) WHERE s NOT IN"
    )
    strange += " (SELECT 1 + (1 + x * 3) % 10 FROM range(3) u(x))), 5, 1"
    keys = _folder_keys(tmp_path, **(_SHOP | {"lineitem": strange}))
    assert [columns for columns, _, _ in _links(keys["lineitem"])] == [
        ("l_orderkey",),
        ("l_partkey",),
        ("l_suppkey",),
    ]


def test_a_role_before_or_after_the_name_of_a_key_points_at_it(tmp_path: Path) -> None:
    keys = _folder_keys(
        tmp_path,
        customers_csv="SELECT i AS id, 'n' || i % 5 AS name FROM range(1, 31) t(i)",
        sites_csv="SELECT i * 3 AS site_no, 'n' || i % 5 AS town FROM range(1, 31) t(i)",
        orders_csv="SELECT i + 500 AS id, 1 + i % 30 AS ship_customer_id, 1 + i % 7 AS customer_id_billed,"
        " 3 + i % 30 * 3 AS site_no_from, 4 + i % 28 * 3 AS site_no_to FROM range(90) t(i)",
    )
    assert _links(keys["orders"]) == [
        (("ship_customer_id",), "customers", ("id",)),
        (("customer_id_billed",), "customers", ("id",)),
        (("site_no_from",), "sites", ("site_no",)),  # and site_no_to has other values
    ]


def test_a_table_points_at_itself_only_where_the_name_says_so(tmp_path: Path) -> None:
    keys = _folder_keys(
        tmp_path,
        employees="SELECT i AS employee_id, nullif(i // 4, 0) AS manager_id, 1 + i % 9 AS grade_id,"
        " i // 3 + 1 AS desk_no, 1 + i % 4 AS employee_id_count, 1 + i % 5 AS employee FROM range(1, 61) t(i)",
        categories="SELECT i AS category_id, nullif(i // 3, 0) AS parent_category_id, i % 4 AS level"
        " FROM range(1, 31) t(i)",
        parents="SELECT i + 900 AS id, 'x' AS name FROM range(1, 21) t(i)",
        pupils="SELECT i AS id, 900 + i AS parent_id FROM range(1, 20) t(i)",
        managers="SELECT i + 90 AS id, 'x' AS name FROM range(1, 21) t(i)",
    )
    assert _links(keys["categories"]) == [(("parent_category_id",), "categories", ("category_id",))]
    assert _links(keys["pupils"]) == [(("parent_id",), "parents", ("id",))]
    assert _links(keys["employees"]) == []  # a table of managers is there, and these are not in it


def test_a_manager_is_another_employee_where_no_table_of_managers_is(tmp_path: Path) -> None:
    keys = _folder_keys(
        tmp_path,
        employees="SELECT i AS employee_id, nullif(i // 4, 0) AS manager_id, 1 + i % 9 AS grade_id,"
        " nullif(i // 5, 0) AS reports_to, i // 3 + 1 AS desk_no, 61 - i AS buddy_employee_id"
        " FROM range(1, 61) t(i)",
    )
    assert [columns for columns, _, _ in _links(keys["employees"])] == [
        ("manager_id",),
        ("reports_to",),
        ("buddy_employee_id",),
    ]


def test_counters_zeros_and_booleans_point_nowhere(tmp_path: Path) -> None:
    keys = _folder_keys(
        tmp_path,
        # Both count from 1: a_no and b_no are names of no thing, and neither are line_no and seq.
        apples="SELECT i AS a_no, i % 3 AS a_size, i % 2 = 0 AS a_ripe FROM range(1, 41) t(i)",
        boats="SELECT i AS b_no, i % 5 AS b_size, 0 AS b_owner_id FROM range(1, 31) t(i)",
        line="SELECT i AS line_no, 'x' AS word FROM range(1, 41) t(i)",
        steps="SELECT i // 4 AS recipe_code, 1 + i % 4 AS line_no, i % 2 AS flag_id FROM range(40) t(i)",
        flags="SELECT i AS id, 'x' AS word FROM range(2, 60) t(i)",
        owners="SELECT i AS owner_id, 'x' AS word FROM range(60) t(i)",
        ripe="SELECT i = 1 AS a_ripe, 'x' AS word FROM range(2) t(i)",
    )
    assert {name: _links(one) for name, one in keys.items()} == {name: [] for name in keys}
    assert keys["ripe"].primary == ()


def test_names_that_fit_without_the_values_are_no_link(tmp_path: Path) -> None:
    keys = _folder_keys(
        tmp_path,
        part="SELECT i AS p_partkey, 'x' AS p_name, i % 3 AS p_size FROM range(1, 41) t(i)",
        stock="SELECT i AS k_id, i + 1 AS k_partkey, i % 3 AS k_size FROM range(1, 41) t(i)",
        spare="SELECT i AS e_id, i % 9 + 1.0 AS e_partkey, i % 3 AS e_size FROM range(1, 41) t(i)",
        texts="SELECT i AS t_id, (i % 9 + 1)::VARCHAR AS t_partkey, i % 3 AS t_size FROM range(1, 41) t(i)",
    )
    assert {name: _links(one) for name, one in keys.items()} == {name: [] for name in keys}


def test_of_two_tables_with_one_key_the_one_it_is_named_after_is_pointed_at(tmp_path: Path) -> None:
    keys = _folder_keys(
        tmp_path,
        customer="SELECT i AS c_custkey, 'x' AS c_name, i % 3 AS c_size FROM range(1, 41) t(i)",
        profile="SELECT i AS f_custkey, 'x' AS f_name, i % 3 AS f_size FROM range(1, 41) t(i)",
    )
    assert (_links(keys["customer"]), _links(keys["profile"])) == (
        [],
        [(("f_custkey",), "customer", ("c_custkey",))],
    )


def test_dates_are_part_of_a_key_only_where_chance_would_have_repeated_them(tmp_path: Path) -> None:
    keys = _folder_keys(
        tmp_path,
        clients="SELECT i * 7 AS client_no, 'x' AS tier FROM range(1, 41) t(i)",
        balances="SELECT (1 + i % 40) * 7 AS client_no, DATE '2024-01-31' + (i // 40)::INTEGER * 30 AS day,"
        " 1.0 * i AS closing FROM range(480) t(i)",
        visits="SELECT (1 + i * 6 % 40) * 7 AS client_no, DATE '2024-01-31' + i::INTEGER // 2 AS day,"
        " 'x' AS why FROM range(40) t(i)",
        moves="SELECT 'x' AS why, (1 + i % 40) * 7 AS client_no, DATE '2024-01-31' + (i // 80)::INTEGER * 30"
        " AS day FROM range(400) t(i)",
    )
    assert keys["balances"].primary == ("client_no", "day")
    assert keys["visits"].primary == ()
    assert keys["moves"].primary == ()  # each pair is there twice
    assert (("client_no", "day"), "balances", ("client_no", "day")) in _links(keys["moves"])


def test_three_columns_are_a_key_where_no_two_are(tmp_path: Path) -> None:
    keys = _folder_keys(
        tmp_path,
        shelves="SELECT h AS hall_no, r AS rack_no, s AS shelf_no, 'x' AS word"
        " FROM range(4) a(h), range(5) b(r), range(6) c(s)",
        slots="SELECT i % 4 AS hall_no, i % 5 AS rack_no, i % 3 AS shelf_no, i + 70 AS slot_id FROM range(99) t(i)",
    )
    assert keys["shelves"].primary == ("hall_no", "rack_no", "shelf_no")
    assert keys["slots"].primary == ("slot_id",)


class _Counting:
    """A connection that counts its queries."""

    def __init__(self, db: duckdb.DuckDBPyConnection) -> None:
        self._db, self.queries = db, 0

    def execute(self, *what: Any) -> Any:
        self.queries += 1
        return self._db.execute(*what)


@pytest.mark.release
def test_three_hundred_wide_tables_take_few_queries(tmp_path: Path) -> None:
    """Everything is called alike and much looks like a key: without bounds these were millions of queries."""
    with duckdb.connect() as db:
        read = []
        for kind in range(10):
            ids = ", ".join(f"1 + (i * {n + 3}) % 9 AS thing{kind * 30 + n}_id" for n in range(8))
            texts = ", ".join(f"'{'ABCDE'[n % 5]}' || 1000 + i * {n + 2} % 7 AS code_{n}" for n in range(10))
            rest = ", ".join(f"i * {n + 2} % 5 AS number_{n}" for n in range(10))
            key = ("i AS id", f"'{'ABCDE'[kind % 5]}' || (1000 + i) AS code", "i // 3 AS thing1_id")[kind % 3]
            path = tmp_path / f"{kind}.parquet"
            db.execute(
                f"COPY (SELECT {key}, i % 3 AS line_no, {ids}, {texts}, {rest} FROM range(1, 13) t(i))"
                f" TO '{path}'"
            )
            read.append(profile(db, path))
        tables = [Table(f"thing{n}", f"thing{n}", ()) for n in range(300)]
        counting = _Counting(db)
        found = find_keys(counting, tables, {f"thing{n}": read[n % 10] for n in range(300)})  # type: ignore[arg-type]
    assert sum(len(one.columns) for one in read) == 300
    assert all(one.primary and one.foreign for one in found.values())
    assert counting.queries < 30 * 300


def test_of_many_keys_that_look_like_a_column_only_a_few_are_tried(tmp_path: Path) -> None:
    with duckdb.connect() as db:
        keys, sales = tmp_path / "keys.parquet", tmp_path / "sales.parquet"
        db.execute(f"COPY (SELECT 'K-' || (1000 + i) AS code FROM range(900) t(i)) TO '{keys}'")
        codes = ", ".join(f"'K-' || (5000 + i * {n + 3} % 40) AS word_{n}" for n in range(20))
        db.execute(f"COPY (SELECT {codes} FROM range(200) t(i)) TO '{sales}'")
        profiles = {f"list{n}": profile(db, keys) for n in range(40)} | {"sales": profile(db, sales)}
        counting = _Counting(db)
        found = find_keys(counting, [Table(key, key, ()) for key in profiles], profiles)  # type: ignore[arg-type]
    assert found["sales"].foreign == ()
    assert counting.queries <= 20 * 4
