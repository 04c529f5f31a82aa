"""The tier is a function of who opens an app, when it runs and what about people it reads."""

import pytest

from handrail.apps.tier import Reach, tier
from handrail.kernel import Schedule


def test_an_app_for_its_owner_alone_is_self_service_and_says_why():
    found = tier(Reach())
    assert found.name == "self-service" and not found.handoff
    assert "Only its owners open it." in found.reasons


@pytest.mark.parametrize(
    ("reach", "reason"),
    [
        (Reach(groups=["sales"]), "shared with sales"),
        (Reach(groups=["b", "a"]), "shared with a and b"),
        (Reach(people=["viewer.emea"]), "1 person"),
        (Reach(people=["a", "b"]), "2 people"),
        (Reach(schedule=Schedule.parse("0 6 * * MON", "Europe/Berlin")), "runs by itself"),
        (Reach(classified={"customers.email": "personal"}), "personal data: customers.email"),
        (Reach(classified={"hr.salary": "sensitive"}), "sensitive data: hr.salary"),
    ],
)
def test_any_one_reason_makes_it_handoff_and_is_named(reach, reason):
    found = tier(reach)
    assert found.handoff and len(found.reasons) == 1
    assert reason in found.reasons[0]


def test_every_reason_is_given_and_long_lists_are_counted():
    many = {f"customers.c{number}": "personal" for number in range(9)}
    found = tier(Reach(groups=["sales"], classified={**many, "hr.salary": "sensitive"}))
    assert len(found.reasons) == 3
    assert "customers.c0, customers.c1, customers.c2 and 6 more" in found.reasons[2]
