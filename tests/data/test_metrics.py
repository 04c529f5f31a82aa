"""Semantic models and the SQL that their metrics become."""

import datetime as dt
from typing import Any

import pytest

from handrail.data import ossie
from handrail.data.compile_metric import compile_metric, reads
from handrail.data.models import MetricRequest
from handrail.kernel import Invalid, NotFound, Refusal

CHAIN = """\
version: "0.2.0.dev0"
semantic_model:
  - name: chain
    description: Lines of orders of customers in countries.
    ai_context: {synonyms: [sales], anything: true}
    datasets:
      - name: lines
        source: order_lines
        primary_key: [order_id, line]
        fields:
          - name: discounted
            expression: {dialects: [{dialect: ANSI_SQL, expression: "discount > 0"}]}
          - name: net
            expression: {dialects: [{dialect: ANSI_SQL, expression: "price * (1 - discount)"}]}
      - name: orders
        source: orders
        primary_key: [id]
        fields:
          - name: ordered
            datatype: Date
            expression: {dialects: [{dialect: ANSI_SQL, expression: order_date}]}
          - name: shipped
            expression: {dialects: [{dialect: ANSI_SQL, expression: ship_date}]}
          - name: name
            expression: {dialects: [{dialect: ANSI_SQL, expression: code}]}
      - name: customers
        source: customers
        primary_key: [id]
        unique_keys: [[email]]
        fields:
          - name: name
            expression: {dialects: [{dialect: ANSI_SQL, expression: '"Full Name"'}]}
      - name: countries
        source: countries
        primary_key: [code]
        fields:
          - name: continent
            expression: {dialects: [{dialect: ANSI_SQL, expression: continent}]}
      - name: returns
        source: returns
        primary_key: [id]
        fields:
          - name: reason
            expression: {dialects: [{dialect: ANSI_SQL, expression: reason}]}
    relationships:
      - {name: line_order, from: lines, to: orders, from_columns: [order_id], to_columns: [id]}
      - {name: order_customer, from: orders, to: customers, from_columns: [customer_id], to_columns: [id]}
      - {name: customer_country, from: customers, to: countries, from_columns: [country], to_columns: [code]}
      - {name: return_line, from: returns, to: lines, from_columns: [order_id, line], to_columns: [order_id, line]}
    metrics:
      - name: net
        expression: {dialects: [{dialect: ANSI_SQL, expression: SUM(lines.net)}]}
      - name: lines_each
        expression: {dialects: [{dialect: ANSI_SQL, expression: COUNT(lines.line) / COUNT(DISTINCT orders.customer_id)}]}
      - name: freight
        expression: {dialects: [{dialect: ANSI_SQL, expression: SUM(orders.freight)}]}
"""


def definition(name: str = "net", text: str = CHAIN) -> ossie.Definition:
    return next(d for d in ossie.load(text.encode(), "model/chain.yaml") if d.metric.name == name)


def sql(name: str = "net", text: str = CHAIN, **request: Any) -> str:
    return compile_metric(definition(name, text), MetricRequest(name, **request)).sql


def test_a_metric_by_itself_needs_no_join() -> None:
    assert sql() == (
        'SELECT SUM(("lines"."price" * (1 - "lines"."discount"))) AS "net" FROM "order_lines" AS "lines"'
    )


def test_joins_go_several_hops_from_many_to_one() -> None:
    assert sql(by=("continent",)) == (
        'SELECT "countries"."continent" AS "continent", SUM(("lines"."price" * (1 - "lines"."discount"))) AS "net" '
        'FROM "order_lines" AS "lines" '
        'LEFT JOIN "orders" AS "orders" ON "lines"."order_id" = "orders"."id" '
        'LEFT JOIN "customers" AS "customers" ON "orders"."customer_id" = "customers"."id" '
        'LEFT JOIN "countries" AS "countries" ON "customers"."country" = "countries"."code" '
        "GROUP BY 1 ORDER BY 1"
    )


def test_values_are_bound_and_never_written_into_the_sql() -> None:
    evil = "x' OR 1 = 1 --"
    request = MetricRequest(
        "net",
        where={"continent": evil, "customers.name": [evil, "b"], "shipped": None},
        start=dt.date(2026, 1, 1),
        end="2026-02-01",
    )
    question = compile_metric(definition(), request)
    assert "OR 1" not in question.sql
    assert list(question.params.values()) == [
        evil,
        "b",
        evil,
        dt.date(2026, 1, 1),
        dt.datetime.fromisoformat("2026-02-01"),
    ]
    assert '"orders"."ship_date" IS NULL' in question.sql


def test_a_grain_cuts_the_only_dimension_of_time_in_sight() -> None:
    assert sql(grain="quarter").startswith(
        'SELECT CAST(DATE_TRUNC(\'QUARTER\', CAST("orders"."order_date" AS TIMESTAMP)) AS DATE) AS "ordered"'
    )


def test_no_wanted_value_means_no_row() -> None:
    assert "WHERE FALSE" in sql(where={"continent": []})


def test_a_metric_may_mix_its_own_rows_with_what_each_has_one_of() -> None:
    assert 'COUNT(DISTINCT "orders"."customer_id")' in sql("lines_each")


