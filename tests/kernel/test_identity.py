"""Identity: passwords, links, sessions and tokens, and how each of them ends."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from importlib import import_module

import pytest

from handrail.kernel import (
    SYSTEM,
    Caller,
    Conflict,
    Context,
    Instance,
    Invalid,
    LimitReached,
    NotAllowed,
    NotFound,
    Person,
    identity,
)
from tests import forked
from tests.conftest import Acting

CHECKING = import_module("handrail.kernel.identity.sign_in")  # its package has a function of this name
PASSWORD = "correct horse battery"


class Later:
    """A clock that runs ahead."""

    def __init__(self, clock: object, **ahead: float) -> None:
        self._clock, self._ahead = clock, timedelta(**ahead)

    def now(self) -> datetime:
        return self._clock.now() + self._ahead  # type: ignore[attr-defined,no-any-return]


@pytest.fixture
def cookie(instance: Instance, acting: Acting) -> str:
    with acting("admin") as ctx:
        identity.set_password(ctx, "maker.sales", PASSWORD)
    with instance.context(SYSTEM) as ctx:
        return identity.sign_in(ctx, "Maker.Sales@meridian.example", PASSWORD)


def test_a_password_costs_who_guesses_it_memory_and_time() -> None:
    """As Handrail is shipped: in this process the tests have made it cheap."""
    told = forked.run(
        "from importlib import import_module\n"
        "for name in ('manage', 'sign_in'):\n"
        "    hasher = import_module(f'handrail.kernel.identity.{name}').HASHER\n"
        "    print(hasher.type.name, hasher.memory_cost >= 19 * 1024, hasher.time_cost >= 2)\n"
    )
    assert told.stdout == "ID True True\n" * 2, told.stderr  # no less than OWASP asks for


def holder(instance: Instance, cookie: str) -> str | None:
    with instance.context(SYSTEM) as ctx:
        found = identity.session(ctx, cookie, "web")
    return found[0].person.id if found else None


def test_a_password_opens_a_session(instance: Instance, cookie: str) -> None:
    assert holder(instance, cookie) == "maker.sales"


@pytest.mark.parametrize(
    "email", ["maker.sales@meridian.example", "nobody@meridian.example", "lead@meridian.example"]
)
def test_a_wrong_password_an_unknown_address_and_a_missing_password_sound_alike(
    instance: Instance, cookie: str, email: str
) -> None:
    with pytest.raises(NotAllowed, match="do not belong together"), instance.context(SYSTEM) as ctx:
        identity.sign_in(ctx, email, "wrong")


def test_guessing_is_stopped_even_with_the_right_password(instance: Instance, cookie: str) -> None:
    for _ in range(instance.settings.identity.sign_in_attempts):
        with pytest.raises(NotAllowed), instance.context(SYSTEM) as ctx:
            identity.sign_in(ctx, "maker.sales@meridian.example", "wrong")
    with pytest.raises(LimitReached), instance.context(SYSTEM) as ctx:
        identity.sign_in(ctx, "maker.sales@meridian.example", PASSWORD)


def test_a_crowd_that_guesses_takes_only_so_much_of_the_machine(
    instance: Instance, cookie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CHECKING, "_PATIENCE", 0.01)
    with ExitStack() as crowd:
        for _ in range(CHECKING._AT_ONCE):
            crowd.enter_context(CHECKING._turn())
        with pytest.raises(LimitReached, match="at this moment"), instance.context(SYSTEM) as ctx:
            identity.sign_in(ctx, "maker.sales@meridian.example", PASSWORD)
    with instance.context(SYSTEM) as ctx:
        assert identity.sign_in(ctx, "maker.sales@meridian.example", PASSWORD)


@pytest.mark.parametrize(
    "forge", [lambda c: c[:-1], lambda c: c.replace("session_", "session_x"), lambda _: "a.b.c", lambda _: ""]
)
def test_a_forged_cookie_opens_nothing(instance: Instance, cookie: str, forge: object) -> None:
    assert holder(instance, forge(cookie)) is None  # type: ignore[operator]


def test_a_session_rotates_and_the_cookie_before_stays_good_once(instance: Instance, cookie: str) -> None:
    instance.clock = Later(instance.clock, minutes=20)
    with instance.context(SYSTEM) as ctx:
        found = identity.session(ctx, cookie, "web")
    assert found and found[1] and found[1] != cookie
    assert holder(instance, cookie) == "maker.sales"
    instance.clock = Later(instance.clock, minutes=20)
    with instance.context(SYSTEM) as ctx:
        again = identity.session(ctx, found[1], "web")
    assert again and again[1]
    assert holder(instance, cookie) is None


def test_a_session_ends_by_time_by_sign_out_and_by_leaving(
    instance: Instance, acting: Acting, cookie: str
) -> None:
    with acting("maker.sales") as ctx:
        identity.sign_out(ctx, cookie)
    assert holder(instance, cookie) is None
    with instance.context(SYSTEM) as ctx:
        second = identity.sign_in(ctx, "maker.sales@meridian.example", PASSWORD)
    with acting("admin") as ctx:
        leaver = identity.found(ctx, "maker.sales")
        identity.change_person(ctx, Person(leaver.id, leaver.name, leaver.email, active=False))
    assert holder(instance, second) is None


def test_a_link_works_once_and_not_after_its_time(instance: Instance, acting: Acting) -> None:
    with acting("admin") as ctx:
        once, late = identity.issue_link(ctx, "lead"), identity.issue_link(ctx, "lead")
    with instance.context(SYSTEM) as ctx:
        assert identity.use_link(ctx, once)
    with pytest.raises(NotAllowed), instance.context(SYSTEM) as ctx:
        identity.use_link(ctx, once)
    instance.clock = Later(instance.clock, hours=2)
    with pytest.raises(NotAllowed), instance.context(SYSTEM) as ctx:
        identity.use_link(ctx, late)


def test_only_admins_make_links(acting: Acting) -> None:
    with pytest.raises(NotAllowed), acting("maker.sales") as ctx:
        identity.issue_link(ctx, "admin")


def test_a_token_is_its_person_within_its_scopes(instance: Instance, acting: Acting) -> None:
    with acting("admin") as ctx:
        _, secret = identity.issue_token(ctx, "laptop", scopes=["query"])
    with instance.context(SYSTEM) as ctx:
        caller = identity.by_token(ctx, secret, "rest")
    assert caller == Caller(caller.person, "rest", frozenset({"query"})) if caller else False
    assert caller is not None
    with (
        pytest.raises(NotAllowed, match="This token may not"),
        instance.context(caller) as ctx,
    ):
        identity.add_person(ctx, Person("x", "X", "x@meridian.example"))


def test_a_revoked_and_an_expired_token_open_nothing(instance: Instance, acting: Acting) -> None:
    with acting("maker.sales") as ctx:
        token, secret = identity.issue_token(ctx, "laptop")
        _, short = identity.issue_token(ctx, "today", days=1)
    with acting("maker.sales") as ctx:
        identity.revoke_token(ctx, token.id)
    instance.clock = Later(instance.clock, days=2)
    with instance.context(SYSTEM) as ctx:
        assert identity.by_token(ctx, secret, "rest") is None
        assert identity.by_token(ctx, short, "rest") is None
        assert identity.by_token(ctx, "hr_unknown", "rest") is None


def test_a_narrow_token_cannot_make_a_wider_one(instance: Instance, acting: Acting) -> None:
    with acting("maker.sales") as ctx:
        _, secret = identity.issue_token(ctx, "ci", scopes=["manage-tokens"])
    with instance.context(SYSTEM) as ctx:
        caller = identity.by_token(ctx, secret, "rest")
    assert caller
    with pytest.raises(Invalid, match="may do more"), instance.context(caller) as ctx:
        identity.issue_token(ctx, "all")


@pytest.mark.parametrize("person", ["admin", "viewer.emea"])
@pytest.mark.parametrize(
    "credential",
    [
        lambda ctx: identity.set_password(ctx, ctx.caller.person.id, PASSWORD),
        lambda ctx: identity.set_password(ctx, "maker.sales", PASSWORD),
        lambda ctx: identity.issue_link(ctx, "maker.sales"),
        lambda ctx: identity.add_person(ctx, Person("eve", "Eve", "eve@meridian.example"), PASSWORD),
    ],
    ids=["own password", "another's password", "link", "new account"],
)
def test_a_token_that_is_bound_to_a_purpose_makes_no_way_in_that_is_not(
    instance: Instance, acting: Acting, person: str, credential: Callable[[Context], object]
) -> None:
    with acting(person) as ctx:
        _, secret = identity.issue_token(ctx, "spreadsheet", scopes=["purpose:sales-reporting"])
    with instance.context(SYSTEM) as ctx:
        caller = identity.by_token(ctx, secret, "rest")
    assert caller and caller.narrowed
    with pytest.raises(NotAllowed), instance.context(caller) as ctx:
        credential(ctx)


def test_somebody_elses_token_cannot_be_revoked(acting: Acting) -> None:
    with acting("maker.sales") as ctx:
        token, _ = identity.issue_token(ctx, "laptop")
    with pytest.raises(NotFound), acting("maker.ops") as ctx:
        identity.revoke_token(ctx, token.id)


def test_no_secret_is_kept_or_put_on_the_trail(instance: Instance, acting: Acting, cookie: str) -> None:
    with acting("admin") as ctx:
        _, secret = identity.issue_token(ctx, "laptop")
        link = identity.issue_link(ctx, "lead")
    home = instance.settings.home
    content = b"".join(file.read_bytes() for file in home.glob("handrail.db*"))
    for hidden in (PASSWORD, secret, link, cookie, cookie.split(".")[1]):
        assert hidden.encode() not in content


def test_there_is_one_first_admin(instance: Instance) -> None:
    with pytest.raises(Conflict), instance.context(SYSTEM) as ctx:
        identity.first_admin(ctx, Person("second", "Second", "second@meridian.example", frozenset({"admin"})))


@pytest.mark.parametrize(
    "person",
    [
        Person("Has Space", "X", "x@meridian.example"),
        Person("x", "X", "no address"),
        Person("x", "X", "x@meridian.example", frozenset({"king"})),
    ],
)
def test_a_person_who_makes_no_sense_is_refused(acting: Acting, person: Person) -> None:
    with pytest.raises(Invalid), acting("admin") as ctx:
        identity.add_person(ctx, person)


def test_addresses_and_attributes_of_colleagues_are_for_admins(acting: Acting) -> None:
    with acting("viewer.apac") as ctx:
        seen = {person.id: person for person in identity.people(ctx)}
    assert (seen["viewer.emea"].name, seen["viewer.emea"].email) == ("Emil Viewer", "")
    assert not any(person.attributes for person in seen.values())
    with acting("admin") as ctx:
        everything = {person.id: person for person in identity.people(ctx)}
    assert everything["viewer.emea"].attributes == {"region": "EMEA"}
