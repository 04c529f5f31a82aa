"""What is told: events that OpenLineage's own client reads, with names and promises, and never a row."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from handrail import apps, data, openlineage, runtime, twins
from handrail.data.recompute import recompute_what_is_due
from handrail.data.scheduled import check_what_is_due
from handrail.kernel import SYSTEM, Caller, Instance, Refusal, RunRef, identity
from handrail.openlineage import store
from handrail.twins import supervise
from handrail.twins.supervise import take_one
from tests.data import asking
from tests.data.test_reconcile import model, totals, write
from tests.openlineage import oracle

APP = """\
from handrail_sdk import metric, query

rows = query("SELECT region, sum(amount) AS net FROM orders GROUP BY 1")
metric("sales", by=["region"])
{more}
"""


def waiting(instance: Instance) -> list[dict[str, Any]]:
    """Every event in the outbox, in order, each read by the oracle."""
    with instance.context(SYSTEM) as ctx:
        events = [
            json.loads(row.event)
            for row in ctx.db.execute(store.outbox.select().order_by(store.outbox.c.seq))
        ]
    for event in events:
        oracle.read(event)
    return events


def of(events: list[dict[str, Any]], job: str) -> list[dict[str, Any]]:
    return [event for event in events if event["job"]["name"] == job]


def ran(instance: Instance, environment: str = "sandbox", more: str = "", name: str = "report") -> Any:
    """Push the app, run it for real, and give the run as it ended."""
    manifest = asking.MANIFEST.replace('name = "report"', f'name = "{name}"')
    with asking.actors(instance)("maker.sales") as ctx:
        apps.push(
            ctx, {"app.py": APP.format(more=more).encode(), "handrail.toml": manifest.encode()}, "Why", ""
        )
    with asking.actors(instance)("maker.sales") as ctx:
        run = apps.run(ctx, name)
    return runtime.execute(instance, run.id)


def test_an_import_tells_which_column_of_which_table_each_column_is(told: Instance) -> None:
    start, complete = of(waiting(told), "import.orders")
    assert (start["eventType"], complete["eventType"]) == ("START", "COMPLETE")
    assert start["run"]["runId"] == complete["run"]["runId"]
    (table,), (made,) = complete["inputs"], complete["outputs"]
    assert table["namespace"] == "file"
    assert table["name"].endswith("/orders.csv#orders.csv")
    assert (made["namespace"], made["name"]) == ("shop", "dataset.orders")
    field = made["facets"]["columnLineage"]["fields"]["amount"]["inputFields"]
    assert [(one["name"], one["field"]) for one in field] == [(table["name"], "amount")]
    assert {one["name"] for one in made["facets"]["schema"]["fields"]} >= {"id", "region", "amount"}
    assert made["outputFacets"]["outputStatistics"]["rowCount"] == 12


def test_a_check_tells_every_promise_and_whether_it_is_kept(told: Instance) -> None:
    with asking.actors(told)("steward.hr") as ctx:
        data.check_quality(ctx, "orders")
    event = of(waiting(told), "check.orders")[-1]
    (made,) = event["inputs"]
    assert made["facets"]["ownership"]["owners"] == [{"name": "user:steward.sales", "type": "OWNER"}]
    promises = made["inputFacets"]["dataQualityAssertions"]["assertions"]
    with asking.actors(told)("steward.hr") as ctx:
        newest = data.quality_history(ctx, "orders")[0]
    assert [one["assertion"] for one in promises] == [
        one.promise for one in newest.results if one.outcome != "unchecked"
    ]


def test_a_reconciliation_tells_what_a_metric_is_made_of_and_whether_it_ties(
    told: Instance, tmp_path: Path
) -> None:
    write(told, model())
    totals(told, tmp_path)
    with asking.actors(told)("steward.sales") as ctx:
        data.reconcile(ctx, "sales")
    _, complete = of(waiting(told), "reconcile.sales")
    by_name = {one["name"]: one for one in complete["inputs"]}
    assert by_name["dataset.totals"]["inputFacets"]["dataQualityAssertions"]["assertions"] == [
        {"assertion": "sales ties to it", "success": True}
    ]
    lineage = complete["outputs"][0]["facets"]["columnLineage"]
    assert [(i["name"], i["field"]) for i in lineage["fields"]["sales"]["inputFields"]] == [
        ("dataset.orders", "amount")
    ]
    assert ("dataset.customers", "city") in {(i["name"], i["field"]) for i in lineage["dataset"]}
    # Ids, hashes and moments have any digits.
    assert "220" not in re.sub(r"[0-9a-f-]{16,}|[0-9-]{10}T[0-9:.]+", "", json.dumps(complete))


def test_a_twin_is_told_as_made_from_its_dataset_with_every_value_masked(told: Instance) -> None:
    with asking.actors(told)("steward.sales") as ctx:
        twins.build(ctx, ["orders"])
    _, complete = of(waiting(told), "twin.orders")
    assert [one["name"] for one in (*complete["inputs"], *complete["outputs"])] == [
        "dataset.orders",
        "twin.orders",
    ]
    fields = complete["outputs"][0]["facets"]["columnLineage"]["fields"]
    assert {
        t["masking"] for one in fields.values() for i in one["inputFields"] for t in i["transformations"]
    } == {True}


def test_a_run_tells_what_it_really_read_and_no_more(told: Instance) -> None:
    run = ran(told)
    assert run.state == "succeeded", run.reason
    start, complete = of(waiting(told), "app.report.sandbox")
    assert (start["eventType"], complete["eventType"]) == ("START", "COMPLETE")
    assert [one["name"] for one in complete["inputs"]] == ["twin.orders", "metric.sales"]
    used = complete["outputs"][0]["facets"]["columnLineage"]["dataset"]
    assert {one["field"] for one in used} == {"region", "amount"}
    assert start["job"]["facets"]["ownership"]["owners"] == [{"name": "user:maker.sales", "type": "OWNER"}]


def test_a_run_that_fails_is_told_without_its_own_words(told: Instance) -> None:
    run = ran(told, more="raise SystemExit(str(rows))")
    assert run.state == "failed"
    *_, last = of(waiting(told), "app.report.sandbox")
    assert last["eventType"] == "FAIL"
    assert last["run"]["facets"]["errorMessage"]["message"] == "The run ended: exited."
    assert "TWIN" not in json.dumps(waiting(told))


def test_neither_rows_nor_the_names_of_viewers_nor_questions_are_told(told: Instance) -> None:
    """In production, where rows are real: not by an alias, a title, a literal, a failure or the run's person."""
    with told.context(SYSTEM) as ctx:
        viewer = identity.found(ctx, "viewer.emea")
    run = RunRef("run_9", "report", "c" * 40, "production", asking.run("production").manifest)
    sql = "SELECT region AS \"secret-EMEA\", 'secret-literal' AS x FROM orders"
    with told.context(Caller(viewer, "socket", run=run)) as ctx:
        answer = data.query(ctx, data.Request(sql))
        answer.table()
        read = {name: frozenset(columns) for name, columns in answer.columns_read.items()}
        ctx.events.publish(
            runtime.RunFinished(
                "run_9", "report", "c" * 40, "production", viewer.id, "failed", "exited", read
            )
        )
    (event,) = of(waiting(told), "app.report.production")
    said = json.dumps(waiting(told))
    assert [one["name"] for one in event["inputs"]] == ["dataset.orders"]
    for secret in ("secret-", viewer.id, viewer.name, "EMEA", "Rome"):
        assert secret not in said


