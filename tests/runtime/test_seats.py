"""Who is at a hosted app, and the words by which it asks for them."""

import socket
from typing import cast

from handrail.kernel import Caller
from handrail.kernel.people import Person
from handrail.runtime import lease
from handrail.runtime.execute import Hosting
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


def test_nobody_is_led_to_an_app_in_the_last_second_of_its_lease() -> None:
    """Whoever comes then could still be at it when another host may have it."""
    app, until = hosted(), lease.now() + 60
    app.hosting.good_until = lambda: until
    assert not app.going
    until = lease.now() + 0.5
    assert app.going
