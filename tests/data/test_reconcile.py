"""Metrics are recomputed against the totals that finance closed; what misses carries no badge anywhere."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from handrail import data, server
from handrail.kernel import Instance, NotAllowed, NotReady, Refusal, definitions, identity, trail
from handrail.server import application
from tests.data import asking
from tests.data.asking import MODEL, TODAY
from tests.web import Client

TOTALS = "month,eur,allowed,pack\n2026-01-01,180,0.001,Pack 1\n2026-02-01,220,0.001,Pack 2\n"
TIES = {"dataset": "totals", "period": "month", "value": "eur", "tolerance": 0.001, "source": "pack"}


def model(ties: dict[str, Any] = TIES, expression: str = "SUM(orders.amount)") -> bytes:
    """The shop's model, whose sales tie to the totals."""
    named = json.dumps({"ties_to": ties})
    text = MODEL.decode().replace("SUM(orders.amount)", expression)
    place = "        description: What customers ordered, by order date.\n"
    more = f"        custom_extensions: [{{vendor_name: HANDRAIL, data: '{named}'}}]\n"
    assert place in text
    return text.replace(place, place + more).encode()


def write(instance: Instance, content: bytes) -> None:
    with asking.actors(instance)("steward.sales") as ctx:
        definitions.write(ctx, "model/shop.yaml", content, "Say what sales are")


def totals(instance: Instance, tmp_path: Path, text: str = TOTALS, certified: bool = True) -> None:
    """Import the control totals, and have them certified."""
    (tmp_path / "totals.csv").write_text(text)
    act = asking.actors(instance)
    with act("steward.hr") as ctx:
        data.import_source(ctx, str(tmp_path / "totals.csv"), "totals")
        changes = {"owner": "steward.hr", "deputy": "lead", "purposes": ["finance"], "readers": ["hr"]}
        until = (TODAY + timedelta(days=365)).isoformat()
        if data.dataset(ctx, "totals").state == "draft":
            data.propose(ctx, "totals", {**changes, "description": "Closed months", "expires": until})
    if certified:
        with act("steward.sales") as ctx:
            if not data.dataset(ctx, "totals").certified:
                data.certify(ctx, "totals")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Instance]:
    instance = asking.furnished(tmp_path)
    write(instance, model())
    yield instance
    instance.close()


def sales(instance: Instance, person: str = "lead") -> data.Metric:
    with asking.actors(instance)(person) as ctx:
        return data.metric(ctx, "sales")


def reconciled(instance: Instance, person: str = "steward.sales") -> data.Reconciliation:
    with asking.actors(instance)(person) as ctx:
        return data.reconcile(ctx, "sales")


def certified(instance: Instance, person: str = "steward.hr") -> data.Metric:
    with asking.actors(instance)(person) as ctx:
        return data.certify_metric(ctx, "sales")


def test_a_metric_that_ties_is_proposed_by_one_steward_and_certified_by_another(
    shop: Instance, tmp_path: Path
) -> None:
    totals(shop, tmp_path)
    assert sales(shop).state == "draft"
    found = reconciled(shop)
    assert (found.within, found.worst, len(found.rows)) == (True, 0.0, 2)
    assert [(row.period, row.ours, row.total, row.source) for row in found.rows] == [
        ("2026-01-01", "180", "180", "Pack 1"),
        ("2026-02-01", "220", "220", "Pack 2"),
    ]
    assert (sales(shop).state, sales(shop).certified) == ("proposed", False)
    now = certified(shop)
    assert (now.state, now.certified, now.ties_to, now.certified_by) == (
        "certified",
        True,
        "totals",
        "steward.hr",
    )
    with asking.actors(shop)("compliance") as ctx:
        verbs = [e.verb for e in trail.entries(ctx, limit=50) if e.subject == "metric:sales"]
        assert verbs[:2] == ["metric.certified", "metric.reconciled"]


def test_the_sum_is_everybodys_whatever_the_steward_may_see(shop: Instance, tmp_path: Path) -> None:
    totals(shop, tmp_path)
    assert asking.asking(shop)("steward.sales", "SELECT count(*) AS n FROM orders") == [{"n": 0}]
    assert reconciled(shop).within
    assert reconciled(shop, "steward.hr").within  # who is not even a reader of orders