@pytest.mark.parametrize(
    ("name", "request_", "message"),
    [
        ("net", {"by": ("reason",)}, "would count rows more than once"),
        ("net", {"by": ("returns.reason",)}, "would count rows more than once"),
        ("freight", {"by": ("discounted",)}, "would count rows more than once"),
        ("net", {"by": ("name",)}, "More than one dataset has name"),
        ("net", {"by": ("contnent",)}, "no dimension contnent"),
        ("net", {"where": {"nothing": 1}}, "no dimension nothing"),
        ("net", {"grain": "decade"}, "no grain decade"),
        ("net", {"start": "soon"}, "start must be a date"),
    ],
)
def test_what_is_ambiguous_unknown_or_would_fan_out_is_refused(
    name: str, request_: dict[str, Any], message: str
) -> None:
    with pytest.raises(Refusal, match=message) as refused:
        sql(name, **request_)
    assert refused.value.next_step


def test_a_dimension_typo_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(NotFound) as refused:
        sql(by=("countries.contnent",))
    assert refused.value.next_step == "Did you mean countries.continent?"


def with_metric(expression: str, relationships: str = "") -> str:
    base = CHAIN.replace("    metrics:\n", f"{relationships}    metrics:\n")
    return f"{base}      - name: odd\n        expression: {{dialects: [{{dialect: ANSI_SQL, expression: '{expression}'}}]}}\n"


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("SUM(orders.freight) + SUM(lines.price)", "would count rows more than once"),
        ("AVG(customers.age) * MAX(lines.price)", "would count rows more than once"),
        ("SUM(returns.amount) / SUM(countries.people)", "would count rows more than once"),
        ("lines.price", "aggregates nothing"),
        ("SUM(price)", "does not say which dataset price belongs to"),
        ("SUM(nowhere.price)", "names nowhere, which is not a dataset of the model"),
        ("COUNT(*)", "does not say which dataset"),
        ("SUM(lines.price); SELECT 1", "more than one value"),
        ("SUM((SELECT 1))", "more than one value"),
        ("SUM(lines.price", "cannot be read"),
        ("MAX(getenv(lines.code))", "not allowed"),
    ],
)
def test_a_metric_that_cannot_be_right_is_refused_with_file_and_line(expression: str, message: str) -> None:
    with pytest.raises(Refusal, match=message.replace("(", r"\(")) as refused:
        sql("odd", with_metric(expression))
    assert refused.value.next_step


def test_a_repeated_row_does_not_move_a_maximum_or_a_distinct_count() -> None:
    assert sql("odd", with_metric("MAX(customers.age) - MIN(lines.price) + COUNT(DISTINCT customers.id)"))


def test_several_ways_are_refused_only_when_they_are_needed() -> None:
    twice = (
        "      - {name: ship_country, from: orders, to: countries, from_columns: [ship_to], to_columns: [code]}\n"
        "      - {name: bill_country, from: orders, to: countries, from_columns: [bill_to], to_columns: [code]}\n"
    )
    text = with_metric("SUM(lines.price)", twice)
    assert sql("odd", text, by=("ordered",))
    with pytest.raises(
        Invalid, match=r"more than one way \(ship_country, bill_country and customer_country\)"
    ):
        sql("odd", text, by=("continent",))


def test_what_a_metric_can_touch_is_everything_on_its_ways() -> None:
    assert reads(definition("freight")) == {
        "countries": ("code", "continent"),
        "customers": ("Full Name", "country", "id"),
        "orders": ("code", "customer_id", "freight", "order_date", "ship_date"),
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("source: orders\n", "sauce: orders\n"), "line 16: unknown key “sauce”"),
        (("0.2.0.dev0", "9.9"), "line 1: version is 9.9"),
        (("dialect: ANSI_SQL, expression: order_date", "dialect: MDX, expression: x"), "no ANSI_SQL dialect"),
        (("dialect: ANSI_SQL, expression: order_date", "dialect: COBOL, expression: x"), "COBOL|dialect"),
        (("to: customers", "to: costumers"), "“costumers” is not a dataset of this model"),
        (("to_columns: [code]", "to_columns: [name]"), "no primary_key or unique_keys of “countries”"),
        (("from_columns: [country]", "from_columns: [country, x]"), "differ in number"),
        (("- name: freight", "- name: net"), "the name “net” is given twice in metrics"),
        (("- name: returns\n", "- name: orders\n"), "given twice in datasets"),
        (("name: shipped", "name: ordered"), "given twice in fields"),
        (("metrics:\n", "metrics: &x\n"), "anchors and aliases"),
    ],
)
def test_a_mistake_in_a_model_is_named_with_file_and_line(change: tuple[str, str], message: str) -> None:
    with pytest.raises(Invalid, match=message) as refused:
        ossie.load(CHAIN.replace(*change, 1).encode(), "model/chain.yaml")
    assert refused.value.message.startswith("model/chain.yaml, line ")


@pytest.mark.parametrize("data", ["not json", '{"owner": 1}', '{"owners": "x"}', "[]"])
def test_handrails_own_extension_is_read_strictly(data: str) -> None:
    extension = f"        custom_extensions: [{{vendor_name: HANDRAIL, data: '{data}'}}]\n"
    with pytest.raises(Invalid, match=r"HANDRAIL|JSON"):
        ossie.load((CHAIN + extension).encode(), "model/chain.yaml")
    ossie.load((CHAIN + extension.replace("HANDRAIL", "OTHER")).encode(), "model/chain.yaml")
