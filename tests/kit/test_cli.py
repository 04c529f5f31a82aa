"""Commands: one context, one result, one way to say no."""

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from rich.table import Table

from handrail import kit
from handrail.kernel import Context, Instance, NotReady
from handrail.server import open_instance


class Opener:
    def open(self, home: Path) -> Instance:
        return open_instance(home)


@click.command()
@click.argument("thing")
@kit.cli.verb(human=lambda made: f"Made {made['thing']} as {made['by']}.")
def make(ctx: Context, thing: str) -> Any:
    """Make a thing."""
    ctx.audit.note("thing.made", f"thing:{thing}")
    if thing == "gold":
        raise NotReady("There is no gold.", next_step="Bring lead.")
    with kit.cli.progress() as report:
        report("Making", 1, 2)
    return {"thing": thing, "by": ctx.caller.person.id, "via": ctx.caller.via}


def run(instance: Instance, *args: str) -> Result:
    home = str(instance.settings.home)
    return CliRunner().invoke(make, [*args, "--home", home], obj=Opener())


def test_json_is_one_document_on_stdout_and_nothing_else(instance: Instance) -> None:
    result = run(instance, "a", "--as", "maker.sales", "--json")
    assert result.exit_code == 0 and result.stderr == ""
    assert json.loads(result.stdout) == {"thing": "a", "by": "maker.sales", "via": "cli"}


def test_people_get_words(instance: Instance) -> None:
    assert run(instance, "a", "--as", "maker.sales").stdout == "Made a as maker.sales.\n"


def test_a_refusal_is_json_on_stderr_with_exit_status_1(instance: Instance) -> None:
    result = run(instance, "gold", "--as", "maker.sales", "--json")
    assert result.exit_code == 1 and result.stdout == ""
    assert json.loads(result.stderr) == {
        "code": "not_ready",
        "message": "There is no gold.",
        "next_step": "Bring lead.",
    }


def test_a_refusal_to_people_says_what_to_do_next(instance: Instance) -> None:
    result = run(instance, "gold", "--as", "maker.sales")
    assert result.exit_code == 1 and result.stdout == ""
    assert "There is no gold." in result.stderr and "Bring lead." in result.stderr


def test_nobody_in_particular_is_a_usage_error(instance: Instance) -> None:
    assert run(instance, "a").exit_code == 2


def test_without_an_instance_both_ways_to_name_one_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HANDRAIL_HOME", raising=False)
    result = CliRunner().invoke(make, ["a", "--as", "maker.sales"], obj=Opener())
    assert result.exit_code == 2
    assert all(
        word in result.stderr for word in ("--home", "HANDRAIL_HOME", "HANDRAIL_URL", "HANDRAIL_TOKEN")
    )


def test_an_unknown_person_is_refused(instance: Instance) -> None:
    result = run(instance, "a", "--as", "nobody", "--json")
    assert result.exit_code == 1 and json.loads(result.stderr)["code"] == "not_found"


def test_a_table_puts_numbers_to_the_right_and_reads_markup_as_text() -> None:
    table = kit.cli.table(["Name", "Rows"], [("[red]a", 1234), ("b", 5)])
    assert isinstance(table, Table)
    assert table.columns[1].justify == "right"
    assert str(next(iter(table.columns[0].cells))) == "[red]a"


def test_a_table_without_rows_says_so_in_a_sentence_where_one_is_given() -> None:
    assert str(kit.cli.table(["Name"], [], "People", "There is nobody.")) == "People\nThere is nobody."
    assert isinstance(kit.cli.table(["Name"], []), Table)  # an answer without rows still names its columns
