"""Semantic models go out as Apache Ossie files that the standard allows, and such files come in."""

import json
import os
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from click.testing import CliRunner

from handrail import data, server
from handrail.data import ossie, plain_model
from handrail.data.compile_metric import compile_metric
from handrail.data.exchange_models import export_model, import_model
from handrail.data.models import MetricRequest
from handrail.kernel import Conflict, Instance, Invalid, NotAllowed, NotFound, Refusal, definitions, identity
from handrail.server import application
from tests.data import asking
from tests.data.test_metric_kinds import MODEL, plain, shop
from tests.data.test_reconcile import write
from tests.web import Client

__all__ = ["shop"]

# What Apache Ossie 0.2.0.dev0 allows, after its core-spec/ossie-schema.json (commit 091913d): by object, the
# keys that must be there and those that may, and what is in them.
TEXT, TEXTS = "text", ["text"]
SPEC: dict[str, tuple[set[str], dict[str, Any]]] = {
    "File": (
        {"version", "semantic_model"},
        {"version": "text", "semantic_model": ["Model"], "dialects": TEXTS, "vendors": TEXTS},
    ),
    "Model": (
        {"name", "datasets"},
        {
            "datasets": ["Dataset"],
            "relationships": ["Relationship"],
            "metrics": ["Metric"],
            **dict.fromkeys(("name", "description"), TEXT),
            "ai_context": "any",
            "custom_extensions": ["Extension"],
        },
    ),
    "Dataset": (
        {"name", "source"},
        {
            "primary_key": TEXTS,
            "unique_keys": [TEXTS],
            "fields": ["Field"],
            **dict.fromkeys(("name", "source", "description"), TEXT),
            "ai_context": "any",
            "custom_extensions": ["Extension"],
        },
    ),
    "Field": (
        {"name", "expression"},
        {
            "expression": "Expression",
            "dimension": "Dimension",
            **dict.fromkeys(("name", "label", "description", "datatype"), TEXT),
            "ai_context": "any",
            "custom_extensions": ["Extension"],
        },
    ),
    "Dimension": (set(), {"is_time": "any"}),
    "Relationship": (
        {"name", "from", "to", "from_columns", "to_columns"},
        {
            **dict.fromkeys(("name", "from", "to"), TEXT),
            **dict.fromkeys(("from_columns", "to_columns"), TEXTS),
            "ai_context": "any",
            "custom_extensions": ["Extension"],
        },
    ),
    "Metric": (
        {"name", "expression"},
        {
            "expression": "Expression",
            **dict.fromkeys(("name", "description", "datatype"), TEXT),
            "ai_context": "any",
            "custom_extensions": ["Extension"],
        },
    ),
    "Expression": ({"dialects"}, {"dialects": ["DialectExpression"]}),
    "DialectExpression": ({"dialect", "expression"}, {"dialect": TEXT, "expression": TEXT}),
    "Extension": ({"vendor_name", "data"}, {"vendor_name": TEXT, "data": TEXT}),
}


def conforms(node: Any, kind: Any = "File") -> None:
    """Fails where the standard does not allow it."""
    if isinstance(kind, list):
        assert isinstance(node, list)
        for one in node:
            conforms(one, kind[0])
    elif kind == "text":
        assert isinstance(node, str)
    elif kind != "any":
        needed, allowed = SPEC[kind]
        assert needed <= node.keys() <= allowed.keys(), (kind, node)
        for key, value in node.items():
            conforms(value, allowed[key])


def test_the_check_of_the_standard_sees_a_foreign_key() -> None:
    model = {"name": "m", "datasets": [{"name": "d", "source": "d", "grain": "day"}]}
    with pytest.raises(AssertionError):
        conforms({"version": ossie.VERSION, "semantic_model": [model]})


