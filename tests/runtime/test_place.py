"""A web app is on one host at a time, whoever else believes that it is there."""

import threading
from dataclasses import replace

import pytest
import sqlalchemy as sa

from handrail import runtime
from handrail.kernel import SYSTEM, Instance, Manifest, storage
from handrail.kernel.held import Lost
from handrail.runtime import Elsewhere, Seat, close, lease, lease_store, seats_store, store
from handrail.runtime.mind import Holding
from handrail.runtime.reasons import Verdict
from tests.runtime.shared import acting, postgres, shared

__all__ = ["postgres", "shared"]

SEAT = Seat("tried", "sandbox", "", "c0ffee")
MANIFEST = Manifest.parse(
    '[app]\nname = "tried"\nkind = "web"\nentrypoint = "app.py"\npurpose = "operations"\nsays = "Hello"\n'
)


@pytest.fixture
def others(shared: Instance, monkeypatch: pytest.MonkeyPatch) -> object:
    """Lets this process pass for that of another machine: `others("b")`."""
    long = replace(shared.settings.runtime, lease_seconds=600)  # nobody here renews
    shared.settings = replace(shared.settings, runtime=long)

    def be(name: str) -> None:
        monkeypatch.setattr(lease, "_machine", lambda: f"{name} boot")

    be("a")
    return be


def begin(instance: Instance, seat: Seat = SEAT) -> runtime.Run:
    with acting(instance, "maker.sales") as ctx:
        run = runtime.host(ctx, seat.app, seat.commit, {"app.py": b""}, MANIFEST, "sandbox")
        runtime.take_seat(ctx, seat, run)
    return run


def appear(instance: Instance, name: str, **more: object) -> None:
    """Put a host into the list of those that have web apps."""
    about = {
        "name": name, "kind": "worker", "version": "1", "capacity": 1, "ahead_ms": 0, "sound": True,
        "finding": "", "state": "taking", "address": f"{name}:8444", "known_as": f"{name}.hosts.handrail",
    }  # fmt: skip
    with instance.context(SYSTEM) as ctx:
        lease_store.appear(ctx, {"holder": lease.mine(), **about, **more})


def where(instance: Instance, seat: Seat = SEAT) -> tuple[bool, str, bool]:
    with instance.context(SYSTEM) as ctx:
        found = runtime.place(ctx, seat)
    return found.here, found.neighbour.name if found.neighbour else "", found.held


def overdue(instance: Instance, run: runtime.Run) -> None:
    with instance.context(SYSTEM) as ctx:
        past = store.runs.c.started
        ctx.db.execute(sa.update(store.runs).where(store.runs.c.id == run.id).values(until=past))


def test_it_belongs_to_one_of_the_hosts_that_live_and_is_here_where_there_is_none(
    shared: Instance, others: object
) -> None:
    assert where(shared) == (True, "", False)
    seats = [replace(SEAT, app=f"app-{n}") for n in range(40)]
    for name in ("a", "b", "c"):
        others(name)  # type: ignore[operator]
        appear(shared, name)
    appear(shared, "c", state="draining")
    assert {where(shared, seat)[1] for seat in seats} == {"a", "b"}
    others("b")  # type: ignore[operator]
    appear(shared, "b", sound=False)
    assert {where(shared, seat)[1] for seat in seats} == {"a"}
    appear(shared, "b", address="")  # it does runs alone
    assert {where(shared, seat)[1] for seat in seats} == {"a"}
    appear(shared, "b")
    assert {where(shared, seat)[1] for seat in seats} == {"a", "b"}
    with shared.context(SYSTEM) as ctx:
        is_b = lease_store.hosts.c.name == "b"
        ctx.db.execute(sa.update(lease_store.hosts).where(is_b).values(seen=storage.database_now(-16)))
    assert {where(shared, seat)[1] for seat in seats} == {"a"}


def test_of_two_at_one_address_it_is_the_one_that_was_heard_of_last(shared: Instance, others: object) -> None:
    """A host that was killed and starts again: its process before is thought to live for a while."""
    for holder in ("z boot 1 1", "y boot 2 2", "a boot 3 3"):
        appear(shared, "a", holder=holder)
    appear(shared, "a", holder="y boot 2 2")
    with shared.context(SYSTEM) as ctx:
        found = runtime.place(ctx, SEAT).neighbour
    assert found is not None and found.holder == "y boot 2 2"
    for holder in ("a boot 3 3", "z boot 1 1"):
        appear(shared, "a", holder=holder)
        with shared.context(SYSTEM) as ctx:
            found = runtime.place(ctx, SEAT).neighbour
        assert found is not None and found.holder == holder


