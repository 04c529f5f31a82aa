"""Reading a real PostgreSQL server: every awkward type, keys, and passwords that go nowhere."""

import socket
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handrail.data.sources import open_source
from handrail.data.sources.postgres import without_password
from handrail.kernel import NotAllowed, Upstream
from tests.postgres import PASSWORD, Server, postgres

__all__ = ["postgres"]
pytestmark = pytest.mark.postgres


def test_types_keys_schemas_and_views_come_through(postgres: Server, tmp_path: Path) -> None:
    address = postgres.database(
        "types",
        "CREATE TYPE mood AS ENUM ('sad', 'glad')",
        'CREATE TABLE "Customers" (id int PRIMARY KEY, "E mail" text NOT NULL UNIQUE)',
        "CREATE SCHEMA sales",
        'CREATE TABLE sales.orders (id bigserial PRIMARY KEY, customer int REFERENCES "Customers",'
        " amount numeric(12,2), raw numeric, at timestamptz, day date, m mood, j jsonb, b bytea,"
        " twice int GENERATED ALWAYS AS (2) STORED, tags text[])",
        "INSERT INTO \"Customers\" VALUES (1, 'a@b.example')",
        "INSERT INTO sales.orders VALUES (1, 1, 12.30, 1.2345, '2024-01-01 12:00+02', 'infinity', 'glad',"
        " '{\"a\": 1}', '\\x00ff', DEFAULT, '{x,y}')",
        "INSERT INTO sales.orders (id, amount, raw, day) VALUES (2, 'NaN', 10, '2024-02-29')",
        "CREATE VIEW totals AS SELECT sum(amount) AS total FROM sales.orders WHERE id = 1",
        "CREATE TABLE nothing ()",
    )
    source = open_source(address)
    tables = {table.key: table for table in source.tables()}
    assert list(tables) == ["public.Customers", "public.totals", "sales.orders"]
    assert source.left_out == ('"public.nothing" has no columns; it was left out.',)
    orders = tables["sales.orders"]
    assert (orders.name, orders.primary_key) == ("sales_orders", ("id",))
    assert [(key.columns, key.table, key.targets) for key in orders.foreign_keys] == [
        (("customer",), "public.Customers", ("id",))
    ]
    target = tmp_path / "out.parquet"
    extracted = source.extract(orders, target, lambda _rows: None)
    table = pq.read_table(target)
    assert table.schema.field("amount").type == pa.decimal128(12, 2)
    assert [str(value) for value in table["raw"].to_pylist()] == ["1.2345", "10.0000"]
    assert str(table["at"].to_pylist()[0]) == "2024-01-01 10:00:00"
    assert table["j"].to_pylist()[0] == '{"a": 1}'
    assert table["amount"].to_pylist()[1] is None
    notes = dict(extracted.notes)
    assert notes["day"] == "1 values outside years 1 to 9999, or not a number, were read as missing."
    assert notes["m"] == "mood in the source, kept as text."
    source.close()


def test_a_table_that_the_user_may_not_read_is_named_and_left_out(postgres: Server) -> None:
    postgres.database(
        "closed",
        "CREATE TABLE open (a int)",
        "CREATE TABLE closed (a int)",
        "DROP ROLE IF EXISTS reader",
        "CREATE ROLE reader LOGIN PASSWORD 'r'",
        "GRANT SELECT ON open TO reader",
    )
    source = open_source(f"postgresql://reader:r@127.0.0.1:{postgres.port}/closed")
    assert [table.name for table in source.tables()] == ["open"]
    assert source.left_out == ('This user may not read "public.closed"; it was left out.',)
    source.close()


def test_all_tables_are_read_from_one_moment(postgres: Server, tmp_path: Path) -> None:
    address = postgres.database("moment", "CREATE TABLE a (x int)", "CREATE TABLE b (x int)")
    source = open_source(address)
    tables = source.tables()
    with psycopg.connect(address, autocommit=True) as writer:
        writer.execute("INSERT INTO b VALUES (1)")
    assert source.extract(tables[1], tmp_path / "b.parquet", lambda _rows: None).rows == 0
    source.close()


def test_a_wrong_password_is_refused_and_shown_nowhere(postgres: Server) -> None:
    with pytest.raises(NotAllowed) as refused:
        open_source(postgres.address(password="not-this-one"))
    assert "not-this-one" not in refused.value.message + refused.value.next_step
    assert refused.value.__cause__ is None  # the driver's own text may hold the address


def test_a_host_that_does_not_answer_is_refused_with_its_address() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(Upstream, match=f"127.0.0.1:{port}"):
        open_source(f"postgresql://somebody:secret@127.0.0.1:{port}/db")


def test_the_stored_address_has_no_password_however_it_was_given() -> None:
    for address in (
        f"postgresql://me:{PASSWORD}@db.example:5433/shop",
        f"postgresql://me@db.example:5433/shop?password={PASSWORD}&sslmode=require",
    ):
        stored, had_password = without_password(address)
        assert stored == "postgresql://me@db.example:5433/shop"
        assert had_password
