"""Calls are counted and answered on PostgreSQL as on SQLite, also when many are made at once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest

from handrail import connectors
from handrail.kernel import Instance, LimitReached, NotReady
from handrail.server import open_instance
from tests.conftest import Acting
from tests.connectors.conftest import Runs, define, got
from tests.connectors.upstream import Upstream
from tests.postgres import PASSWORD, Server, postgres

__all__ = ["postgres"]
pytestmark = pytest.mark.postgres


@pytest.fixture
def instance(postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Instance]:
    """An instance whose state is in PostgreSQL."""
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    home = tmp_path / "home"
    address = postgres.inhabited(home, "connectors").replace(f":{PASSWORD}@", "@")
    (home / "handrail.toml").write_text(f'[storage]\nurl = "{address}"\n')
    opened = open_instance(home)
    yield opened
    opened.close()


def test_of_many_calls_at_once_as_many_are_made_as_may_be(
    instance: Instance, acting: Acting, running: Runs, upstream: Upstream
) -> None:
    define(acting, upstream.host, ("calls_per_minute: 50", "calls_per_minute: 5"))
    instance.clock = Still(instance.clock.now())

    def one(_: int) -> bool:
        try:
            with running() as ctx:
                return got(ctx, "/customers").status == 200
        except LimitReached:
            return False

    with ThreadPoolExecutor(8) as crowd:
        made = list(crowd.map(one, range(20)))
    assert (made.count(True), len(upstream.called)) == (5, 5)
    with acting("steward.sales") as ctx:
        (use,) = connectors.uses(ctx, "crm")
    assert (use.times, use.last_status) == (5, 200)


def test_a_write_that_is_tried_by_many_at_once_is_asked_about_once(
    acting: Acting, running: Runs, upstream: Upstream
) -> None:
    def one(_: int) -> str:
        with pytest.raises(NotReady) as refused, running() as ctx:
            got(ctx, "/tickets", "POST", json={})
        return str(refused.value.facts["approval"])

    with ThreadPoolExecutor(4) as crowd:
        (write,) = set(crowd.map(one, range(4)))
    with acting("steward.sales") as ctx:
        connectors.approve_write(ctx, "crm", write)
    with running() as ctx:
        assert got(ctx, "/tickets", "POST", json={}).status == 200


class Still:
    """A clock that stands."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        """The moment at which it stands."""
        return self._now
