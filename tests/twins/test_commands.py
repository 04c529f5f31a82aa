"""Twins from a terminal."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from handrail.kernel import Context, Instance
from handrail.server import open_instance
from handrail.twins.commands import commands

Acting = Callable[..., AbstractContextManager[Context]]
Asked = Callable[..., Result]


class Opener:
    """Opens instances as the `handrail` command does."""

    def open(self, home: Path) -> Instance:
        return open_instance(home)


@pytest.fixture
def handrail(instance: Instance) -> Asked:
    group = click.Group("handrail", commands={command.name or "": command for command in commands})

    def ask(*words: str, person: str = "steward.sales") -> Result:
        given = [*words, "--home", str(instance.settings.home), "--as", person]
        return CliRunner().invoke(group, given, obj=Opener())

    return ask


def test_a_twin_is_built_and_its_report_shown(shop: Path, handrail: Asked) -> None:
    built = handrail("twin", "build", "orders", "--related", "--seed", "5")
    assert built.exit_code == 0, built.output
    for word in ("orders", "customers", "Synthetic", "seed 5"):
        assert word in built.output
    report = handrail("twin", "report", "orders", "--json", person="maker.sales")
    assert report.exit_code == 0
    assert json.loads(report.stdout)["tables"][0]["dataset"] == "orders"


def test_json_is_one_document_and_refusals_leave_with_one(shop: Path, handrail: Asked) -> None:
    built = handrail("twin", "build", "orders", "--json")
    assert json.loads(built.stdout)["seed"] == 0
    refused = handrail("twin", "build", "orders", "--json", person="maker.sales")
    assert refused.exit_code == 1
    assert json.loads(refused.stderr)["code"] == "not_allowed"
    missing = handrail("twin", "report", "customers", "--json")
    assert missing.exit_code == 1
    assert "handrail twin build customers" in json.loads(missing.stderr)["next_step"]