def test_one_steward_cannot_do_both(shop: Instance, tmp_path: Path) -> None:
    totals(shop, tmp_path)
    reconciled(shop)
    reconciled(shop, "steward.hr")  # looking again proposes nothing anew
    with pytest.raises(NotAllowed, match="reconciled sales first"):
        certified(shop, "steward.sales")
    assert certified(shop).certified


@pytest.mark.parametrize("person", ["lead", "maker.sales", "compliance", "viewer.emea", "admin"])
def test_only_stewards_reconcile_and_certify(shop: Instance, tmp_path: Path, person: str) -> None:
    totals(shop, tmp_path)
    with pytest.raises(NotAllowed, match="by stewards"):
        reconciled(shop, person)
    reconciled(shop)
    with pytest.raises(NotAllowed, match="by stewards"):
        certified(shop, person)


def test_totals_over_everybodys_rows_are_for_stewards_and_compliance(shop: Instance, tmp_path: Path) -> None:
    totals(shop, tmp_path)
    reconciled(shop)
    act = asking.actors(shop)
    for person in ("steward.hr", "compliance"):
        with act(person) as ctx:
            assert data.reconciliations(ctx, "sales")[0][0].rows[0].ours == "180"
    for person in ("viewer.emea", "lead", "maker.sales"):
        with pytest.raises(NotAllowed, match="everybody's rows"), act(person) as ctx:
            data.reconciliations(ctx, "sales")
        assert sales(shop, person).off_by == 0.0
        assert not re.search(r"\b180\b", repr(sales(shop, person)))


def test_a_definition_that_misses_is_refused_with_its_numbers_and_without_amounts(
    shop: Instance, tmp_path: Path
) -> None:
    totals(shop, tmp_path)
    write(shop, model(expression="SUM(orders.amount) * 1.008"))
    found = reconciled(shop)
    assert not found.within
    assert sales(shop).state == "missed"
    with pytest.raises(NotReady) as refused:
        certified(shop)
    assert refused.value.message == (
        "sales misses totals by 0.80% at worst (the period from 2026-01-01), where 0.10% is allowed; "
        "2 of 2 periods are off."
    )


def test_an_edited_file_is_another_version(shop: Instance, tmp_path: Path) -> None:
    totals(shop, tmp_path)
    reconciled(shop)
    certified(shop)
    write(shop, model() + b"# an innocent remark\n")
    assert sales(shop).state == "edited"
    with pytest.raises(NotReady, match="was not reconciled as it is now"):
        certified(shop)
    write(shop, model())
    assert sales(shop).state == "certified"


def test_newer_data_takes_the_badge_until_it_is_reconciled_again(shop: Instance, tmp_path: Path) -> None:
    totals(shop, tmp_path)
    reconciled(shop)
    certified(shop)
    totals(shop, tmp_path, TOTALS + "2026-03-01,260,0.001,Pack 3\n")
    assert sales(shop).state == "due"
    with pytest.raises(NotReady, match="newer than its last reconciliation"):
        certified(shop)
    reconciled(shop)
    assert (sales(shop).state, len(reconciled(shop).rows)) == ("certified", 3)


def test_a_miss_takes_the_badge_away_wherever_the_metric_is_answered(shop: Instance, tmp_path: Path) -> None:
    totals(shop, tmp_path)
    wanted = data.Request(metric=data.MetricRequest("sales"), purpose="sales-reporting")

    def badge() -> tuple[bool | None, str | None]:
        with asking.actors(shop)("viewer.emea") as ctx, data.query(ctx, wanted) as answer:
            return answer.certified, answer.ties_to

    assert badge() == (False, "totals")
    reconciled(shop)
    certified(shop)
    assert badge() == (True, "totals")
    totals(shop, tmp_path, TOTALS.replace("220", "223"))
    reconciled(shop)
    assert badge() == (False, "totals")
    assert sales(shop).state == "missed"
    totals(shop, tmp_path, TOTALS)  # the total is corrected: the certification was of this version
    reconciled(shop)
    assert badge() == (True, "totals")


