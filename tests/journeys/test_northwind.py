"""Real input the whole way: Microsoft's sample order book from import to an app in production, by command line."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from handrail.kernel import Instance, definitions
from handrail.server import command
from tests.conftest import Acting
from tests.data.test_northwind_sales import MODEL
from tests.journeys.company import EXPIRES
from tests.journeys.served import run_cli

pytestmark = pytest.mark.long

CERTIFIED = ("orders", "order_details", "products", "categories")
MANIFEST = """\
[app]
name = "northwind-sales"
kind = "job"
entrypoint = "app.py"
purpose = "sales-reporting"
says = "What each category sold, and where it went"

[data.orders]
columns = ["OrderID", "ShipCountry"]

[data.order_details]
columns = ["OrderID", "UnitPrice", "Quantity", "Discount"]

[metrics]
use = ["sales"]
"""
CODE = '''\
"""Sales by category and month from the certified metric, and orders and sales by country."""

from handrail_sdk import metric, query, show

show(metric("sales", by=["category", "ordered"], grain="month"), title="By category and month")
show(
    query(
        """
        SELECT o.ShipCountry AS country, count(DISTINCT o.OrderID) AS orders,
               sum(d.UnitPrice * d.Quantity * (1 - d.Discount)) AS sales
        FROM orders o JOIN order_details d USING (OrderID)
        GROUP BY country ORDER BY country
        """
    ),
    title="By country",
)
'''
BY_MONTH = """
SELECT CategoryName, strftime('%Y-%m-01', OrderDate), sum(d.UnitPrice * d.Quantity * (1 - d.Discount))
FROM "Order Details" d JOIN Orders o ON o.OrderID = d.OrderID
JOIN Products p ON p.ProductID = d.ProductID JOIN Categories c ON c.CategoryID = p.CategoryID GROUP BY 1, 2
"""
BY_COUNTRY = """
SELECT ShipCountry, count(DISTINCT o.OrderID), sum(d.UnitPrice * d.Quantity * (1 - d.Discount))
FROM Orders o JOIN "Order Details" d ON d.OrderID = o.OrderID GROUP BY 1
"""
Types = Callable[..., Any]


@pytest.fixture
def handrail(instance: Instance) -> Types:
    """Types a command as somebody: `handrail("viewer.emea", "query", …)`; gives the answer or the refusal."""

    def type_it(person: str, *words: str) -> Any:
        where = {"HANDRAIL_HOME": str(instance.settings.home), "HANDRAIL_PERSON": person}
        done = CliRunner().invoke(command(), [*words, "--json"], env=where, catch_exceptions=False)
        return json.loads(done.stderr if done.exit_code else done.stdout)

    return type_it


def test_northwind_goes_the_whole_way(
    instance: Instance, acting: Acting, handrail: Types, northwind: Path, tmp_path: Path
) -> None:
    come_in_whole(instance, northwind)
    be_certified_by_two_stewards(handrail, acting)
    agree_with_plain_sql(handrail, northwind)
    handrail("steward.sales", "twin", "build", *CERTIFIED)
    run_on_the_twin(handrail, northwind, tmp_path)
    reach_production(handrail)
    show_a_viewer_the_real_figures(handrail, northwind, tmp_path)
    done = run_cli("audit", "verify", home=instance.settings.home, person="compliance")
    assert done.stdout.startswith("The trail is whole"), done.stderr


def come_in_whole(instance: Instance, northwind: Path) -> None:
    done = run_cli("import", str(northwind), "--json", home=instance.settings.home, person="steward.sales")
    report = json.loads(done.stdout)
    with sqlite3.connect(f"file:{northwind}?mode=ro", uri=True) as plain:
        tables = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'"
        there = {
            table.lower().replace(" ", "_"): plain.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]
            for (table,) in plain.execute(tables)
        }
    assert {name.replace("_", ""): rows for name, rows in report["rows"].items()} == {
        name.replace("_", ""): rows for name, rows in there.items()
    }


def be_certified_by_two_stewards(handrail: Types, acting: Acting) -> None:
    usual = [
        "--owner",
        "steward.sales",
        "--deputy",
        "lead",
        "--purpose",
        "sales-reporting",
        "--reader",
        "sales",
    ]
    for name in CERTIFIED:
        words = ("propose", name, *usual, "--expires", EXPIRES, "--description", f"Northwind's {name}.")
        assert handrail("steward.sales", *words)["state"] == "proposed"
    assert handrail("steward.sales", "certify", "orders")["code"] == "not_allowed"
    for name in CERTIFIED:
        assert handrail("steward.hr", "certify", name)["state"] == "certified"
    with acting("steward.sales") as ctx:
        definitions.write(ctx, "model/northwind.yaml", MODEL, "Say what sales are")


def agree_with_plain_sql(handrail: Types, northwind: Path) -> None:
    words = ("metric", "sales", "--by", "category", "--by", "ordered", "--grain", "month")
    answer = handrail("viewer.emea", *words, "--purpose", "sales-reporting")
    assert len(answer["rows"]) > 100
    same_to_the_cent([tuple(row.values()) for row in answer["rows"]], directly(northwind, BY_MONTH))


def run_on_the_twin(handrail: Types, northwind: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "northwind-sales", tmp_path / "sandbox"
    folder.mkdir()
    (folder / "handrail.toml").write_text(MANIFEST)
    (folder / "app.py").write_text(CODE)
    pushed = handrail("maker.sales", "push", str(folder), "--why", "The buyers ask for it every month")
    assert pushed["n"] == 1, pushed
    ran = handrail("maker.sales", "run", "northwind-sales", "--out", str(out))
    assert ran["environment"] == "sandbox", ran
    countries = dict.fromkeys(country for country, *_ in shown(out, "by-country"))
    real = {country: rest for country, *rest in directly(northwind, BY_COUNTRY)}
    assert countries
    assert all(real.get(country) != rest for country, *rest in shown(out, "by-country"))


def reach_production(handrail: Types) -> None:
    handrail("maker.sales", "share", "northwind-sales", "--group", "sales")
    waiting = handrail("maker.sales", "promote", "northwind-sales")  # asks for the review too
    assert waiting["code"] == "not_ready"
    assert handrail("viewer.emea", "run", "northwind-sales", "--production")["code"] == "not_ready"
    words = ("approve", "northwind-sales", "--reason", "Reads what it declares.")
    assert handrail("reviewer.platform", *words)["state"] == "approved"
    assert handrail("maker.sales", "promote", "northwind-sales")["n"] == 1


def show_a_viewer_the_real_figures(handrail: Types, northwind: Path, tmp_path: Path) -> None:
    out = tmp_path / "production"
    ran = handrail("viewer.apac", "run", "northwind-sales", "--production", "--out", str(out))
    assert ran["environment"] == "production", ran
    same_to_the_cent(shown(out, "by-category-and-month"), directly(northwind, BY_MONTH))
    same_to_the_cent(shown(out, "by-country"), directly(northwind, BY_COUNTRY))


def directly(northwind: Path, sql: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(f"file:{northwind}?mode=ro", uri=True) as plain:
        return plain.execute(sql).fetchall()


def shown(folder: Path, name: str) -> list[tuple[Any, ...]]:
    """The rows of a table that a run handed over."""
    (file,) = folder.glob(f"*{name}.json")
    return [tuple(row) for row in json.loads(file.read_text())["rows"]]


def same_to_the_cent(here: list[tuple[Any, ...]], there: list[tuple[Any, ...]]) -> None:
    """Equal keys, and amounts (the last of each row) that differ by less than half a cent."""
    ours = {tuple(str(part).removesuffix(" 00:00:00") for part in row[:-1]): float(row[-1]) for row in here}
    theirs = {tuple(map(str, row[:-1])): row[-1] for row in there}
    assert ours == pytest.approx(theirs, abs=0.005)
