"""The command line: reviewing a folder needs no instance; deciding does."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.conftest import Acting
from tests.review.conftest import CODE, HEAD, ORDERS, Submitting

from handrail import server
from handrail.kernel import Instance
from handrail.review import request


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    app = tmp_path / "weekly"
    app.mkdir()
    (app / "handrail.toml").write_text(HEAD + ORDERS)
    (app / "app.py").write_bytes(CODE)
    return app


def handrail(*arguments: object) -> Result:
    root = server.command()
    return CliRunner().invoke(root, [str(one) for one in arguments])


def test_a_clean_folder_passes_without_an_instance(folder: Path) -> None:
    done = handrail("review", folder)
    assert done.exit_code == 0
    assert done.stdout.startswith("Nothing found.")
    assert "Not checked here" in done.stdout


@pytest.mark.parametrize("form", ["text", "json", "sarif"])
def test_what_blocks_makes_the_exit_status_one_in_every_format(folder: Path, form: str) -> None:
    (folder / "app.py").write_bytes(CODE + b'password = "Tr0ub4dor&3"\nprint(totl)\n')
    done = handrail("review", folder, "--format", form)
    assert done.exit_code == 1
    assert "Tr0ub4dor" not in done.stdout
    if form == "text":
        assert "app.py:3" in done.stdout
    else:
        shape = json.loads(done.stdout)
        found = shape["findings"] if form == "json" else shape["runs"][0]["results"]
        assert [one["rule" if form == "json" else "ruleId"] for one in found] == [
            "credential-in-code",
            "ruff-F821",
        ]


def test_a_folder_without_a_manifest_is_refused_with_the_next_step(tmp_path: Path) -> None:
    done = handrail("review", tmp_path, "--json")
    assert done.exit_code == 1
    assert json.loads(done.stderr)["next_step"].startswith("`handrail new DIR`")


def test_links_out_of_the_folder_are_not_followed(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.py"
    secret.write_text('password = "Tr0ub4dor&3"\n')
    (folder / "link.py").symlink_to(secret)
    assert handrail("review", folder).exit_code == 0


def test_with_an_instance_names_are_compared_with_its_catalog(catalog: Instance, folder: Path) -> None:
    (folder / "app.py").write_bytes(CODE.replace(b"net_amount", b"net_amout"))
    done = handrail("review", folder, "--home", catalog.settings.home, "--as", "maker.sales", "--json")
    rules = [one["rule"] for one in json.loads(done.stdout)["findings"]]
    assert rules == ["unknown-column", "declared-not-read"]


def test_approving_and_refusing_from_the_command_line(
    catalog: Instance, acting: Acting, version: Submitting
) -> None:
    home = ("--home", catalog.settings.home)
    for n in (1, 2):
        with acting("maker.sales") as ctx:
            request(ctx, version(n))
    refused = handrail("approve", "weekly", *home, "--as", "maker.sales", "--json")
    assert (refused.exit_code, json.loads(refused.stderr)["code"]) == (1, "not_allowed")
    assert handrail("reviews", *home, "--as", "reviewer.platform").stdout.count("weekly") == 1
    approved = handrail("approve", "weekly", "--version", 1, *home, "--as", "reviewer.platform", "--json")
    assert json.loads(approved.stdout)["state"] == "approved"
    why = "Please read only the region column."
    done = handrail("refuse", "weekly", "--reason", why, *home, "--as", "reviewer.platform", "--json")
    assert json.loads(done.stdout)["state"] == "refused"
    back = handrail("withdraw", "weekly", *home, "--as", "reviewer.platform")
    assert back.stdout.startswith("waiting:")
