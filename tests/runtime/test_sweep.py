"""What is kept no longer goes, in small pieces, counted on the trail; what something needs, or somebody holds, stays."""

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handrail import runtime
from handrail.data import carried_store
from handrail.kernel import (
    SYSTEM,
    Conflict,
    Context,
    Environment,
    Instance,
    Invalid,
    Manifest,
    NotAllowed,
    NotFound,
    definitions,
    storage,
    trail,
)
from handrail.runtime import Given, Output, Run, inputs_store, retention_store, store, sweeps_store
from handrail.runtime.keeping import PARTS
from handrail.runtime.kept import keeps, rules
from handrail.runtime.models import Input
from handrail.runtime.sweep import MOST_LISTED
from tests.cases import cases
from tests.conftest import Acting
from tests.data.test_contract_file import FILE as CONTRACT
from tests.data.test_contract_file import GOOD
from tests.runtime.shared import acting as acting_in
from tests.runtime.shared import postgres, queue, shared

__all__ = ["postgres", "shared"]

PERSON = "viewer.emea"
Make = Callable[..., str]


sweeping = sys.modules["handrail.runtime.sweep"]  # of which the room offers the verb by the same name


class Later:
    """The system's clock, some days ahead."""

    def __init__(self, days: float) -> None:
        self._days = days

    def now(self) -> datetime:
        """So many days from now."""
        return datetime.now(UTC) + timedelta(days=self._days)


def finished(
    instance: Instance,
    days: float,
    app: str = "tried",
    person: str = PERSON,
    environment: Environment = "production",
    state: str = "succeeded",
    commit: str = "c0ffee",
    keep_days: int = 0,
    code: bytes = b"print(1)",
    went_on: float = 0,
) -> str:
    """A run that `went_on` for days and ended so many days ago, with a log, an output, a file, and what it read and showed."""
    text = Manifest.render(app)
    manifest = Manifest.parse(
        text.replace("\nkind", f"\nkeep_days = {keep_days}\nkind") if keep_days else text
    )
    with instance.context(SYSTEM) as ctx:
        ended = ctx.clock.now() - timedelta(days=days)
        run = Run(
            storage.new_id("run"), app, commit, environment, person, manifest, "sha256:0", "queued", ended
        )
        store.add_run(ctx, run, {"app.py": code})
        over = {
            "state": state,
            "ended": "exited",
            "started": ended - timedelta(days=went_on),
            "finished": ended,
        }
        ctx.db.execute(sa.update(store.runs).where(store.runs.c.id == run.id).values(**over))
        store.add_output(ctx, Output(run.id, 1, "text", "a.txt", "", "text/plain", 5), b"hello")
        store.add_log(ctx, run.id, 1, b"printed")
        inputs_store.add_input(ctx, run.id, Input("notes", "n.txt", "text", 4, "0" * 64), b"file")
        carried_store.keep_reads(ctx, run.id, [carried_store.Read("orders", "total", "", True)])
        carried_store.keep_shown(ctx, run.id, "customer", "query", 0, ["0" * 16])
    return run.id


def on_demand(instance: Instance) -> None:
    """Sweep at no moment of its own."""
    chosen = replace(instance.settings.retention, sweep_at="")
    instance.settings = replace(instance.settings, retention=chosen)


def swept(instance: Instance) -> None:
    """A sweep of now, to its end."""
    with instance.context(SYSTEM) as ctx:
        sweeps_store.note(ctx, ctx.clock.now(), "admin")
    while runtime.sweep_what_is_due(instance):
        pass


def newer(instance: Instance, count: int = 2, **of: str) -> None:
    """Newer runs of the same app for the same person: none of the older ones is the last."""
    for _ in range(count):
        finished(instance, 0, **of)  # type: ignore[arg-type]


