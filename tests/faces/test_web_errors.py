"""Every way to fail has one shape for people, one for programs and one for git."""

from collections.abc import Callable

import pytest

from tests.faces.conftest import SignedIn
from tests.web import Client


def test_a_page_asked_by_nobody_leads_to_the_sign_in_and_back(open_client: Callable[[], Client]) -> None:
    answer = open_client().get("/audit?verb=a&subject=b c")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=%2Faudit%3Fverb%3Da%26subject%3Db%2520c"


def test_a_part_of_a_page_asked_by_nobody_leads_the_whole_page_to_the_sign_in(
    open_client: Callable[[], Client],
) -> None:
    answer = open_client().get("/audit", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/sign-in")


def test_a_program_asked_by_nobody_gets_401_and_what_to_do(open_client: Callable[[], Client]) -> None:
    answer = open_client().get("/api/v1/me")
    assert answer.status_code == 401 and answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "not_signed_in" and answer.json()["next_step"]
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_git_is_asked_for_a_token(open_client: Callable[[], Client]) -> None:
    assert open_client().get("/git/x.git/info/refs").status_code in (401, 404)


def test_an_unknown_address_is_a_page_to_people_and_a_problem_to_programs(signed_in: SignedIn) -> None:
    client = signed_in("maker.sales")
    page = client.get("/nowhere")
    assert page.status_code == 404 and "There is no page at this address." in page.text
    problem = client.get("/api/v1/nowhere")
    assert (
        problem.status_code == 404 and problem.json()["code"] == "not_found" and problem.json()["next_step"]
    )


@pytest.mark.parametrize("path", ["/probe/bug", "/api/v1/probe/bug"])
def test_a_bug_says_that_it_is_ours_and_nothing_of_itself(signed_in: SignedIn, path: str) -> None:
    answer = signed_in("maker.sales").get(path)
    assert answer.status_code == 500
    assert "hunter2" not in answer.text and "RuntimeError" not in answer.text
    assert "reference" in answer.text


def test_input_that_cannot_be_read_is_refused_with_its_place(signed_in: SignedIn) -> None:
    client = signed_in("maker.sales")
    answer = client.post("/api/v1/tokens", json={"nam": "x"})
    assert (
        answer.status_code == 422 and answer.json()["code"] == "invalid" and "name" in answer.json()["detail"]
    )
    assert client.get("/audit?before=soon").status_code == 422


def test_a_refusal_reads_the_same_on_a_page_and_in_a_dialog(signed_in: SignedIn) -> None:
    client = signed_in("maker.sales")
    whole = client.post("/probe/refused")
    dialog = client.post("/probe/refused", headers={"X-Handrail-Form": "1"})
    for answer in (whole, dialog):
        assert answer.status_code == 409
        assert "The probe is not ready." in answer.text and "Warm it up." in answer.text
    assert "<html" in whole.text and "<html" not in dialog.text


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/query", '{"sql": "SELECT 1", "purpose": "\\ud800"}'),
        ("/api/v1/query", '{"metric": {"name": "x", "where": {"\\ud800": "\\ud800"}}, "purpose": "finance"}'),
        ("/api/v1/apps/\\ud800/ask", '{"commit": "\\ud800"}'),
        ("/api/v1/tokens", '{"name": "\\ud800"}'),
    ],
)
def test_half_a_character_is_refused_and_breaks_nothing(signed_in: SignedIn, path: str, body: str) -> None:
    answer = signed_in("maker.sales").post(path, content=body, headers={"Content-Type": "application/json"})
    assert 400 <= answer.status_code < 500 and answer.json()["next_step"]