def test_work_that_is_refused_is_told_as_failed_without_a_word_of_what_was_wrong(
    told: Instance, tmp_path: Path
) -> None:
    (tmp_path / "secret.csv").write_bytes(b"a,b\n1,secret-\xff\xfe\n")
    with pytest.raises(Refusal), asking.actors(told)("steward.sales") as ctx:
        data.import_source(ctx, str(tmp_path / "secret.csv"), name="broken")
    write(told, model())
    with pytest.raises(Refusal), asking.actors(told)("steward.sales") as ctx:
        data.reconcile(ctx, "sales")  # there are no control totals
    events = waiting(told)
    for job, because in (("import.broken", "invalid"), ("reconcile.sales", "not_found")):
        start, fail = of(events, job)[-2:]
        assert (start["eventType"], fail["eventType"]) == ("START", "FAIL")
        assert start["run"]["runId"] == fail["run"]["runId"]
        assert because in fail["run"]["facets"]["errorMessage"]["message"]
    assert "secret-" not in json.dumps(events)


def test_each_run_that_is_told_began_once_and_ended_once(told: Instance, tmp_path: Path) -> None:
    ran(told)
    ran(told, more="raise SystemExit(1)", name="fails")
    write(told, model())
    totals(told, tmp_path)
    with asking.actors(told)("steward.sales") as ctx:
        data.reconcile(ctx, "sales")
    by_run: dict[str, list[str]] = {}
    for event in waiting(told):
        by_run.setdefault(event["run"]["runId"], []).append(event["eventType"])
    assert len(by_run) > 4
    assert {tuple(kinds) for kinds in by_run.values()} == {("START", "COMPLETE"), ("START", "FAIL")}


def test_what_may_not_be_asked_is_not_told(told: Instance) -> None:
    before = len(waiting(told))
    with pytest.raises(Exception, match="not one"), asking.actors(told)("lead") as ctx:
        data.check_quality(ctx, "orders")
    with asking.actors(told)("steward.hr") as ctx:
        data.check_quality(ctx, "orders")
        ctx.db.rollback()
    assert len(waiting(told)) == before


def test_nothing_is_written_where_nobody_is_told(tmp_path: Path) -> None:
    instance = asking.opened(tmp_path)
    asking.furnish(instance, tmp_path)
    assert waiting(instance) == []
    instance.close()


