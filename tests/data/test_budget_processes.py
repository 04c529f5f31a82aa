"""Budgets under parallel processes and sudden ends: never more than the limit is shown, and no count is lost."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from handrail import data
from handrail.data import seen_store
from handrail.data.budgets import pseudonym
from handrail.kernel import Instance, LimitReached
from handrail.server import open_instance
from tests import forked
from tests.conftest import inhabit
from tests.data import budgeting
from tests.data.asking import actors, asking
from tests.postgres import PASSWORD, Server, postgres
from tests.prepared import copied

__all__ = ["postgres"]

pytestmark = pytest.mark.long

BUDGET = 25
# Asks for customers in an order of its own and prints each it is shown, after it was shown.
ASKS = """
import random, sys
from pathlib import Path
from handrail import data
from handrail.kernel import Caller, LimitReached, Manifest, RunRef, identity
from handrail.server import open_instance
home, seed, person, app, dataset, many, width, rounds = sys.argv[1:]
many, width = int(many), int(width)
instance = open_instance(Path(home))
starts = random.Random(int(seed)).sample(range(many), int(rounds))
with instance.context(instance.system()) as ctx:
    viewer = identity.found(ctx, person)
run = None
if app:
    manifest = Manifest.parse('''[app]
name = "%s"
kind = "job"
entrypoint = "app.py"
purpose = "sales-reporting"

[data.%s]
columns = ["id"]
''' % (app, dataset))
    run = RunRef("run_" + seed, app, "c" * 40, "production", manifest)
print("ready", flush=True)
sys.stdin.readline()
for n in starts:
    sql = f"SELECT id FROM {dataset} WHERE (id - $n + $many) % $many < $width"
    asked = data.Request(sql, params={"n": n, "many": many, "width": width}, purpose="sales-reporting")
    try:
        with instance.context(Caller(viewer, "socket" if run else "cli", run=run)) as ctx:
            for batch in data.query(ctx, asked).batches():
                print(*batch.column("id").to_pylist(), flush=True)
    except LimitReached:
        pass
"""


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def empty(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Instance]:
    """An instance whose viewers' days count exactly up to 1,024 entities."""
    home = tmp_path / "home"
    said = "[data]\nexact = 1024\n"
    if request.param == "postgres":
        server: Server = request.getfixturevalue("postgres")
        monkeypatch.setenv("PGPASSWORD", PASSWORD)
        address = server.inhabited(home, "budgets").replace(f":{PASSWORD}@", "@")
        said += f'[storage]\nurl = "{address}"\n'
    else:
        copied(inhabit, home)
    (home / "handrail.toml").write_text(said)
    instance = open_instance(home)
    yield instance
    instance.close()


@pytest.fixture
def shop(empty: Instance, tmp_path: Path) -> Instance:
    budgeting.furnish(empty, tmp_path, budget=BUDGET)
    return empty


def started(
    shop: Instance, seed: int, *, person: str = "viewer.emea", app: str = "", **more: Any
) -> forked.Process:
    about = {"dataset": "customers", "many": budgeting.PEOPLE, "width": 2, "rounds": 16, **more}
    more_words = [str(about[key]) for key in ("dataset", "many", "width", "rounds")]
    return forked.Process(ASKS, str(shop.settings.home), str(seed), person, app, *more_words)


def going(*processes: forked.Process) -> None:
    """Let them begin at once, when all are ready."""
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()


def hammered(processes: list[forked.Process]) -> list[set[str]]:
    """Let all of them ask at once; whom each was shown."""
    going(*processes)
    shown = [set(process.communicate(timeout=300)[0].split()) for process in processes]
    assert not any(process.returncode for process in processes)
    return shown


def clients(instance: Instance, folder: Path, **changes: Any) -> None:
    """A dataset of 16,000 clients."""
    (folder / "clients.csv").write_text("id,city\n" + "\n".join(f"{n},Rome" for n in range(16_000)))
    with actors(instance)("steward.sales") as ctx:
        data.import_source(ctx, str(folder / "clients.csv"))
    budgeting.certify(instance, "clients", {"entity_key": "id", "subject": "client", **changes})


