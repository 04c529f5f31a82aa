"""Budgets under parallel processes and sudden ends: never more than the limit is shown, and no count is lost."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from handrail import data
from handrail.data.budgets import pseudonym
from handrail.kernel import Instance, LimitReached
from handrail.server import FIRST_DEFINITIONS, open_instance
from tests.conftest import populate
from tests.data import budgeting
from tests.data.asking import actors, asking
from tests.postgres import PASSWORD, Server, postgres

__all__ = ["postgres"]

BUDGET = 25
# Asks for customers in an order of its own and prints each it is shown, after it was shown.
ASKS = """
import random, sys
from pathlib import Path
from handrail import data
from handrail.kernel import Caller, LimitReached, identity
from handrail.server import open_instance
instance = open_instance(Path(sys.argv[1]))
order = random.Random(int(sys.argv[2])).sample(range(40), 16)
with instance.context(instance.system()) as ctx:
    viewer = identity.found(ctx, "viewer.emea")
print("ready", flush=True)
sys.stdin.readline()
for n in order:
    asked = data.Request("SELECT id FROM customers WHERE id IN ($a, $b)", params={"a": n, "b": (n + 1) % 40},
                         purpose="sales-reporting")
    try:
        with instance.context(Caller(viewer, "cli")) as ctx:
            for batch in data.query(ctx, asked).batches():
                print(*batch.column("id").to_pylist(), flush=True)
    except LimitReached:
        pass
"""


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def shop(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Instance]:
    home = tmp_path / "home"
    Instance.create(home, files=FIRST_DEFINITIONS)
    if request.param == "postgres":
        server: Server = request.getfixturevalue("postgres")
        monkeypatch.setenv("PGPASSWORD", PASSWORD)
        address = server.database("budgets").replace(f":{PASSWORD}@", "@")
        (home / "handrail.toml").write_text(f'[storage]\nurl = "{address}"\n')
    instance = open_instance(home)
    populate(instance)
    budgeting.furnish(instance, tmp_path, budget=BUDGET)
    yield instance
    instance.close()


def started(shop: Instance, seed: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", ASKS, str(shop.settings.home), str(seed)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "ready\n"
    return process


def test_eight_processes_at_once_are_shown_no_more_than_the_budget(shop: Instance) -> None:
    processes = [started(shop, seed) for seed in range(8)]
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    shown: set[str] = set()
    for process in processes:
        shown.update(process.communicate(timeout=120)[0].split())
        assert process.returncode == 0
    assert len(shown) <= BUDGET
    assert {pseudonym(shop, "customer", one) for one in shown} == budgeting.seen(shop)
    with actors(shop)("viewer.emea") as ctx:
        assert data.my_budgets(ctx)[0].seen == len(shown)


@pytest.mark.parametrize("shop", ["sqlite"], indirect=True)
def test_a_killed_process_loses_no_count(shop: Instance) -> None:
    for seed in range(2):
        process = started(shop, seed)
        assert process.stdin and process.stdout
        process.stdin.write("go\n")
        process.stdin.flush()
        shown = [process.stdout.readline() for _ in range(4)]
        os.kill(process.pid, signal.SIGKILL)
        shown += process.communicate()[0].splitlines()
        keys = {key for line in shown for key in line.split()}
        assert {pseudonym(shop, "customer", one) for one in keys} <= budgeting.seen(shop)
    left = BUDGET - len(budgeting.seen(shop))
    with pytest.raises(LimitReached, match=f"{BUDGET - left} of {BUDGET}"):
        asking(shop)("viewer.emea", "SELECT id FROM customers")