def test_a_broken_contract_or_model_does_not_keep_a_run_from_ending(told: Instance) -> None:
    folder = told.settings.home / "definitions"
    (folder / "contracts" / "orders.odcs.yaml").write_text("nonsense: [")
    (folder / "model" / "shop.yaml").write_text("nonsense: [")
    with told.context(SYSTEM) as ctx:
        reads: Mapping[str, frozenset[str]] = {"orders": frozenset({"region"})}
        ctx.events.publish(
            runtime.RunFinished(
                "run_9",
                "report",
                "c" * 40,
                "production",
                "lead",
                "succeeded",
                "exited",
                reads,
                frozenset({"sales"}),
            )
        )
    (event,) = of(waiting(told), "app.report.production")
    assert event["inputs"] == [
        {"namespace": "shop", "name": "dataset.orders", "facets": {}},
        {"namespace": "shop", "name": "metric.sales", "facets": {}},
    ]


def test_the_oracle_refuses_what_openlineage_does_not_know(told: Instance) -> None:
    event = waiting(told)[1]
    for change in (
        {"colour": "red"},
        {"eventType": "DONE"},
        {"run": {"runId": "run_1"}},
        {"eventTime": "yesterday"},
        {"inputs": [{"name": "x"}]},
    ):
        with pytest.raises((AssertionError, ValueError, TypeError, KeyError)):
            oracle.read({**event, **change})


def test_only_admins_see_how_delivery_stands(told: Instance) -> None:
    with asking.actors(told)("admin") as ctx:
        found = openlineage.deliveries(ctx)
    assert (found.to, found.aside) == ("lineage.jsonl", 0)
    assert found.waiting == len(waiting(told))
    for verb in (openlineage.deliveries, openlineage.retry):
        with pytest.raises(Exception, match="not one"), asking.actors(told)("steward.sales") as ctx:
            verb(ctx)


def test_a_twin_that_is_not_made_is_told_as_failed_and_one_called_off_as_aborted(
    told: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    with asking.actors(told)("steward.sales") as ctx:
        twins.start(ctx, ["customers"])
    with asking.actors(told)("steward.sales") as ctx:
        data.revoke(ctx, "customers", "wrong")
    with pytest.raises(Refusal), asking.actors(told)("steward.sales") as ctx:
        twins.build(ctx, ["orders", "customers"])  # customers is not certified any more
    for job in ("twin.orders", "twin.customers"):
        start, fail = of(waiting(told), job)
        assert (start["eventType"], fail["eventType"]) == ("START", "FAIL")
        assert start["run"]["runId"] == fail["run"]["runId"]
        assert fail["run"]["facets"]["errorMessage"]["message"] == "The run ended: not_ready."
    assert take_one(told)
    assert [one["eventType"] for one in of(waiting(told), "twin.customers")[2:]] == ["START", "FAIL"]

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    def called_off(*_: object) -> None:
        with asking.actors(told)("steward.sales") as ctx:
            twins.cancel(ctx, queued.id)
        raise supervise.Cancelled

    for way, end in ((broken, "FAIL"), (called_off, "ABORT")):
        monkeypatch.setattr(supervise, "carry_out", way)
        with asking.actors(told)("steward.sales") as ctx:
            queued = twins.start(ctx, ["orders"])
        assert take_one(told)
        assert [one["eventType"] for one in of(waiting(told), "twin.orders")[-2:]] == ["START", end]


def test_who_may_not_build_a_twin_tells_nothing(told: Instance) -> None:
    before = len(waiting(told))
    with pytest.raises(Refusal), asking.actors(told)("viewer.emea") as ctx:
        twins.build(ctx, ["orders"])
    assert len(waiting(told)) == before


class Later:
    """The system's clock, two days ahead."""

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=2)


def test_work_of_the_server_that_breaks_down_is_told_as_failed(
    told: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checks on schedule and metrics that are due: what is no refusal ends their runs too."""
    write(told, model())
    totals(told, tmp_path)
    with asking.actors(told)("steward.sales") as ctx:
        data.reconcile(ctx, "sales")
        data.import_source(
            ctx, str(tmp_path / "orders.csv"), name="orders"
        )  # so that the metric is due again
    told.settings = replace(told.settings, data=replace(told.settings.data, check_at="0 0 * * *"))

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("handrail.data.recompute.recomputed", broken)
    assert recompute_what_is_due(told) == ()
    last = of(waiting(told), "reconcile.sales")[-1]
    assert last["eventType"] == "FAIL"
    assert "broken" in last["run"]["facets"]["errorMessage"]["message"]
    monkeypatch.setattr("handrail.data.scheduled.checked", broken)
    told.clock = Later()
    assert "orders" in check_what_is_due(told)
    assert [one["eventType"] for one in of(waiting(told), "check.orders")[-2:]] == ["START", "FAIL"]


def test_a_check_of_a_contract_that_cannot_be_read_is_told_as_failed(told: Instance) -> None:
    (told.settings.home / "definitions" / "contracts" / "orders.odcs.yaml").write_text("nonsense: [")
    with pytest.raises(Refusal), asking.actors(told)("steward.hr") as ctx:
        data.check_quality(ctx, "orders")
    assert of(waiting(told), "check.orders")[-1]["eventType"] == "FAIL"