def there(instance: Instance, run: str) -> dict[str, int]:
    """How much of a run there is in each table."""
    with instance.context(SYSTEM) as ctx:
        tables = {
            "runs": store.runs.c.id, "run_outputs": store.outputs.c.run, "run_logs": store.logs.c.run,
            "run_reads": carried_store.reads.c.run, "run_shown": carried_store.shown.c.run,
        }  # fmt: skip
        found = {
            name: ctx.db.scalar(sa.select(sa.func.count()).where(column == run)) or 0
            for name, column in tables.items()
        }
        content = sa.select(sa.func.sum(sa.func.length(inputs_store.inputs.c.content)))
        return found | {"input": ctx.db.scalar(content.where(inputs_store.inputs.c.run == run)) or 0}


WHOLE = {"runs": 1, "run_outputs": 1, "run_logs": 1, "run_reads": 1, "run_shown": 1, "input": 4}
RECORD = {"runs": 1, "run_outputs": 0, "run_logs": 0, "run_reads": 0, "run_shown": 0, "input": 0}
NOTHING = dict.fromkeys(WHOLE, 0)


def test_each_part_of_a_run_goes_when_its_time_has_come(shared: Instance) -> None:
    young, files, outputs, record = (finished(shared, days) for days in (29, 31, 91, 731))
    newer(shared)
    swept(shared)
    assert there(shared, young) == WHOLE
    assert there(shared, files) == WHOLE | {"input": 0}
    assert there(shared, outputs) == RECORD
    assert there(shared, record) == NOTHING


def test_the_trail_says_of_which_runs_what_went_and_how_much(instance: Instance, acting: Acting) -> None:
    outputs, record = finished(instance, 91), finished(instance, 731)
    newer(instance)
    swept(instance)
    with acting("compliance") as ctx:
        found = {one.facts["part"]: one for one in trail.entries(ctx, verb="runs.swept", person=None)}
    assert found["outputs"].facts["runs"] == [outputs, record] and found["outputs"].facts["count"] == 2
    assert found["outputs"].facts["bytes"] == 2 * len(b"helloprinted")
    assert found["record"].facts["runs"] == [record]
    assert all(one.person == SYSTEM.person.id for one in found.values())


def test_a_sweep_goes_on_over_many_small_transactions(
    instance: Instance, acting: Acting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "BATCH", 2)
    every = [finished(instance, 91) for _ in range(5)]
    newer(instance)
    swept(instance)
    assert [there(instance, one) for one in every] == [RECORD] * 5
    with acting("compliance") as ctx:
        counts = [one.facts["count"] for one in trail.entries(ctx, verb="runs.swept", person=None)]
    assert sum(counts) == 10 and max(counts) == 2  # outputs and inputs of five runs


def test_a_transaction_deletes_no_more_bytes_at_once_than_it_may(
    instance: Instance, acting: Acting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "AT_ONCE", 25)  # two logs and outputs of 12 bytes
    every = [finished(instance, 91) for _ in range(5)]
    newer(instance)
    swept(instance)
    assert [there(instance, one) for one in every] == [RECORD] * 5
    with acting("compliance") as ctx:
        found = [one.facts for one in trail.entries(ctx, verb="runs.swept", person=None)]
    assert [one["count"] for one in found if one["part"] == "outputs"] == [1, 2, 2]


def test_what_goes_on_or_waits_is_never_swept(instance: Instance) -> None:
    every = [finished(instance, 4000, state=state) for state in ("queued", "running")]
    newer(instance)
    swept(instance)
    assert [there(instance, one) for one in every] == [WHOLE] * 2


def test_the_last_good_run_and_those_that_are_compared_keep_what_they_show_and_say_why(
    instance: Instance, acting: Acting
) -> None:
    older = finished(instance, 120)
    good = finished(instance, 110)
    failed = [finished(instance, days, state="failed") for days in (105, 100)]
    swept(instance)
    assert there(instance, older) == RECORD
    assert [there(instance, one) for one in (good, *failed)] == [WHOLE | {"input": 0}] * 3
    with acting(PERSON) as ctx:
        outputs = runtime.kept(ctx, good).of("outputs")
        assert (
            outputs and "the last run of tried for viewer.emea in production that went well" in outputs.needed
        )
        compared = runtime.kept(ctx, failed[0]).of("outputs")
        assert compared and "which are compared" in compared.needed


