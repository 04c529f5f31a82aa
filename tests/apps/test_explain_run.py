"""A run that fails on awkward rows names them; one that fails on any rows says so; a mended one passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from playwright.sync_api import Browser, expect

from handrail import apps, runtime, twins
from handrail.apps import find_cause
from handrail.kernel import Instance, NotAllowed, NotFound, NotReady
from handrail.runtime import Run
from handrail.server import command, open_instance
from tests.apps.conftest import Push, link
from tests.apps.test_browser import no_barrier
from tests.conftest import Acting, inhabited
from tests.data.asking import actors
from tests.prepared import copied
from tests.twins.conftest import certify_all
from tests.web import Client

pytestmark = pytest.mark.long
MANIFEST = """\
[app]
name = "notes"
kind = "job"
entrypoint = "app.py"
purpose = "sales-reporting"
says = "Notes on orders"

[data.orders]
columns = ["order_id", "note", "amount", "region"]
"""
# Without pandas, whose loading takes most of the time of such a run: it is repeated some twenty times. One has it below.
CSV = """\
from handrail_sdk import query_arrow, save
rows = query_arrow("SELECT order_id, note FROM orders ORDER BY order_id").to_pylist()
for note in [row["note"] or "" for row in rows]:
    assert not note.startswith("="), "Excel would compute it"