def test_a_model_with_all_that_is_ours_conforms_and_reads_back_the_same() -> None:
    model = MODEL["revenue"].model
    text = plain_model.document(model)
    conforms(yaml.safe_load(text))
    assert yaml.safe_load(text)["vendors"] == ["HANDRAIL"]
    again = ossie.load(text.encode(), "model/again.yaml")
    assert again[0].model == model
    assert [(one.metric, one.settings) for one in again] == [
        (one.metric, one.settings) for one in MODEL.values()
    ]


def test_a_plain_model_conforms_and_names_what_it_leaves_out() -> None:
    text, left = plain_model.plain(MODEL["revenue"].model, MODEL.values())
    said = yaml.safe_load(text)
    conforms(said)
    assert "HANDRAIL" not in text
    assert left == {
        "per_order": "it counts the rows of two datasets",
        "growth": "it compares with earlier",
        "year_before": "it compares with earlier",
        "basket_growth": "it compares with earlier",
        "so_far": "it accumulates over time",
        "year_to_date": "it accumulates over time",
        "fiscal_to_date": "it accumulates over time",
        "rolling": "it accumulates over time",
        "active": "it accumulates over time",
        "web_so_far": "it accumulates over time",
        "on_hand": "it is of the last moment of a period",
    }
    assert {one["name"] for one in said["semantic_model"][0]["metrics"]} == MODEL.keys() - left.keys()


def test_a_plain_expression_means_the_same_by_itself(shop: duckdb.DuckDBPyConnection) -> None:
    text, _ = plain_model.plain(MODEL["revenue"].model, MODEL.values())
    for one in ossie.load(text.encode(), "model/plain.yaml"):
        name = one.metric.name
        for by in ((), ("region",), ("continent",)):
            if by and MODEL[name].metric.expression.sql == "SUM(lines.pieces)":
                continue
            asked = MetricRequest(name, by=by)
            answers = []
            for definition in (one, MODEL[name]):
                question = compile_metric(definition, asked)
                rows = shop.execute(question.sql, question.params).fetchall()
                answers.append([row for row in plain(rows) if row[-1] is not None])
            assert answers[0] == answers[1], (name, by)


FOREIGN = f"""\
version: "{ossie.VERSION}"
semantic_model:
  - name: elsewhere
    datasets:
      - name: sales
        source: warehouse.public.Orders
        fields:
          - {{name: area, expression: {{dialects: [{{dialect: ANSI_SQL, expression: region}}]}}}}
      - name: people
        source: warehouse.public.Customers
        primary_key: [id]
        custom_extensions: [{{vendor_name: DBT, data: '{{"materialized": "table"}}'}}]
    relationships:
      - {{name: sale_person, from: sales, to: people, from_columns: [customer_id], to_columns: [id]}}
    metrics:
      - name: turnover
        expression: {{dialects: [{{dialect: ANSI_SQL, expression: SUM(sales.amount)}}]}}
"""


@pytest.fixture
def opened(tmp_path: Path) -> Any:
    instance = asking.furnished(tmp_path)
    yield instance
    instance.close()


def imported(opened: Instance, text: str, person: str = "steward.sales", name: str = "elsewhere") -> Any:
    with asking.actors(opened)(person) as ctx:
        return import_model(ctx, text.encode(), name)


def test_a_foreign_model_finds_its_datasets_here_and_answers_at_once(opened: Instance) -> None:
    assert imported(opened, FOREIGN) == ("turnover",)
    asked = data.MetricRequest("turnover", by=("area",))
    assert asking.asking(opened)("viewer.emea", metric=asked) == [{"area": "EMEA", "turnover": 300}]
    with asking.actors(opened)("viewer.emea") as ctx:
        assert data.metric(ctx, "turnover").state == "draft"
        assert "DBT" in export_model(ctx, "elsewhere", plain=True).content


def test_a_key_that_only_the_contract_knows_is_put_in(opened: Instance, tmp_path: Path) -> None:
    with asking.actors(opened)("steward.sales") as ctx:
        contract = data.contract(ctx, "customers")
        assert contract.column("id") and contract.column("id").unique
    imported(opened, FOREIGN.replace("        primary_key: [id]\n", ""))
    with asking.actors(opened)("steward.sales") as ctx:
        said = yaml.safe_load(definitions.read(ctx, "model/elsewhere.yaml") or b"")
    assert said["semantic_model"][0]["datasets"][1]["unique_keys"] == [["id"]]


