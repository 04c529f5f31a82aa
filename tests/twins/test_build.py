"""Building twins of certified datasets, in the name of somebody."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.data.test_combined_links import shelves
from tests.twins.conftest import certify_all

from handrail import data, twins
from handrail.kernel import Context, Instance, Invalid, NotAllowed, NotFound, NotReady, trail
from handrail.twins import codec, files
from handrail.twins.build import outside
from handrail.twins.generate import generate

Acting = Callable[..., AbstractContextManager[Context]]
ALL = ("customers", "orders", "order_lines")
CANARY = "Zebulon Quixotrix"


def test_a_twin_answers_in_the_sandbox_once_it_is_built(shop: Path, acting: Acting) -> None:
    with acting("steward.sales") as ctx:
        made = twins.build(ctx, ALL)
    with acting("maker.sales") as ctx:
        rendition = data.rendition(ctx, "orders")
        found = twins.report(ctx, "orders")
    assert rendition is not None
    assert rendition.facts["build"] == made.id
    assert pq.read_table(rendition.path).num_rows == 600
    assert found is not None
    assert [table.dataset for table in found.tables] == ["orders"]
    assert found.table("orders") == made.table("orders")


def test_the_twin_has_the_schema_of_the_extract_and_keys_that_resolve(shop: Path, acting: Acting) -> None:
    with acting("steward.sales") as ctx:
        made = twins.build(ctx, ALL)
        extract = pq.read_schema(data.extract_path(ctx, "orders"))
        rendition = data.rendition(ctx, "orders")
    assert rendition is not None
    twin = pq.read_schema(rendition.path)
    assert [(one.name, one.type) for one in twin] == [(one.name, one.type) for one in extract]
    assert all(link.orphans == 0 for table in made.tables for link in table.links)
    assert {link.to for table in made.tables for link in table.links} == {"customers", "orders"}


def test_people_of_the_original_are_not_in_anything_that_is_published(
    shop: Path, acting: Acting, instance: Instance
) -> None:
    with acting("steward.sales") as ctx:
        twins.build(ctx, ALL)
    for file in (instance.settings.home / "twins").rglob("*.*"):
        if file.suffix == ".parquet":
            content = str(pq.read_table(file).to_pylist())
        else:
            content = file.read_text(errors="replace")
        assert CANARY.split()[1] not in content, file
        assert "real.example" not in content, file


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(shop: Path, acting: Acting) -> None:
    files = []
    for seed in (7, 7, 8):
        with acting("steward.sales") as ctx:
            twins.build(ctx, ALL, seed=seed)
            rendition = data.rendition(ctx, "orders")
        assert rendition is not None
        files.append(rendition.path.read_bytes())
    assert files[0] == files[1] != files[2]


def test_a_maker_cannot_build_a_twin(shop: Path, acting: Acting) -> None:
    with pytest.raises(NotAllowed, match="steward"), acting("maker.sales") as ctx:
        twins.build(ctx, ALL)


def test_a_viewer_cannot_see_the_report(shop: Path, acting: Acting) -> None:
    with pytest.raises(NotAllowed), acting("viewer.emea") as ctx:
        twins.report(ctx, "orders")


def test_a_dataset_that_is_not_certified_gets_no_twin(shop: Path, acting: Acting) -> None:
    with acting("steward.sales") as ctx:
        data.revoke(ctx, "orders", "wrong numbers")
    with pytest.raises(NotReady, match="certified"), acting("steward.sales") as ctx:
        twins.build(ctx, ["orders"])


def test_an_unknown_dataset_is_refused(shop: Path, acting: Acting) -> None:
    with pytest.raises(NotFound), acting("steward.sales") as ctx:
        twins.build(ctx, ["nothing"])
    with pytest.raises(NotFound), acting("steward.sales") as ctx:
        twins.report(ctx, "nothing")


def test_no_dataset_and_a_negative_seed_are_refused(shop: Path, acting: Acting) -> None:
    with pytest.raises(Invalid), acting("steward.sales") as ctx:
        twins.build(ctx, [])
    with pytest.raises(Invalid), acting("steward.sales") as ctx:
        twins.build(ctx, ["orders"], seed=-1)


def test_twins_built_apart_fit_each_other(shop: Path, acting: Acting) -> None:
    with acting("steward.sales") as ctx:
        twins.build(ctx, ["customers"])
    with acting("steward.sales") as ctx:
        made = twins.build(ctx, ["orders"], seed=3)
        customers, orders = data.rendition(ctx, "customers"), data.rendition(ctx, "orders")
    assert customers is not None
    assert orders is not None
    keys = set(pq.read_table(customers.path)["customer_id"].to_pylist())
    pointing = set(pq.read_table(orders.path)["customer_id"].drop_null().to_pylist())
    assert pointing <= keys
    assert any("not in this build" in text for text in made.tables[0].simplifications)


def test_keys_of_several_columns_fit_a_twin_that_was_built_before(
    acting: Acting, instance: Instance, tmp_path: Path
) -> None:
    certify_all(acting, shelves(tmp_path / "shelves.sqlite"))
    with acting("steward.sales") as ctx:
        first = twins.build(ctx, ["stock"])
    with acting("steward.sales") as ctx:
        made = twins.build(ctx, ["sales"])
        stock, sales = data.rendition(ctx, "stock"), data.rendition(ctx, "sales")
        assert "stock" in twins.related(ctx, "sales")
    assert stock is not None and sales is not None
    keys, pairs = (
        {tuple(row.values()) for row in pq.read_table(one.path).select(["product", "shop"]).to_pylist()}
        for one in (stock, sales)
    )
    pointing = {pair for pair in pairs if None not in pair}
    assert pointing <= keys and len(pointing) > 10
    lent = files.manifest_of(instance.settings.home, made.id).outside
    assert lent == (("stock", "product", first.id), ("stock", "shop", first.id))


def test_the_sketch_that_was_published_gives_the_twin_again(
    shop: Path, acting: Acting, instance: Instance
) -> None:
    with acting("steward.sales") as ctx:
        made = twins.build(ctx, ALL, seed=4)
    home = instance.settings.home
    again = generate(files.sketch_of(home, made.id), seed=4)
    with files.all_or_nothing(home / "twins" / "again") as draft:
        files.write_tables(draft, again)
        rebuilt = files.digests(draft)
    published = files.manifest_of(home, made.id)
    assert rebuilt == published.files == files.digests(files.folder(home, made.id))
    assert len(files.hostile_cells(home, made.id, "orders")) == len(again["orders"].hostile) > 0


def test_the_manifest_says_what_a_twin_was_made_from_and_what_it_had_to_pass(
    shop: Path, acting: Acting, instance: Instance
) -> None:
    with acting("steward.sales") as ctx:
        made = twins.build(ctx, ALL, seed=4)
        contract = data.contract(ctx, "orders")
        as_of = data.dataset(ctx, "orders").as_of
    manifest = files.manifest_of(instance.settings.home, made.id)
    assert (manifest.seed, manifest.k, manifest.variant, manifest.built_by) == (
        4,
        10,
        "hostile",
        "steward.sales",
    )
    assert twins.Source("orders", contract.digest, as_of, 600) in manifest.sources
    assert manifest.sketch == codec.digest(files.sketch_of(instance.settings.home, made.id))
    assert dict(manifest.scores) == {table.dataset: table.overall for table in made.tables}
    assert all(gate.held for _, found in manifest.gates for gate in found)
    assert {gate.name for gate in dict(manifest.gates)["orders"]} >= {
        "Rows equal to a real row",
        "A planted row came back",
    }


def test_a_twin_that_points_at_another_is_rebuilt_from_what_its_manifest_names(
    shop: Path, acting: Acting, instance: Instance
) -> None:
    with acting("steward.sales") as ctx:
        first = twins.build(ctx, ["customers"])
    with acting("steward.sales") as ctx:
        made = twins.build(ctx, ["orders"], seed=3)
    with acting("steward.sales") as ctx:
        twins.build(ctx, ["customers"], seed=9)
    home = instance.settings.home
    manifest = files.manifest_of(home, made.id)
    assert manifest.outside == (("customers", "customer_id", first.id),)
    with acting("steward.sales") as ctx:
        lent = outside(ctx, manifest.outside)
    again = generate(files.sketch_of(home, made.id), 3, "hostile", lent)
    with files.all_or_nothing(home / "twins" / "again") as draft:
        files.write_tables(draft, again)
        assert files.digests(draft) == manifest.files


def test_publication_stands_on_the_trail(shop: Path, acting: Acting) -> None:
    with acting("steward.sales") as ctx:
        twins.build(ctx, ["customers"])
    with acting("compliance") as ctx:
        entries = trail.entries(ctx, verb="twin.published")
    assert [entry.subject for entry in entries] == ["dataset:customers"]
