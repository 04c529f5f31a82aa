"""Gates are a function of facts: for each thing that can be wrong, exactly its gate is not open."""

from dataclasses import replace

import pytest

from handrail.apps.facts import UNPROVEN
from handrail.apps.gates import DatasetFact, Facts, gates, undeclared, unused
from handrail.apps.models import Tier
from handrail.kernel import Manifest

MANIFEST = Manifest(
    "velocity",
    "job",
    "app.py",
    "sales-reporting",
    datasets={"sales_orders": ("region", "net_amount"), "products": ()},
    metrics=("revenue",),
)
ORDERS = DatasetFact("sales_orders", True, "certified", ("sales-reporting", "finance"), "steward.sales")
PRODUCTS = DatasetFact("products", True, "expiring", ("sales-reporting",), None)
SELF_SERVICE = Tier("self-service", ("Only its owners open it.",))
HANDOFF = Tier("handoff", ("It is shared with sales.",))
GOOD = Facts(
    app="velocity",
    n=3,
    manifest=MANIFEST,
    owner="maker.sales",
    owner_active=True,
    datasets=(ORDERS, PRODUCTS),
    metrics_missing=(),
    metrics_unproven={},
    trial="succeeded",
    trial_says="",
    blocking=(),
    observed={"sales_orders": frozenset({"region", "net_amount"}), "products": frozenset({"anything"})},
    by_metrics={},
    tier=SELF_SERVICE,
    signature="none",
    signature_says="",
    signature_next="",
)


def states(facts):
    return {gate.key: gate.state for gate in gates(facts)}


def test_a_version_with_nothing_against_it_has_every_gate_open_and_says_that_no_person_read_it():
    assert set(states(GOOD).values()) == {"open"}
    assert [gate.key for gate in gates(GOOD)] == [
        "ownership",
        "data",
        "sandbox",
        "findings",
        "declared",
        "sign-off",
    ]
    assert "no other person has read this code" in gates(GOOD)[-1].because


def test_packages_that_are_off_the_list_by_now_shut_a_gate_of_their_own():
    facts = replace(GOOD, unapproved=("tidy 1.0",))
    assert {key for key, state in states(facts).items() if state != "open"} == {"packages"}
    shut = next(gate for gate in gates(facts) if gate.key == "packages")
    assert (shut.state, shut.who) == ("shut", "maker.sales")
    assert "tidy 1.0" in shut.because


@pytest.mark.parametrize(
    ("changes", "key", "state", "because"),
    [
        ({"owner_active": False}, "ownership", "shut", "no longer active"),
        (
            {"datasets": (replace(ORDERS, certified=False, state="expired"), PRODUCTS)},
            "data",
            "shut",
            "sales_orders is expired, not certified",
        ),
        (
            {"datasets": (replace(ORDERS, purposes=("finance",)), PRODUCTS)},
            "data",
            "shut",
            "may not be used for sales-reporting",
        ),
        ({"metrics_missing": ("revenue",)}, "data", "shut", "no metric revenue"),
        (
            {"metrics_unproven": {"revenue": UNPROVEN["missed"]}},
            "data",
            "shut",
            "it misses its control totals",
        ),
        ({"trial": "failed", "trial_says": "it ran out of memory."}, "sandbox", "shut", "out of memory"),
        ({"trial": "going"}, "sandbox", "waiting", "running now"),
        ({"blocking": ("A key in the code, app.py line 3",)}, "findings", "shut", "app.py line 3"),
        (
            {"observed": {"sales_orders": frozenset({"region", "net_amount", "email"})}},
            "declared",
            "shut",
            "sales_orders.email",
        ),
        ({"observed": {"payroll": frozenset({"salary"})}}, "declared", "shut", "payroll.salary"),
        ({"tier": HANDOFF}, "sign-off", "waiting", "not been put before a reviewer"),
        (
            {"tier": HANDOFF, "signature": "waiting", "signature_says": "Asked."},
            "sign-off",
            "waiting",
            "Asked.",
        ),
        ({"tier": HANDOFF, "signature": "refused", "signature_says": "No."}, "sign-off", "shut", "No."),
    ],
)
def test_one_fact_that_is_wrong_closes_exactly_its_gate(changes, key, state, because):
    found = {gate.key: gate for gate in gates(replace(GOOD, **changes))}
    assert {name for name, gate in found.items() if not gate.open} == {key}
    assert found[key].state == state
    assert because in found[key].because
    assert found[key].next_step


def test_a_version_that_never_ran_is_shut_and_what_it_reads_is_not_known():
    found = states(replace(GOOD, trial="never", observed={}))
    assert found["sandbox"] == "shut" and found["declared"] == "waiting"


def test_an_approved_handoff_passes_and_names_its_reasons():
    gate = gates(replace(GOOD, tier=HANDOFF, signature="approved", signature_says="Rita said yes."))[-1]
    assert gate.open and "Rita said yes." in gate.because and "shared with sales" in gate.because


def test_what_a_declared_metric_reads_needs_no_column_of_its_own():
    facts = replace(
        GOOD,
        observed={"sales_orders": frozenset({"region", "returned"})},
        by_metrics={"sales_orders": frozenset({"returned"})},
    )
    assert undeclared(facts) == ()
    assert undeclared(replace(facts, by_metrics={})) == ("sales_orders.returned",)


def test_columns_that_were_declared_and_never_read_are_advice_and_no_obstacle():
    facts = replace(GOOD, observed={"sales_orders": frozenset({"region"})})
    assert unused(facts) == ("sales_orders.net_amount",)
    declared = next(gate for gate in gates(facts) if gate.key == "declared")
    assert declared.open and "sales_orders.net_amount" in declared.because and declared.next_step


def test_nineteen_undeclared_columns_are_counted_and_three_named():
    read = frozenset(f"c{number:02}" for number in range(19))
    gate = next(g for g in gates(replace(GOOD, observed={"sales_orders": read})) if g.key == "declared")
    assert "19 columns" in gate.because and "and 16 more" in gate.because
