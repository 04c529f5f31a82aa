"""A word after a redirect: shown once, and never somebody else's word."""

import base64
import time

import pytest
from fastapi import Request
from fastapi.responses import Response

from handrail import kit
from handrail.kernel import Instance
from tests.kit.asking import client


def page(ctx: kit.Ctx, request: Request) -> Response:
    if request.method == "POST":
        return kit.back(request, "/x", toast="Version 3 is pushed.")
    return kit.render(request, "kit/page.html")


def test_a_toast_is_shown_after_the_redirect_and_only_once(instance: Instance) -> None:
    browser = client(instance, "maker.sales", page)
    answer = browser.post("/x")
    assert (answer.status_code, answer.headers["location"]) == (303, "/x")
    assert "Version 3 is pushed." in browser.get("/x").text
    assert "Version 3 is pushed." not in browser.get("/x").text


def test_our_form_script_is_told_where_to_go_because_it_cannot_follow(instance: Instance) -> None:
    answer = client(instance, "maker.sales", page).post("/x", headers={"X-Handrail-Form": "1"})
    assert answer.json() == {"location": "/x"}


@pytest.mark.parametrize("cookie", ["", "x", "x.y", "....", "é.é"])
def test_a_damaged_toast_is_ignored(instance: Instance, cookie: str) -> None:
    browser = client(instance, "maker.sales", page)
    answer = browser.get("/x", headers={"Cookie": f"handrail_toast={cookie}".encode()})
    assert answer.status_code == 200


def test_a_toast_with_a_forged_signature_is_ignored(instance: Instance) -> None:
    text = f'{int(time.time())} ["Send your password to evil.example", "bad"]'
    body = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    browser = client(instance, "maker.sales", page)
    answer = browser.get("/x", headers={"Cookie": f"handrail_toast={body}.{'0' * 64}"})
    assert "evil.example" not in answer.text


@pytest.mark.parametrize(
    "url", ["https://evil.example", "//evil.example", "/\\evil.example", "/x\r\nSet-Cookie: a=b", "evil", ""]
)
def test_back_leads_nowhere_but_here(instance: Instance, url: str) -> None:
    def away(ctx: kit.Ctx, request: Request) -> Response:
        return kit.back(request, url)

    assert client(instance, "maker.sales", away).post("/x").status_code == 500
    assert not kit.is_local(url)


def test_what_a_toast_says_is_text_and_not_markup(instance: Instance) -> None:
    def hostile(ctx: kit.Ctx, request: Request) -> Response:
        if request.method == "POST":
            return kit.back(request, "/x", toast="<script>alert(1)</script>")
        return kit.render(request, "kit/page.html")

    browser = client(instance, "maker.sales", hostile)
    browser.post("/x")
    assert "&lt;script&gt;alert(1)" in browser.get("/x").text
