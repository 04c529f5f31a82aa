"""Quality: every promise of a contract is counted, the counts are kept, and no value ever leaves."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail import data, server
from handrail.data import quality_store
from handrail.data.custom_sql import check_custom_sql
from handrail.data.load import load
from handrail.data.promises import OPERATORS, Bound
from handrail.kernel import Instance, Invalid, NotAllowed, NotReady, Refusal, definitions
from handrail.kernel.events import Subscriptions
from tests.cases import cases
from tests.conftest import Acting, begun, inhabited
from tests.data.asking import actors
from tests.data.test_contract_file import FILE, GOOD
from tests.data.test_pages import SignedIn, signed_in

__all__ = ["signed_in"]

ROWS = "id,region,amount,code,ordered,parent\n" + "\n".join(
    f"{n},{('EMEA', 'APAC')[n % 2]},{n},{'A' if n % 2 else 'B'}{n},2020-01-0{1 + n % 9},{n % 10}"
    for n in range(200)
)


def rewrite(acting: Acting, old: str, new: str, name: str = "orders") -> None:
    """Edit a contract file as a steward does with an editor."""
    path = f"contracts/{name}.odcs.yaml"
    with acting("steward.sales") as ctx:
        text = (definitions.read(ctx, path) or b"").decode()
        assert old in text
        definitions.write(ctx, path, text.replace(old, new, 1).encode(), "Edit it.")


def outcomes(acting: Acting, name: str = "orders") -> dict[str, tuple[str, float | None]]:
    """Each promise with what came of it and what was counted, as it is kept, before anybody is told of it."""
    with acting("steward.hr") as ctx:
        data.check_quality(ctx, name)
        (made,) = quality_store.checks_of(ctx, name, 1)
    return {one.promise: (one.outcome, one.count) for one in made.results}


def with_orders(folder: Path) -> None:
    """Make an instance that has imported the orders, and their file."""
    folder.mkdir()
    made = inhabited(folder / "home")
    (folder / "orders.csv").write_text(ROWS)
    with actors(made)("steward.sales") as ctx:
        data.import_source(ctx, str(folder / "orders.csv"))
    made.close()


@pytest.fixture
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Instance]:
    """A fresh instance: with the orders, where a test names them."""
    with begun(tmp_path, with_orders if "orders" in request.fixturenames else None) as opened:
        yield opened


@pytest.fixture
def orders(instance: Instance, tmp_path: Path) -> Path:
    """Two hundred orders, imported; their file, which is the source `orders` in another place."""
    return tmp_path / "orders.csv"


def test_an_import_drafts_accepted_values_that_no_rare_value_is_among(acting: Acting, orders: Path) -> None:
    with acting("steward.hr") as ctx:
        made, stated = data.quality_history(ctx, "orders")[0], data.contract(ctx, "orders")
    (rule,) = stated.quality
    assert (rule.columns, rule.values, rule.blocking) == (("region",), ("APAC", "EMEA"), False)
    assert (made.cause, made.outcome, made.rows) == ("import", "kept", 200)
    assert "region is one of APAC, EMEA" in [one.promise for one in made.results]


def test_a_value_in_fewer_rows_than_k_is_in_no_draft(acting: Acting, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(ROWS.replace("7,APAC", "7,ATLANTIS", 1))
    with acting("steward.sales") as ctx:
        data.import_source(ctx, str(file))
    with acting("steward.sales") as ctx:
        assert data.contract(ctx, "orders").quality == ()
        assert b"ATLANTIS" not in (definitions.read(ctx, "contracts/orders.odcs.yaml") or b"")


def test_a_new_value_is_found_by_the_next_import_and_others_are_told(
    acting: Acting, orders: Path, instance: Instance
) -> None:
    heard: list[object] = []
    instance.subscriptions = Subscriptions([(data.QualityBroken, lambda _ctx, event: heard.append(event))])
    orders.write_text(ROWS.replace("7,APAC", "7,ATLANTIS", 1))
    with acting("steward.sales") as ctx:
        assert data.import_source(ctx, str(orders), "orders").refreshed == ("orders",)
    with acting("steward.hr") as ctx:
        newest, before = data.quality_history(ctx, "orders")
        (kept,) = quality_store.checks_of(ctx, "orders", 1)
    ((broken,), (told,)) = kept.broken, newest.broken
    assert (broken.count, broken.said) == (1, "1 of 200 rows are otherwise.")
    assert (told.count, told.said) == (None, "Fewer than 5 rows are otherwise.")
    assert before.outcome == "kept"
    assert heard == [data.QualityBroken("orders", ("region is one of APAC, EMEA",))]
    assert "ATLANTIS" not in str(newest)


COLUMN = "  - name: amount\n    logicalType: integer\n"
TABLE = "  physicalType: file\n"


@pytest.mark.parametrize(
    ("where", "rule", "outcome", "count"),
    [
        (COLUMN, "    logicalTypeOptions: {minimum: 0, maximum: 199}", "kept", 0),
        (COLUMN, "    logicalTypeOptions: {exclusiveMinimum: 0}", "broken", 1),
        (COLUMN, "    logicalTypeOptions: {maximum: many}", "broken", 200),
        (COLUMN, "    quality: [{metric: nullValues, mustBeLessThan: 1, unit: percent}]", "kept", 0),
        (COLUMN, "    quality: [{metric: duplicateValues, mustBeLessThan: 1, unit: percent}]", "kept", 0),
        (COLUMN, "    quality: [{metric: missingValues, mustBe: 0, arguments: {missingValues: ['7']}}]", "broken", 1),
        (COLUMN, "    quality: [{metric: invalidValues, mustBe: 0, arguments: {validValues: [1, 2]}}]", "broken", 198),
        (COLUMN, "    quality: [{metric: invalidValues, mustBeLessThan: 40, unit: percent,"
                 " arguments: {pattern: '^1'}}]", "broken", 89),
        (TABLE, "  quality: [{metric: rowCount, mustBeBetween: [100, 300]}]", "kept", 200),
        (TABLE, "  quality: [{metric: rowCount, mustBeGreaterThan: 200}]", "broken", 200),
        (TABLE, "  quality: [{metric: duplicateValues, mustBe: 0, arguments: {properties: [region, parent]}}]", "broken", 190),
        (TABLE, "  quality: [{type: sql, query: 'SELECT count(*) FROM {object} WHERE amount > 100', mustBe: 99}]", "kept", 99),
        (TABLE, "  quality: [{type: sql, query: 'SELECT count(*) > 5 FROM orders o WHERE o.region IS NULL'}]", "broken", 0),
        (TABLE, "  quality: [{type: sql, query: 'SELECT count(*) FROM orders WHERE gone > 1', mustBe: 0}]", "unchecked", None),
        (TABLE, "  quality: [{type: sql, query: 'SELECT amount > 1 FROM orders'}]", "unchecked", None),
    ],
)  # fmt: skip
def test_each_kind_of_promise_is_counted(
    acting: Acting, orders: Path, where: str, rule: str, outcome: str, count: float | None
) -> None:
    before = outcomes(acting)
    rewrite(acting, where, f"{where}{rule}\n")
    after = outcomes(acting)
    assert [after[promise] for promise in after if promise not in before] == [(outcome, count)]
    assert {promise: after[promise] for promise in before} == before


def test_one_rule_that_cannot_be_counted_spoils_no_other(acting: Acting, orders: Path) -> None:
    rewrite(acting, COLUMN, COLUMN + "    logicalTypeOptions: {minimum: 0, pattern: '(?<!a)b'}\n")
    found = outcomes(acting)
    assert found["amount matches (?<!a)b"] == ("unchecked", None)
    assert found["amount is at least 0"] == ("kept", 0)
    assert found["region is one of APAC, EMEA"] == ("kept", 0)


@pytest.mark.parametrize(
    ("level", "promise", "outcome"),
    [
        ("property: latency, value: 2, unit: d", "The extract is at most 2 days old", "kept"),
        ("property: freshness, value: 1, unit: h, element: orders.ordered",
         "The newest ordered is at most 1 hour old", "broken"),
    ],
)  # fmt: skip
def test_data_that_is_too_old_is_found(
    acting: Acting, orders: Path, level: str, promise: str, outcome: str
) -> None:
    rewrite(acting, "name: orders\n", f"name: orders\nslaProperties: [{{{level}}}]\n")
    assert outcomes(acting)[promise][0] == outcome


def test_a_broken_rule_stands_in_the_way_of_certification_and_a_hint_does_not(
    acting: Acting, orders: Path
) -> None:
    rewrite(acting, TABLE, TABLE + "  quality: [{metric: rowCount, mustBeGreaterThan: 500}]\n")
    usual = {"owner": "steward.sales", "deputy": "lead", "readers": ["sales"], "expires": "2999-01-01"}
    with acting("steward.sales") as ctx:
        data.propose(ctx, "orders", {**usual, "purposes": ["sales-reporting"]})
    with pytest.raises(NotReady, match="There are 200 rows"), acting("steward.hr") as ctx:
        data.certify(ctx, "orders")
    rewrite(acting, "mustBeGreaterThan: 500", "mustBeGreaterThan: 500\n    severity: warning")
    with acting("steward.sales") as ctx:
        data.propose(ctx, "orders", {})
    with acting("steward.hr") as ctx:
        assert data.certify(ctx, "orders").certified


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT max(amount) FROM orders",
        "SELECT amount FROM orders LIMIT 1",
        "SELECT count(*), count(*) FROM orders",
        "SELECT count(*) FROM orders GROUP BY region",
        "SELECT count(*) FROM customers",
        "SELECT count(*) FROM range(5)",
        "SELECT count(*) FROM (SELECT unnest(range(max(amount))) FROM orders)",
        "SELECT count(*) FROM orders, (VALUES (1), (2)) v",
        "SELECT coalesce(count(*), max(amount)) FROM orders",
        "SELECT count(*) + amount FROM orders",
        "SELECT 'EMEA' FROM orders",
        "SELECT (SELECT max(amount) FROM orders)",
        "SELECT count(*) FROM read_csv('/etc/passwd')",
        "SELECT count(*) FROM orders; SELECT 1",
        "DELETE FROM orders",
        "SELECT count(*) FROM orders UNION SELECT 1",
        "SELECT count(*) FROM orders WHERE amount > $limit",
        "SELECT string_agg(region, ',') = '' OR max(amount) FROM secret.orders",
    ],
)
def test_custom_sql_that_could_read_more_than_a_count_is_refused(sql: str) -> None:
    with pytest.raises(Refusal):
        check_custom_sql(sql, "orders")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM orders WHERE amount < 0",
        "SELECT count(*) FILTER (WHERE amount < 0) * 100.0 / count(*) FROM orders",
        "SELECT count(DISTINCT region) = 4 AS fine FROM Orders AS o",
        "WITH big AS (SELECT * FROM orders WHERE amount > 5) SELECT count(*) FROM big",
        "SELECT NOT EXISTS (SELECT 1 FROM orders WHERE region IS NULL) FROM orders",
    ],
)
def test_custom_sql_that_counts_is_allowed(sql: str) -> None:
    check_custom_sql(sql, "orders")


REGION = "  - name: region\n    logicalType: string\n"


@pytest.mark.parametrize(
    ("rule", "line", "said"),
    [
        ("    quality:\n    - metric: nullvalues\n      mustBe: 0", 18, "nullvalues"),
        ("    quality:\n    - metric: nullValues", 18, "a rule needs a bound"),
        ("    quality:\n    - metric: nullValues\n      mustbe: 0", 19, "mustbe"),
        ("    quality:\n    - metric: nullValues\n      mustBe: none", 19, "must be a number"),
        ("    quality:\n    - metric: nullValues\n      mustBe: 0\n      mustBeLessThan: 5", 20, "several"),
        ("    quality:\n    - metric: rowCount\n      mustBe: 0", 18, "says nothing about a column"),
        ("    quality:\n    - metric: nullValues\n      mustBe: 0\n      unit: bytes", 20, "bytes"),
        ("    quality:\n    - type: sqll\n      query: SELECT 1", 18, "sqll"),
        ("    quality:\n    - type: sql\n      mustBe: 1\n      query: SELECT max(id) FROM orders", 20, "count"),
        ("    quality:\n    - metric: invalidValues\n      mustBe: 0\n      arguments:\n        validValue: [a]", 21,
         "validValue"),
        ("    logicalTypeOptions:\n      minimun: 3", 18, "minimun"),
        ("    logicalTypeOptions:\n      pattern: '('", 18, "regular expression"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_rule_is_refused_with_its_line(rule: str, line: int, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        load(GOOD.replace(REGION, f"{REGION}{rule}\n").encode(), FILE)
    assert refused.value.message.startswith(f"{FILE}, line {line}:")
    assert said in refused.value.message


@pytest.mark.parametrize("rest", ["value: soon", "value: 3, unit: moons", "value: 3, element: gone"])
def test_a_mistake_in_the_age_is_refused(rest: str) -> None:
    with pytest.raises(Invalid, match="line"):
        load((GOOD + f"slaProperties: [{{property: latency, {rest}}}]\n").encode(), FILE)


def test_rules_of_other_tools_and_other_levels_are_left_alone() -> None:
    other = REGION + "    quality: [{type: text, description: nice}, {type: custom, engine: soda}]\n"
    levels = "slaProperties: [{property: retention, value: 5, unit: y}]\n"
    contract = load((GOOD.replace(REGION, other) + levels).encode(), FILE)
    assert (contract.quality, contract.freshness) == ((), None)


@given(
    operator=st.sampled_from(sorted(OPERATORS)),
    low=st.integers(0, 20),
    span=st.integers(0, 20),
    count=st.integers(0, 40),
)
@settings(max_examples=cases(100), deadline=None)
def test_a_bound_and_its_opposite_never_agree(operator: str, low: int, span: int, count: int) -> None:
    opposite = {
        "mustBe": "mustNotBe",
        "mustBeGreaterThan": "mustBeLessOrEqualTo",
        "mustBeLessThan": "mustBeGreaterOrEqualTo",
        "mustBeBetween": "mustNotBeBetween",
    }
    pairs = {**opposite, **{value: key for key, value in opposite.items()}}
    values = (float(low), float(low + span))
    held = Bound(operator, values).holds(count, 50)
    assert held is not Bound(pairs[operator], values).holds(count, 50)


def test_only_stewards_check_and_everybody_sees_whether_it_is_kept(
    acting: Acting, orders: Path, signed_in: SignedIn
) -> None:
    for person in ("maker.sales", "admin", "viewer.emea"):
        with pytest.raises(NotAllowed, match="Stewards check the quality"), acting(person) as ctx:
            data.check_quality(ctx, "orders")
    page = signed_in("viewer.emea").get("/datasets/orders").text
    assert "A promise about valid values" in page
    assert 'id="promises"' in page
    assert "APAC, EMEA" not in page[page.index('id="promises"') :].split("</table>")[0]
    assert "Check now" not in page
    steward = signed_in("steward.hr")
    assert "region is one of APAC, EMEA" in steward.get("/datasets/orders").text
    assert "orders is checked. It keeps" in steward.post("/datasets/orders/quality").text
    assert steward.get("/datasets/orders").text.count('<li class="tone-good"') == 2


def test_values_of_a_column_that_is_hidden_are_not_listed(
    acting: Acting, orders: Path, signed_in: SignedIn
) -> None:
    with acting("steward.sales") as ctx:
        data.propose(ctx, "orders", {"masks": {"region": "hash"}})
    assert "region is one of 2 accepted values" in outcomes(acting)


def test_the_command_line_and_rest_say_the_same(
    orders: Path, instance: Instance, signed_in: SignedIn
) -> None:
    where = ("--home", str(instance.settings.home), "--as", "steward.hr")
    command = server.command()
    made = json.loads(CliRunner().invoke(command, ["quality", "orders", *where, "--json"]).stdout)
    listed = CliRunner().invoke(command, ["quality", "orders", "--history", *where])
    assert {one["outcome"] for one in made["results"]} == {"kept"}
    assert (listed.exit_code, "asked" in listed.stdout) == (0, True)
    client = signed_in("steward.hr")
    first, second = client.get("/api/v1/datasets/orders/quality").json()
    assert first == made
    assert second["cause"] == "import"
    assert client.post("/api/v1/datasets/orders/quality").json()["results"] == made["results"]


def test_a_lost_column_takes_its_rules_along_and_the_contract_stays_readable(
    acting: Acting, orders: Path
) -> None:
    rules = "  quality: [{metric: duplicateValues, mustBe: 0, arguments: {properties: [id, code]}}]\n"
    rewrite(acting, TABLE, TABLE + rules)
    age = (
        "slaProperties: [{property: latency, value: 2, element: ordered}, {property: retention, value: 5}]\n"
    )
    rewrite(acting, "name: orders\n", "name: orders\n" + age)
    orders.write_text("\n".join(f"{n},EMEA" if n else "id,region" for n in range(150)))
    with acting("steward.sales") as ctx:
        assert data.import_source(ctx, str(orders), "orders").changed == ("orders",)
    with acting("steward.sales") as ctx:
        contract = data.contract(ctx, "orders")
        text = (definitions.read(ctx, "contracts/orders.odcs.yaml") or b"").decode()
    assert contract.freshness is None
    assert all(set(rule.columns) <= {"id", "region"} for rule in contract.quality)
    assert "retention" in text
