"""The context: one transaction, one trail."""

import pytest

from handrail.kernel import Caller, Instance, Invalid, NotAllowed, Person, audit, identity
from tests.conftest import PEOPLE, Acting


def test_what_was_noted_is_on_the_trail_once_the_context_ends(acting: Acting) -> None:
    with acting("admin") as ctx:
        ctx.audit.note("thing.done", "thing:1", colour="red")
    with acting("admin") as ctx:
        (entry,) = audit.recent(ctx.db, verb="thing.done")
    assert (entry.person, entry.via, entry.facts) == ("admin", "cli", {"colour": "red"})


def test_a_refusal_undoes_the_transaction_and_is_itself_on_the_trail(
    instance: Instance, acting: Acting
) -> None:
    newcomer = Person("new.one", "New", "new@meridian.example")
    with pytest.raises(Invalid), acting("admin") as ctx:
        identity.add_person(ctx, newcomer)
        raise Invalid("No.", next_step="Do otherwise.", subject="thing:2")
    with acting("admin") as ctx:
        assert newcomer.id not in {person.id for person in identity.people(ctx)}
        (entry,) = audit.recent(ctx.db, verb="request.refused")
    assert (entry.subject, entry.facts["message"]) == ("thing:2", "No.")


def test_a_crash_undoes_the_transaction(acting: Acting) -> None:
    with pytest.raises(ZeroDivisionError), acting("admin") as ctx:
        identity.add_person(ctx, Person("new.one", "New", "new@meridian.example"))
        _ = 1 / 0
    with acting("admin") as ctx:
        assert "new.one" not in {person.id for person in identity.people(ctx)}


def test_a_denial_names_its_rule_on_the_trail(acting: Acting) -> None:
    with pytest.raises(NotAllowed) as refused, acting("maker.sales") as ctx:
        identity.add_person(ctx, Person("new.one", "New", "new@meridian.example"))
    assert "Only admins manage people" in refused.value.message
    with acting("admin") as ctx:
        (entry,) = audit.recent(ctx.db, verb="request.refused")
    assert entry.facts["rule"] == "people-need-admin"


def test_an_inactive_person_may_do_nothing(instance: Instance, acting: Acting) -> None:
    gone = Person("gone", "Gone", "gone@meridian.example", roles=frozenset({"admin"}), active=False)
    with pytest.raises(NotAllowed) as refused, instance.context(Caller(gone, "cli")) as ctx:
        identity.people(ctx)
    assert refused.value.facts["rule"] == "inactive-person"


def test_a_durable_entry_survives_the_refusal_of_its_transaction(acting: Acting) -> None:
    with pytest.raises(Invalid), acting("admin") as ctx:
        ctx.audit.now("thing.seen", "thing:3")
        raise Invalid("No.", next_step="Do otherwise.")
    with acting("admin") as ctx:
        assert len(audit.recent(ctx.db, verb="thing.seen")) == 1


def test_the_demo_people_are_who_they_say(acting: Acting) -> None:
    with acting("admin") as ctx:
        assert {person.id for person in identity.people(ctx)} == {person.id for person in PEOPLE}