def test_eight_processes_at_once_are_shown_no_more_than_the_budget(shop: Instance) -> None:
    shown = set.union(*hammered([started(shop, seed) for seed in range(8)]))
    assert len(shown) <= BUDGET
    assert {pseudonym(shop, "customer", one) for one in shown} == budgeting.seen(shop)
    with actors(shop)("viewer.emea") as ctx:
        assert data.my_budgets(ctx)[0].seen == len(shown)


@pytest.mark.parametrize(
    "empty",
    ["sqlite", pytest.param("postgres", marks=[pytest.mark.postgres, pytest.mark.release])],
    indirect=True,
)
def test_eight_processes_keep_to_the_budgets_of_viewers_and_apps_when_sketches_count(
    empty: Instance, tmp_path: Path
) -> None:
    clients(empty, tmp_path, budget=2000, app_budget=3000)
    about = {"dataset": "clients", "many": 16_000, "width": 200, "rounds": 24}
    people = ("viewer.emea", "viewer.apac", "maker.sales", "steward.sales")
    processes = [
        started(empty, seed, person=people[seed % 4], app="report" if seed < 6 else "other", **about)
        for seed in range(8)
    ]
    shown = hammered(processes)
    report, other = set.union(*shown[:6]), set.union(*shown[6:])
    # Each asked for much more. A sketch of 1,024 errs by 3 %, so one batch more is six standard deviations away.
    assert 2000 < len(report) <= 3000 + 200 and 1000 < len(other) <= 3000 + 200
    with actors(empty)("steward.sales") as ctx:
        used = {(one.who, one.name): one for one in data.everybodys_budgets(ctx)}
    assert used["app", "report"].seen <= 3000 * 1.1 and not used["app", "report"].exact
    for place, person in enumerate(people):
        mine = shown[place] | shown[place + 4]
        assert len(mine) <= 2000 + 200
        if mine:  # somebody whose app had spent its share each time was shown nobody
            assert len(mine) <= used["person", person].seen * 1.1
    with empty.engine.connect() as db:
        rows = db.scalar(sa.select(sa.func.count()).select_from(seen_store.entities))
        tallies = list(db.scalars(sa.select(seen_store.days.c.tally)))
    assert rows <= 1024 * 4 and max(map(len, tallies)) < 9000  # however many are seen


@pytest.mark.parametrize("empty", ["sqlite"], indirect=True)
def test_a_killed_process_loses_no_count(shop: Instance) -> None:
    for seed in range(2):
        process = started(shop, seed)
        going(process)
        shown = [process.stdout.readline() for _ in range(4)]
        os.kill(process.pid, signal.SIGKILL)
        shown += process.communicate()[0].splitlines()
        keys = {key for line in shown for key in line.split()}
        assert {pseudonym(shop, "customer", one) for one in keys} <= budgeting.seen(shop)
    left = BUDGET - len(budgeting.seen(shop))
    with pytest.raises(LimitReached, match=f"{BUDGET - left} of {BUDGET}"):
        asking(shop)("viewer.emea", "SELECT id FROM customers")


@pytest.mark.parametrize("empty", ["sqlite"], indirect=True)
def test_a_killed_process_loses_no_count_when_sketches_count(empty: Instance, tmp_path: Path) -> None:
    clients(empty, tmp_path, budget=100_000)
    process = started(empty, 1, dataset="clients", many=16_000, width=600, rounds=20)
    going(process)
    shown = [process.stdout.readline() for _ in range(6)]
    os.kill(process.pid, signal.SIGKILL)
    shown += process.communicate()[0].splitlines()
    keys = {key for line in shown for key in line.split()}
    assert len(keys) > 1024
    with actors(empty)("viewer.emea") as ctx:
        assert data.my_budgets(ctx)[0].seen >= len(keys) * 0.9  # six standard deviations below the bound
    with actors(empty)("compliance") as ctx:
        assert all(data.who_saw(ctx, "client", key) for key in sorted(keys)[:40])
