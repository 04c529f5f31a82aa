"""Quality rules are written in words, tried on the data, and come out of the file as they went in."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from open_data_contract_standard.model import OpenDataContractStandard

from handrail import data, server
from handrail.data import odcs
from handrail.data.changes import Changes
from handrail.data.load import load
from handrail.data.promise_changes import apply_promises, read_age, write_age
from handrail.data.rules import KINDS, fit_rule, read_rule, write_rule
from handrail.data.write_rules import write_rules
from handrail.kernel import Instance, NotAllowed, Refusal, definitions
from handrail.kernel.strict_yaml import File, validate
from tests.cases import cases
from tests.conftest import Acting
from tests.data.test_check_quality import instance, orders

__all__ = ["instance", "orders"]

RULES: list[dict[str, str]] = [
    {"rule": "not null", "column": "amount"},
    {"rule": "not null", "column": "amount", "allowed": "1 %", "hint": "yes"},
    {"rule": "not missing", "column": "code", "value": "n/a, -", "schedule": "0 6 * * MON"},
    {"rule": "unique", "column": "region, parent", "allowed": "190"},
    {"rule": "accepted", "column": "region", "value": 'EMEA, APAC, "A, or B"'},
    {"rule": "accepted", "column": "amount", "value": "1, 2", "allowed": "198"},
    {"rule": "range", "column": "amount", "value": "0..199"},
    {"rule": "range", "column": "ordered", "value": "(2019-12-31.."},
    {"rule": "pattern", "column": "code", "value": "^[AB][0-9]+$"},
    {"rule": "rows", "allowed": "100..300"},
    {"rule": "rows", "allowed": ">= 1", "schedule": "*/30 * * * *"},
    {"rule": "sql", "value": "SELECT count(*) FROM orders WHERE amount < 0", "allowed": "0", "name": "No refunds"},
    {"rule": "sql", "value": "SELECT count(*) > 5 FROM orders"},
]  # fmt: skip


def proposed(acting: Acting, rules: list[Any]) -> None:
    with acting("steward.sales") as ctx:
        data.propose(ctx, "orders", {"quality": rules})


def stated(acting: Acting) -> data.Contract:
    with acting("viewer.emea") as ctx:
        return data.contract(ctx, "orders")


def test_every_kind_goes_into_the_file_and_comes_out_as_it_went_in(acting: Acting, orders: Path) -> None:
    proposed(acting, RULES)
    written = [
        {key: text for key, text in write_rule(rule).items() if text} for rule in stated(acting).quality
    ]
    assert sorted(map(str, written)) == sorted(map(str, RULES))


def test_all_of_them_are_kept_by_the_data(acting: Acting, orders: Path) -> None:
    with acting("steward.sales") as ctx:
        _, found = data.try_promises(ctx, "orders", {"quality": RULES})
    assert {one.outcome for one in found} == {"kept"}


def test_trying_changes_nothing_and_keeps_nothing(acting: Acting, orders: Path) -> None:
    before = stated(acting)
    with acting("steward.sales") as ctx:
        _, found = data.try_promises(ctx, "orders", {"quality": [{"rule": "rows", "allowed": ">= 1000"}]})
    assert [(one.outcome, one.said) for one in found if "number of rows" in one.promise] == [
        ("broken", "There are 200 rows.")
    ]
    assert stated(acting) == before
    with acting("viewer.emea") as ctx:
        assert len(data.quality_history(ctx, "orders")) == 1


def test_only_stewards_try(acting: Acting, orders: Path) -> None:
    with acting("maker.sales") as ctx, pytest.raises(NotAllowed):
        data.try_promises(ctx, "orders", {"quality": []})


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"rule": "not nul", "column": "amount"}, "Did you mean not null"),
        ({"rule": "not null", "column": "amuont"}, "Did you mean amount"),
        ({"rule": "not null"}, "Name the column"),
        ({"rule": "not null", "column": "amount, code"}, "Write a rule for each"),
        ({"rule": "not null", "colum": "amount"}, "Did you mean column"),
        ({"rule": "accepted", "column": "amount", "value": "1, many"}, "Write a number"),
        ({"rule": "accepted", "column": "region"}, "Say what it is one of these values"),
        ({"rule": "range", "column": "amount", "value": "small"}, "0..100"),
        ({"rule": "range", "column": "amount", "value": "0..9", "hint": "yes"}, "write it as sql"),
        ({"rule": "range", "column": "ordered", "value": "yesterday.."}, "2026-01-31"),
        ({"rule": "pattern", "column": "code", "value": "(?<!a)b"}, "RE2"),
        ({"rule": "pattern", "column": "code", "value": "["}, "RE2"),
        ({"rule": "rows"}, "100..300"),
        ({"rule": "rows", "allowed": "a few"}, "at most"),
        ({"rule": "not null", "column": "amount", "schedule": "daily"}, "minute, hour"),
        ({"rule": "sql", "value": "SELECT max(amount) FROM orders"}, "count"),
        ({"rule": "sql", "value": "SELECT count(*) FROM read_csv('/etc/passwd')"}, ""),
        ({"rule": "sql", "value": "SELECT count(*) FROM customers"}, "referenceTables"),
        ({"rule": "sql", "value": "SELECT count(*) FROM orders WHERE amuont > 1"}, "amount"),
        ({"rule": "sql", "value": "SELECT count(*) FROM orders; DROP TABLE orders"}, ""),
    ],
)
def test_a_rule_that_cannot_be_counted_is_refused_with_what_to_write_instead(
    acting: Acting, orders: Path, rule: dict[str, str], said: str
) -> None:
    before = stated(acting)
    with pytest.raises(Refusal) as refused:
        proposed(acting, [rule])
    assert said in refused.value.next_step
    assert stated(acting) == before


def test_what_stays_keeps_what_else_stands_beside_it_in_the_file(acting: Acting, orders: Path) -> None:
    path = "contracts/orders.odcs.yaml"
    with acting("steward.sales") as ctx:
        text = (definitions.read(ctx, path) or b"").decode()
        assert "severity: warning" in text
        more = "- severity: warning\n      dimension: conformity\n      tags: [vital]"
        text = text.replace("- severity: warning", more)
        definitions.write(ctx, path, text.encode(), "Say more of it.")
    proposed(acting, [*stated(acting).quality, {"rule": "rows", "allowed": ">= 1"}])
    with acting("viewer.emea") as ctx:
        after = (definitions.read(ctx, path) or b"").decode()
    assert "dimension: conformity" in after
    assert "vital" in after
    assert "metric: rowCount" in after
    proposed(acting, [{"rule": "rows", "allowed": ">= 1"}])
    with acting("viewer.emea") as ctx:
        assert b"conformity" not in (definitions.read(ctx, path) or b"")


def test_a_range_goes_and_the_pattern_beside_it_stays(acting: Acting, orders: Path) -> None:
    proposed(acting, [RULES[6]])
    path = "contracts/orders.odcs.yaml"
    with acting("steward.sales") as ctx:
        text = (definitions.read(ctx, path) or b"").decode()
        assert "minimum: 0" in text
        definitions.write(
            ctx, path, text.replace("minimum: 0", "minimum: 0\n      pattern: '^[0-9]'").encode(), "More."
        )
    (pattern,) = [rule for rule in stated(acting).quality if rule.pattern]
    proposed(acting, [pattern])
    assert stated(acting).quality == (pattern,)


def test_keys_ages_domain_and_reference_tables_are_changed_too(
    acting: Acting, orders: Path, tmp_path: Path
) -> None:
    (tmp_path / "regions.csv").write_text("code,name\nEMEA,Europe\nAPAC,Asia\n")
    with acting("steward.sales") as ctx:
        data.import_source(ctx, str(tmp_path / "regions.csv"))
    regions = {
        "owner": "lead",
        "deputy": "steward.sales",
        "description": "r",
        "purposes": ["sales-reporting"],
    }
    with acting("steward.sales") as ctx:
        data.propose(
            ctx, "regions", {**regions, "readers": ["hr"], "entity_key": "", "expires": "2999-01-01"}
        )
    with acting("steward.hr") as ctx:
        data.certify(ctx, "regions")
    count = "SELECT count(*) FROM orders o WHERE NOT EXISTS (SELECT 1 FROM regions r WHERE r.code = o.region)"
    wanted = {
        "required": {"code": False, "region": True},
        "unique": {"code": True},
        "references": {"region": "regions.code"},
        "freshness": "2 days",
        "retention": "3 years by ordered",
        "domain": "sales",
        "looks_up": ["regions"],
        "quality": [{"rule": "sql", "value": count, "allowed": "0", "name": "Every region is known"}],
    }
    with acting("steward.sales") as ctx:
        data.propose(ctx, "orders", wanted)
        found = {one.promise: one.outcome for one in data.check_quality(ctx, "orders").results}
    now = stated(acting)
    assert now.domain == "sales"
    assert now.column("region") == data.Column(
        **{**vars(now.column("region")), "required": True, "references": ("regions", "code")}
    )
    assert found["The extract is at most 2 days old"] == "kept"
    assert found["Every region is known"] == "kept"
    assert found["No row is kept longer than 3 years, by ordered"] == "broken"  # they are of 2020
    with acting("steward.sales") as ctx:
        data.propose(
            ctx, "orders", {"freshness": "", "retention": "", "references": {"region": ""}, "domain": ""}
        )
    now = stated(acting)
    assert (now.freshness, now.retention, now.domain) == (None, None, None)
    assert now.column("region") and now.column("region").references is None  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "changes",
    [
        {"retention": "for ever"},
        {"retention": "3 years by amount"},
        {"freshness": "2 days by gone"},
        {"references": {"region": "regions"}},
        {"references": {"region": "nowhere.code"}},
        {"required": {"region": "yes"}},
        {"looks_up": ["nowhere"]},
        {"looks_up": ["orders"]},
    ],
)
def test_promises_that_mean_nothing_are_refused(
    acting: Acting, orders: Path, changes: dict[str, Any]
) -> None:
    with pytest.raises(Refusal), acting("steward.sales") as ctx:
        data.propose(ctx, "orders", changes)


ages = st.builds(
    lambda number, unit, column: (
        f"{number} {unit}{'s' if number != 1 else ''}{' by ' + column if column else ''}"
    ),
    st.integers(1, 300),
    st.sampled_from(["minute", "hour", "day", "year"]),
    st.sampled_from(["", "ordered"]),
)


@given(ages)
def test_an_age_is_written_so_that_it_reads_the_same(text: str) -> None:
    age = read_age("freshness", text)
    assert not isinstance(age, str)
    assert read_age("freshness", write_age(age)) == age


numbers = st.integers(-50, 5000)
bounds = st.one_of(
    st.just(""),
    st.builds(lambda s, n, p: f"{s} {n}{p}", st.sampled_from([">=", "<=", ">", "<", "=", "!=", ""]), numbers, st.sampled_from(["", " %"])),
    st.builds(lambda a, b: f"{min(a, b)}..{max(a, b)}", numbers, numbers),
)  # fmt: skip


@settings(max_examples=cases(150), deadline=None)
@given(st.sampled_from(RULES), bounds, st.booleans(), st.sampled_from(["", "5 4 * * *"]))
def test_a_rule_is_written_so_that_it_reads_the_same_in_words_and_in_the_file(
    base: dict[str, str], allowed: str, hint: bool, schedule: str
) -> None:
    ranged = base["rule"] == "range"
    more = {} if ranged else {"allowed": allowed or base.get("allowed", ""), "schedule": schedule}
    rule = read_rule({**base, **more, "hint": "yes" if hint and not ranged else ""})
    content = CONTRACT.encode()
    before = load(content, "contracts/orders.odcs.yaml")
    rule = fit_rule(rule, before)
    assert fit_rule(read_rule(write_rule(rule)), before) == rule
    after = apply_promises(before, Changes(quality=(*before.quality, rule)))
    node, document = validate(content, "contracts/orders.odcs.yaml", OpenDataContractStandard)
    written = write_rules(document, File("contracts/orders.odcs.yaml", node), before, after)
    again = load(odcs.render(written), "contracts/orders.odcs.yaml")
    assert set(again.quality) == set(after.quality)


CONTRACT = """\
version: 1.0.0
kind: DataContract
apiVersion: v3.2.0
id: orders
name: orders
status: draft
schema:
- name: orders
  quality: [{metric: rowCount, mustBeGreaterThan: 3, name: Some}]
  properties:
  - {name: amount, physicalType: BIGINT, quality: [{metric: nullValues, mustBe: 0}]}
  - {name: region, physicalType: VARCHAR}
  - {name: code, physicalType: VARCHAR}
  - {name: parent, physicalType: BIGINT}
  - {name: ordered, physicalType: DATE}
