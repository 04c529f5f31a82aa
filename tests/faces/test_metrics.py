"""What a monitoring system reads: counts that are right, for those who may, and nothing about an app or person."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from handrail import apps, runtime
from handrail.kernel import Instance, identity
from handrail.server import application
from tests.apps.conftest import hello
from tests.conftest import Acting
from tests.web import Client

Asked = Callable[[str], str]


@pytest.fixture
def asked(instance: Instance, acting: Acting) -> Asked:
    """What somebody reads there, with a personal token."""
    client = Client(application(instance))

    def ask(person: str) -> str:
        with acting(person) as ctx:
            token = identity.issue_token(ctx, "watch")[1]
        answer = client.get("/metrics", headers={"Authorization": f"Bearer {token}", "Accept": "text/plain"})
        return f"{answer.status_code} {answer.headers['content-type']}\n{answer.text}"

    return ask


def test_runs_are_counted_by_how_they_ended(
    instance: Instance, acting: Acting, asked: Asked, tmp_path: Path
) -> None:
    for code in ("print(1)", "print(2)", "raise SystemExit(3)"):
        with acting("maker.sales") as ctx:
            apps.push(ctx, hello(code), "Another", "")
        with acting("maker.sales") as ctx:
            run = apps.run(ctx, "hello")
        runtime.execute(instance, run.id)
    with acting("maker.sales") as ctx:
        apps.run(ctx, "hello")
    said = asked("support.oncall")
    assert said.startswith("200 text/plain")
    found = {
        (
            sample.name,
            *(sample.labels[key] for key in ("environment", "state", "ended") if key in sample.labels),
        ): sample.value
        for family in text_string_to_metric_families(said.partition("\n")[2])
        for sample in family.samples
    }
    assert found["handrail_runs_total", "sandbox", "succeeded", "exited"] == 2
    assert found["handrail_runs_total", "sandbox", "failed", "exited"] == 1
    assert found["handrail_run_seconds_total", "sandbox", "succeeded", "exited"] > 0
    assert (found["handrail_runs_waiting",], found["handrail_runs_going",]) == (1, 0)
    assert found["process_resident_memory_bytes",] > 1e6
    assert not re.search("hello|maker", said)


@pytest.mark.parametrize("person", ["viewer.emea", "maker.sales", "reviewer.platform"])
def test_others_read_nothing(asked: Asked, person: str) -> None:
    said = asked(person)
    assert said.startswith("403") and "handrail_runs" not in said


def test_a_browser_finds_the_metrics_of_the_organisation_there(instance: Instance, acting: Acting) -> None:
    with acting("support.oncall") as ctx:
        token = identity.issue_token(ctx, "watch")[1]
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/html,*/*"}
    page = Client(application(instance)).get("/metrics", headers=headers)
    assert "<h1>Metrics</h1>" in page.text and "handrail_runs" not in page.text


def test_nobody_reads_nothing(instance: Instance) -> None:
    client = Client(application(instance), follow_redirects=False)
    answer = client.get("/metrics", headers={"Accept": "text/plain"})
    assert answer.status_code == 401 and "handrail_runs" not in answer.text
