"""Schema drift: what an import finds renamed, dropped, retyped or new, and who is told."""

from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail import data
from handrail.data.drift import Drift, drift, read_drift
from handrail.data.models import Column
from handrail.kernel import Instance
from handrail.kernel.events import Subscriptions
from tests.cases import cases
from tests.conftest import Acting
from tests.data import asking
from tests.data.governing import contract
from tests.data.test_pages import SignedIn, signed_in

__all__ = ["signed_in"]


def parquet(path: Path, **columns: str) -> Path:
    """A file of 50 rows; each column is an SQL expression over n."""
    listed = ", ".join(f'{sql} AS "{name}"' for name, sql in columns.items())
    duckdb.execute(f"COPY (SELECT {listed} FROM range(50) r(n)) TO '{path}' (FORMAT parquet)")
    return path


def named(*names: str, kind: str = "VARCHAR") -> data.Contract:
    return contract("t", [Column(name, kind) for name in names])


@pytest.mark.parametrize(
    ("old", "new", "was", "now", "guessed"),
    [
        ("cust_email", "customer_email", "'a' || n", "'a' || n", True),
        ("qqq", "zzz", "'a' || n", "'a' || n", True),  # every value is there
        ("ship_city", "ShipCity", "'a' || n", "'b' || n", False),  # the name is the same, and no value
        ("order_ref", "ship_city", "'a' || n", "'b' || n", False),
        ("flag", "state", "'a' || n % 2", "'a' || n % 2", False),  # two values are shared by chance
        ("flag_a", "flag_A", "'a' || n % 2", "'a' || n % 2", True),
    ],
)
def test_a_rename_is_guessed_by_name_and_values(
    tmp_path: Path, old: str, new: str, was: str, now: str, guessed: bool
) -> None:
    before = parquet(tmp_path / "1.parquet", id="n", **{old: was})
    after = parquet(tmp_path / "2.parquet", id="n", **{new: now})
    found = drift(named("id", old), named("id", new), before, after)
    assert [(one.old, one.new) for one in found.renamed] == ([(old, new)] if guessed else [])
    assert (found.dropped, found.new) == (((), ()) if guessed else ((old,), (new,)))
    assert found.retyped == ()


def test_each_column_is_in_one_guess_and_the_best_wins(tmp_path: Path) -> None:
    before = parquet(tmp_path / "1.parquet", first_name="'a' || n", last_name="'b' || n")
    after = parquet(tmp_path / "2.parquet", name_first="'a' || n", name_last="'b' || n")
    found = drift(named("first_name", "last_name"), named("name_first", "name_last"), before, after)
    assert {one.old: one.new for one in found.renamed} == {
        "first_name": "name_first",
        "last_name": "name_last",
    }


_names = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=6)


@given(old=_names, new=_names)
@settings(max_examples=cases(60), deadline=None)
def test_every_column_is_told_of_once(old: list[str], new: list[str]) -> None:
    found = drift(named(*old), named(*new, kind="BIGINT"), None, Path("none"))
    assert found.renamed == ()  # no column has the type of the other
    assert set(found.dropped) == set(old) - set(new)
    assert set(found.new) == set(new) - set(old)
    assert {name for name, _, _ in found.retyped} == set(old) & set(new)
    assert bool(found) is (bool(old) or bool(new))


def test_a_renamed_column_is_found_its_readers_named_and_its_mask_kept(
    instance: Instance, acting: Acting, tmp_path: Path, signed_in: SignedIn
) -> None:
    asking.furnish(instance, tmp_path)
    asking.asking(instance)("maker.sales", "SELECT amount FROM orders", asking.run("sandbox", "board"))
    asking.asking(instance)("maker.sales", "SELECT id FROM orders", asking.run("sandbox", "other"))
    with acting("steward.sales") as ctx:
        data.propose(ctx, "orders", {"masks": {"amount": "hash"}, "classifications": {"amount": "sensitive"}})
    with acting("steward.hr") as ctx:
        data.certify(ctx, "orders")
    heard: list[data.SchemaChanged] = []
    instance.subscriptions = Subscriptions([(data.SchemaChanged, lambda _ctx, event: heard.append(event))])
    file = tmp_path / "orders.csv"
    file.write_text(asking.ORDERS.replace("amount", "amount_eur", 1).replace("ordered", "shipped_on,x", 1))
    file.write_text(
        "\n".join(f"{line},1" if n else line for n, line in enumerate(file.read_text().splitlines()))
    )
    with acting("steward.sales") as ctx:
        report = data.import_source(ctx, str(file))
    assert report.changed == ("orders",)
    assert any(said.startswith("amount seems to be called amount_eur now") for said in report.drift["orders"])
    assert "x is new." in report.drift["orders"]
    assert any("is read by: buyers, sales, board." in note.text for note in report.notes)
    (event,) = heard
    assert {"amount", "ordered"} <= set(event.lost)
    assert (event.apps, event.metrics) == (("board",), ("buyers", "sales"))
    with acting("steward.hr") as ctx:
        now, newest = data.dataset(ctx, "orders"), data.quality_history(ctx, "orders")[0]
    kept = now.contract.column("amount_eur")
    assert kept and (kept.mask, kept.classification) == (data.Mask("hash"), "sensitive")
    assert now.state == "proposed"
    assert newest.results[0].outcome == "broken"
    assert read_drift(newest.drift).lost == event.lost
    page = signed_in("steward.hr").get("/datasets/orders").text
    assert "amount seems to be called amount_eur now" in page
    assert "board" in page
    assert "board" not in signed_in("viewer.emea").get("/datasets/orders").text


def test_an_import_of_the_same_shape_keeps_the_check_of_the_schema(acting: Acting, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(asking.ORDERS)
    for _ in range(2):
        with acting("steward.sales") as ctx:
            report = data.import_source(ctx, str(file))
    assert report.drift == {}
    with acting("steward.hr") as ctx:
        newest, first = data.quality_history(ctx, "orders")
    assert newest.results[0].promise.startswith("The data has the columns")
    assert (newest.results[0].outcome, newest.drift, first.drift) == ("kept", None, None)
    assert read_drift(None) == Drift()