def test_the_run_on_which_a_versions_gate_rests_stays_known(instance: Instance) -> None:
    usual = {"environment": "sandbox", "person": "maker.sales"}
    gate = finished(instance, 4000, commit="one", **usual)  # type: ignore[arg-type]
    other = finished(instance, 4001, commit="one", state="failed", **usual)  # type: ignore[arg-type]
    newer(instance, **usual)
    swept(instance)
    assert there(instance, gate) == RECORD
    assert there(instance, other) == NOTHING
    with instance.context(SYSTEM) as ctx:
        assert [one.id for one in runtime.tried(ctx, "tried", "one")] == [gate]


def test_a_manifest_lets_what_its_runs_leave_go_sooner(instance: Instance) -> None:
    short, usual = finished(instance, 8, keep_days=7), finished(instance, 8)
    swept(instance)  # although they are the last two
    assert there(instance, short) == RECORD
    assert there(instance, usual) == WHOLE


def test_what_read_a_dataset_goes_when_its_contract_lets_no_row_stay(
    instance: Instance, acting: Acting
) -> None:
    level = "slaProperties: [{property: retention, value: 5, unit: d}]\n"
    with acting("steward.sales") as ctx:
        definitions.write(ctx, CONTRACT, (GOOD + level).encode(), "Keep little.")
    old, young = finished(instance, 6), finished(instance, 4)
    long = finished(instance, 1, went_on=4.5)  # a web app that was awake when it was read
    swept(instance)  # although they are the last two
    assert there(instance, old) == RECORD | {"input": 4}
    assert there(instance, long) == RECORD | {"input": 4}
    assert there(instance, young) == WHOLE
    with acting(PERSON) as ctx:
        outputs = runtime.kept(ctx, young).of("outputs")
    assert outputs and outputs.because == "the contract of orders lets what it holds be kept for 5 days"


def test_what_somebody_holds_stays_whole_until_it_is_let_go(instance: Instance, acting: Acting) -> None:
    run = finished(instance, 4000)
    newer(instance)
    with acting("compliance") as ctx:
        runtime.hold(ctx, run, "Incident 7 is about it.")
    swept(instance)
    assert there(instance, run) == WHOLE
    with acting("compliance") as ctx:
        assert [one.run for one in runtime.held(ctx)] == [run]
        runtime.release(ctx, run)
    swept(instance)
    assert there(instance, run) == NOTHING


def test_only_support_and_compliance_hold_runs_and_say_what_for(instance: Instance, acting: Acting) -> None:
    run = finished(instance, 1)
    for person in (PERSON, "maker.sales", "admin"):
        with pytest.raises(NotAllowed), acting(person) as ctx:
            runtime.hold(ctx, run, "Because.")
    with pytest.raises(Invalid), acting("compliance") as ctx:
        runtime.hold(ctx, run, "  ")
    with pytest.raises(NotFound), acting("compliance") as ctx:
        runtime.hold(ctx, "run_none", "Because.")
    with acting("compliance") as ctx:
        runtime.hold(ctx, run, "Because.")
    with pytest.raises(Conflict), acting("compliance") as ctx:
        runtime.hold(ctx, run, "Because.")


