"""The commands about people, in a terminal."""

from click.testing import CliRunner, Result

from handrail.kernel import Instance
from handrail.server import command


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
