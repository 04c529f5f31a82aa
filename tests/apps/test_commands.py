"""The commands of an app's life, on the spot and from a laptop, say the same."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from handrail import apps, review, runtime
from handrail.kernel import Invalid
from handrail.server import command

FIRST = 'text(f"Hello {me().name}.'


@pytest.fixture
def far(instance, url, token):
    """The environment of a laptop, and a server that runs what is started."""
    supervisor = runtime.Supervisor(instance)
    supervisor.start()
    yield lambda person: {"HANDRAIL_URL": url, "HANDRAIL_TOKEN": token(person)}
    supervisor.stop()


@pytest.fixture
def near(instance):
    """The environment of an operator on the machine itself."""
    return lambda person: {"HANDRAIL_HOME": str(instance.settings.home), "HANDRAIL_PERSON": person}


@pytest.fixture(params=["near", "far"])
def handrail(request) -> Callable[..., object]:
    """Run `handrail …` as somebody; gives (exit code, JSON on stdout, JSON or text on stderr)."""
    environment = request.getfixturevalue(request.param)

    def run(person: str, *arguments: object, as_json: bool = True):
        line = [*map(str, arguments), *(["--json"] if as_json else [])]
        done = CliRunner().invoke(command(), line, env=environment(person), catch_exceptions=False)
        if not as_json:
            return done.exit_code, done.stdout, done.stderr
        return done.exit_code, json.loads(done.stdout or "null"), json.loads(done.stderr or "null")

    return run


def begun(tmp_path: Path) -> Path:
    folder = tmp_path / "My Report"
    assert CliRunner().invoke(command(), ["new", str(folder)]).exit_code == 0
    return folder


def test_an_app_goes_from_nothing_to_a_run_and_its_gates(handrail, tmp_path, acting):
    folder = begun(tmp_path)
    said = tmp_path / "prompts.txt"
    said.write_text("make me a report, password = hunter22")
    code, version, _ = handrail("maker.sales", "push", folder, "--why", "Try it", "--prompts", said)
    assert (code, version["app"], version["n"], version["redacted"]) == (0, "my-report", 1, {"secret": 1})
    code, nothing, refusal = handrail("maker.sales", "push", folder, "--why", "Again")
    assert (code, nothing, refusal["code"]) == (1, None, "conflict")
    code, done, _ = handrail("maker.sales", "run", folder, "--out", tmp_path / "out")
    assert code == 0 and done["state"] == "succeeded" and done["environment"] == "sandbox"
    assert {output["kind"] for output in done["outputs"]} == {"text", "table"}
    assert any("Hello Mara Sales" in Path(path).read_text() for path in done["saved"])
    code, gates, _ = handrail("maker.sales", "gates", "my-report")
    assert code == 0 and {gate["state"] for gate in gates} == {"open"}
    code, found, _ = handrail("maker.sales", "apps")
    assert [app["name"] for app in found] == ["my-report"]
    assert handrail("viewer.emea", "apps")[1] == []
    code, done, _ = handrail("maker.sales", "promote", "my-report")
    assert (code, done["n"], done["tier"]) == (0, 1, "self-service")
    code, done, _ = handrail("maker.sales", "run", "my-report", "--production")
    assert code == 0 and done["environment"] == "production"
    assert handrail("maker.sales", "rollback", "my-report")[2]["code"] == "conflict"


def test_promoting_a_shared_app_asks_for_the_review_and_says_what_it_waits_for(handrail, tmp_path, acting):
    folder = begun(tmp_path)
    handrail("maker.sales", "push", folder, "--why", "Try it")
    handrail("maker.sales", "run", folder)
    code, cost, _ = handrail("maker.sales", "share", "my-report", "--group", "sales", "--preview")
    assert code == 0 and cost["app"] is None and cost["preview"]["after"]["name"] == "handoff"
    code, shared, _ = handrail("maker.sales", "share", "my-report", "--group", "sales")
    assert shared["app"]["groups"] == ["sales"]
    code, _, refusal = handrail("maker.sales", "promote", folder)
    assert code == 1 and refusal["code"] == "not_ready" and "reviewer" in refusal["next_step"]
    with acting("reviewer.platform") as ctx:
        (waiting,) = review.queue(ctx)
        review.approve(ctx, "my-report", waiting.report.commit)
    code, done, _ = handrail("maker.sales", "promote", folder)
    assert (code, done["tier"]) == (0, "handoff")


def test_an_app_is_handed_over_when_its_owner_leaves(handrail, tmp_path):
    assert handrail("maker.sales", "push", begun(tmp_path), "--why", "Try it")[0] == 0
    assert handrail("maker.ops", "hand-over", "my-report", "maker.ops")[2]["code"] == "not_found"
    code, app, _ = handrail("maker.sales", "hand-over", "my-report", "maker.ops")
    assert (code, app["owner"], app["coowners"]) == (0, "maker.ops", ["maker.sales"])
    told = handrail("maker.ops", "hand-over", "my-report", "maker.sales", as_json=False)[1]
    assert "maker.sales owns my-report now, with maker.ops beside." in told.replace("\n", " ")


def test_people_read_sentences_and_colours(handrail, tmp_path):
    folder = begun(tmp_path)
    code, said, _ = handrail("maker.sales", "push", folder, "--why", "Try it", as_json=False)
    assert code == 0 and "my-report version 1 is kept" in said
    code, said, _ = handrail("maker.sales", "gates", folder, as_json=False)
    assert "✗ It ran in the sandbox" in said and "→ Run it: handrail run my-report" in said
    code, said, _ = handrail("maker.sales", "run", folder, as_json=False)
    assert code == 0 and "Synthetic data" in said and "The way to production" in said
    code, said, _ = handrail("maker.sales", "apps", as_json=False)
    assert "my-report" in said


def test_a_run_that_fails_shows_its_log_and_exits_with_one(handrail, tmp_path):
    folder = begun(tmp_path)
    (folder / "app.py").write_text("print('so far')\nraise ValueError('no')\n")
    handrail("maker.sales", "push", folder, "--why", "Try it")
    code, _, said = handrail("maker.sales", "run", folder, as_json=False)
    assert code == 1 and "so far" in said and "ValueError" in said and "Run run_" in said


def test_a_run_that_hands_nothing_over_says_how_to(handrail, tmp_path):
    folder = begun(tmp_path)
    (folder / "app.py").write_text("print('42')\n")
    handrail("maker.sales", "push", folder, "--why", "Try it")
    code, said, _ = handrail("maker.sales", "run", folder, as_json=False)
    assert code == 0 and "42" in said and "handed nothing over" in said and "show(df)" in said


def test_a_push_without_a_why_says_who_will_miss_it(handrail, tmp_path):
    code, _, refusal = handrail("maker.sales", "push", begun(tmp_path))
    assert (code, refusal["code"]) == (1, "invalid") and "why this version exists" in refusal["message"]


def test_a_token_that_the_server_does_not_know_is_named(url, monkeypatch):
    monkeypatch.delenv("HANDRAIL_HOME", raising=False)
    done = CliRunner().invoke(
        command(), ["apps", "--json"], env={"HANDRAIL_URL": url, "HANDRAIL_TOKEN": "hr_wrong"}
    )
    assert done.exit_code == 1 and "HANDRAIL_TOKEN" in json.loads(done.stderr)["message"]


def test_new_writes_a_folder_once_and_names_the_app_after_it(tmp_path):
    folder = begun(tmp_path)
    assert FIRST in (folder / "app.py").read_text()
    assert apps.new(tmp_path / "other", "another-name")[0].read_text().count('name = "another-name"') == 1
    again = CliRunner().invoke(command(), ["new", str(folder), "--json"])
    assert again.exit_code == 1 and json.loads(again.stderr)["code"] == "conflict"
    with pytest.raises(Invalid):
        apps.new(tmp_path / "x", "Not A Slug")


def test_where_there_is_no_app_a_command_says_so(near, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(command(), ["run", "--json"], env=near("maker.sales"))
    assert done.exit_code == 1 and "There is no handrail.toml here" in json.loads(done.stderr)["message"]


@pytest.mark.parametrize(
    ("address", "says"),
    [("http://example.org", "must begin with https"), ("http://127.0.0.1:9", "does not answer")],
)
def test_a_token_travels_only_where_it_cannot_be_read(address, says, monkeypatch):
    monkeypatch.delenv("HANDRAIL_HOME", raising=False)
    done = CliRunner().invoke(
        command(), ["apps", "--json"], env={"HANDRAIL_URL": address, "HANDRAIL_TOKEN": "hr_x"}
    )
    assert done.exit_code == 1 and says in json.loads(done.stderr)["message"]
