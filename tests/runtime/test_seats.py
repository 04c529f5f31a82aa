"""Who is at a hosted app, and the words by which it asks for them."""

import socket
from dataclasses import replace
from typing import cast

import pytest

from handrail.kernel import Caller, Instance, LimitReached
from handrail.kernel.people import Person
from handrail.runtime.execute import Hosting
from handrail.runtime.hosts import Hosts
from handrail.runtime.models import Run
from handrail.runtime.seats import Hosted, Seat


def hosted() -> Hosted:
    def nobody(word: str) -> Caller:
        raise AssertionError(word)

    seat = Seat("regions", "production", "", "c0ffee")
    return Hosted(seat, cast(Run, None), "", Hosting(socket.socket(socket.AF_UNIX), nobody), {})


def caller(person: str) -> Caller:
    return Caller(Person(person, person, f"{person}@example.com"), "socket")


def test_a_page_that_asks_without_end_makes_nothing_grow() -> None:
    app = hosted()
    with app.request(caller("viewer.emea")) as held:  # such as a WebSocket, all day
        for _ in range(1000):
            with app.request(caller("viewer.emea")) as word:
                assert word == held
            app.forget()
        assert len(app.callers) == len(app.words) == len(app.there) == 1


def test_each_has_a_word_of_their_own_and_another_one_when_they_come_again() -> None:
    app = hosted()
    with app.request(caller("viewer.emea")) as one, app.request(caller("viewer.apac")) as other:
        assert one != other
        assert app.callers[one].person.id == "viewer.emea" and app.callers[other].person.id == "viewer.apac"
    app.left = {person: left - 3600 for person, left in app.left.items()}
    app.forget()
    assert not app.callers and not app.words and not app.there
    with app.request(caller("viewer.emea")) as later:
        assert later not in (one, other)


def awake_for(whose: str, used: float, commit: str = "c0ffee") -> Hosted:
    app = hosted()
    app.seat, app.used = Seat(f"app-{whose}-{used}", "production", whose, commit), used
    return app


def test_who_has_as_many_places_as_one_may_gives_up_one_of_their_own(instance: Instance) -> None:
    limits = replace(instance.settings.runtime, hosted=5, hosted_each=2)
    instance.settings = replace(instance.settings, runtime=limits)
    hosts = Hosts(instance)
    older, newer, shared, others = (
        awake_for("viewer.emea", 2), awake_for("viewer.emea", 3), awake_for("", 1), awake_for("viewer.apac", 0)
    )  # fmt: skip
    hosts._awake = {one.seat: one for one in (older, newer, shared, others)}
    wanted = Seat("one-more", "production", "viewer.emea", "c0ffee")
    with older.request(caller("viewer.emea")), newer.request(caller("viewer.emea")):
        with pytest.raises(LimitReached, match="2 apps are awake for you"):
            hosts._make_room(wanted)
        hosts._make_room(replace(wanted, whose="viewer.apac"))
        hosts._make_room(replace(wanted, whose=""))
    assert not any(one.going for one in (older, newer, shared, others))
    older.used, newer.used = 2, 3
    hosts._make_room(wanted)
    assert [one.going for one in (older, newer, shared, others)] == [True, False, False, False]
