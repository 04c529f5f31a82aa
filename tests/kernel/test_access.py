"""Access: default deny, denials that explain themselves, and rules that fail closed."""

import datetime as dt
from types import MappingProxyType
from typing import Any

import cedarpy
import pytest

from handrail.kernel import Caller, Invalid, Person, Resource
from handrail.kernel.access import Policies, _shipped

ANNA = Caller(Person("anna", "Anna", "anna@meridian.example", frozenset({"maker"})), "cli")
PEOPLE = Resource("Instance", "people")
MINE = Resource("Account", "anna", {"person": "anna"})


def load(**extra: str) -> Policies:
    return Policies.load((), {f"{name}.cedar": text for name, text in extra.items()})


def test_what_no_rule_permits_is_denied_and_says_so() -> None:
    decision = load().decide(ANNA, "fly", PEOPLE, {})
    assert (decision.allowed, decision.rule) == (False, "default-deny")
    assert decision.because == "no rule lets Anna fly people"
    assert decision.next_step


def test_a_denial_names_its_rule_its_reason_and_the_next_step() -> None:
    decision = load().decide(ANNA, "manage-people", PEOPLE, {})
    assert decision.rule == "people-need-admin"
    assert "Anna is not one" in decision.because
    assert decision.next_step == "Ask an admin to do it."


def test_a_token_does_only_what_its_scopes_say() -> None:
    narrow = Caller(ANNA.person, "rest", frozenset({"query"}))
    assert load().decide(ANNA, "manage-tokens", MINE, {}).allowed
    decision = load().decide(narrow, "manage-tokens", MINE, {})
    assert (decision.allowed, decision.rule) == (False, "token-scope")


def test_an_instance_adds_its_own_forbids() -> None:
    own = '@id("no-tokens") @because("{person} works from the office.") forbid(principal, action == Action::"manage-tokens", resource);'
    decision = load(own=own).decide(ANNA, "manage-tokens", MINE, {})
    assert (decision.rule, decision.because) == ("no-tokens", "Anna works from the office.")


@pytest.mark.parametrize(
    ("known", "asked"),
    [
        ("2026-01-01", dt.date(2026, 1, 1)),
        ("2026-01-01T00:00:00", dt.datetime(2026, 1, 1)),  # noqa: DTZ001 - as the text, without a zone
        (("a",), MappingProxyType({"a": 1})),
        ((97,), b"a"),
        (1, True),
        ("1", 1),
        (("a", "b"), ("ab",)),
    ],
    ids=repr,
)
def test_a_question_is_not_answered_by_one_that_only_looks_like_it(known: Any, asked: Any) -> None:
    """What no rule can look at is refused by the rules' engine, whatever was decided before."""
    told = []
    for before in ((), (known,)):
        policies = load()
        for value in before:
            policies.decide(ANNA, "fly", Resource("Instance", "people", {"person": value}), {})
        try:
            told.append(policies.decide(ANNA, "fly", Resource("Instance", "people", {"person": asked}), {}))
        except TypeError as error:
            told.append(str(error))
    assert told[0] == told[1]


def test_a_rule_that_cannot_be_evaluated_denies() -> None:
    """Without the guard a forbid that fails is skipped, and the permit beside it wins."""
    assert not load().decide(ANNA, "manage-tokens", Resource("Account", "anna", {}), {}).allowed
    decision = load().decide(ANNA, "manage-tokens", Resource("Account", "anna", {}), {})
    assert decision.rule == "rule-error"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("permit(principal, action, resource", "cannot be read"),
        (
            '@id("odd") forbid(principal, action == Action::"see-trail", resource) when { principal.rols.isEmpty() };',
            "odd",
        ),
        ('permit(principal, action == Action::"no-such-action", resource);', "no-such-action"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_when_it_is_loaded(text: str, complaint: str) -> None:
    with pytest.raises(Invalid) as refused:
        load(own=text)
    assert complaint in refused.value.message


def test_the_version_names_the_exact_rules() -> None:
    assert load().version == load().version
    assert (
        load().version
        != load(own='@id("x") forbid(principal, action == Action::"see-trail", resource);').version
    )


def test_the_rules_that_are_asked_decide_as_all_of_them_would() -> None:
    """What a rule says about one action, several or all, whatever form it is written in."""
    own = """
        @id("a") permit(principal, action, resource) when { principal.roles.contains("maker") };
        @id("b") forbid(principal, action == Action::"manage-people", resource);
        @id("c") forbid(principal, action in [Action::"see-trail", Action::"manage-tokens"], resource)
            unless { principal.roles.contains("admin") };
        @id("d") forbid(principal, action in Action::"see-people", resource);
    """
    texts = [_shipped("handrail.kernel", "policies.cedar"), own]
    every = cedarpy.PolicySet.from_str("\n".join(texts))
    some = load(own=own).rules
    for action in ("manage-people", "see-trail", "manage-tokens", "see-people", "fly"):
        for roles in ([], ["maker"], ["admin"], ["maker", "admin"]):
            uid, target = {"type": "Person", "id": "anna"}, {"type": "Account", "id": "anna"}
            attrs = {"id": "anna", "roles": roles, "groups": [], "active": True}
            entities: list[dict[str, Any]] = [
                {"uid": uid, "attrs": attrs, "parents": []},
                {"uid": target, "attrs": {"person": "anna"}, "parents": []},
            ]
            request = {"principal": uid, "action": {"type": "Action", "id": action}, "resource": target}
            told = [
                cedarpy.is_authorized({**request, "context": {}}, of, entities)
                for of in (every, some.about(action))
            ]
            assert [told[0].decision, sorted(told[0].diagnostics.reasons), told[0].diagnostics.errors] == [
                told[1].decision, sorted(told[1].diagnostics.reasons), told[1].diagnostics.errors,
            ], (action, roles)  # fmt: skip
