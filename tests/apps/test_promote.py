"""A version goes to production through every gate, each of which is computed from what really happened."""

import pytest

from handrail import apps, data, review, runtime
from handrail.kernel import Conflict, NotAllowed, NotReady, trail
from tests.apps.conftest import BY_REGION, MANIFEST, ORDERS


@pytest.fixture
def ran(instance, acting):
    """Run the newest version in the sandbox, really, and give the run."""

    def do(name="hello", person="maker.sales", commit=None, verb=apps.run):
        with acting(person) as ctx:
            started = verb(ctx, name, commit) if commit else verb(ctx, name)
        return runtime.execute(instance, started.id)

    return do


@pytest.fixture
def act(acting):
    """Call one verb in a context of its own."""

    def do(person, verb, *arguments, **options):
        with acting(person) as ctx:
            return verb(ctx, *arguments, **options)

    return do


def shown(act, person, run):
    """The text that a run showed, as that person may read it."""
    output = act(person, runtime.outputs, run.id)[0]
    return act(person, runtime.output, run.id, output.n)[1].decode()


def states(act, name, person="maker.sales"):
    return {gate.key: gate.state for gate in act(person, apps.gates, name)}


def test_a_personal_report_is_promoted_by_automatic_checks_and_shows_its_owner_real_rows(
    act, orders, push, ran
):
    version = push(code=BY_REGION, manifest=ORDERS)
    assert states(act, "orders")["sandbox"] == "shut"
    tried = ran("orders")
    assert tried.state == "succeeded", tried.reason
    assert shown(act, "maker.sales", tried) == "TWIN=7"
    assert set(states(act, "orders").values()) == {"open"}
    done = act("maker.sales", apps.promote, "orders")
    assert (done.n, done.commit, done.tree, done.tier) == (1, version.commit, version.tree, "self-service")
    with pytest.raises(Conflict, match="in production already"):
        act("maker.sales", apps.promote, "orders")
    opened = ran("orders", verb=apps.open)
    assert shown(act, "maker.sales", opened) == "EMEA=900"
    assert act("maker.sales", apps.app, "orders").promoted == 1
    assert "app.promoted" in {e.verb for e in act("compliance", trail.entries, subject="app:orders")}


def test_a_shared_app_waits_for_a_reviewer_and_then_shows_each_viewer_their_own_rows(act, orders, push, ran):
    push(code=BY_REGION, manifest=ORDERS)
    ran("orders")
    act("maker.sales", apps.promote, "orders")
    act("maker.sales", apps.share, "orders", groups=["sales"])
    asked = data.Request(sql="SELECT count(*) FROM sales_orders", app="orders")
    for verb in (lambda ctx: apps.open(ctx, "orders"), lambda ctx: data.query(ctx, asked)):
        with pytest.raises(NotReady, match="shared further than"):
            act("viewer.apac", verb)
    assert ran("orders", verb=apps.open).state == "succeeded"  # its owner goes on
    act("maker.sales", apps.ask, "orders")
    commit = act("maker.sales", apps.version, "orders").commit
    with pytest.raises(NotAllowed):
        act("maker.sales", review.approve, "orders", commit)
    act("reviewer.platform", review.approve, "orders", commit)
    for person, rows in (("viewer.apac", "APAC=1000"), ("viewer.emea", "EMEA=900")):
        assert shown(act, person, ran("orders", person, verb=apps.open)) == rows


def test_a_handoff_is_promoted_only_as_the_version_that_was_approved(act, orders, push, ran):
    first = push(code=BY_REGION, manifest=ORDERS)
    act("maker.sales", apps.share, "orders", groups=["sales"])
    ran("orders")
    with pytest.raises(NotReady, match="No review was asked for"):
        act("maker.sales", apps.promote, "orders")
    act("maker.sales", apps.ask, "orders")
    assert states(act, "orders")["sign-off"] == "waiting"
    act("reviewer.platform", review.approve, "orders", first.commit)
    push(code=BY_REGION + "# one more line\n", manifest=ORDERS, why="A comment")
    ran("orders")
    with pytest.raises(NotReady, match="Version 2 of orders is not ready"):
        act("maker.sales", apps.promote, "orders")
    assert act("maker.sales", apps.promote, "orders", first.commit).tier == "handoff"
    assert act("viewer.emea", apps.open, "orders").commit == first.commit


def test_a_refused_version_is_shut_with_the_reason(act, orders, push, ran):
    version = push(code=BY_REGION, manifest=ORDERS)
    act("maker.sales", apps.share, "orders", groups=["sales"])
    ran("orders")
    act("maker.sales", apps.ask, "orders")
    act("reviewer.platform", review.refuse, "orders", version.commit, "Returns are counted as sales.")
    with pytest.raises(NotReady, match="Returns are counted as sales"):
        act("maker.sales", apps.promote, "orders")


def test_a_key_in_the_code_runs_in_the_sandbox_and_does_not_pass(act, push, ran):
    push(code="PASSWORD = 'Tr0ub4dor-and-3'\nimport smtplib\nprint('hello')\n")
    ran()
    assert states(act, "hello")["sandbox"] == "open"
    with pytest.raises(NotReady, match=r"app\.py, line 1"):
        act("maker.sales", apps.promote, "hello")


