"""The pages, REST and commands say until when a run is kept and why, and what was deleted, in words."""

import json

import pytest
from click.testing import CliRunner

from handrail import runtime
from handrail.kernel import Caller, Instance
from handrail.runtime import api, pages, retention_api, retention_pages, store
from handrail.server import command
from tests.conftest import PEOPLE, Acting
from tests.runtime.test_sweep import PERSON, Later, finished, newer, swept
from tests.web import SignedIn, signed_in


@pytest.fixture
def client(instance: Instance) -> SignedIn:
    """Clients of people who came in by a one-time link."""
    return signed_in(instance, pages.router, api.router, retention_pages.router, retention_api.router)


def test_the_page_of_a_run_says_until_when_it_is_kept_and_what_needs_it(
    instance: Instance, client: SignedIn
) -> None:
    usual = {"environment": "sandbox", "person": "maker.sales"}
    older = finished(instance, 10, **usual)  # type: ignore[arg-type]
    newer(instance, **usual)
    page = client("maker.sales").get(f"/runs/{older}").text
    assert "What it shows is kept until" in page and "what a run shows is kept for 90 days" in page
    assert "Its files are kept until" in page
    last = client("maker.sales").get(f"/runs/{newest(instance)}").text
    assert "it is the last run of tried for maker.sales in the sandbox that went well" in last


def newest(instance: Instance) -> str:
    with instance.context(Caller(PEOPLE[0], "cli")) as ctx:
        return store.find_runs(ctx, 1)[0].id


def test_the_page_of_a_swept_run_says_so_in_words_and_links_to_nothing_that_is_gone(
    instance: Instance, client: SignedIn
) -> None:
    run = finished(instance, 91)
    newer(instance)
    swept(instance)
    answer = client(PERSON).get(f"/runs/{run}")
    assert answer.status_code == 200
    assert "handed over and printed was deleted on" in answer.text
    assert "The content of its files was deleted on" in answer.text
    assert f"/runs/{run}/outputs" not in answer.text and f"/runs/{run}/log" not in answer.text
    assert f"/runs/{run}/again" not in answer.text
    assert client(PERSON).get(f"/runs/{run}/outputs/1").status_code == 404


def test_the_page_of_a_run_without_a_record_is_not_found_and_says_how_long_runs_are_kept(
    instance: Instance, client: SignedIn
) -> None:
    run = finished(instance, 800)
    newer(instance)
    swept(instance)
    instance.clock = Later(800)
    who = client(PERSON)
    instance.clock = Later(800)
    answer = who.get(f"/runs/{run}")
    assert answer.status_code == 404 and "kept for 730 days at most" in answer.text


def test_support_holds_a_run_by_a_button_and_lets_it_go(instance: Instance, client: SignedIn) -> None:
    run = finished(instance, 10)
    support = client("support.oncall")
    page = f"/runs/{run}"
    assert "Keep it for an incident" in support.get(page).text
    assert support.post(f"{page}/hold", data={"reason": "Incident 7."}).status_code == 303
    assert "support.oncall keeps it: Incident 7." in support.get(page).text
    assert "Incident 7." in support.get("/retention").text
    assert support.post(f"{page}/release").status_code == 303
    assert "Incident 7." not in support.get(page).text
    assert "Keep it for an incident" not in client(PERSON).get(page).text


def test_whom_a_hold_may_be_about_learns_neither_by_whom_it_is_nor_what_for(
    instance: Instance, client: SignedIn, acting: Acting
) -> None:
    run = finished(instance, 10)
    with acting("compliance") as ctx:
        runtime.hold(ctx, run, "Incident 7.")
    page = client(PERSON).get(f"/runs/{run}").text
    assert "support or compliance keeps it" in page and "Incident 7" not in page
    told = client(PERSON).get(f"/api/v1/runs/{run}/kept").json()
    assert told["hold"] is None and "Incident 7" not in json.dumps(told)


def test_the_page_of_retention_says_the_rules_the_sweeps_and_what_would_go(
    instance: Instance, client: SignedIn
) -> None:
    finished(instance, 91)
    newer(instance)
    compliance = client("compliance")
    planned = compliance.get("/retention", params={"plan_it": "true"}).text
    assert "90 days" in planned and "what a run shows is kept for 90 days" in planned
    assert "Sweep now" not in planned
    admin = client("admin")
    assert admin.post("/retention/sweep").status_code == 303
    assert "goes on" in admin.get("/retention").text
    runtime.sweep_what_is_due(instance)
    while runtime.sweep_what_is_due(instance):
        pass
    assert "Nothing is due." in admin.get("/retention", params={"plan_it": "true"}).text
    assert client(PERSON).get("/retention").status_code == 403


def test_rest_and_the_command_say_the_same(instance: Instance, client: SignedIn, acting: Acting) -> None:
    run = finished(instance, 91)
    newer(instance)
    by_rest = client("support.oncall").get(f"/api/v1/runs/{run}/kept").json()
    assert [one["part"] for one in by_rest["parts"]] == ["outputs", "inputs", "record"]
    home = ["--home", str(instance.settings.home), "--json"]
    told = CliRunner().invoke(command(), ["runs", "kept", run, "--as", "support.oncall", *home])
    assert json.loads(told.stdout) == by_rest
    planned = CliRunner().invoke(command(), ["runs", "sweep", "--dry-run", "--as", "admin", *home])
    assert json.loads(planned.stdout) == client("admin").get("/api/v1/retention/plan").json()
    done = CliRunner().invoke(command(), ["runs", "sweep", "--as", "admin", *home])
    assert json.loads(done.stdout)["outputs"] == 1, done.output
    with acting("compliance") as ctx:
        assert runtime.plan_sweep(ctx).outputs == 0
