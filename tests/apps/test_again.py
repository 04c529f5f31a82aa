"""The same once more: version, files and twins, for who may run it today."""

import pytest

from handrail import apps, runtime
from handrail.kernel import Caller, Conflict, Instance, NotAllowed, NotFound
from handrail.runtime import Given
from handrail.server import application
from tests.apps.conftest import MANIFEST, Push
from tests.apps.scheduling import promote
from tests.conftest import Acting
from tests.web import Client

TAKES = MANIFEST + '\n[inputs.notes]\ntypes = ["text"]\n'
NOTES = {"notes": Given("notes.txt", b"hello there")}
READS = "import handrail_sdk as h\nprint(h.input('notes').text())\n"


def test_a_sandbox_run_is_run_again_as_its_version_was_on_its_file(
    instance: Instance, acting: Acting, push: Push
) -> None:
    first = push(code=READS, manifest=TAKES)
    with acting("maker.sales") as ctx:
        run = apps.run(ctx, "hello", inputs=NOTES)
    push(code="raise SystemExit(1)\n", manifest=TAKES, why="It changed")
    with acting("maker.sales") as ctx:
        again = apps.again(ctx, run.id)
    assert (again.commit, again.environment) == (first.commit, "sandbox")
    again = runtime.execute(instance, again.id)
    with acting("maker.sales") as ctx:
        assert runtime.log(ctx, again.id) == "hello there\n"
        [one], [other] = (runtime.inputs(ctx, each) for each in (run.id, again.id))
        assert one.digest == other.digest


def test_production_runs_again_what_it_runs_now_and_nothing_older(
    instance: Instance, acting: Acting, push: Push
) -> None:
    promote(instance, push(code=READS, manifest=TAKES))
    with acting("maker.sales") as ctx:
        run = apps.open(ctx, "hello", NOTES)
    with acting("maker.sales") as ctx:
        assert apps.again(ctx, run.id).environment == "production"
    promote(instance, push(code=READS + "\n# newer\n", manifest=TAKES, why="It changed"))
    with acting("maker.sales") as ctx, pytest.raises(Conflict, match="version 2"):
        apps.again(ctx, run.id)


def test_nobody_runs_again_what_they_may_not_run_or_what_somebody_else_gave_files_to(
    acting: Acting, push: Push
) -> None:
    push(code=READS, manifest=TAKES)
    with acting("reviewer.platform") as ctx:
        run = apps.run(ctx, "hello", inputs=NOTES)
    with acting("maker.sales") as ctx, pytest.raises(NotAllowed, match="given by reviewer"):
        apps.again(ctx, run.id)
    with acting("viewer.emea") as ctx, pytest.raises(NotFound):
        apps.again(ctx, run.id)


def test_a_token_that_is_bound_to_another_purpose_runs_nothing_however_it_is_said(
    instance: Instance, acting: Acting, push: Push
) -> None:
    promote(instance, push())
    with acting("maker.sales") as ctx:
        person, run = ctx.caller.person, apps.open(ctx, "hello")
    other = Caller(person, "rest", purposes=frozenset({"staffing"}))
    for begin in (apps.run, apps.open, lambda ctx, _: apps.again(ctx, run.id)):
        with instance.context(other) as ctx, pytest.raises(NotAllowed, match="and not for sales-reporting"):
            begin(ctx, "hello")
    with instance.context(Caller(person, "rest", purposes=frozenset({"sales-reporting"}))) as ctx:
        assert apps.open(ctx, "hello").person == "maker.sales"


def test_a_file_comes_by_the_form_of_the_page_and_by_rest(instance: Instance, push: Push, token) -> None:
    push(code=READS, manifest=TAKES)
    bearer = {"Authorization": f"Bearer {token('maker.sales')}"}
    with Client(application(instance), headers=bearer, follow_redirects=False) as client:
        page = client.get("/apps/hello").text
        assert 'name="input.notes"' in page and 'enctype="multipart/form-data"' in page
        sent = client.post("/apps/hello/run", files={"input.notes": ("n.txt", b"by the form")})
        run = sent.headers["location"].rpartition("/")[2]
        listed = client.get(f"/api/v1/runs/{run}/inputs").json()
        assert [(one["name"], one["file"], one["type"]) for one in listed] == [("notes", "n.txt", "text")]
        none = client.post("/apps/hello/run", files={"input.notes": ("", b"")})
        assert none.status_code == 422 or "needs a file for notes" in none.text
        by_rest = {"inputs": {"notes": {"file": "n.txt", "content": "YnkgUkVTVA=="}}}
        started = client.post("/api/v1/apps/hello/run", json=by_rest).json()
        runtime.execute(instance, started["id"])
        assert client.get(f"/api/v1/runs/{started['id']}/log").json()["log"] == "by REST\n"
        repeated = client.post(f"/api/v1/runs/{started['id']}/again").json()
        runtime.execute(instance, repeated["id"])
        compared = client.get(f"/api/v1/runs/{repeated['id']}/compare").json()
        assert compared["before"]["run"] == started["id"] and not compared["outputs"] and not compared["log"]
        assert "Both runs show the same" in client.get(f"/runs/{repeated['id']}/compare").text
        assert "Run it again" in client.get(f"/runs/{repeated['id']}").text