def test_sql_has_no_badge(shop: Instance) -> None:
    asked = data.Request("SELECT region FROM orders", purpose="sales-reporting")
    with asking.actors(shop)("viewer.emea") as ctx, data.query(ctx, asked) as answer:
        assert (answer.certified, answer.ties_to) == (None, None)


def test_totals_by_a_further_dimension_and_with_a_tolerance_each(shop: Instance, tmp_path: Path) -> None:
    text = "month,area,eur,allowed\n2026-01-01,APAC,120,0.0\n2026-01-01,EMEA,61,0.02\n"
    totals(shop, tmp_path, text)
    ties = {"dataset": "totals", "period": "month", "value": "eur", "tolerance": "allowed"}
    write(shop, model({**ties, "by": {"region": "area"}}))
    found = reconciled(shop)
    assert [(r.by["region"], r.ours, r.within) for r in found.rows] == [
        ("APAC", "120", True),
        ("EMEA", "60", True),
    ]


def test_data_that_is_not_certified_reconciles_nothing(shop: Instance, tmp_path: Path) -> None:
    totals(shop, tmp_path, certified=False)
    with pytest.raises(NotReady, match="totals is proposed"):
        reconciled(shop)
    with asking.actors(shop)("steward.sales") as ctx:
        data.revoke(ctx, "orders", "Wrong rows.")
    totals(shop, tmp_path)
    with pytest.raises(NotReady, match="orders is revoked"):
        reconciled(shop)


def test_a_metric_without_control_totals_says_so(shop: Instance) -> None:
    act = asking.actors(shop)
    with pytest.raises(NotReady, match="names no control totals"), act("steward.sales") as ctx:
        data.reconcile(ctx, "buyers")
    with pytest.raises(NotReady, match="names no control totals"), act("steward.hr") as ctx:
        data.certify_metric(ctx, "buyers")


def test_a_version_is_certified_once(shop: Instance, tmp_path: Path) -> None:
    totals(shop, tmp_path)
    reconciled(shop)
    certified(shop)
    with pytest.raises(NotReady, match="certified already"):
        certified(shop)
    with shop.engine.connect() as db:
        assert db.execute(sa.text("SELECT count(*) FROM metric_certifications")).scalar() == 1


def test_rest_and_command_line_do_the_same(shop: Instance, tmp_path: Path) -> None:
    totals(shop, tmp_path)
    client = Client(application(shop))
    with asking.actors(shop)("steward.sales") as ctx:
        token = identity.issue_token(ctx, "test")[1]
    made = client.post("/api/v1/metrics/sales/reconcile", headers={"Authorization": f"Bearer {token}"})
    assert made.json()["within"] is True
    listed = client.get("/api/v1/metrics/sales/reconciliations", headers={"Authorization": f"Bearer {token}"})
    assert [one["id"] for one in listed.json()] == [made.json()["id"]]
    group = server.command()
    home = {**os.environ, "HANDRAIL_HOME": str(shop.settings.home)}

    def run(*words: str) -> Any:
        return CliRunner().invoke(group, list(words), env=home)

    shown = run("reconcile", "sales", "--as", "steward.hr")
    assert "It ties to totals: off by 0.000% at worst." in shown.output
    assert "sales is certified" in run("certify-metric", "sales", "--as", "steward.hr").output
    asked = ("metric", "sales", "--purpose", "sales-reporting", "--as", "viewer.emea", "--json")
    assert json.loads(run(*asked).output)["certified"] is True


@pytest.mark.parametrize(
    "ties",
    [
        {"dataset": "totals"},
        {**TIES, "grain": "decade"},
        {**TIES, "speed": 1},
        {**TIES, "tolerance": []},
        "totals",
    ],
)
def test_where_totals_are_is_read_strictly(shop: Instance, ties: Any) -> None:
    write(shop, model(ties))
    with pytest.raises(Refusal, match=r"model/shop.yaml, line \d+: .*ties_to"):
        sales(shop)


def test_what_totals_are_named_is_quoted_and_cannot_become_sql(shop: Instance, tmp_path: Path) -> None:
    totals(shop, tmp_path)
    write(shop, model({**TIES, "value": 'eur") FROM orders --'}))
    with pytest.raises(Refusal):
        reconciled(shop)
    assert replace(sales(shop)).state == "draft"
