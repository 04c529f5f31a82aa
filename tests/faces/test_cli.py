"""The commands about people, in a terminal."""

import json

from click.testing import CliRunner, Result

from handrail import apps
from handrail.kernel import Instance, Manifest
from handrail.server import command
from tests.conftest import Acting


def run(instance: Instance, *words: str) -> Result:
    return CliRunner().invoke(command(), [*words, "--home", str(instance.settings.home), "--as", "admin"])


def test_an_attribute_that_says_no_value_is_refused_and_nobody_added(instance: Instance) -> None:
    who = ("people", "add", "vic", "--name", "Vic", "--email", "vic@meridian.example")
    refused = run(instance, *who, "--attribute", "region:APAC")
    assert refused.exit_code == 1 and "KEY=VALUE" in refused.stderr
    assert run(instance, *who, "--attribute", "region=APAC").exit_code == 0
    assert "region=APAC" in run(instance, "people", "list").stdout


def test_nobody_acts_in_the_name_of_a_closed_account(instance: Instance) -> None:
    assert run(instance, "people", "deactivate", "viewer.emea").exit_code == 0
    as_one = ["datasets", "--home", str(instance.settings.home), "--as", "viewer.emea"]
    refused = CliRunner().invoke(command(), as_one)
    assert refused.exit_code == 1 and "is closed" in refused.stderr


def test_a_person_is_changed_only_in_what_is_named(instance: Instance) -> None:
    assert run(instance, "people", "change", "viewer.emea", "--attribute", "region=APAC").exit_code == 0
    listed = json.loads(run(instance, "people", "list", "--json").stdout)
    (vic,) = (one for one in listed if one["id"] == "viewer.emea")
    assert vic["attributes"]["region"] == "APAC" and vic["name"] == "Emil Viewer"
    run(instance, "people", "change", "viewer.emea", "--role", "maker", "--attribute", "region=")
    (vic,) = (o for o in json.loads(run(instance, "people", "list", "--json").stdout) if o["id"] == vic["id"])
    assert vic["roles"] == ["maker"] and "region" not in vic["attributes"]
    refused = run(instance, "people", "change", "viewer.emea")
    assert refused.exit_code == 1 and "Nothing would change" in refused.stderr
    assert run(instance, "people", "change", "viewer.emea", "--role", "emperor").exit_code == 1


def test_a_closed_account_is_opened_again(instance: Instance) -> None:
    run(instance, "people", "deactivate", "viewer.emea")
    assert run(instance, "people", "change", "viewer.emea", "--active").exit_code == 0
    as_one = ["datasets", "--home", str(instance.settings.home), "--as", "viewer.emea"]
    assert CliRunner().invoke(command(), as_one).exit_code == 0


def test_closing_an_account_says_what_needs_somebody_else(instance: Instance, acting: Acting) -> None:
    with acting("maker.sales") as ctx:
        apps.push(ctx, {"handrail.toml": Manifest.render("weekly").encode(), "app.py": b""}, "First version.")
    told = run(instance, "people", "deactivate", "maker.sales")
    assert told.exit_code == 0 and "app weekly (owner)" in told.stdout
    assert "answers_for" in json.loads(run(instance, "people", "deactivate", "maker.ops", "--json").stdout)
