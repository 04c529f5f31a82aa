"""Hosts that do runs are listed as they are, and one whose sandboxes do not hold leaves runs to others."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from handrail import runtime
from handrail.faces import web
from handrail.kernel import SYSTEM, Caller, Instance, Manifest, NotAllowed, Upstream, identity, storage
from handrail.runtime import Host, Run, lease, lease_store, store, supervise, workers_pages
from handrail.runtime.attend import Attendance
from handrail.runtime.execute import claim
from handrail.runtime.supervise import take_one
from tests.conftest import PEOPLE, Acting
from tests.runtime.conftest import Start
from tests.web import Client

ELSEWHERE = f"another-host {'0' * 8} 1 1"


def appears(instance: Instance, **about: Any) -> None:
    """A host on another machine says how it is."""
    usual = {
        "holder": ELSEWHERE, "name": "worker-1", "kind": "worker", "version": "1", "capacity": 2, "ahead_ms": 3,
        "sound": True, "finding": "240 of 240 attacks found nothing", "state": "taking",
    }  # fmt: skip
    with instance.context(SYSTEM) as ctx:
        lease_store.appear(ctx, {**usual, **about})


def silent(instance: Instance, seconds: float) -> None:
    with instance.context(SYSTEM) as ctx:
        ctx.db.execute(sa.update(lease_store.hosts).values(seen=storage.database_now(-seconds)))


def listed(acting: Acting, name: str = "worker-1") -> Host:
    with acting("compliance") as ctx:
        return next(host for host in runtime.workers(ctx).hosts if host.name == name)


def test_a_host_is_listed_with_what_it_does_and_how_it_is(
    instance: Instance, start: Start, acting: Acting
) -> None:
    run = start("print(1)")
    appears(instance)
    with instance.context(SYSTEM) as ctx:
        lease_store.claim(ctx, run.id, ELSEWHERE, 60, True)
    found = listed(acting)
    assert (found.state, found.kind, found.capacity, found.clock) == ("taking", "worker", 2, "right")
    assert [(one.run, one.app) for one in found.runs] == [(run.id, "tried")]


WEB = Manifest.render("opened").replace('kind = "job"', 'kind = "web"')


def test_web_apps_that_are_awake_are_listed_apart_from_runs_and_take_places(
    instance: Instance, start: Start, acting: Acting
) -> None:
    job, app, static = (start("print(1)") for _ in range(3))
    appears(instance, places=24, address="10.0.0.2:8444", room=False)
    with instance.context(SYSTEM) as ctx:
        for one, kind in ((app, "web"), (static, "static")):
            manifest = WEB.replace('"web"', f'"{kind}"')
            ctx.db.execute(sa.update(store.runs).where(store.runs.c.id == one.id).values(manifest=manifest))
        for one in (job, app, static):
            lease_store.claim(ctx, one.id, ELSEWHERE, 60, True)
    found = listed(acting)
    assert [one.run for one in found.runs] == [job.id]
    assert sorted(one.run for one in found.apps) == sorted([app.id, static.id])
    assert (found.taken, found.places, found.room, found.address) == (1, 24, False, "10.0.0.2:8444")


@pytest.mark.parametrize(
    ("about", "seconds", "state"),
    [
        ({}, 0, "taking"),
        ({"sound": False, "finding": "not examined yet"}, 0, "unfit"),
        ({"state": "draining"}, 0, "draining"),
        ({"state": "stopped"}, 100, "stopped"),
        ({}, 60, "gone"),
        ({"sound": False}, 60, "gone"),
    ],
)
def test_the_state_of_a_host(
    instance: Instance, acting: Acting, about: Any, seconds: int, state: str
) -> None:
    appears(instance, **about)
    silent(instance, seconds)
    assert listed(acting).state == state


class Ahead:
    """A clock that goes wrong."""

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(hours=1)


def test_a_wrong_clock_is_said(instance: Instance, acting: Acting) -> None:
    instance.clock = Ahead()
    here = Attendance(instance, "server", 2)
    here.tell()
    with acting("compliance") as ctx:
        (found,) = runtime.workers(ctx).hosts
    assert found.clock.endswith("s ahead")
    assert found.id == lease.mine()
    here.stop()


def test_a_host_that_was_restarted_is_listed_once(instance: Instance, acting: Acting) -> None:
    appears(instance)
    silent(instance, 60)
    appears(instance, holder=ELSEWHERE.replace(" 1 1", " 2 2"))
    with acting("compliance") as ctx:
        assert [host.id.split(" ")[2] for host in runtime.workers(ctx).hosts] == ["2"]


def unsound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "condition", lambda _: (False, "an attack got out"))


def test_a_host_whose_sandboxes_do_not_hold_takes_no_run_while_another_can(
    instance: Instance, start: Start, acting: Acting, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsound(monkeypatch)
    appears(instance)
    run = start("print(1)")
    assert not take_one(instance, threading.Event())
    silent(instance, 600)  # it has only restarted, perhaps
    assert not take_one(instance, threading.Event())
    assert _state(acting, run) == "queued"
    silent(instance, 7200)
    assert take_one(instance, threading.Event())
    assert _state(acting, run) != "queued"


def test_a_host_that_lacks_what_runs_need_takes_none(
    instance: Instance, start: Start, acting: Acting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervise, "_UNPREPARED", 0.0)
    run = start("print(1)")

    def unreachable() -> None:
        raise Upstream("Nobody lends.", next_step="Wait.")

    assert not take_one(instance, threading.Event(), unreachable)
    assert _state(acting, run) == "queued"
    assert claim(instance) is not None


def _state(acting: Acting, run: Run) -> str:
    with acting(run.person) as ctx:
        return runtime.run(ctx, run.id).state


def test_makers_are_not_told_of_hosts(acting: Acting) -> None:
    with pytest.raises(NotAllowed), acting("maker.sales") as ctx:
        runtime.workers(ctx)


def test_the_page_says_what_the_verb_does(instance: Instance) -> None:
    appears(instance, ahead_ms=-90_000, sound=False, finding="3 attacks got out of a sandbox")
    appears(
        instance, holder="other boot 1 1", name="worker-2", places=24, room=False, address="10.0.0.2:8444"
    )
    client = Client(web.build(instance, lambda: [workers_pages.router]), follow_redirects=False)
    with instance.context(Caller(PEOPLE[0], "cli")) as ctx:
        token = identity.issue_link(ctx, "compliance")
    assert client.get("/sign-in/link", params={"token": token}).status_code == 303
    page = client.get("/workers").text
    for said in ("worker-1", "takes none", "90 s behind", "3 attacks got out of a sandbox", "No run waits."):
        assert said in page
    for said in ("0 of 24", "full", "10.0.0.2:8444", "A worker has web apps once"):
        assert said in page
