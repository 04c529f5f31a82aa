"""The catalog, turns and notices with the state in PostgreSQL: the same answers, and one turn for many."""

import datetime as dt
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from handrail import data
from handrail.data import notices_store, turns_store
from handrail.kernel import SYSTEM, Instance
from handrail.server import open_instance
from tests.data import asking
from tests.data.test_scheduled import Later
from tests.postgres import PASSWORD, Server, postgres

__all__ = ["postgres"]
pytestmark = pytest.mark.postgres


@pytest.fixture
def instance(tmp_path: Path, postgres: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Instance]:
    home = tmp_path / "home"
    address = postgres.inhabited(home, "stewarding").replace(f":{PASSWORD}@", "@")
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    (home / "handrail.toml").write_text(f'[storage]\nurl = "{address}"\n')
    made = open_instance(home)
    asking.furnish(made, tmp_path)
    yield made
    made.close()


def test_the_catalog_is_searched_and_narrowed(instance: Instance) -> None:
    act = asking.actors(instance)
    with act("viewer.emea") as ctx:
        found = data.browse(ctx, data.Wanted(q="regi", state="certified"))
        assert [one.name for one in found.datasets] == ["orders"]
        assert [one.name for one in data.browse(ctx, data.Wanted(q="zz")).datasets] == []
        assert data.browse(ctx, data.Wanted()).quality == {"customers": "kept", "orders": "kept"}
    with act("steward.hr") as ctx:
        data.revoke(ctx, "orders", "wrong")
    with act("steward.hr") as ctx:
        assert [one.name for one in data.browse(ctx, data.Wanted(state="revoked")).datasets] == ["orders"]
        assert [one.kind for one in data.notices(ctx)] == ["revoked"]


def test_of_many_that_take_a_turn_or_tell_at_once_one_does(instance: Instance) -> None:
    moment = dt.datetime.now(dt.UTC)

    def take(_: int) -> bool:
        with instance.context(SYSTEM) as ctx:
            return turns_store.take(ctx, "orders", moment, moment + dt.timedelta(hours=1)) is not None

    def tell(_: int) -> int:
        with instance.context(SYSTEM) as ctx:
            return notices_store.add(ctx, {"lead"}, "expiring", "orders", "the same", "Text", "Step")

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(16))) == 1
        assert sum(pool.map(tell, range(16))) == 1


def test_what_is_due_is_checked_once(instance: Instance) -> None:
    clock = Later()
    instance.clock = clock
    clock.ahead = dt.timedelta(days=1)
    with ThreadPoolExecutor(4) as pool:
        made = [
            name for names in pool.map(lambda _: data.check_what_is_due(instance), range(4)) for name in names
        ]
    assert sorted(made) == ["customers", "orders"]
    with asking.actors(instance)("viewer.emea") as ctx:
        assert [one.cause for one in data.quality_history(ctx, "orders")] == ["schedule", "import"]
