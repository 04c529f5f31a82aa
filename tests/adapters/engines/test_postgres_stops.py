"""What stops a question at a PostgreSQL server: time, the viewer who leaves, and an answer that is too large."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from handrail.kernel import Upstream
from handrail.kernel.ports import EngineLimits
from handrail.kernel.presence import Presence
from tests.adapters.engines.live import LiveHouse
from tests.adapters.engines.test_postgres import CUSTOMERS, ORDERS
from tests.data.governing import LIMITS
from tests.postgres import Server, postgres

__all__ = ["postgres"]
pytestmark = pytest.mark.postgres
VALUES = ",".join(f"({i})" for i in range(60))
SLOW = f"SELECT count(*) AS n FROM orders, {', '.join(f'(VALUES {VALUES}) v{n}' for n in range(7))}"


@pytest.fixture(scope="module")
def house(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> LiveHouse:
    made = LiveHouse(tmp_path_factory.mktemp("live"), postgres.database("stops"))
    made.put("orders", ORDERS)
    made.put("customers", CUSTOMERS)
    return made


def running(postgres: Server) -> int:
    """How many statements of ours run at the server."""
    sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'handrail' AND state = 'active'"
    with psycopg.connect(postgres.address("postgres")) as db:
        row = db.execute(sql).fetchone()
        assert row
        return int(row[0])


def until(postgres: Server, count: int) -> None:
    """Wait until so many statements run."""
    for _ in range(300):
        if running(postgres) == count:
            return
        time.sleep(0.1)
    pytest.fail(f"{running(postgres)} statements run at the server, not {count}")


def test_a_question_ends_at_the_server_when_its_viewer_leaves(house: LiveHouse, postgres: Server) -> None:
    presence = Presence()
    limits = EngineLimits(300, 256, 2, presence)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(house.ask, SLOW, limits=limits)
        until(postgres, 1)
        presence.leave()
        with pytest.raises(Upstream, match="has left"):
            asked.result(60)
    until(postgres, 0)
    assert house.ask("SELECT count(*) AS n FROM orders")["n"].to_pylist() == [2]


def test_who_has_left_before_it_began_asks_nothing(house: LiveHouse, postgres: Server) -> None:
    presence = Presence()
    presence.leave()
    with pytest.raises(Upstream, match="has left"):
        house.ask(SLOW, limits=EngineLimits(300, 256, 2, presence))
    until(postgres, 0)


def test_who_leaves_at_the_end_of_an_answer_stops_nobody_elses(house: LiveHouse) -> None:
    """The connection is another viewer's by then."""
    stop = threading.Event()

    def hasty() -> None:
        while not stop.is_set():
            presence = Presence()
            leaving = threading.Thread(target=presence.leave)
            try:
                rows = house.engines.run(
                    'SELECT "o"."id" FROM "governed"."orders" AS o',
                    {},
                    "governed",
                    {"orders": house.place("orders")},
                    EngineLimits(20, 256, 1, presence),
                )
                leaving.start()
                list(rows.batches())
            except Upstream:
                pass
            finally:
                if leaving.ident:
                    leaving.join()

    with ThreadPoolExecutor(2) as pool:
        others = [pool.submit(hasty) for _ in range(2)]
        try:
            for _ in range(60):
                assert house.ask("SELECT count(*) AS n FROM orders")["n"].to_pylist() == [2]
        finally:
            stop.set()
        for other in others:
            other.result(60)


def test_a_few_rows_of_megabytes_come_a_few_at_a_time(house: LiveHouse) -> None:
    values = ",".join(f"({i})" for i in range(100))
    sql = (
        "SELECT a.x, (SELECT string_agg(lpad('x', 10000, 'y'), '') FROM (VALUES "
        f"{values}) b(y) WHERE y <> a.x) AS t FROM orders, (VALUES {values}) a(x)"
    )
    rows = house.engines.run(
        sql.replace("orders", '"governed"."orders" AS o'),
        {},
        "governed",
        {"orders": house.place("orders")},
        LIMITS,
    )
    sizes = [one.nbytes for one in rows.batches()]
    assert sum(sizes) > 300_000_000 and max(sizes) < 20_000_000


def test_what_is_wrong_with_one_question_costs_the_engine_no_connection(
    house: LiveHouse, tmp_path: Path
) -> None:
    for sql in ("SELECT 1 / (id - 1) FROM orders", 'SELECT CAST("Ship Name" AS INT) FROM orders'):
        for _ in range(12):  # more than there are connections
            with pytest.raises(Exception, match="could not be converted"):
                house.ask(sql)
    assert house.ask("SELECT count(*) AS n FROM orders")["n"].to_pylist() == [2]
