"""Lineage on pages, by REST and on the command line: readable however much there is, and alike everywhere."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from handrail import apps
from handrail.data import drawn
from handrail.data.lineage_models import Edge, Lineage, Node
from handrail.kernel import Instance, RunRef, identity
from handrail.server import application, command
from tests.data import asking
from tests.web import Client


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Instance]:
    instance = asking.furnished(tmp_path)
    with asking.actors(instance)("maker.sales") as ctx:
        files = {"app.py": b"print(1)\n", "handrail.toml": asking.MANIFEST.encode()}
        pushed = apps.push(ctx, files, "Sales by region", "")
    run = RunRef("run_1", "report", pushed.commit, "sandbox", pushed.manifest)
    asking.asking(instance)("maker.sales", "SELECT region, sum(amount) AS net FROM orders GROUP BY 1", of=run)
    yield instance
    instance.close()


def asked(shop: Instance, who: str, path: str) -> Any:
    with asking.actors(shop)(who) as ctx:
        token = identity.issue_token(ctx, "test")[1]
    client = Client(application(shop))
    return client.get(path, headers={"Authorization": f"Bearer {token}"})


def told(shop: Instance, who: str, *words: str) -> Any:
    where = {"HANDRAIL_HOME": str(shop.settings.home), "HANDRAIL_PERSON": who}
    return CliRunner().invoke(command(), ["lineage", *words], env=where, catch_exceptions=False)


def test_the_pages_of_dataset_metric_and_app_show_the_drawing_and_its_table(shop: Instance) -> None:
    for path, links in (
        ("/datasets/orders", ("/metrics/sales", "/apps/report")),
        ("/metrics/sales", ("/datasets/orders", "/apps/report")),
        ("/apps/report", ("/datasets/orders", "/metrics/sales")),
    ):
        page = asked(shop, "maker.sales", path).text
        drawing = page.partition('<div class="flow">')[2].partition("</div>")[0]
        assert all(f'href="{link}"' in drawing for link in links)
        assert "The same as a table" in page
    assert "What its answers are made of" in page
    assert "<code>orders.amount</code>" in page


def test_a_page_follows_one_column(shop: Instance) -> None:
    page = asked(shop, "steward.sales", "/lineage/dataset/orders?column=amount").text
    assert "Lineage of orders.amount" in page
    assert ">region<" not in page.partition('<div class="flow">')[2].partition("</div>")[0]
    assert asked(shop, "steward.sales", "/lineage/dataset/orders?column=nope").status_code == 404


def test_pages_name_no_app_that_is_not_the_viewers(shop: Instance) -> None:
    for path in ("/datasets/orders", "/metrics/sales", "/lineage/dataset/orders", "/lineage/metric/sales"):
        assert "/apps/report" not in asked(shop, "viewer.emea", path).text
    assert asked(shop, "viewer.emea", "/lineage/app/report").status_code == 404


def test_rest_and_the_command_line_say_the_same_and_refuse_alike(shop: Instance) -> None:
    for name in ("dataset:orders", "metric:sales", "app:report"):
        rest = asked(shop, "maker.sales", f"/api/v1/lineage/{name.replace(':', '/')}").json()
        assert rest["of"] == name
        assert rest == json.loads(told(shop, "maker.sales", name, "--json").stdout)
    rest = asked(shop, "viewer.emea", "/api/v1/lineage/app/report").json()
    cli = json.loads(told(shop, "viewer.emea", "app:report", "--json").stderr)
    assert (rest["code"], rest["detail"], rest["next_step"]) == tuple(
        cli[k] for k in ("code", "message", "next_step")
    )


def test_the_command_gives_a_line_for_each_column_when_it_is_asked_to(shop: Instance) -> None:
    few, many = (
        told(shop, "lead", "orders", *more).stdout.count("dataset:orders") for more in ((), ("--columns",))
    )
    assert many > few


def wide(columns: int, apps_: int) -> Lineage:
    """A dataset with many columns, each read by many apps."""
    names = tuple(f"column_{n}" for n in range(columns))
    nodes = [Node("source", "dw/big"), Node("dataset", "big", columns=names)]
    nodes += [Node("app", f"app-{n}") for n in range(apps_)]
    edges = [Edge("source:dw/big", "dataset:big", "copied", tuple((name, name) for name in names))]
    edges += [
        Edge("dataset:big", f"app:app-{n}", "read", tuple((name, "") for name in names), ("production",))
        for n in range(apps_)
    ]
    return Lineage("dataset:big", None, tuple(nodes), tuple(edges))


def test_what_is_too_much_to_draw_is_counted_and_the_table_still_has_all_of_it() -> None:
    found = wide(44, 60)
    picture = str(drawn.drawing(found).picture)
    side_by_side = picture.partition("flow-tall")[0]
    assert side_by_side.count('class="flow-line') <= drawn.LINES
    assert side_by_side.count("<rect") <= 2 + drawn.BOXES
    assert "and 53 more" in picture
    assert "44 columns" in picture
    assert len(drawn.told(found)) == 61


def test_a_few_columns_are_drawn_one_by_one_and_the_rest_is_counted() -> None:
    found = wide(44, 0)
    read = Edge("dataset:big", "app:a", "read", (("column_3", ""), ("column_7", "")), ("sandbox",))
    found = Lineage(found.of, None, (*found.nodes, Node("app", "a")), (*found.edges, read))
    picture = str(drawn.drawing(found).picture)
    assert "column_3" in picture and "column_7" in picture
    assert "and 42 more columns" in picture