def test_who_holds_a_run_while_it_is_being_swept_is_not_too_late(
    shared: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at what is due and the lock on it somebody says that it is needed."""
    run = finished(shared, 91)
    newer(shared)
    lock, done = retention_store.lock, []

    def late(ctx: Context, wanted: list[str]) -> None:
        if not done and run in wanted:
            done.append(run)
            with acting_in(shared, "compliance") as own:
                runtime.hold(own, run, "An incident.")
        lock(ctx, wanted)

    monkeypatch.setattr(retention_store, "lock", late)
    swept(shared)
    assert done and there(shared, run) == WHOLE


def test_code_is_freed_with_the_last_run_that_carries_it(instance: Instance) -> None:
    alone, one, other = (
        finished(instance, days, code=code)
        for days, code in ((4000, b"print('alone')"), (4000, b"print('both')"), (1, b"print('both')"))
    )
    newer(instance)
    swept(instance)
    assert there(instance, alone) == there(instance, one) == NOTHING
    with instance.context(SYSTEM) as ctx:
        assert store.find_files(ctx, other) == {"app.py": b"print('both')"}
        kept = ctx.db.scalar(sa.select(sa.func.count()).select_from(store.code))
    assert kept == 2  # of the other one, and of the newer ones


def test_code_that_a_new_run_carries_is_not_freed_at_the_same_moment(shared: Instance) -> None:
    """The new run has found its code there and is not committed yet when the last one that carried it goes."""
    code = {"app.py": b"print('again')"}
    finished(shared, 4000, code=code["app.py"])
    newer(shared)
    with shared.context(SYSTEM) as ctx:
        sweeps_store.note(ctx, ctx.clock.now(), "admin")
    beside = threading.Thread(target=lambda: runtime.sweep_what_is_due(shared))
    manifest = Manifest.parse(Manifest.render("tried"))
    with shared.context(SYSTEM) as ctx:
        now = ctx.clock.now()
        run = Run(storage.new_id("run"), "tried", "c", "sandbox", PERSON, manifest, "sha256:0", "queued", now)
        store.add_run(ctx, run, code)
        beside.start()
        as_far_as_it_can(shared, beside)
    beside.join()
    with shared.context(SYSTEM) as ctx:
        assert store.find_files(ctx, run.id) == code


def as_far_as_it_can(instance: Instance, beside: threading.Thread) -> None:
    """Let a thread come to its end, or to where it waits for us; SQLite lets it not begin to write."""
    if instance.engine.dialect.name == "sqlite":
        beside.join(0.5)
    waits = sa.text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    while instance.engine.dialect.name == "postgresql" and beside.is_alive():
        with instance.engine.connect() as db:
            if db.scalar(waits):
                return
        time.sleep(0.05)


def test_counts_of_all_runs_become_no_less(instance: Instance, acting: Acting) -> None:
    finished(instance, 4000)
    finished(instance, 4000, state="failed")
    newer(instance)
    with acting("admin") as ctx:
        before = runtime.counted(ctx)
    swept(instance)
    with acting("admin") as ctx:
        assert runtime.counted(ctx) == before
        assert len(store.find_runs(ctx, 10)) == 2


def test_one_sweep_is_carried_out_once_however_many_servers_there_are(shared: Instance) -> None:
    run = finished(shared, 91)
    newer(shared)
    on_demand(shared)
    with shared.context(SYSTEM) as ctx:
        assert sweeps_store.note(ctx, ctx.clock.now(), "admin")
    done = []
    servers = [
        threading.Thread(target=lambda: done.append(runtime.sweep_what_is_due(shared))) for _ in range(4)
    ]
    for one in servers:
        one.start()
    for one in servers:
        one.join()
    with acting_in(shared, "compliance") as ctx:
        entries = trail.entries(ctx, verb="runs.swept", person=None)
        [found] = sweeps_store.newest(ctx, 9)
    assert sorted(one.facts["part"] for one in entries) == ["inputs", "outputs"]
    assert (found.outputs, found.inputs, found.records) == (1, 1, 0) and found.ended
    assert there(shared, run) == RECORD


def test_who_has_lost_a_sweep_deletes_nothing_more(instance: Instance) -> None:
    run = finished(instance, 91)
    newer(instance)
    with instance.context(SYSTEM) as ctx:
        sweeps_store.note(ctx, ctx.clock.now(), "admin")
        taken = sweeps_store.take(ctx)
    assert taken is not None
    with instance.context(SYSTEM) as ctx:  # another takes it for dead
        ctx.db.execute(sa.update(sweeps_store.sweeps).values(holder="another"))
    with pytest.raises(Conflict), instance.context(SYSTEM) as ctx:
        sweeping._sweep_some(ctx, *taken, "outputs", "")
    assert there(instance, run) == WHOLE


def test_a_sweep_that_a_dead_server_left_is_gone_on_with(instance: Instance) -> None:
    run = finished(instance, 91)
    on_demand(instance)
    newer(instance)
    with instance.context(SYSTEM) as ctx:
        sweeps_store.note(ctx, ctx.clock.now(), "admin")
        assert sweeps_store.take(ctx)
    assert not runtime.sweep_what_is_due(instance)  # somebody is at it
    with instance.context(SYSTEM) as ctx:
        ctx.db.execute(sa.update(sweeps_store.sweeps).values(until=storage.database_now(-1)))
    assert runtime.sweep_what_is_due(instance)
    assert there(instance, run) == RECORD


def test_a_server_that_stops_leaves_the_rest_to_the_next(instance: Instance) -> None:
    run, stopped = finished(instance, 91), threading.Event()
    on_demand(instance)
    newer(instance)
    stopped.set()
    with instance.context(SYSTEM) as ctx:
        sweeps_store.note(ctx, ctx.clock.now(), "admin")
    assert not runtime.sweep_what_is_due(instance, stopped)
    assert there(instance, run) == WHOLE
    assert runtime.sweep_what_is_due(instance)
    assert there(instance, run) == RECORD


def test_who_has_just_upgraded_has_a_day_to_say_how_long_runs_are_kept(instance: Instance) -> None:
    run = finished(instance, 91)
    newer(instance)
    assert not runtime.sweep_what_is_due(instance)
    assert there(instance, run) == WHOLE
    instance.clock = Later(1)
    assert runtime.sweep_what_is_due(instance)
    assert there(instance, run) == RECORD


def test_a_sweep_comes_at_each_moment_of_its_schedule_and_at_none_without_one(instance: Instance) -> None:
    assert not runtime.sweep_what_is_due(instance)
    instance.clock = Later(1)
    assert runtime.sweep_what_is_due(instance)
    assert not runtime.sweep_what_is_due(instance)
    on_demand(instance)
    instance.clock = Later(3)
    assert not runtime.sweep_what_is_due(instance)


def test_a_plan_says_what_would_go_and_what_stays_and_deletes_nothing(
    instance: Instance, acting: Acting
) -> None:
    goes, stays = finished(instance, 91), finished(instance, 91, app="other")
    newer(instance)
    with acting("compliance") as ctx:
        found = runtime.plan_sweep(ctx, MOST_LISTED)
    assert (found.outputs, found.inputs, found.records, found.staying) == (1, 2, 0, 1)
    assert (goes, "outputs", "what a run shows is kept for 90 days") in [
        (one.run, one.part, one.because) for one in found.goes
    ]
    assert [(one.run, one.part) for one in found.stays] == [(stays, "outputs")]
    assert there(instance, goes) == WHOLE
    for person in ("maker.sales", PERSON):
        with pytest.raises(NotAllowed), acting(person) as ctx:
            runtime.plan_sweep(ctx)


def test_only_an_admin_asks_for_a_sweep(instance: Instance, acting: Acting) -> None:
    for person in ("maker.sales", "compliance", "support.oncall"):
        with pytest.raises(NotAllowed), acting(person) as ctx:
            runtime.sweep(ctx)
    with acting("admin") as ctx:
        assert runtime.sweep(ctx).by == "admin"


def test_what_was_swept_is_refused_in_words_and_the_run_stays_known(
    instance: Instance, acting: Acting
) -> None:
    run = finished(instance, 91)
    newer(instance)
    swept(instance)
    for verb in (runtime.outputs, runtime.log, runtime.download_log):
        with pytest.raises(NotFound, match="was deleted on"), acting(PERSON) as ctx:
            verb(ctx, run)
    with pytest.raises(NotFound, match="was deleted on"), acting(PERSON) as ctx:
        runtime.download(ctx, run, 1)
    with pytest.raises(NotFound, match="files that this run was given were deleted"), acting(PERSON) as ctx:
        runtime.given_again(ctx, run)
    with acting(PERSON) as ctx:
        assert runtime.run(ctx, run).state == "succeeded"
        assert [one.file for one in runtime.inputs(ctx, run)] == ["n.txt"]
        assert runtime.compare(ctx, store.find_runs(ctx, 1)[0].id).before.run != run


def test_a_run_whose_record_is_gone_is_answered_with_how_long_runs_are_kept(
    instance: Instance, acting: Acting
) -> None:
    run = finished(instance, 4000)
    newer(instance)
    swept(instance)
    instance.clock = Later(800)
    with pytest.raises(NotFound, match="kept for 730 days at most"), acting(PERSON) as ctx:
        runtime.run(ctx, run)
    with pytest.raises(NotFound) as refusal, acting(PERSON) as ctx:
        runtime.run(ctx, "run_none")
    assert "at most" not in refusal.value.message


MADE = st.tuples(
    st.sampled_from(["tried", "other"]),
    st.sampled_from([PERSON, "viewer.apac"]),
    st.sampled_from(["production", "sandbox"]),
    st.sampled_from(["succeeded", "failed", "stopped"]),
    st.sampled_from(["one", "two"]),
    st.sampled_from([0, 7, 200]),
    st.sampled_from([1, 20, 40, 100, 300, 800]),
    st.booleans(),
)


@settings(max_examples=cases(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(MADE, max_size=9))
def test_a_sweep_deletes_exactly_what_each_page_said_is_due(
    instance: Instance, made: list[tuple[str, str, Environment, str, str, int, int, bool]]
) -> None:
    with instance.context(SYSTEM) as ctx:
        ctx.db.execute(sa.delete(retention_store.holds))
        for table in (store.outputs, store.logs, inputs_store.inputs):
            ctx.db.execute(sa.delete(table))
        ctx.db.execute(sa.delete(store.runs))
    every = []
    for app, person, environment, state, commit, keep_days, days, held in made:
        run = finished(instance, days, app, person, environment, state, commit, keep_days)
        every.append(run)
        if held:
            with instance.context(SYSTEM) as ctx:
                hold = retention_store.Hold(run, "Because.", "compliance", ctx.clock.now())
                retention_store.add_hold(ctx, hold)
    with instance.context(SYSTEM) as ctx:
        left = retention_store.left(ctx, "record", timedelta(0), "", 100)
        said, now = keeps(ctx, rules(ctx), left), ctx.clock.now()
    swept(instance)
    for run in every:
        outputs, inputs, record = (said[run][PARTS.index(part)].due(now) for part in PARTS)
        found = there(instance, run)
        assert found["runs"] == (not record)
        if not record:
            assert found["run_outputs"] == (not outputs) and found["run_logs"] == (not outputs)
            assert found["input"] == (0 if inputs else 4)


def test_a_real_run_is_swept_with_all_that_it_left(instance: Instance, acting: Acting) -> None:
    """From its queue to its end, then half a year later."""
    code = "import handrail_sdk as h\nh.text('to read'); print('printed')"
    with acting("maker.sales") as ctx:
        manifest = Manifest.parse(Manifest.render("tried") + '[inputs.notes]\ntypes = ["text"]\n')
        given_ = {"notes": Given("n.txt", b"mine")}
        files = {"app.py": code.encode()}
        started = runtime.start(ctx, "tried", "c0ffee", files, manifest, "sandbox", inputs=given_)
    run = runtime.execute(instance, started.id)
    assert run.state == "succeeded"
    newer(instance, environment="sandbox", person="maker.sales")
    instance.clock = Later(180)
    swept(instance)
    found = there(instance, run.id)
    assert found["runs"] == 1 and found["run_outputs"] == found["run_logs"] == found["input"] == 0


def test_a_queued_run_of_an_app_whose_runs_are_kept_shortly_says_so_in_its_row(shared: Instance) -> None:
    run = queue(shared)
    with shared.context(SYSTEM) as ctx:
        assert ctx.db.scalar(sa.select(store.runs.c.keep_days).where(store.runs.c.id == run.id)) == 0
