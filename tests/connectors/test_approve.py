"""The first write of a version waits for a yes of whoever answers for the other system, who sees what it sends."""

import json

import pytest

from handrail import connectors
from handrail.kernel import Conflict, Instance, Invalid, NotAllowed, NotFound, NotReady, identity, trail
from handrail.server import application
from tests.conftest import Acting
from tests.connectors.conftest import CALLS, SECRET, Runs, define, got
from tests.connectors.upstream import Upstream
from tests.web import Client

TICKET = {"customer": 7, "email": "ann@example.org", "text": "It broke"}


def first(running: Runs, says: str = "nobody said yes") -> str:
    """Try a write that is stopped; the id of what waits."""
    with running() as ctx, pytest.raises(NotReady, match=says) as refused:
        got(ctx, "/tickets", "POST", json=TICKET)
    assert "/connectors/crm/approvals/write" in refused.value.next_step
    return str(refused.value.facts["approval"])


def test_nothing_is_sent_before_the_yes_and_then_it_goes_through(
    acting: Acting, running: Runs, upstream: Upstream
) -> None:
    write = first(running)
    assert first(running) == write  # asked once, however often it is tried
    with acting("steward.sales") as ctx:
        (waits,) = connectors.waiting(ctx)
        one = connectors.approval(ctx, "crm", write)
    assert waits == one
    assert one.preview.startswith(f"POST http://{upstream.host}/tickets\n")
    assert "It broke" in one.preview
    assert "ann@example.org" not in one.preview
    assert SECRET not in one.preview
    assert upstream.called == []
    with acting("steward.sales") as ctx:
        connectors.approve_write(ctx, "crm", write, "As agreed.")
    for person in ("viewer.emea", "viewer.apac"):
        with running(person) as ctx:
            assert got(ctx, "/tickets", "POST", json=TICKET).status == 200
    assert [json.loads(one.body) for one in upstream.called] == [TICKET, TICKET]
    with acting("compliance") as ctx:
        verbs = [entry.verb for entry in trail.entries(ctx, verb="connector.")]
    assert verbs.count("connector.write_asked") == 1
    assert verbs.count("connector.write_approved") == 1


def test_a_no_has_a_reason_that_the_app_is_told(acting: Acting, running: Runs, upstream: Upstream) -> None:
    write = first(running)
    with acting("steward.hr") as ctx, pytest.raises(Invalid, match="why not"):
        connectors.refuse_write(ctx, "crm", write, " ")
    with acting("steward.hr") as ctx:
        connectors.refuse_write(ctx, "crm", write, "Use the form.")
    with running() as ctx, pytest.raises(NotAllowed, match=r"steward.hr said no .* Use the form\."):
        got(ctx, "/tickets", "POST", json=TICKET)
    with acting("steward.sales") as ctx, pytest.raises(Conflict, match="answered this already"):
        connectors.approve_write(ctx, "crm", write)
    assert upstream.called == []


def test_only_who_answers_for_it_decides_and_never_over_an_app_of_their_own(
    acting: Acting, running: Runs
) -> None:
    write = first(running)
    for person in ("admin", "reviewer.platform", "viewer.emea"):
        with acting(person) as ctx, pytest.raises(NotAllowed, match=r"is decided by steward.sales"):
            connectors.approve_write(ctx, "crm", write)
    with acting("maker.sales") as ctx:  # its maker sees what waits
        assert connectors.approval(ctx, "crm", write).state == "waiting"
        assert connectors.waiting(ctx) == ()
    with acting("viewer.emea") as ctx, pytest.raises(NotAllowed):
        connectors.approval(ctx, "crm", write)
    with acting("steward.sales") as ctx, pytest.raises(NotFound):
        connectors.approve_write(ctx, "crm", "write_none")


def test_the_makers_yes_does_not_count_though_they_own_the_connector(
    acting: Acting, running: Runs, upstream: Upstream
) -> None:
    define(acting, upstream.host, ("owner: steward.sales", "owner: maker.sales"))
    write = first(running)
    with acting("maker.sales") as ctx, pytest.raises(NotAllowed, match="owns the app"):
        connectors.approve_write(ctx, "crm", write)
    with acting("steward.hr") as ctx:
        connectors.approve_write(ctx, "crm", write)


def test_a_yes_counts_for_one_version_one_call_and_one_target(
    acting: Acting, running: Runs, upstream: Upstream
) -> None:
    write = first(running)
    with acting("steward.sales") as ctx:
        connectors.approve_write(ctx, "crm", write)
    deleting = CALLS.replace(
        'writes = ["POST /tickets"]', 'writes = ["POST /tickets", "DELETE /tickets/{id}"]'
    )
    with running(calls=deleting) as ctx, pytest.raises(NotReady):
        got(ctx, "/tickets/7", "DELETE")
    with running(commit="another") as ctx, pytest.raises(NotReady):
        got(ctx, "/tickets", "POST", json=TICKET)
    define(acting, upstream.host, ("seconds: 20", "seconds: 30"))
    with running() as ctx:
        got(ctx, "/tickets", "POST", json=TICKET)
    elsewhere = f"localhost:{upstream.port}"
    define(acting, elsewhere)
    again = first(running)
    assert again != write
    define(acting, upstream.host)
    with acting("steward.sales") as ctx, pytest.raises(Conflict, match="leads elsewhere"):
        connectors.approve_write(ctx, "crm", again)
    assert len(upstream.called) == 1


def test_the_pages_show_what_waits_and_take_the_answer(
    instance: Instance, acting: Acting, running: Runs, upstream: Upstream
) -> None:
    client = Client(application(instance))
    with acting("admin") as ctx:
        link = identity.issue_link(ctx, "steward.sales")
    client.post("/sign-in/link", data={"token": link})
    assert "No app has asked to write" in client.get("/connectors/crm").text
    assert 'href="/apps/desk"' in client.get("/connectors/crm").text  # it declares the connector
    write = first(running)
    assert f"/connectors/crm/approvals/{write}" in client.get("/").text
    assert write in client.get("/connectors").text
    page = client.get(f"/connectors/crm/approvals/{write}").text
    assert "It broke" in page
    assert SECRET not in page + client.get("/connectors/crm").text
    answer = client.post(f"/connectors/crm/approvals/{write}/approve", data={"reason": "Fine."})
    assert answer.status_code == 200
    assert "said yes" in answer.text
    with running() as ctx:
        got(ctx, "/tickets", "POST", json=TICKET)
    assert "POST /tickets" in client.get("/connectors/crm").text
    wrong = client.post("/connectors", data={"name": "erp", "content": "says: x\nhots: y\n"})
    assert "line 2" in wrong.text
