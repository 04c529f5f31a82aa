"""The rooms' addresses are loaded while the server already answers."""

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi import APIRouter

from handrail import kit
from handrail.faces import web
from handrail.kernel import Instance, identity
from tests.conftest import Acting
from tests.web import Client

PATIENCE = 30


def room() -> APIRouter:
    router = kit.rest("/api/v1/attic", "attic")

    @router.get("/boxes")
    def boxes(ctx: kit.Ctx) -> list[str]:
        """What is up there."""
        return [ctx.caller.person.name]

    return router


@pytest.fixture
def bearer(acting: Acting) -> dict[str, str]:
    """What a program of maker.sales sends to be known."""
    with acting("maker.sales") as ctx:
        return {"Authorization": f"Bearer {identity.issue_token(ctx, 'test')[1]}"}


class Slow:
    """Rooms that load once they are let."""

    def __init__(self) -> None:
        self.let, self.asked, self.loaded = threading.Event(), threading.Event(), 0

    def __call__(self) -> Iterable[APIRouter]:
        self.asked.set()
        assert self.let.wait(PATIENCE)
        self.loaded += 1
        return [room()]


def test_pages_of_our_own_answer_before_the_rooms_are_loaded_and_a_room_waits_for_them(
    instance: Instance, bearer: dict[str, str]
) -> None:
    slow = Slow()
    client = Client(web.build(instance, slow))
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(client.get, "/api/v1/attic/boxes", headers=bearer) for _ in range(3)]
        try:
            assert slow.asked.wait(PATIENCE)
            owns = [client.get(own).status_code for own in ("/healthz", "/sign-in", "/static/kit.css")]
            assert (owns, slow.loaded) == ([200, 200, 200], 0)
        finally:
            slow.let.set()
        assert [one.result(PATIENCE).status_code for one in waiting] == [200, 200, 200]
        assert slow.loaded == 1


def test_the_description_for_programs_names_what_no_request_has_loaded(instance: Instance) -> None:
    app = web.build(instance, lambda: [room()])
    assert "/api/v1/attic/boxes" in app.openapi()["paths"]


def test_an_address_that_nobody_has_is_looked_for_in_every_room(
    instance: Instance, bearer: dict[str, str]
) -> None:
    app = web.build(instance, lambda: [room()])
    answer = Client(app).get("/nowhere", headers=bearer)
    assert (answer.status_code, app.state.rooms.are_open) == (404, True)


def test_rooms_that_do_not_load_are_no_answer_and_are_tried_again(instance: Instance) -> None:
    tries = []

    def load() -> Iterable[APIRouter]:
        tries.append(1)
        if len(tries) == 1:
            raise ImportError("a file is broken")
        return [room()]

    rooms = web.build(instance, load).state.rooms
    with pytest.raises(ImportError):
        rooms.open()
    rooms.open()
    assert (rooms.are_open, len(tries)) == (True, 2)