"""


def test_the_command_line_lists_tries_adds_and_removes(
    acting: Acting, orders: Path, instance: Instance
) -> None:
    root = server.command()

    def run(*words: str) -> Result:
        return CliRunner().invoke(
            root, ["rules", *words, "--home", str(instance.settings.home), "--as", "steward.sales", "--json"]
        )

    assert [one["rule"] for one in json.loads(run("list", "orders").stdout)] == ["accepted"]
    tried = json.loads(
        run("add", "orders", "range", "--column", "amount", "--value", "0..100", "--try").stdout
    )
    assert [one["outcome"] for one in tried if "amount is at least 0" in one["promise"]] == ["broken"]
    assert len(stated(acting).quality) == 1
    assert run("add", "orders", "range", "--column", "amount", "--value", "0..199").exit_code == 0
    assert len(stated(acting).quality) == 2
    assert run("remove", "orders", "1").exit_code == 0
    assert [write_rule(rule)["rule"] for rule in stated(acting).quality] == ["range"]
    assert run("remove", "orders", "7").exit_code == 1


def test_every_kind_is_driven_here() -> None:
    assert {rule["rule"] for rule in RULES} == set(KINDS)


def test_accepted_values_of_a_column_that_is_hidden_later_are_told_no_more(
    acting: Acting, orders: Path
) -> None:
    def told() -> str:
        with acting("steward.hr") as ctx:
            return str(data.quality_history(ctx, "orders"))

    assert "APAC, EMEA" in told()
    with acting("steward.sales") as ctx:
        data.propose(ctx, "orders", {"masks": {"region": "null"}})
    assert "APAC" not in told()
    assert "region is one of its accepted values" in told()
