"""What lineage says, and to whom: source to column to metric to app, and nothing that is not the caller's."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from handrail import apps, data
from handrail.data.lineage import lineage
from handrail.data.lineage_models import Edge, Lineage
from handrail.kernel import Context, Instance, Invalid, NotFound, RunRef, definitions
from tests.data import asking

Act = Callable[..., AbstractContextManager[Context]]
DERIVED = b"""\
      - name: per_buyer
        description: What one customer ordered.
        expression: {dialects: [{dialect: ANSI_SQL, expression: sales / buyers}]}
        custom_extensions:
          - {vendor_name: HANDRAIL, data: '{"kind": "ratio"}'}
      - name: big_sales
        description: What customers ordered in large orders.
        expression: {dialects: [{dialect: ANSI_SQL, expression: SUM(orders.amount)}]}
        custom_extensions:
          - {vendor_name: HANDRAIL, data: '{"filter": "orders.region = ''EMEA''"}'}
"""
CODE = "print(1)\n"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Instance]:
    instance = asking.furnished(tmp_path)
    with asking.actors(instance)("steward.sales") as ctx:
        definitions.write(ctx, "model/shop.yaml", asking.MODEL + DERIVED, "Say what a buyer spends")
    yield instance
    instance.close()


@pytest.fixture
def act(shop: Instance) -> Act:
    return asking.actors(shop)


@pytest.fixture
def report(shop: Instance, act: Act) -> RunRef:
    """An app of maker.sales that asked in the sandbox and in production; the runs share its commit."""
    with act("maker.sales") as ctx:
        pushed = apps.push(
            ctx, {"app.py": CODE.encode(), "handrail.toml": asking.MANIFEST.encode()}, "Sales by region", ""
        )
    ask = asking.asking(shop)
    sandbox = RunRef("run_1", "report", pushed.commit, "sandbox", pushed.manifest)
    production = RunRef("run_2", "report", pushed.commit, "production", pushed.manifest)
    ask("maker.sales", "SELECT region, sum(amount) AS net FROM orders GROUP BY 1", of=sandbox)
    ask("maker.sales", "SELECT ordered FROM orders", of=sandbox)
    ask("viewer.emea", "SELECT region FROM orders", of=production)
    ask("viewer.emea", metric=data.MetricRequest("sales", by=("city",)), of=production)
    return production


def edges(found: Lineage, kind: str) -> dict[tuple[str, str], Edge]:
    return {(edge.origin, edge.target): edge for edge in found.edges if edge.kind == kind}


def test_a_dataset_leads_from_its_source_to_metrics_and_to_what_is_made_of_them(act: Act) -> None:
    with act("lead") as ctx:
        found = lineage(ctx, "orders")
    copied = edges(found, "copied")["source:orders/orders.csv", "dataset:orders"]
    assert ("amount", "amount") in copied.columns
    assert edges(found, "measured")["dataset:orders", "metric:sales"].columns == (("amount", ""),)
    assert edges(found, "filtered")["dataset:orders", "metric:big_sales"].columns == (("region", ""),)
    assert ("ordered", "") in edges(found, "cut")["dataset:orders", "metric:sales"].columns
    assert set(edges(found, "made")) == {
        ("metric:sales", "metric:per_buyer"),
        ("metric:buyers", "metric:per_buyer"),
    }
    assert found.node("dataset:customers") is None


def test_a_metric_made_of_others_comes_from_the_columns_of_all_of_them(act: Act) -> None:
    with act("lead") as ctx:
        found = lineage(ctx, "per_buyer")
    measured = edges(found, "measured")
    assert measured["dataset:orders", "metric:sales"].columns == (("amount", ""),)
    assert measured["dataset:orders", "metric:buyers"].columns == (("customer_id", ""),)
    assert ("source:customers/customers.csv", "dataset:customers") in edges(found, "copied")
    assert found.node("metric:big_sales") is None


def test_one_column_is_followed_by_itself(act: Act, report: RunRef) -> None:
    with act("steward.sales") as ctx:
        found = lineage(ctx, "orders", "AMOUNT")
        dead_end = lineage(ctx, "customers", "name")
    assert found.column == "amount"
    assert all({a, b} <= {"amount", ""} for edge in found.edges for a, b in edge.columns)
    assert {node.id for node in found.nodes} == {
        "source:orders/orders.csv", "dataset:orders", "metric:sales", "metric:big_sales", "metric:per_buyer",
        "app:report",
    }  # fmt: skip
    assert {node.kind for node in dead_end.nodes} == {"source", "dataset"}


def test_a_steward_sees_what_runs_read_directly_and_for_which_metric(act: Act, report: RunRef) -> None:
    with act("steward.hr") as ctx:
        found = lineage(ctx, "orders")
    read = edges(found, "read")
    direct = read["dataset:orders", "app:report"]
    assert dict(direct.columns).keys() == {"region", "amount", "ordered"}
    assert direct.where == ("production", "sandbox")
    assert read["metric:sales", "app:report"].where == ("production",)
    assert edges(found, "declared")["dataset:orders", "app:report"].columns == (
        ("region", ""),
        ("amount", ""),
    )


def test_what_was_read_for_a_metric_alone_is_not_called_read_by_the_app(act: Act, report: RunRef) -> None:
    with act("steward.hr") as ctx:
        found = lineage(ctx, "customers")
    assert ("dataset:customers", "app:report") not in edges(found, "read")
    assert ("metric:sales", "app:report") in edges(found, "read")


def test_nobody_learns_from_lineage_of_an_app_that_is_not_theirs(act: Act, report: RunRef) -> None:
    for who in ("viewer.emea", "maker.ops"):
        with act(who) as ctx:
            for name in ("orders", "sales", "per_buyer"):
                assert "report" not in str(lineage(ctx, name))
        said = []
        for name in ("report", "app:report", "rapport", "app:rapport"):
            with pytest.raises(NotFound) as refused, act(who) as ctx:
                lineage(ctx, name)
            said.append((refused.value.message.replace("report", "rapport"), refused.value.next_step))
        assert said[0] == said[2]
        assert said[1] == said[3]


def test_those_it_is_shared_with_see_what_an_app_declares_and_not_what_it_read(
    act: Act, report: RunRef
) -> None:
    with act("maker.sales") as ctx:
        apps.share(ctx, "report", people=["viewer.emea"])
    with act("viewer.emea") as ctx:
        found = lineage(ctx, "app:report")
        seen_from_the_data = lineage(ctx, "orders")
    for one in (found, seen_from_the_data):
        assert edges(one, "read") == {}
        assert edges(one, "declared")["dataset:orders", "app:report"].columns == (
            ("region", ""),
            ("amount", ""),
        )
    assert found.questions == ()


def test_its_owner_sees_what_it_read_in_the_sandbox_and_not_what_others_made_it_read_in_production(
    act: Act, report: RunRef
) -> None:
    with act("maker.sales") as ctx:
        found = lineage(ctx, "report")
    read = edges(found, "read")
    assert read["dataset:orders", "app:report"].where == ("sandbox",)
    assert ("metric:sales", "app:report") not in read
    assert ("metric:sales", "app:report") in edges(found, "declared")


def test_its_owner_sees_what_each_column_of_its_answers_is_made_of(act: Act, report: RunRef) -> None:
    with act("maker.sales") as ctx:
        first, second = lineage(ctx, "report").questions
    assert [(out.name, out.columns) for out in first.outputs] == [
        ("region", {"orders": ("region",)}),
        ("net", {"orders": ("amount",)}),
    ]
    assert second.reads == {"orders": ("ordered",)}


def test_the_text_of_a_question_in_production_is_kept_nowhere(
    shop: Instance, act: Act, report: RunRef
) -> None:
    asking.asking(shop)("viewer.emea", 'SELECT region AS "EMEA 1230" FROM orders', of=report)
    with act("maker.sales") as ctx:
        assert "1230" not in str(lineage(ctx, "report"))
    content = (shop.settings.home / "handrail.db").read_bytes()
    wal = (shop.settings.home / "handrail.db-wal").read_bytes()
    assert b"EMEA 1230" not in content + wal


def test_an_app_that_declares_every_column_is_drawn_with_every_column(act: Act) -> None:
    manifest = asking.MANIFEST.replace('columns = ["region", "amount"]', "")
    with act("maker.sales") as ctx:
        apps.push(ctx, {"app.py": CODE.encode(), "handrail.toml": manifest.encode()}, "All of it", "")
    with act("maker.sales") as ctx:
        declared = edges(lineage(ctx, "report"), "declared")["dataset:orders", "app:report"]
    assert len(declared.columns) == 5


def test_a_name_that_means_two_things_asks_which(act: Act) -> None:
    model = asking.MODEL.replace(b"name: sales\n", b"name: orders\n")
    with act("steward.sales") as ctx:
        definitions.write(ctx, "model/shop.yaml", model, "A metric called like its data")
    with pytest.raises(Invalid, match="more than one") as refused, act("lead") as ctx:
        lineage(ctx, "orders")
    assert "dataset:orders or metric:orders" in refused.value.next_step
    with act("lead") as ctx:
        assert lineage(ctx, "metric:orders").of == "metric:orders"


def test_what_two_models_define_is_left_out_and_takes_nothing_with_it(act: Act) -> None:
    with act("steward.sales") as ctx:
        definitions.write(ctx, "model/twice.yaml", asking.MODEL, "The same metrics again")
    with act("lead") as ctx:
        names = {node.id for node in lineage(ctx, "orders").nodes if node.kind == "metric"}
        assert names == {"metric:big_sales"}
        assert [node.id for node in lineage(ctx, "per_buyer").nodes] == ["metric:per_buyer"]


def test_a_broken_model_takes_no_page_of_data_with_it(act: Act) -> None:
    with act("steward.sales") as ctx:
        definitions.write(ctx, "model/shop.yaml", b"nonsense: [", "A mistake")
    with act("lead") as ctx:
        assert {node.kind for node in lineage(ctx, "orders").nodes} == {"source", "dataset"}


def test_unknown_columns_and_columns_of_what_has_none_are_refused(act: Act) -> None:
    with pytest.raises(NotFound, match="no column"), act("lead") as ctx:
        lineage(ctx, "orders", "amonut")
    with pytest.raises(Invalid, match="has no columns"), act("lead") as ctx:
        lineage(ctx, "sales", "amount")


def test_keys_are_drawn_to_the_dataset_that_they_point_to(tmp_path: Path) -> None:
    from tests.data import shop as order_book

    instance = asking.opened(tmp_path)
    with asking.actors(instance)("steward.sales") as ctx:
        data.import_source(ctx, str(order_book.make(tmp_path / "shop.sqlite")))
    with asking.actors(instance)("lead") as ctx:
        found = edges(lineage(ctx, "sales_orders"), "refers")
    assert found["dataset:customers", "dataset:sales_orders"].columns == (("id", "customer_id"),)
    instance.close()


def test_whom_the_rules_keep_from_the_catalog_learns_nothing_of_it(
    shop: Instance, act: Act, report: RunRef
) -> None:
    rule = '@id("no-catalog") @because("No.") @next("Ask.")\nforbid(principal, action == Action::"see-datasets", resource) when { principal.id == "maker.sales" };\n'
    folder = shop.settings.home / "definitions" / "policies"
    folder.mkdir(exist_ok=True)
    (folder / "own.cedar").write_text(rule)
    shop.reload_policies()
    with pytest.raises(NotFound), act("maker.sales") as ctx:
        lineage(ctx, "orders")
    with act("maker.sales") as ctx:
        for found in (lineage(ctx, "report"), lineage(ctx, "sales")):
            assert not {node.kind for node in found.nodes} & {"dataset", "source"}
            assert "amount" not in str((found.edges, found.questions))
