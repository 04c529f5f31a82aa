"""The life of a published twin: refreshed, refused, gone back to, frozen, and let go."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.conftest import begun
from tests.data.asking import actors
from tests.prepared import copied
from tests.twins.conftest import furnished

from handrail import data, twins
from handrail.kernel import (
    SYSTEM,
    Conflict,
    Context,
    Instance,
    Invalid,
    NotAllowed,
    NotFound,
    NotReady,
    trail,
)
from handrail.server import open_instance
from handrail.twins import files, store
from handrail.twins.clear import clear
from handrail.twins.supervise import take_one

Acting = Callable[..., AbstractContextManager[Context]]
ALL = ("customers", "orders", "order_lines")


def company(folder: Path) -> None:
    """Make an instance with the shop and its twins."""
    copied(furnished, folder)
    made = open_instance(folder / "home")
    built(actors(made))
    made.close()


@pytest.fixture
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Instance]:
    """A fresh instance with the shop, and with its twins where a test names the first of these."""
    with begun(tmp_path, company if "first" in request.fixturenames else furnished) as opened:
        yield opened


@pytest.fixture
def first(acting: Acting) -> str:
    """The first build of the shop's twins."""
    return answering(acting)


class Later:
    """The system's clock, some days ahead."""

    def __init__(self, days: int = 1) -> None:
        self._ahead = timedelta(days=days)

    def now(self) -> datetime:
        """So many days from now."""
        return datetime.now(UTC) + self._ahead


def answering(acting: Acting, dataset: str = "orders") -> str:
    with acting("maker.sales") as ctx:
        found = data.rendition(ctx, dataset)
    assert found is not None
    assert found.path.is_file()
    return str(found.facts["build"])


def built(acting: Acting, *datasets: str, seed: int = 0) -> str:
    with acting("steward.sales") as ctx:
        return twins.build(ctx, datasets or ALL, seed=seed).id


def imported_again(acting: Acting, source: Path) -> None:
    with acting("steward.sales") as ctx:
        data.import_source(ctx, str(source), name="shop")


def more_orders(source: Path) -> None:
    orders = pq.read_table(source / "orders.parquet")
    more = orders.slice(0, 60).set_column(0, "order_id", pa.array(range(9001, 9061), pa.int64()))
    pq.write_table(pa.concat_tables([orders, more]), source / "orders.parquet")


def waiting(instance: Instance) -> tuple[twins.Build, ...]:
    with instance.context(SYSTEM) as ctx:
        return store.in_state(ctx, "queued")


def test_new_data_refreshes_all_twins_that_were_built_together_once(
    shop: Path, acting: Acting, instance: Instance
) -> None:
    first = built(acting, seed=6)
    more_orders(shop)
    imported_again(acting, shop)
    (asked,) = waiting(instance)
    assert (set(asked.datasets), asked.seed, asked.asked_by) == (set(ALL), 6, "handrail")
    assert take_one(instance)
    assert answering(acting) == asked.id != first
    with acting("maker.sales") as ctx:
        told = twins.history(ctx, "orders")
        report = twins.report(ctx, "orders")
    assert [(one.build.why, one.build.asked_by, one.current) for one in told] == [
        ("the data was imported again", "handrail", True),
        ("somebody asked for it", "steward.sales", False),
    ]
    assert all(one.score is not None for one in told)
    assert report is not None
    assert report.tables[0].real_rows == 660


def test_a_dataset_without_a_twin_gets_none_by_itself(shop: Path, acting: Acting, instance: Instance) -> None:
    imported_again(acting, shop)
    assert waiting(instance) == ()


def test_another_shape_waits_for_the_contract_and_the_twin_follows_its_certification(
    shop: Path, acting: Acting, instance: Instance, first: str
) -> None:
    orders = pq.read_table(shop / "orders.parquet")
    pq.write_table(orders.append_column("note", pa.array(["x"] * orders.num_rows)), shop / "orders.parquet")
    imported_again(acting, shop)
    while take_one(instance):
        pass
    assert answering(acting) == first, "what is not certified is not read"
    with acting("steward.sales") as ctx:
        usual = {"owner": "steward.sales", "deputy": "steward.hr", "purposes": ["sales-reporting"]}
        data.propose(
            ctx, "orders", {**usual, "readers": ["sales"], "row_filters": ["1 = 1"], "expires": "2099-01-01"}
        )
    with acting("steward.hr") as ctx:
        data.certify(ctx, "orders")
    assert any(one.why == "the contract was certified again" for one in waiting(instance))
    while take_one(instance):
        pass
    assert "note" in pq.read_schema(twin_file(acting)).names


def twin_file(acting: Acting, variant: str = "hostile") -> Path:
    with acting("maker.sales") as ctx:
        found = data.rendition(ctx, "orders", variant=variant)
    assert found is not None
    return found.path