def test_reading_more_than_is_declared_is_seen_and_shut_even_when_the_code_hides_it(act, orders, push, ran):
    hidden = """\
from handrail_sdk import query, text
column = "".join(["net", "_", "amount"])
text(query("SELECT region, " + column + " AS x FROM sales_orders").to_string())
"""
    push(code=hidden, manifest=ORDERS.replace(', "net_amount"', ""))
    assert ran("orders").state == "succeeded"
    gate = next(gate for gate in act("maker.sales", apps.gates, "orders") if gate.key == "declared")
    assert gate.state == "shut" and "sales_orders.net_amount" in gate.because


def test_a_failing_run_is_shut_and_says_how_it_ended(act, push, ran):
    push(code="raise ValueError('no')\n")
    ran()
    gate = next(gate for gate in act("maker.sales", apps.gates, "hello") if gate.key == "sandbox")
    assert gate.state == "shut" and "failed" in gate.because


def test_data_that_loses_its_certification_shuts_the_gate(act, orders, push, ran):
    push(code=BY_REGION, manifest=ORDERS)
    ran("orders")
    act("steward.hr", data.revoke, orders, "Wrong rates in March.")
    with pytest.raises(NotReady, match="sales_orders is revoked, not certified"):
        act("maker.sales", apps.promote, "orders")


def test_an_app_for_a_purpose_the_data_is_not_for_is_shut(act, orders, push, ran):
    push(code=BY_REGION, manifest=ORDERS.replace("sales-reporting", "finance"))
    gate = next(gate for gate in act("maker.sales", apps.gates, "orders") if gate.key == "data")
    assert (
        gate.state == "shut" and "may not be used for finance" in gate.because and gate.who == "steward.sales"
    )


@pytest.mark.parametrize("person", ["maker.ops", "reviewer.platform", "admin"])
def test_only_owners_promote_and_ask(act, push, person):
    push()
    for verb in (apps.promote, apps.ask, apps.rollback):
        with pytest.raises(Exception, match=r"belongs to|that you may see"):
            act(person, verb, "hello")


def test_asking_before_the_other_gates_are_open_costs_no_reviewer_time(act, push):
    push()
    act("maker.sales", apps.share, "hello", groups=["sales"])
    with pytest.raises(NotReady, match="Before a reviewer looks"):
        act("maker.sales", apps.ask, "hello")
    assert act("reviewer.platform", review.queue) == ()


def test_rolling_back_promotes_the_version_before_by_the_same_gates(act, push, ran):
    with pytest.raises(Exception, match="that you may see"):
        act("maker.sales", apps.rollback, "hello")
    push()
    ran()
    act("maker.sales", apps.promote, "hello")
    with pytest.raises(Conflict, match="no earlier version"):
        act("maker.sales", apps.rollback, "hello")
    push(code="print('two')\n")
    ran()
    act("maker.sales", apps.promote, "hello")
    assert act("maker.sales", apps.rollback, "hello").n == 1
    assert [p.n for p in act("maker.sales", apps.promotions, "hello")] == [1, 2, 1]


def test_production_runs_nothing_that_was_not_promoted(act, push, ran):
    version = push()
    with pytest.raises(NotReady, match="not in production yet"):
        act("maker.sales", apps.open, "hello")
    with pytest.raises(Exception, match="promoted version only"):
        act("maker.sales", apps.run, "hello", version.commit, "production")
    with pytest.raises(NotAllowed, match="In the sandbox"):
        act("maker.sales", apps.share, "hello", groups=["sales"])
        act("viewer.emea", apps.run, "hello")
    assert ran(person="reviewer.platform").state == "succeeded"


def test_a_query_for_an_app_uses_the_version_that_counts_there(act, orders, push, ran):
    push(code=BY_REGION, manifest=ORDERS)
    asked = data.Request(
        sql="SELECT sum(net_amount) AS net FROM sales_orders", app="orders", environment="sandbox"
    )

    def answer(ctx, request):
        with data.query(ctx, request) as found:
            return found.table().to_pylist()

    assert answer.__name__ and act("maker.sales", answer, asked) == [{"net": 7}]
    production = data.Request(sql=asked.sql, app="orders")
    with pytest.raises(NotReady, match="not in production yet"):
        act("maker.sales", answer, production)


def test_an_app_with_a_schedule_or_personal_data_is_a_handoff_with_its_reasons(act, orders, push):
    push(manifest=MANIFEST + '\n[schedule]\ncron = "0 6 * * MON"\ntimezone = "Europe/Berlin"\n')
    assert any("runs by itself" in reason for reason in act("maker.sales", apps.tier, "hello").reasons)
    push(code=BY_REGION, manifest=ORDERS.replace('"net_amount"', '"net_amount", "contact_email"'))
    assert any(
        "sales_orders.contact_email" in reason for reason in act("maker.sales", apps.tier, "orders").reasons
    )
