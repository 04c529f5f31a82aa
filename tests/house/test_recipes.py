"""The recipes of docs/use/clients.md, run word for word against a served instance, and one cell inside an app."""

import builtins
import contextlib
import io
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from handrail import apps, runtime
from tests.journeys import company
from tests.journeys.served import Served

PAGE = Path(__file__).parents[2] / "docs" / "use" / "clients.md"
SECTION = re.compile(r"^## (.+?)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    """Every block of a language in the sections that say that they are tested."""
    return [
        code
        for title, text in SECTION.findall(PAGE.read_text())
        if "*(tested)*" in title
        for kind, code in BLOCK.findall(text)
        if kind == language
    ]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("company")
    instance = company.found(folder)
    company.furnish(instance, company.source(folder / "company.duckdb"))
    yield instance.settings.home
    instance.close()


@pytest.fixture(scope="module")
def laptop(home: Path) -> Iterator[dict[str, str]]:
    """The environment of somebody's laptop, and a server in another process."""
    server = Served(home).start()
    scopes = ("query", "see-datasets", "see-metrics", f"purpose:{company.PURPOSE}")
    made = server.cli(
        "people", "token", "--name", "laptop", *(f"--scope={scope}" for scope in scopes), person="viewer.emea"
    )
    yield {"HANDRAIL_URL": server.address, "HANDRAIL_TOKEN": made["secret"]}
    server.stop()


def shown(code: str, names: dict[str, Any]) -> str:
    """Run a cell as a notebook does: what it prints, and its last expression as the notebook shows it."""
    said = io.StringIO()
    *body, last = code.rstrip().split("\n")
    with contextlib.redirect_stdout(said):
        try:
            builtins.compile(last, "cell", "eval")
            exec("\n".join(body), names)
            value = eval(last, names)
        except SyntaxError:
            exec(code, names)
            value = None
    rich = getattr(value, "_repr_html_", None)
    return said.getvalue() + (rich() if rich else repr(value))


def test_every_python_recipe_runs_as_it_stands(
    laptop: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HANDRAIL_FD", raising=False)
    for name, value in laptop.items():
        monkeypatch.setenv(name, value)
    names: dict[str, Any] = {}
    told = [shown(code, names) for code in blocks("python")]
    assert len(told) == 5
    notebook, forms, with_polars, with_duckdb, with_pandas = told
    assert "<th>net<br>" in notebook
    assert "EMEA" in notebook
    assert "query_" in notebook
    assert "revenue" in forms
    for said in (with_polars, with_duckdb, with_pandas):
        assert all(line in said for line in ("Cookware", "Footwear", "Shells", "Tents"))
    assert set(names["answer"].arrow().column("region").to_pylist()) == {"EMEA"}
    assert names["orders"]["ordered"].min().year == 2026


def test_every_curl_recipe_runs_as_it_stands(laptop: dict[str, str], tmp_path: Path) -> None:
    (script,) = blocks("sh")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], **laptop},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith('"ordered","region","revenue"\n')
    assert '"rows":[{"orders":200}]' in done.stdout
    assert pa.ipc.open_stream((tmp_path / "orders.arrow").read_bytes()).read_all().num_rows == 200


def test_a_cell_of_the_notebook_runs_in_an_app_as_it_stands(home: Path) -> None:
    cell = blocks("python")[0]
    instance = company.open_instance(home)
    code = f"{cell}\nfrom handrail_sdk import show\n\nshow(answer.arrow())\n"
    try:
        with company.actors(instance)("maker.sales") as ctx:
            apps.push(ctx, company.files("moved", code), "From a notebook", "")
        with company.actors(instance)("maker.sales") as ctx:
            run = apps.run(ctx, "moved")
        ended = runtime.execute(instance, run.id)
        assert ended.state == "succeeded", ended.reason
        with company.actors(instance)("maker.sales") as ctx:
            assert [output.kind for output in runtime.outputs(ctx, run.id)] == ["table"]
    finally:
        instance.close()


def test_what_was_not_run_says_so() -> None:
    untested = [
        title
        for title, text in SECTION.findall(PAGE.read_text())
        if BLOCK.search(text) and "tested" not in title
    ]
    assert untested
    assert all("*(written from " in title and "documentation" in title for title in untested)
    assert all(title.endswith("not run)*") for title in untested)


def test_the_sdk_is_where_the_notebooks_recipe_installs_it_from() -> None:
    where, extra = re.findall(r"pip install '\./(\w+)\[(\w+)\]'", PAGE.read_text())[0]
    project = tomllib.loads((PAGE.parents[2] / where / "pyproject.toml").read_text())["project"]
    assert project["name"] == "handrail-sdk"
    assert extra in project["optional-dependencies"]