def test_a_refused_refresh_keeps_the_older_twin_and_tells_who_keeps_the_data_until_one_succeeds(
    shop: Path, acting: Acting, instance: Instance, first: str
) -> None:
    imported_again(acting, shop)
    (asked,) = waiting(instance)
    with acting("steward.hr") as ctx:
        data.revoke(ctx, "customers", "The regions are wrong.")
    take_one(instance)
    assert answering(acting) == first
    with acting("steward.sales") as ctx:
        told = [one.text for one in data.notices(ctx) if one.kind == "twin"]
    assert told
    assert all("goes on answering" in text and "certified" in text for text in told)
    with acting("maker.sales") as ctx:
        newest = twins.history(ctx, "customers")[0].build
    assert (newest.id, newest.state) == (asked.id, "failed")


def test_what_was_told_ends_with_the_next_twin(
    shop: Path, acting: Acting, instance: Instance, first: str
) -> None:
    imported_again(acting, shop)
    (asked,) = waiting(instance)
    with instance.context(SYSTEM) as ctx:
        store.change_build(ctx, asked.id, "queued", datasets=["orders", "nothing"])
    take_one(instance)
    with acting("steward.sales") as ctx:
        assert [one for one in data.notices(ctx) if one.kind == "twin"]
        twins.start(ctx, ALL)
    take_one(instance)
    with acting("steward.sales") as ctx:
        assert not [one for one in data.notices(ctx) if one.kind == "twin"]


def test_a_twin_that_is_refreshed_never_or_by_the_clock_does_not_follow_its_data(
    shop: Path, acting: Acting, instance: Instance, first: str
) -> None:
    with acting("steward.sales") as ctx:
        assert twins.set_rule(ctx, "orders", " 0  3 * * * ").rule == "0 3 * * *"
    imported_again(acting, shop)
    assert waiting(instance) == ()
    assert twins.refresh_what_is_due(instance) == ()
    instance.clock = Later()
    (asked,) = twins.refresh_what_is_due(instance)
    assert (asked.why, set(asked.datasets)) == ("its schedule said so", set(ALL))
    assert twins.refresh_what_is_due(instance) == (), "each moment once"
    take_one(instance)
    instance.clock = Later(2)
    assert twins.refresh_what_is_due(instance) == (), "what has not changed is left alone"
    with acting("steward.sales") as ctx:
        assert twins.set_rule(ctx, "orders", "never").own
    imported_again(acting, shop)
    instance.clock = Later(3)
    assert twins.refresh_what_is_due(instance) == ()
    assert waiting(instance) == ()


def test_when_a_twin_is_refreshed_is_said_by_stewards_in_words_that_are_known(
    shop: Path, acting: Acting, first: str
) -> None:
    with pytest.raises(Invalid, match="five"), acting("steward.sales") as ctx:
        twins.set_rule(ctx, "orders", "daily")
    with pytest.raises(NotAllowed), acting("maker.sales") as ctx:
        twins.set_rule(ctx, "orders", "never")
    with acting("steward.sales") as ctx:
        twins.set_rule(ctx, "orders", "never")
        assert twins.refreshed(ctx, "customers").rule == "never", "they were built together"
        assert not twins.set_rule(ctx, "orders", "").own


def test_an_earlier_twin_answers_again_with_those_built_together_with_it(
    shop: Path, acting: Acting, first: str
) -> None:
    second = built(acting, seed=2)
    assert answering(acting) == second
    with acting("steward.sales") as ctx:
        assert set(twins.roll_back(ctx, "orders", first)) == set(ALL)
    assert {answering(acting, name) for name in ALL} == {first}
    with acting("maker.sales") as ctx:
        report = twins.report(ctx, "orders")
    assert report is not None
    assert report.id == first
    with pytest.raises(Conflict, match="already"), acting("steward.sales") as ctx:
        twins.roll_back(ctx, "orders", first)
    with pytest.raises(NotFound), acting("steward.sales") as ctx:
        twins.roll_back(ctx, "orders", "twin_none")
    with pytest.raises(NotAllowed), acting("maker.sales") as ctx:
        twins.roll_back(ctx, "orders", second)


def test_a_twin_that_lacks_a_column_of_the_contract_is_not_gone_back_to(
    shop: Path, acting: Acting, instance: Instance, first: str
) -> None:
    built(acting, seed=2)
    path = files.parquet(instance.settings.home, first, "orders")
    pq.write_table(pq.read_table(path).drop_columns(["channel"]), path)
    with pytest.raises(NotReady, match="has no channel"), acting("steward.sales") as ctx:
        twins.roll_back(ctx, "orders", first)
    assert answering(acting) != first


