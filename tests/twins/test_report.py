"""What a report tells of a twin, and what it does not tell to whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.conftest import begun
from tests.data.asking import actors
from tests.prepared import copied
from tests.twins.conftest import furnished

from handrail import data, twins
from handrail.kernel import Context, Instance
from handrail.server import open_instance
from handrail.twins import store
from handrail.twins.agreement import _off
from handrail.twins.gates import gates
from handrail.twins.history import build_report, history
from handrail.twins.models import TwinReport
from handrail.twins.report import as_told, going_on, report
from handrail.twins.tiles import NEAR, Agreement, Tile

Acting = Callable[..., AbstractContextManager[Context]]


@pytest.fixture
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Instance]:
    """A fresh instance: with what a test names of the shop and the twins of its masked datasets."""
    named = request.fixturenames
    make = hidden_in_part if "masked" in named else furnished if "shop" in named else None
    with begun(tmp_path, make) as opened:
        yield opened


@pytest.fixture
def masked(instance: Instance, tmp_path: Path) -> str:
    """A build of orders and customers, whose channel and segment only people of `management` see."""
    return (tmp_path / "build").read_text()


def hidden_in_part(folder: Path) -> None:
    """Make the shop with them, and `build`, which names that build."""
    copied(furnished, folder)
    made = open_instance(folder / "home")
    acting = actors(made)
    hidden = {"kind": "null", "unless_groups": ["management"]}
    for name, column in (("orders", "channel"), ("customers", "segment")):
        with acting("steward.sales") as ctx:
            data.propose(ctx, name, {"masks": {column: hidden}})
        with acting("steward.hr") as ctx:
            data.certify(ctx, name)
    with acting("steward.sales") as ctx:
        (folder / "build").write_text(twins.build(ctx, ("customers", "orders")).id)
    made.close()


def drawn(made: TwinReport | None, dataset: str, column: str) -> set[str]:
    """The values that the report draws."""
    table = made.table(dataset) if made else None
    assert table is not None
    return {bar.label for one in table.columns if one.name == column for bar in one.bars}


def test_values_of_a_masked_column_are_drawn_only_for_those_who_see_them(masked: str, acting: Acting) -> None:
    with acting("maker.sales") as ctx:
        told = report(ctx, "orders")
        assert drawn(told, "orders", "channel") == set()
        assert drawn(told, "orders", "ordered"), "what is not masked is drawn"
        assert drawn(build_report(ctx, masked), "orders", "channel") == set()
    with acting("lead") as ctx:
        assert "web" in drawn(report(ctx, "orders"), "orders", "channel")


def test_taking_a_mask_out_of_the_file_shows_nothing_before_it_is_certified(
    masked: str, acting: Acting
) -> None:
    with acting("steward.sales") as ctx:
        data.propose(ctx, "orders", {"masks": {"channel": {"kind": "none"}}})
        assert drawn(report(ctx, "orders"), "orders", "channel") == set()


def test_a_metric_is_not_told_by_what_is_masked_in_any_dataset_of_the_build(
    masked: str, acting: Acting
) -> None:
    cut = [
        Agreement("sold", by, (Tile("gold", 0.05),))
        for by in ("", "customers.segment", "o.renamed", "o.ordered")
    ]
    with acting("maker.sales") as ctx:
        made = store.find_report(ctx, "orders", masked)
        assert made is not None
        told = as_told(ctx, replace(made, agreements=tuple(cut)))
    assert [one.by for one in told.agreements if one.tiles] == ["", "o.ordered"]
    assert all(one.tiles or one.said for one in told.agreements)
    with acting("lead") as ctx:
        assert as_told(ctx, replace(made, agreements=tuple(cut))).agreements == tuple(cut)


def test_each_column_that_was_looked_up_among_the_real_ones_is_a_gate_of_its_own(
    masked: str, acting: Acting
) -> None:
    with acting("maker.sales") as ctx:
        made = store.find_report(ctx, "customers", masked)
    table = made.table("customers") if made else None
    assert table is not None
    looked_up = {column for column, _, _ in table.privacy.reused}
    assert "email" in looked_up
    listed = {one.name: one for one in gates(table, 10)}
    for column in looked_up:
        assert listed[f"Invented values of {column} that are real"].held


@pytest.mark.parametrize("real", [1000.0, 1013.0, 1049.0])
def test_how_far_a_tile_is_off_does_not_tell_the_real_value(real: float) -> None:
    assert _off(real, 1050.0) == 0.05
    assert _off(real, 0.9999 * real) == -0.05
    assert _off(real, real) == 0.0


def test_a_tile_that_is_near_is_near_after_rounding_and_no_other() -> None:
    assert [Tile("", _off(1000.0, twin)).near for twin in (1100.0, 900.0, 1100.2, 899.0)] == [
        True,
        True,
        False,
        False,
    ]
    assert NEAR == 0.1


def test_many_builds_of_others_do_not_hide_the_history_of_a_twin(masked: str, acting: Acting) -> None:
    with acting("steward.sales") as ctx:
        mine = history(ctx, "orders")[0].build
        for place in range(250):
            other = replace(mine, id=f"twin_x{place}", datasets=("other_orders", "orders_"))
            store.add_build(ctx, replace(other, asked_at=other.asked_at + timedelta(minutes=place + 1)))
        assert [one.build.id for one in history(ctx, "orders")] == [masked]
        going = going_on(ctx, "orders")
    assert going is not None
    assert going.id == masked
