"""The context of a request: one transaction, over before the answer leaves."""

import sqlalchemy as sa
from fastapi import Request
from fastapi.responses import Response

from handrail import kit
from handrail.kernel import Instance, NotReady, trail
from tests.kit.asking import client


def notes(instance: Instance) -> list[str]:
    with instance.engine.connect() as db:
        return list(db.execute(sa.text("SELECT verb FROM audit_entries ORDER BY seq")).scalars())


def test_what_a_page_did_is_committed_before_its_answer_is_sent(instance: Instance) -> None:
    def page(ctx: kit.Ctx) -> dict[str, str]:
        ctx.audit.note("thing.made", "thing:1")
        return {"made": "yes"}

    assert client(instance, "maker.sales", page).get("/x").status_code == 200
    assert "thing.made" in notes(instance)


def test_a_commit_that_fails_is_an_error_and_never_a_success(instance: Instance) -> None:
    def page(ctx: kit.Ctx) -> dict[str, str]:
        # A deferred constraint is checked at COMMIT, after the endpoint has returned its success.
        ctx.db.execute(sa.text("PRAGMA defer_foreign_keys = ON"))
        ctx.db.execute(
            sa.text(
                "INSERT INTO sessions (id, person, hash, rotated, expires)"
                " VALUES ('s', 'nobody.there', 'h', '2026-01-01', '2026-01-01')"
            )
        )
        return {"made": "yes"}

    answer = client(instance, "maker.sales", page).get("/x")
    assert answer.status_code == 500
    assert "made" not in answer.text


def test_a_refusal_undoes_what_the_page_did_and_stands_on_the_trail(instance: Instance) -> None:
    def page(ctx: kit.Ctx) -> None:
        ctx.audit.note("thing.made", "thing:1")
        raise NotReady("The thing is not ready.", next_step="Wait for it.")

    answer = client(instance, "maker.sales", page).get("/x")
    assert answer.status_code == 409
    assert "The thing is not ready." in answer.text and "Wait for it." in answer.text
    assert "thing.made" not in notes(instance)
    assert notes(instance)[-1] == "request.refused"


def test_a_refused_form_of_ours_is_answered_with_a_dialog_alone(instance: Instance) -> None:
    def page(ctx: kit.Ctx) -> None:
        raise NotReady("The thing is not ready.", next_step="Wait for it.")

    answer = client(instance, "maker.sales", page).post("/x", headers={"X-Handrail-Form": "1"})
    assert answer.status_code == 409
    assert answer.text.lstrip().startswith("<dialog") and "<html" not in answer.text


def test_without_a_caller_no_context_is_opened(instance: Instance) -> None:
    opened: list[bool] = []

    def page(ctx: kit.Ctx, request: Request) -> Response:
        opened.append(True)
        return kit.back(request, "/")

    assert client(instance, None, page).get("/x").status_code == 500  # NotSignedIn, which faces/web renders
    assert not opened


def test_the_trail_that_a_page_reads_is_that_of_its_caller(instance: Instance) -> None:
    def page(ctx: kit.Ctx) -> dict[str, int]:
        return {"entries": len(trail.entries(ctx, person="maker.sales"))}

    assert client(instance, "maker.sales", page).get("/x").json()["entries"] == 0
