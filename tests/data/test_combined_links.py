"""Keys of several columns: from what a source declares to the promise that is counted and what is shown of it."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from handrail import data
from handrail.data.check_quality import results
from handrail.data.lineage import lineage
from handrail.data.merge import merge
from handrail.data.models import Column, CombinedLink
from handrail.data.picking import _names_somebody
from handrail.data.store import all_extracts
from handrail.kernel import Invalid, NotAllowed, NotReady, definitions
from tests.conftest import Acting
from tests.data import budgeting
from tests.data.governing import ORDERS
from tests.data.shop import COMPLETE
from tests.data.test_check_quality import outcomes, rewrite
from tests.data.test_pages import SignedIn, signed_in

__all__ = ["signed_in"]

LINK = CombinedLink(("product", "shop"), "stock", ("product", "shop"))
PROMISE = "product and shop points at a row of stock (product, shop)"


def shelves(path: Path, *more: str) -> Path:
    """Stock by product and shop, and sales of it, some of no shop, as an SQLite file."""
    with sqlite3.connect(path) as db:
        if not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            db.execute(
                "CREATE TABLE stock (product INTEGER, shop TEXT, n INTEGER, PRIMARY KEY (product, shop))"
            )
            db.execute(
                "CREATE TABLE sales (id INTEGER PRIMARY KEY, product INTEGER, shop TEXT,"
                " FOREIGN KEY (product, shop) REFERENCES stock (product, shop))"
            )
            db.executemany("INSERT INTO stock VALUES (?, ?, 5)", [(n, s) for n in range(20) for s in "AB"])
            rows = [(n, n % 20, "AB"[n % 2] if n % 10 else None) for n in range(200)]
            db.executemany("INSERT INTO sales VALUES (?, ?, ?)", rows)
        for statement in more:
            db.execute(statement)
    db.close()
    return path


def imported(acting: Acting, source: Path) -> data.ImportReport:
    with acting("steward.sales") as ctx:
        return data.import_source(ctx, str(source))


def test_a_declared_key_of_several_columns_is_in_the_contract_and_its_promise_is_counted(
    acting: Acting, tmp_path: Path
) -> None:
    imported(acting, shelves(tmp_path / "shelves.sqlite"))
    with acting("steward.sales") as ctx:
        assert data.contract(ctx, "sales").combined == (LINK,)
        assert b"- sales.product\n    - sales.shop" in (
            definitions.read(ctx, "contracts/sales.odcs.yaml") or b""
        )
    assert outcomes(acting, "sales")[PROMISE] == ("kept", 0)  # rows of no shop point nowhere


def test_rows_that_point_at_nothing_together_are_counted_though_each_column_is_there(
    acting: Acting, tmp_path: Path
) -> None:
    source = shelves(tmp_path / "shelves.sqlite")
    imported(acting, source)
    with acting("steward.sales") as ctx:
        stated = data.contract(ctx, "sales")
        moved = replace(stated, combined=(replace(LINK, columns=("id", "shop")),))
        found = {one.promise: one for one in results(ctx, moved, all_extracts(ctx))}
    broken = found["id and shop points at a row of stock (product, shop)"]
    assert (broken.outcome, broken.count) == (
        "broken",
        162,
    )  # 180 with a shop, of which 18 have an id below 20


def test_an_import_that_breaks_the_link_says_so_and_takes_the_promise_away(
    acting: Acting, tmp_path: Path
) -> None:
    source = shelves(tmp_path / "shelves.sqlite")
    imported(acting, source)
    report = imported(acting, shelves(source, "DELETE FROM stock WHERE product = 3 AND shop = 'B'"))
    assert report.changed == ("sales",)
    assert any("Some rows of (product, shop) point at no row of stock." in note.text for note in report.notes)
    with acting("steward.sales") as ctx:
        assert data.contract(ctx, "sales").combined == ()


def test_a_contract_whose_link_does_not_hold_is_not_certified(acting: Acting, tmp_path: Path) -> None:
    imported(acting, shelves(tmp_path / "shelves.sqlite"))
    rewrite(acting, "- sales.product\n", "- sales.id\n", "sales")
    with acting("steward.sales") as ctx:
        data.propose(ctx, "sales", {**COMPLETE, "row_filters": [], "masks": {}})
    with (
        acting("steward.hr") as ctx,
        pytest.raises(NotReady, match=r"rows of \(id, shop\) point at no row"),
    ):
        data.certify(ctx, "sales")
    rewrite(acting, "- stock.product\n", "- stock.size\n", "sales")
    with acting("steward.sales") as ctx:
        data.propose(ctx, "sales", {"description": "again"})
    with (
        acting("steward.hr") as ctx,
        pytest.raises(NotReady, match=r"stock \(size, shop\), which is not there"),
    ):
        data.certify(ctx, "sales")


def test_lineage_draws_a_link_with_all_its_columns(acting: Acting, tmp_path: Path) -> None:
    imported(acting, shelves(tmp_path / "shelves.sqlite"))
    with acting("lead") as ctx:
        (edge,) = [one for one in lineage(ctx, "sales").edges if one.kind == "refers"]
    assert (edge.origin, edge.target) == ("dataset:stock", "dataset:sales")
    assert edge.columns == (("product", "product"), ("shop", "shop"))


def test_the_page_of_a_dataset_shows_what_its_columns_point_at_together(
    acting: Acting, tmp_path: Path, signed_in: SignedIn
) -> None:
    imported(acting, shelves(tmp_path / "shelves.sqlite"))
    page = signed_in("lead").get("/datasets/sales").text
    assert "product, shop → stock (product, shop)" in page


def test_a_renamed_column_keeps_its_link_at_both_ends() -> None:
    own = CombinedLink(("id", "region"), "orders", ("parent", "region"))
    stated = replace(
        ORDERS,
        columns=(Column("id", "BIGINT"), Column("region", "VARCHAR"), Column("parent", "BIGINT")),
        combined=(own, LINK),
    )
    now = CombinedLink(("id", "area"), "orders", ("parent", "area"))
    fresh = replace(
        stated,
        columns=(Column("id", "BIGINT"), Column("area", "VARCHAR"), Column("parent", "BIGINT")),
        combined=(now,),
    )
    assert merge(stated, fresh, {"area": "region"}).combined == (now,)  # and one that no data shows is gone


def test_a_column_that_points_at_people_together_with_another_tells_who_they_are() -> None:
    other = replace(ORDERS, name="people", combined=())
    pointing = replace(
        ORDERS, entity_key=None, combined=(CombinedLink(("region", "amount"), "people", ("region", "id")),)
    )
    sources = {"o": pointing, "p": other}
    amount, region = (replace(column, unique=False, references=None) for column in ORDERS.columns[2:4])
    tells = [_names_somebody(c, pointing, sources, {"people"}) for c in (amount, region)]
    assert any(tells) and not any(
        _names_somebody(c, replace(pointing, combined=()), sources, {"people"}) for c in (amount, region)
    )


@pytest.mark.parametrize(
    "said",
    [
        {"columns": ["product", "shop"], "dataset": "stock", "targets": ["product", "shop"]},
        "shop, product = stock.shop, product",
    ],
)
def test_a_steward_says_what_columns_point_at_together(acting: Acting, tmp_path: Path, said: object) -> None:
    imported(acting, shelves(tmp_path / "shelves.sqlite"))
    with acting("steward.sales") as ctx:
        assert data.propose(ctx, "sales", {"combined": []}).contract.combined == ()
        (link,) = data.propose(ctx, "sales", {"combined": [said]}).contract.combined
    assert link.same_as(LINK)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("product, size = stock.product, shop", "no column of sales “size”"),
        ("product, shop = stock.product, size", "no column of stock “size”"),
        ("product, shop = stock.product", "must be"),
        ("product = stock.product", "must be"),
        ("product, product = stock.product, shop", "must be"),
        (7, "must be"),
    ],
)
def test_a_link_that_cannot_be_is_refused_when_it_is_proposed(
    acting: Acting, tmp_path: Path, said: object, why: str
) -> None:
    imported(acting, shelves(tmp_path / "shelves.sqlite"))
    with acting("steward.sales") as ctx, pytest.raises(Invalid, match=why):
        data.propose(ctx, "sales", {"combined": [said]})


def test_what_is_masked_is_pointed_at_by_nobody_who_would_look_beneath(
    acting: Acting, tmp_path: Path, instance
) -> None:  # type: ignore[no-untyped-def]
    from tests.data.test_rule_sight import staff

    budgeting.furnish(instance, tmp_path, 10)
    masks = {"salary": data.Mask("aggregate", least=10, by=("dept",)), "name": "hash"}
    staff(instance, acting, tmp_path, deputy="steward.sales", masks=masks)
    with acting("steward.sales") as ctx, pytest.raises(NotAllowed, match="masked for you"):
        columns = [column.name for column in data.contract(ctx, "lines").columns][:2]
        data.propose(ctx, "lines", {"combined": [f"{', '.join(columns)} = staff.id, salary"]})
