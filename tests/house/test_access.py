"""Default deny: no action of the house is open to somebody who is nobody, whatever room it is in."""

import re
from importlib import resources

import pytest

from handrail.kernel import Caller, Instance, Person, Resource
from handrail.server import ROOMS

NOBODY = Person("nobody", "Nobody", "nobody@meridian.example", active=False)
ACTION = re.compile(
    r'action\s+((?:"[^"]+"[\s,]*)+)\s*appliesTo\s*\{[^}]*?resource:\s*\[?([A-Za-z, ]+)\]?', re.DOTALL
)


def actions() -> list[tuple[str, str]]:
    found = []
    for package in ("handrail.kernel", *ROOMS):
        file = resources.files(package) / "actions.cedarschema"
        if file.is_file():
            for names, kinds in ACTION.findall(file.read_text()):
                found += [(name, kinds.split(",")[0].strip()) for name in re.findall(r'"([^"]+)"', names)]
    return sorted(set(found))


def test_there_are_actions_to_ask_about() -> None:
    assert len(actions()) > 15


@pytest.mark.parametrize(("action", "kind"), actions())
def test_somebody_who_left_may_do_nothing(instance: Instance, action: str, kind: str) -> None:
    decision = instance.policies.decide(Caller(NOBODY, "rest"), action, Resource(kind, "x"), {})
    assert not decision.allowed


@pytest.mark.parametrize(("action", "kind"), actions())
def test_a_token_without_the_scope_may_not(instance: Instance, action: str, kind: str) -> None:
    everything = Person(
        "king", "King", "k@meridian.example", frozenset({"admin", "steward", "reviewer", "maker"})
    )
    decision = instance.policies.decide(
        Caller(everything, "rest", frozenset()), action, Resource(kind, "x"), {}
    )
    assert (decision.allowed, decision.rule) == (False, "token-scope")


def test_every_forbid_explains_itself_and_says_what_to_do(instance: Instance) -> None:
    text = "\n".join(
        (resources.files(package) / "policies.cedar").read_text()
        for package in ("handrail.kernel", *ROOMS)
        if (resources.files(package) / "policies.cedar").is_file()
    )
    assert text.count("forbid(") > 10
    for annotations in re.findall(r"((?:@\w+\([^)]*\)\s*)*)forbid\s*\(", text):
        assert all(f"@{name}(" in annotations for name in ("id", "because", "next")), annotations
    ids = re.findall(r'@id\("([^"]+)"\)', text)
    assert len(ids) == len(set(ids))
