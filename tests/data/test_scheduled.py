"""Scheduled checks: each moment once, made up for when missed, whoever of several servers takes it."""

import datetime as dt
import os
import signal
import time
from pathlib import Path

import pytest

from handrail import data
from handrail.data import turns_store
from handrail.kernel import SYSTEM, Instance, Invalid, definitions
from handrail.server import open_instance
from tests import forked
from tests.conftest import Acting
from tests.data.test_check_quality import COLUMN, instance, orders, rewrite

__all__ = ["instance", "orders"]

HOURLY = "    quality: [{metric: nullValues, mustBe: 0, scheduler: cron, schedule: '30 * * * *'}]\n"


class Later:
    """The system's clock, some time ahead of it."""

    def __init__(self) -> None:
        self.ahead = dt.timedelta()

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + self.ahead


@pytest.fixture
def clock(instance: Instance) -> Later:
    instance.clock = Later()
    return instance.clock


def causes(acting: Acting, name: str = "orders") -> list[str]:
    with acting("viewer.emea") as ctx:
        return [one.cause for one in data.quality_history(ctx, name)]


def test_nothing_is_due_after_an_import_and_a_day_later_it_is_once(
    acting: Acting, instance: Instance, orders: Path, clock: Later
) -> None:
    assert data.check_what_is_due(instance) == ()
    clock.ahead = dt.timedelta(days=1)
    assert data.check_what_is_due(instance) == ("orders",)
    assert data.check_what_is_due(instance) == ()
    assert causes(acting) == ["schedule", "import"]


def test_moments_that_were_missed_are_made_up_for_once(
    acting: Acting, instance: Instance, orders: Path, clock: Later
) -> None:
    clock.ahead = dt.timedelta(days=30)
    assert data.check_what_is_due(instance) == ("orders",)
    assert data.check_what_is_due(instance) == ()
    assert causes(acting) == ["schedule", "import"]


def test_what_was_checked_while_the_clock_ran_ahead_hinders_no_check_once_it_is_right(
    acting: Acting, instance: Instance, orders: Path, clock: Later
) -> None:
    clock.ahead = dt.timedelta(days=400)
    assert data.check_what_is_due(instance) == ("orders",)
    clock.ahead = dt.timedelta(days=1)
    assert data.check_what_is_due(instance) == ("orders",)
    assert data.check_what_is_due(instance) == ()
    clock.ahead = dt.timedelta(days=2)
    assert data.check_what_is_due(instance) == ("orders",)
    assert data.check_what_is_due(instance) == ()
    clock.ahead -= dt.timedelta(minutes=1)  # another server's, whose clock is behind
    assert data.check_what_is_due(instance) == ()
    assert causes(acting) == ["schedule", "schedule", "schedule", "import"]


def test_a_rules_own_schedule_counts_instead_of_the_instances(
    acting: Acting, instance: Instance, orders: Path, clock: Later
) -> None:
    rewrite(acting, COLUMN, COLUMN + HOURLY)
    for hours in (1, 2, 3):
        clock.ahead = dt.timedelta(hours=hours)
        assert data.check_what_is_due(instance) == ("orders",)
    assert causes(acting).count("schedule") == 3


def test_a_check_by_hand_serves_for_the_moment_before_it(
    acting: Acting, instance: Instance, orders: Path, clock: Later
) -> None:
    clock.ahead = dt.timedelta(days=2)
    with acting("steward.hr") as ctx:
        data.check_quality(ctx, "orders")
    assert data.check_what_is_due(instance) == ()


def test_a_check_that_cannot_be_made_stops_no_other_and_says_why(
    acting: Acting, instance: Instance, orders: Path, clock: Later, tmp_path: Path
) -> None:
    (tmp_path / "bills.csv").write_text("id,amount\n1,2\n")
    with acting("steward.sales") as ctx:
        data.import_source(ctx, str(tmp_path / "bills.csv"))
    path = instance.settings.home / "definitions" / "contracts" / "bills.odcs.yaml"
    path.write_bytes(b"name: [broken\n")
    clock.ahead = dt.timedelta(days=1)
    assert set(data.check_what_is_due(instance)) == {"bills", "orders"}
    assert causes(acting) == ["schedule", "import"]
    with acting("viewer.emea") as ctx:
        problem = turns_store.problem_of(ctx, "bills")
    assert problem is not None
    assert "bills.odcs.yaml" in problem
    assert data.check_what_is_due(instance) == ()  # not again before the next moment


def test_a_file_edited_in_place_is_found_by_the_server(
    acting: Acting, instance: Instance, orders: Path, clock: Later
) -> None:
    path = instance.settings.home / "definitions" / "contracts" / "orders.odcs.yaml"
    with path.open("r+") as file:
        text = file.read().replace(COLUMN, COLUMN + HOURLY)
        file.seek(0)
        file.write(text)
    clock.ahead = dt.timedelta(hours=1)
    assert data.check_what_is_due(instance) == ("orders",)


