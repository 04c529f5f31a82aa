"""Access: default deny, denials that explain themselves, and rules that fail closed."""

import pytest

from handrail.kernel import Caller, Invalid, Person, Resource
from handrail.kernel.access import Policies

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
