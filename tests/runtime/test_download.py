"""A download: for whom the run was made, on the trail, and counted on the day on which it is made."""

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from handrail import data, runtime
from handrail.kernel import Instance, Invalid, LimitReached, Manifest, NotAllowed, NotReady
from handrail.kernel.audit import recent
from handrail.runtime import Run, store
from tests.conftest import Acting, begun
from tests.data import budgeting
from tests.data.asking import Hands
from tests.runtime.conftest import Start

HANDS_OVER = """
import handrail_sdk as h, pandas as pd
frame = pd.DataFrame({'id': [1, 2], 'who': ['=1+1', None]})
h.table(frame, 'people.parquet')
h.save('note.txt', b'x')
frame.to_excel('book.xlsx', index=False)
frame.to_csv('plain.csv', index=False)
"""
READS = Manifest.parse(
    Manifest.render("tried")
    + '\n[data.customers]\ncolumns = ["id", "score"]\n[data.orders]\ncolumns = ["id"]\n'
)
ASKS = (
    "import handrail_sdk as h\nh.text(h.query('SELECT score FROM customers WHERE id < 5').to_csv())\nprint(1)"
)


@pytest.fixture
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Instance]:
    """A fresh instance: with customers and their budget, where a test names a run that was shown some."""
    with begun(tmp_path, classified if "read" in request.fixturenames else None) as opened:
        yield opened


def classified(folder: Path) -> None:
    """Make `home`, an instance with forty customers; twelve a day are the budget."""
    made = budgeting.furnished(folder, 12)
    budgeting.certify(made, "customers", {"classifications": {"score": "sensitive"}})
    made.close()


@pytest.fixture
def read(instance: Instance, acting: Acting) -> Run:
    """A production run that was shown five of these."""
    instance.clock = Hands()
    with acting("viewer.emea") as ctx:
        run = runtime.start(ctx, "tried", "c0ffee", {"app.py": ASKS.encode()}, READS, "production")
    return runtime.execute(instance, run.id)


def tomorrow(instance: Instance) -> None:
    assert isinstance(instance.clock, Hands)
    instance.clock.shift += timedelta(days=1)


def test_a_table_that_an_app_wrote_in_one_form_is_kept_in_each(ended: Start, acting: Acting) -> None:
    run = ended(HANDS_OVER)
    assert run.state == "succeeded", run.reason
    with acting("maker.sales") as ctx:
        outputs = runtime.outputs(ctx, run.id)
        assert [(one.kind, one.name) for one in outputs] == [
            ("table", "people.parquet"), ("file", "note.txt"), ("table", "book.xlsx"), ("table", "plain.csv"),
        ]  # fmt: skip
        for n in (1, 3, 4):
            assert pq.read_table(
                io.BytesIO(runtime.download(ctx, run.id, n, "parquet").content)
            ).to_pylist() == [
                {"id": 1, "who": "=1+1"},
                {"id": 2, "who": None},
            ]
            assert (
                runtime.download(ctx, run.id, n, "csv").content.decode("utf-8-sig")
                == "id,who\r\n1,'=1+1\r\n2,\r\n"
            )
            assert runtime.download(ctx, run.id, n, "xlsx").name.endswith(".xlsx")
        assert runtime.download(ctx, run.id, 1, "usual").name == "people.parquet"
        with pytest.raises(Invalid, match="'exe'"):
            runtime.download(ctx, run.id, 1, "exe")
        with pytest.raises(Invalid, match="not a table"):
            runtime.download(ctx, run.id, 2, "csv")


def test_a_download_is_on_the_trail_with_the_class_of_what_was_read(acting: Acting, read: Run) -> None:
    with acting("viewer.emea") as ctx:
        kept = runtime.download(ctx, read.id, 1)
    with acting("compliance") as ctx:
        [entry] = recent(ctx.db, verb="output.downloaded")
    assert (entry.subject, entry.person) == (f"run:{read.id}", "viewer.emea")
    assert entry.facts["classification"] == "sensitive"
    assert (entry.facts["bytes"], entry.facts["output"]) == (len(kept.content), 1)


def test_on_another_day_a_download_counts_whom_the_run_was_shown_and_names_them_on_the_trail(
    instance: Instance, acting: Acting, read: Run
) -> None:
    tomorrow(instance)
    with acting("viewer.emea") as ctx:
        runtime.download(ctx, read.id, 1)
    with acting("viewer.emea") as ctx:
        [used] = data.my_budgets(ctx)
    assert (used.seen, dict(used.apps)) == (5, {"tried": 5})
    with acting("compliance") as ctx:
        [entry] = recent(ctx.db, verb="output.downloaded")
    assert len(entry.facts["entities"]["customer"]) == 5


def test_nothing_of_a_run_is_shown_beyond_the_budget_of_the_day(
    instance: Instance, acting: Acting, read: Run
) -> None:
    """The attack: another ten were seen today, and five more lie in what yesterday's run handed over."""
    tomorrow(instance)
    with acting("viewer.emea") as ctx:
        request = data.Request("SELECT id FROM customers WHERE id >= 30", purpose="sales-reporting")
        assert data.query(ctx, request).table().num_rows == 10
    for look in (
        lambda ctx: runtime.download(ctx, read.id, 1),
        lambda ctx: runtime.download_log(ctx, read.id),
        lambda ctx: runtime.output(ctx, read.id, 1),
        lambda ctx: runtime.outputs(ctx, read.id),
        lambda ctx: runtime.log(ctx, read.id),
    ):
        with acting("viewer.emea") as ctx, pytest.raises(LimitReached, match="10 of 12 customers"):
            look(ctx)


def test_of_a_run_of_an_older_handrail_nobody_knows_whom_it_showed(
    instance: Instance, acting: Acting, read: Run
) -> None:
    with instance.engine.begin() as db:
        db.execute(sa.update(store.runs).values(traced=False))
    with acting("viewer.emea") as ctx:
        assert runtime.download(ctx, read.id, 1)
    tomorrow(instance)
    with acting("viewer.emea") as ctx, pytest.raises(NotReady, match="was not kept"):
        runtime.download(ctx, read.id, 1)


def test_only_its_person_keeps_what_a_production_run_handed_over(
    ended: Start, acting: Acting, owned: None
) -> None:
    run = ended(HANDS_OVER, person="viewer.emea", environment="production")
    for download in (
        lambda ctx: runtime.download(ctx, run.id, 1),
        lambda ctx: runtime.download_log(ctx, run.id),
    ):
        with acting("maker.sales") as ctx, pytest.raises(NotAllowed, match="viewer"):
            download(ctx)