save("notes.csv", "\\n".join(f"{row['order_id']},{row['note']}" for row in rows).encode())
"""
WHOLE = """\
from handrail_sdk import query, text
df = query("SELECT amount FROM orders")
text(f"{df['amount'].astype(int).sum()}")
"""
BOTH = """\
from handrail_sdk import query_arrow, text
rows = query_arrow("SELECT note, amount FROM orders").to_pylist()
parts = [row["note"].split()[0] for row in rows]
text(f"{sum(int(row['amount']) for row in rows)}")
"""


def company(folder: Path) -> None:
    """Make an instance with orders, certified, and the twin that Handrail makes of them."""
    folder.mkdir()
    instance = inhabited(folder / "home")
    source = folder / "source"
    source.mkdir()
    rng, rows = np.random.default_rng(4), 900
    table = {
        "order_id": pa.array(range(10_000, 10_000 + rows), pa.int64()),
        "region": rng.choice(["EMEA", "APAC"], rows),
        "note": rng.choice(["leave at door", "gift wrap", "call before"], rows, p=[0.5, 0.3, 0.2]),
        "amount": np.where(rng.random(rows) < 0.003, None, rng.integers(5, 300, rows).astype(float)),
    }
    table["note"] = [
        None if one < 0.02 else note for one, note in zip(rng.random(rows), table["note"], strict=True)
    ]
    pq.write_table(pa.table(table), source / "orders.parquet")
    acting = actors(instance)
    certify_all(acting, source)
    with acting("steward.sales") as ctx:
        twins.build(ctx, ["orders"])
    instance.close()


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    """The company, as it was made, for each test."""
    copied(company, tmp_path)
    opened = open_instance(tmp_path / "home")
    yield opened
    opened.close()


def ran(instance: Instance, acting: Acting, push: Push, code: str) -> Run:
    push(code=code, manifest=MANIFEST)
    with acting("maker.sales") as ctx:
        started = apps.run(ctx, "notes")
    return runtime.execute(instance, started.id)


def explained(instance: Instance, acting: Acting, run: Run) -> apps.Explained:
    while find_cause.take_one(instance):
        pass
    with acting("maker.sales") as ctx:
        found = apps.explained(ctx, run.id)
    assert found is not None
    return found


def cell_of(instance: Instance, run: Run, key: str, column: str) -> object:
    """What stands in the twin in the row of that key."""
    (file,) = (instance.settings.home / "twins" / run.twins["orders"]).glob("orders.parquet")
    table = pq.read_table(file)
    row = table["order_id"].to_pylist().index(int(key))
    return table[column][row].as_py()


def test_a_formula_is_named_by_its_row_and_case(instance: Instance, acting: Acting, push: Push) -> None:
    run = ran(instance, acting, push, CSV)
    assert run.state == "failed"
    found = explained(instance, acting, run)
    (cause,) = [one for one in found.causes if one.case == "text.formula"]
    assert (cause.dataset, cause.column) == ("orders", "note")
    assert cell_of(instance, run, cause.rows[0], "note") == "=1+1"
    assert cause.rows[0] in cause.says and "spreadsheet formula" in cause.says
    assert found.tries <= find_cause.TRIES

    mended = ran(
        instance,
        acting,
        push,
        CSV.replace('    assert not note.startswith("="), "Excel would compute it"\n', "    pass\n"),
    )
    assert mended.state == "succeeded"


def test_a_missing_number_is_named_behind_a_missing_text(
    instance: Instance, acting: Acting, push: Push
) -> None:
    found = explained(instance, acting, ran(instance, acting, push, BOTH))
    assert found.says.startswith("It fails on the plain twin too")
    mended = BOTH.replace("in rows]", 'in rows if row["note"] and row["note"].strip()]')
    run = ran(instance, acting, push, mended)
    (cause,) = explained(instance, acting, run).causes
    assert (cause.column, cause.case) == ("amount", "null")
    assert cell_of(instance, run, cause.rows[0], "amount") is None


def test_code_that_fails_on_any_row_blames_none(instance: Instance, acting: Acting, push: Push) -> None:
    run = ran(instance, acting, push, WHOLE + "raise KeyError('region')\n")
    found = explained(instance, acting, run)
    assert found.causes == () or found.causes[0].case == "null"


def test_trials_are_no_runs_and_open_no_gate(instance: Instance, acting: Acting, push: Push) -> None:
    run = ran(instance, acting, push, CSV)
    explained(instance, acting, run)
    with acting("maker.sales") as ctx:
        assert [one.id for one in runtime.runs(ctx, "notes")] == [run.id]
        gate = next(one for one in apps.gates(ctx, "notes") if one.title.startswith("It ran"))
        assert not gate.open
        assert runtime.outputs(ctx, run.id) == ()


def test_only_who_may_run_it_may_ask_and_only_about_failures(
    instance: Instance, acting: Acting, push: Push
) -> None:
    run = ran(instance, acting, push, "print('well')")
    with acting("maker.sales") as ctx, pytest.raises(NotReady, match="did not fail"):
        apps.explain_run(ctx, run.id)
    with acting("viewer.emea") as ctx, pytest.raises((NotFound, NotAllowed)):
        apps.explain_run(ctx, run.id)


def test_the_command_the_page_and_rest_say_it(
    instance: Instance, acting: Acting, push: Push, client: Callable[[str], Client]
) -> None:
    push(code=CSV, manifest=MANIFEST)
    environment = {"HANDRAIL_HOME": str(instance.settings.home), "HANDRAIL_PERSON": "maker.sales"}
    done = CliRunner().invoke(command(), ["run", "notes"], env=environment, catch_exceptions=False)
    assert done.exit_code == 1
    assert "It goes well on the plain twin" in done.stderr
    assert "a spreadsheet formula (text.formula)" in " ".join(done.stderr.split())
    with acting("maker.sales") as ctx:
        (run,) = runtime.runs(ctx, "notes")
    browser = client("maker.sales")
    page = browser.get(f"/runs/{run.id}").text
    assert "What it failed on" in page and "text.formula" in page and "=1+1" in page
    told = browser.get(f"/api/v1/runs/{run.id}/cause").json()
    assert told["state"] == "done"
    assert told["causes"][0]["rows"] and told["causes"][0]["rows"][0] in page


def test_a_run_that_read_nothing_is_not_repeated_by_itself(
    instance: Instance, acting: Acting, push: Push
) -> None:
    run = ran(instance, acting, push, "raise SystemExit(3)")
    assert not find_cause.take_one(instance)
    with acting("maker.sales") as ctx:
        assert apps.explained(ctx, run.id) is None
        assert not apps.explain_run(ctx, run.id).over
    found = explained(instance, acting, run)
    assert (found.tries, found.causes) == (0, ())


@pytest.mark.browser
def test_the_page_says_it_by_itself_once_it_is_known(
    instance: Instance, acting: Acting, push: Push, url: str, chromium: Browser
) -> None:
    run = ran(instance, acting, push, CSV)
    context = chromium.new_context(base_url=url)
    page = context.new_page()
    page.goto(f"/sign-in/link?token={link(instance, 'maker.sales')}")
    page.goto(f"/runs/{run.id}")
    expect(page.get_by_text("It is being repeated with fewer awkward values")).to_be_visible()
    explainer = apps.Explainer(instance)
    explainer.start()
    try:
        expect(page.get_by_text("It goes well on the plain twin")).to_be_visible(timeout=120_000)
    finally:
        explainer.stop()
    expect(page.get_by_role("cell", name="a spreadsheet formula text.formula")).to_be_visible()
    no_barrier(page)
    context.close()
