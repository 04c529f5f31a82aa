"""Lineage with the state in PostgreSQL: what runs read is counted and found as on SQLite."""

from pathlib import Path

import pytest

from handrail import apps, data
from handrail.kernel import RunRef
from handrail.server import open_instance
from tests.data import asking
from tests.postgres import PASSWORD, Server, postgres

__all__ = ["postgres"]


@pytest.mark.postgres
def test_reads_are_told_apart_by_metric_and_questions_are_kept_once(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    home = tmp_path / "home"
    address = postgres.inhabited(home, "lineage_reads").replace(f":{PASSWORD}@", "@")
    (home / "handrail.toml").write_text(f'[storage]\nurl = "{address}"\n')
    instance = open_instance(home)
    asking.furnish(instance, tmp_path)
    act, ask = asking.actors(instance), asking.asking(instance)
    with act("maker.sales") as ctx:
        files = {"app.py": b"print(1)\n", "handrail.toml": asking.MANIFEST.encode()}
        pushed = apps.push(ctx, files, "Sales by region", "")
    sandbox = RunRef("run_1", "report", pushed.commit, "sandbox", pushed.manifest)
    production = RunRef("run_2", "report", pushed.commit, "production", pushed.manifest)
    for _ in range(2):
        ask("maker.sales", "SELECT region FROM orders", of=sandbox)
        ask("viewer.emea", metric=data.MetricRequest("sales"), of=production)
    with act("steward.hr") as ctx:
        found = data.lineage(ctx, "orders")
    read = {(edge.origin, edge.target): edge for edge in found.edges if edge.kind == "read"}
    assert read["dataset:orders", "app:report"].columns == (("region", ""),)
    assert read["dataset:orders", "app:report"].where == ("sandbox",)
    assert read["metric:sales", "app:report"].where == ("production",)
    with act("maker.sales") as ctx:
        assert len(data.lineage(ctx, "app:report").questions) == 1
    instance.close()