def test_who_has_it_keeps_it_and_nobody_else_can_begin(shared: Instance, others: object) -> None:
    others("a")  # type: ignore[operator]
    appear(shared, "a")
    begin(shared)
    others("b")  # type: ignore[operator]
    for n in range(8):  # to some of which it would belong
        appear(shared, f"b{n}", holder=f"b{n} boot 1 1")
    assert where(shared) == (False, "a", True)
    with pytest.raises(Elsewhere):
        begin(shared)
    with shared.context(SYSTEM) as ctx:
        assert len(store.find_runs(ctx, 10)) == 1, "a run is left that nobody executes"


def test_the_next_version_has_the_seat_on_the_same_host(shared: Instance, others: object) -> None:
    begin(shared)
    later = replace(SEAT, commit="decade")
    begin(shared, later)
    assert where(shared, SEAT)[0] and where(shared, later)[0]
    others("b")  # type: ignore[operator]
    with pytest.raises(Elsewhere):
        begin(shared, later)


def test_a_seat_is_free_once_its_run_is_over(shared: Instance, others: object) -> None:
    run = begin(shared)
    close.close(shared, run, close.End(Verdict("succeeded", "asleep")))
    others("b")  # type: ignore[operator]
    assert where(shared) == (True, "", False)
    begin(shared)


def test_when_a_lease_has_run_out_the_next_takes_over_and_the_first_can_write_nothing(
    shared: Instance, others: object
) -> None:
    lost = begin(shared)
    others("b")  # type: ignore[operator]
    overdue(shared, lost)
    begin(shared)
    others("a")  # type: ignore[operator]
    assert where(shared)[0] is False
    with pytest.raises(Elsewhere):
        begin(shared)
    with shared.context(SYSTEM) as ctx:
        assert lease_store.renew(ctx, lost.id, lost.lease.token, 60) is None  # type: ignore[union-attr]
    with pytest.raises(Lost):
        close.close(shared, lost, close.End(Verdict("succeeded", "asleep")))


def test_a_web_app_that_others_can_have_is_held_for_less_long_than_what_cannot_begin_elsewhere(
    shared: Instance, others: object
) -> None:
    def held_for(run: runtime.Run) -> float:
        """Seconds that are left by the database, once the lease was renewed."""
        holding = Holding(shared, run)
        holding.good_until = lease.now()
        assert holding.wanted() is False and holding.good_until > lease.now()
        with shared.context(SYSTEM) as ctx:
            until = ctx.db.scalar(sa.select(store.runs.c.until).where(store.runs.c.id == run.id))
            return float((until - lease_store.moment(ctx)).total_seconds())

    alone = begin(shared)
    shared.settings = replace(
        shared.settings, hosts=replace(shared.settings.hosts, apps="127.0.0.1:0", lease_seconds=30)
    )
    with_others = begin(shared, replace(SEAT, app="another"))
    assert 60 < held_for(alone) <= 600
    assert 0 < held_for(with_others) <= 30


def test_what_a_host_was_given_is_waited_for_as_long_as_it_lives_also_when_it_has_let_the_app_go(
    shared: Instance, others: object
) -> None:
    run = begin(shared)
    there = runtime.Neighbour(lease.mine(), "a", "a:8444", "a.hosts.handrail")

    def may_answer() -> bool:
        with shared.context(SYSTEM) as ctx:
            return runtime.may_answer(ctx, there)

    assert may_answer(), "it holds the run"
    overdue(shared, run)
    assert not may_answer()
    appear(shared, "a")
    assert may_answer(), "it is there"
    with shared.context(SYSTEM) as ctx:
        seats_store.rise(ctx, run.id)
    appear(shared, "a", state="stopped")
    assert may_answer(), "it ends by itself what goes on"
    with shared.context(SYSTEM) as ctx:
        ctx.db.execute(sa.update(lease_store.hosts).values(seen=storage.database_now(-16)))
    assert not may_answer()


@pytest.mark.parametrize("shared", ["postgresql"], indirect=True)
def test_of_many_that_begin_at_once_one_does(shared: Instance, others: object) -> None:
    begun, refused = [], []
    names = iter(f"m{n}" for n in range(100))
    mine = threading.local()

    def machine() -> str:
        mine.name = getattr(mine, "name", None) or next(names)
        return f"{mine.name} boot"

    lease._machine = machine  # type: ignore[assignment]
    ready = threading.Barrier(6)

    def race() -> None:
        ready.wait()
        try:
            begun.append(begin(shared))
        except Elsewhere:
            refused.append(1)

    for _ in range(3):
        threads = [threading.Thread(target=race) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(begun) == 1
        close.close(shared, begun.pop(), close.End(Verdict("succeeded", "asleep")))
    assert len(refused) == 15
