"""Runs on other twins than the usual: what they read is recorded, and they prove nothing to the gates."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from handrail import apps, runtime, twins
from handrail.kernel import Instance, Invalid, NotFound
from tests.journeys import company

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """A company with an app that nobody has run yet."""
    folder: Path = tmp_path_factory.mktemp("board")
    made = company.furnished(folder)
    with company.actors(made)("maker.sales") as ctx:
        apps.push(ctx, company.files("board"), "Sales by line", "")
    yield made
    made.close()


def ran(instance: Instance, twin: str = "") -> runtime.Run:
    with company.actors(instance)("maker.sales") as ctx:
        run = apps.run(ctx, "board", twin=twin)
    return runtime.execute(instance, run.id)


def opened(instance: Instance) -> bool:
    with company.actors(instance)("maker.sales") as ctx:
        return next(one for one in apps.gates(ctx, "board") if one.key == "sandbox").open


def test_a_run_on_plain_rows_records_what_it_read_and_opens_no_gate(board: Instance) -> None:
    plain = ran(board, "plain")
    assert (plain.state, plain.variant) == ("succeeded", "plain")
    assert not opened(board), "rows without any mess show nothing"
    usual = ran(board)
    assert (usual.state, usual.variant, usual.twins) == ("succeeded", "hostile", plain.twins)
    assert opened(board)


def test_a_run_reads_again_what_an_earlier_one_read_whatever_was_built_since(board: Instance) -> None:
    first = ran(board)
    with company.actors(board)("steward.sales") as ctx:
        newer = twins.build(ctx, list(company.CHANGES), seed=8).id
    assert ran(board).twins == {"sales_orders": newer}
    assert ran(board, first.id).twins == first.twins
    assert ran(board, first.twins["sales_orders"]).twins == first.twins


def test_production_reads_no_twin_and_unknown_twins_are_refused(board: Instance) -> None:
    with pytest.raises(Invalid, match="no twin"), company.actors(board)("maker.sales") as ctx:
        apps.run(ctx, "board", environment="production", twin="drill")
    with pytest.raises(Invalid, match="no twin to run on"), company.actors(board)("maker.sales") as ctx:
        apps.run(ctx, "board", twin="real")
    with pytest.raises(NotFound), company.actors(board)("maker.sales") as ctx:
        apps.run(ctx, "board", twin="run_none")