@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        (("public.Orders", "public.Invoices"), Invalid, "of warehouse.public.Invoices, which is no dataset"),
        (("public.Orders", "x; SELECT 1"), Invalid, "which is no dataset here"),
        ((ossie.VERSION, "0.1.1"), Invalid, "version is 0.1.1"),
        (("turnover", "sales"), Conflict, "The metric sales is in model/shop.yaml already"),
        (("SUM(sales.amount)", "SUM(sales.amount"), Refusal, "cannot be read"),
        (("ANSI_SQL, expression: SUM", "MDX, expression: SUM"), Invalid, "no ANSI_SQL dialect"),
        (("name: turnover", "named: turnover"), Invalid, "line .*unknown key “named”"),
        (("to_columns: [id]", "to_columns: [name]"), Invalid, "no primary_key or unique_keys"),
    ],
)
def test_what_cannot_be_taken_in_is_refused_and_leaves_nothing(
    opened: Instance, change: tuple[str, str], kind: type[Refusal], said: str
) -> None:
    with pytest.raises(kind, match=said) as refused:
        imported(opened, FOREIGN.replace(*change))
    assert refused.value.next_step
    assert not (opened.settings.home / "definitions" / "model" / "elsewhere.yaml").exists()


@pytest.mark.parametrize("person", ["maker.sales", "lead", "admin", "viewer.emea"])
def test_only_stewards_take_models_in(opened: Instance, person: str) -> None:
    with pytest.raises(NotAllowed, match="stewards import them"):
        imported(opened, FOREIGN, person)


def test_a_model_is_taken_in_once_under_a_name_that_stays_in_its_folder(opened: Instance) -> None:
    with pytest.raises(Conflict, match="is there already"):
        imported(opened, FOREIGN, name="shop")
    imported(opened, FOREIGN, name="../../etc/Passwd")
    assert (opened.settings.home / "definitions" / "model" / "etc_passwd.yaml").exists()
    with asking.actors(opened)("lead") as ctx, pytest.raises(NotFound, match="no model nothing"):
        export_model(ctx, "nothing")


def test_rest_and_the_command_line_do_the_same(opened: Instance, tmp_path: Path) -> None:
    client = Client(application(opened))
    with asking.actors(opened)("steward.sales") as ctx:
        client.headers["Authorization"] = f"Bearer {identity.issue_token(ctx, 'test')[1]}"
    made = client.post("/api/v1/models/elsewhere", json={"content": FOREIGN})
    assert made.json() == ["turnover"], made.text
    by_rest = client.get("/api/v1/models/elsewhere.yaml", params={"plain": "true"})
    assert by_rest.headers["content-type"].startswith("application/yaml")
    group = server.command()
    home = {**os.environ, "HANDRAIL_HOME": str(opened.settings.home)}

    def run(*words: str) -> str:
        done = CliRunner().invoke(group, [*words, "--as", "steward.sales"], env=home)
        assert done.exit_code == 0, done.output
        return done.stdout

    assert run("export-model", "elsewhere", "--plain") == by_rest.text
    assert json.loads(run("export-model", "elsewhere", "--json"))["name"] == "elsewhere"
    other = tmp_path / "second.ossie.yaml"
    other.write_text(by_rest.text.replace("turnover", "takings"))
    assert "takings" in run("import-model", str(other))


def test_a_model_that_is_written_out_plainly_can_be_taken_in_again(opened: Instance) -> None:
    write(opened, asking.MODEL)
    with asking.actors(opened)("lead") as ctx:
        text = export_model(ctx, "shop", plain=True).content
    assert imported(opened, text.replace("sales", "turnover").replace("buyers", "won")) == ("turnover", "won")