@pytest.mark.parametrize("line", ["every hour", "61 * * * *", "* * *"])
def test_a_cron_line_that_names_no_moment_is_refused_with_its_place(
    acting: Acting, orders: Path, line: str
) -> None:
    rewrite(acting, COLUMN, COLUMN + HOURLY.replace("30 * * * *", line))
    with acting("viewer.emea") as ctx, pytest.raises(Invalid, match=r"orders\.odcs\.yaml.*schedule"):
        data.contract(ctx, "orders")


def test_another_scheduler_keeps_its_own_time(
    acting: Acting, instance: Instance, orders: Path, clock: Later
) -> None:
    rewrite(acting, COLUMN, COLUMN + HOURLY.replace("scheduler: cron", "scheduler: airflow"))
    clock.ahead = dt.timedelta(minutes=61)
    now = clock.now()
    due = now.hour == 4  # only the instance's own moment, when the test runs just then
    assert bool(data.check_what_is_due(instance)) == due


SERVER = """\
import sys, threading
from pathlib import Path
from handrail import data
from handrail.data import check_quality, scheduled
from handrail.kernel import logs
from handrail.server import open_instance
import datetime as dt

class Later:
    def now(self):
        return dt.datetime.now(dt.UTC) + dt.timedelta(days=1)

logs.configure()
instance = open_instance(Path(sys.argv[1]))
instance.clock = Later()
print("ready", flush=True)
sys.stdin.readline()
{what}
print(*data.check_what_is_due(instance), flush=True)
"""
HANGS = """
import time
def forever(*_):
    print("holding", flush=True)
    time.sleep(600)
scheduled.checked = forever
"""


def server(home: Path, what: str = "") -> forked.Process:
    return forked.Process(SERVER.replace("{what}", what), str(home))


def line(process: forked.Process) -> str:
    return process.stdout.readline().strip()


def go(process: forked.Process) -> None:
    process.stdin.write("go\n")
    process.stdin.flush()


def test_of_several_servers_one_makes_each_check(acting: Acting, instance: Instance, orders: Path) -> None:
    servers = [server(instance.settings.home) for _ in range(3)]
    assert [line(one) for one in servers] == ["ready"] * 3
    for one in servers:
        go(one)
    assert sorted(line(one) for one in servers) == ["", "", "orders"]
    assert [one.wait() for one in servers] == [0, 0, 0]
    assert causes(acting) == ["schedule", "import"]


def test_a_server_that_is_killed_in_a_check_loses_its_turn_and_no_check(
    acting: Acting, instance: Instance, orders: Path, clock: Later
) -> None:
    killed = server(instance.settings.home, HANGS)
    assert line(killed) == "ready"
    go(killed)
    assert line(killed) == "holding"
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    clock.ahead = dt.timedelta(days=1)
    assert data.check_what_is_due(instance) == ()  # its lease holds for as long as a check can take
    with acting("viewer.emea") as ctx:
        promises = len(data.contract(ctx, "orders").columns)
    clock.ahead += dt.timedelta(seconds=60 * (4 * promises + 10))
    assert data.check_what_is_due(instance) == ("orders",)
    assert causes(acting) == ["schedule", "import"]


def test_a_check_whose_turn_was_lost_meanwhile_is_not_kept(
    acting: Acting, instance: Instance, orders: Path, clock: Later
) -> None:
    """Attack: a server sleeps through its lease, another checks, and then the first wakes up."""
    other = open_instance(instance.settings.home)
    other.clock = clock
    clock.ahead = dt.timedelta(days=1)
    with instance.context(SYSTEM) as ctx:
        moment = clock.now() - dt.timedelta(minutes=1)
        slow = turns_store.take(ctx, "orders", moment, clock.now() + dt.timedelta(minutes=5))
    assert slow
    clock.ahead += dt.timedelta(minutes=6)
    with other.context(SYSTEM) as ctx:
        quick = turns_store.take(ctx, "orders", moment, clock.now() + dt.timedelta(minutes=5))
    assert quick
    with instance.context(SYSTEM) as ctx:
        assert not turns_store.end(ctx, "orders", slow)
    with other.context(SYSTEM) as ctx:
        assert turns_store.end(ctx, "orders", quick)
    other.close()


def test_the_supervisor_checks_by_itself_and_stops_when_told(
    acting: Acting, instance: Instance, orders: Path, clock: Later
) -> None:
    clock.ahead = dt.timedelta(days=1)
    supervisor = data.Supervisor(instance)
    supervisor.start()
    deadline = time.monotonic() + 60
    while "schedule" not in causes(acting):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    supervisor.stop()


def test_a_contract_read_while_definitions_are_missing_is_listed_as_unreadable(
    acting: Acting, instance: Instance, orders: Path
) -> None:
    with acting("viewer.emea") as ctx:
        assert [one.name for one in data.browse(ctx, data.Wanted()).datasets] == ["orders"]
        assert definitions.stamp(ctx, "contracts")
    (instance.settings.home / "definitions" / "contracts" / "orders.odcs.yaml").unlink()
    with acting("viewer.emea") as ctx:
        assert data.browse(ctx, data.Wanted()).datasets == ()
        assert list(data.unreadable(ctx)) == ["orders"]
