"""Routers: what an address takes is found out when it is first asked, and then as FastAPI would have it."""

from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import pytest
from fastapi import FastAPI, Query
from pydantic import BaseModel
from starlette.testclient import TestClient

from handrail import kit


class Order(BaseModel):
    number: int


def served() -> tuple[FastAPI, TestClient]:
    pages, rest = kit.pages(), kit.rest("/api/v1", "orders")

    @pages.get("/orders/{number}")
    def page(number: int, again: Annotated[int, Query(ge=1)] = 1) -> str:
        return f"{number} {again}"

    @rest.post("/orders", status_code=201)
    def order(order: Order) -> Order:
        """Take an order."""
        return order

    app = FastAPI()
    app.router.routes.extend([*pages.routes, *rest.routes])
    return app, TestClient(app)


def test_an_address_is_looked_into_when_it_is_first_asked_and_no_other() -> None:
    app, client = served()
    page, order = app.router.routes[-2:]
    assert "dependant" not in vars(page)
    assert client.get("/orders/7?again=2").json() == "7 2"
    assert "dependant" in vars(page)
    assert "dependant" not in vars(order)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/orders/7?again=0", None, 422),
        ("GET", "/orders/seven", None, 422),
        ("POST", "/orders/7", None, 405),
        ("POST", "/api/v1/orders", {"number": "x"}, 422),
        ("POST", "/api/v1/orders", {"number": 3}, 201),
        ("GET", "/nowhere", None, 404),
    ],
)
def test_the_first_request_is_checked_like_every_other(
    method: str, path: str, body: object, status: int
) -> None:
    client = served()[1]
    assert [client.request(method, path, json=body).status_code for _ in range(2)] == [status, status]


def test_the_description_for_programs_has_rest_and_no_page() -> None:
    described = served()[1].get("/openapi.json").json()
    assert list(described["paths"]) == ["/api/v1/orders"]
    assert described["paths"]["/api/v1/orders"]["post"]["description"] == "Take an order."
    assert described["paths"]["/api/v1/orders"]["post"]["tags"] == ["orders"]


def test_many_who_ask_first_at_once_are_all_answered() -> None:
    for _ in range(20):
        route = served()[0].router.routes[-1]
        with ThreadPoolExecutor(8) as pool:
            assert len({id(found) for found in pool.map(lambda _, r=route: r.dependant, range(8))}) == 1


def test_a_route_has_nothing_that_no_route_has_and_stays_what_it_is() -> None:
    app, client = served()
    order = app.router.routes[-1]
    for _ in range(2):
        with pytest.raises(AttributeError, match="nonsense"):
            _ = order.nonsense  # type: ignore[attr-defined]
    assert client.post("/api/v1/orders", json={"number": 3}).status_code == 201
