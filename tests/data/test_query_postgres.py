"""Asking with the state in PostgreSQL: decided, answered, recorded and counted as on SQLite."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from handrail import data
from handrail.kernel import Instance
from handrail.kernel.audit import recent
from handrail.server import open_instance
from tests.data.asking import actors, asking, furnish, run
from tests.postgres import PASSWORD, Server, postgres

__all__ = ["postgres"]
pytestmark = pytest.mark.postgres


@pytest.fixture
def shop(postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Instance]:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    home = tmp_path / "home"
    address = postgres.inhabited(home, "asking").replace(f":{PASSWORD}@", "@")
    (home / "handrail.toml").write_text(f'[storage]\nurl = "{address}"\n')
    instance = open_instance(home)
    furnish(instance, tmp_path)
    yield instance
    instance.close()


def test_a_run_is_answered_and_what_it_reads_is_counted(shop: Instance) -> None:
    ask = asking(shop)
    for _ in range(2):
        rows = ask("viewer.emea", "SELECT sum(amount) AS amount FROM orders", of=run("production"))
        assert rows == [{"amount": 300}]
        with actors(shop)("compliance") as ctx:
            ctx.audit.settle()  # nobody waits for what closes an answer
    with actors(shop)("compliance") as ctx:
        assert data.observed_reads(ctx, "report", "c" * 40) == {"orders": frozenset({"amount"})}
        assert [entry.verb for entry in recent(ctx.db, verb="query.")] == [
            "query.answered",
            "query.allowed",
        ] * 2