def certified(acting: Acting, changes: dict[str, Any]) -> None:
    with acting("steward.sales") as ctx:
        data.propose(ctx, "orders", changes)
    with acting("steward.hr") as ctx:
        data.certify(ctx, "orders")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"classifications": {"ordered": "personal"}}, "does not treat ordered as personal"),
        pytest.param({"required": {"channel": True}}, "may have no channel", marks=pytest.mark.release),
        pytest.param(
            {"entity_key": "order_id", "subject": "customer"},
            "does not count order_id",
            marks=pytest.mark.release,
        ),
        ({"description": "What was ordered."}, ""),
    ],
)
def test_a_twin_that_the_contract_no_longer_describes_is_not_gone_back_to(
    shop: Path, acting: Acting, changes: dict[str, Any], said: str
) -> None:
    certified(acting, {"required": {"channel": False}})
    first = built(acting)
    certified(acting, changes)
    second = built(acting, seed=2)
    if not said:
        with acting("steward.sales") as ctx:
            assert twins.roll_back(ctx, "orders", first)
        return
    with pytest.raises(NotReady, match=said), acting("steward.sales") as ctx:
        twins.roll_back(ctx, "orders", first)
    assert {answering(acting, name) for name in ALL} == {second}, "none goes back without the others"


def test_a_twin_of_other_types_or_of_a_smaller_k_is_not_gone_back_to(
    shop: Path, acting: Acting, instance: Instance, first: str
) -> None:
    built(acting, seed=2)
    path = files.folder(instance.settings.home, first) / files.SKETCH
    for before, after, said in (
        (b'"type": "DECIMAL(', b'"type": "DECIMAL(30,', "holds total as"),
        (b'"verbatim": false', b'"verbatim": true', "holds the real rows"),
    ):
        whole = path.read_bytes()
        path.write_bytes(whole.replace(before, after))
        with pytest.raises(NotReady, match=said), acting("steward.sales") as ctx:
            twins.roll_back(ctx, "orders", first)
        path.write_bytes(whole)


def test_old_twins_go_but_not_those_that_answer_are_frozen_or_are_pointed_at(
    shop: Path, acting: Acting, instance: Instance
) -> None:
    instance.settings = replace(instance.settings, twins=replace(instance.settings.twins, keep=1))
    frozen, rolled, old, pointed_at = (built(acting, "customers", seed=seed) for seed in range(4))
    pointing = built(acting, "orders")
    newest = built(acting, "customers", seed=5)
    with acting("steward.sales") as ctx:
        twins.freeze(ctx, "customers", frozen, "Versions 3 and 4 of the board are compared on it.")
        twins.roll_back(ctx, "customers", rolled)
    assert clear(instance) == (), "a run may still be reading what answered a moment ago"
    instance.clock = Later()
    assert clear(instance) == (old,)
    assert files.builds(instance.settings.home) == {frozen, rolled, pointed_at, pointing, newest}
    assert answering(acting, "customers") == rolled
    with acting("steward.sales") as ctx:
        gone = next(one for one in twins.history(ctx, "customers") if one.build.id == old)
        assert not gone.kept
        assert gone.score is not None
        twins.thaw(ctx, "customers", frozen)
    assert clear(instance) == (frozen,)
    with acting("compliance") as ctx:
        assert [one.subject for one in trail.entries(ctx, verb="twin.deleted")] == [
            f"build:{frozen}", f"build:{old}",
        ]  # fmt: skip


def test_a_build_is_frozen_once_by_a_steward_with_a_reason(shop: Path, acting: Acting, first: str) -> None:
    build = first
    with pytest.raises(Invalid, match="reason"), acting("steward.sales") as ctx:
        twins.freeze(ctx, "orders", build, "  ")
    with pytest.raises(NotAllowed), acting("maker.sales") as ctx:
        twins.freeze(ctx, "orders", build, "mine")
    with pytest.raises(NotFound), acting("steward.sales") as ctx:
        twins.freeze(ctx, "orders", "twin_none", "why not")
    with pytest.raises(NotFound), acting("steward.sales") as ctx:
        twins.thaw(ctx, "orders", build)
    with acting("steward.sales") as ctx:
        twins.freeze(ctx, "orders", build, "to compare")
    with pytest.raises(Conflict), acting("steward.sales") as ctx:
        twins.freeze(ctx, "orders", build, "to compare")
    with acting("maker.sales") as ctx:
        (one,) = (one for one in twins.history(ctx, "orders") if one.pin)
    assert one.pin is not None
    assert (one.pin.reason, one.pin.frozen_by) == ("to compare", "steward.sales")


def test_what_no_build_is_writing_any_longer_is_cleared_away(
    shop: Path, acting: Acting, instance: Instance, first: str
) -> None:
    build = first
    home = instance.settings.home
    with acting("steward.sales") as ctx:
        failed = twins.start(ctx, ["orders"])
        twins.cancel(ctx, failed.id)
    for litter in (f".{failed.id}.0123456789ab", failed.id):
        (home / "twins" / litter).mkdir()
        (home / "twins" / litter / "orders.parquet").write_bytes(b"half")
    just_now = home / "twins" / ".twin_of_another_process.0123456789ab"
    just_now.mkdir()
    clear(instance)
    assert files.builds(home) == {build}
    assert files.drafts(home) == (just_now,)
