"""Storage: both databases behave as READ COMMITTED, and files are replaced as a whole."""

import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from handrail.kernel import storage

things = sa.Table(
    "things",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("at", storage.Instant),
)


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    made = storage.open_engine(storage.sqlite_url(tmp_path / "state.db"))
    things.metadata.create_all(made)
    with made.begin() as db:
        db.execute(things.insert().values(id=1, count=0))
    return made


def test_a_transaction_that_read_first_can_write_after_another_wrote(engine: sa.Engine) -> None:
    with engine.connect() as one:
        one.execute(sa.select(things)).all()
        with engine.begin() as two:
            two.execute(things.update().values(count=things.c.count + 1))
        one.execute(things.update().values(count=things.c.count + 1))
        one.commit()
    with engine.connect() as db:
        assert db.execute(sa.select(things.c.count)).scalar_one() == 2


def test_parallel_writers_wait_for_each_other_and_none_is_lost(engine: sa.Engine) -> None:
    def count_up() -> None:
        for _ in range(25):
            with engine.begin() as db:
                db.execute(sa.select(things)).all()
                db.execute(things.update().values(count=things.c.count + 1))

    threads = [threading.Thread(target=count_up) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with engine.connect() as db:
        assert db.execute(sa.select(things.c.count)).scalar_one() == 150


def test_reading_takes_no_lock_and_writing_does(engine: sa.Engine) -> None:
    with engine.connect() as db:
        db.execute(sa.select(things)).all()
        assert not storage.is_writing(db)
        db.execute(things.update().values(count=5))
        assert storage.is_writing(db)
        db.rollback()
        assert not storage.is_writing(db)


def test_a_snapshot_does_not_see_what_is_written_meanwhile(engine: sa.Engine) -> None:
    with storage.snapshot(engine) as db:
        before = db.execute(sa.select(things.c.count)).scalar_one()
        with engine.begin() as other:
            other.execute(things.update().values(count=before + 1))
        assert db.execute(sa.select(things.c.count)).scalar_one() == before


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_moment_comes_back_to_the_microsecond(moment: datetime) -> None:
    kind = storage.Instant()
    dialect = sa.create_engine("sqlite://").dialect
    assert kind.process_result_value(kind.process_bind_param(moment, dialect), dialect) == moment


def test_a_moment_in_another_zone_is_the_same_moment_and_a_naive_one_is_refused(engine: sa.Engine) -> None:
    berlin = datetime(2026, 3, 29, 3, 30, tzinfo=timezone(timedelta(hours=2)))
    with engine.begin() as db:
        db.execute(things.update().values(at=berlin))
        assert db.execute(sa.select(things.c.at)).scalar_one() == berlin
    with pytest.raises(sa.exc.StatementError), engine.begin() as db:
        db.execute(things.update().values(at=datetime(2026, 1, 1)))  # noqa: DTZ001


def test_identifiers_are_unique_and_sort_by_time() -> None:
    made = [storage.new_id("run") for _ in range(1000)]
    assert len(set(made)) == 1000
    assert [name[:14] for name in made] == sorted(name[:14] for name in made)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "file"
    storage.write_file(file, b"old")
    with pytest.raises(TypeError):
        storage.write_file(file, "not bytes")  # type: ignore[arg-type]
    assert file.read_bytes() == b"old"
    storage.write_file(file, b"new", mode=0o600)
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"new", 0o600)
    assert [entry.name for entry in file.parent.iterdir()] == ["file"]


def test_of_many_who_make_a_file_at_once_one_does_and_all_read_the_same(tmp_path: Path) -> None:
    """Two keys for one use would count one customer twice and part what was masked alike."""
    file, start, read = tmp_path / "keys" / "mask.key", threading.Barrier(8), []

    def make(number: int) -> None:
        start.wait()
        storage.create_file(file, bytes([number]) * 32, mode=0o600)
        read.append(file.read_bytes())

    threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(read), len(set(read))) == (8, 1)
    assert [entry.name for entry in file.parent.iterdir()] == ["mask.key"]


def test_an_identifier_says_when_it_was_made_and_what_is_none_says_nothing() -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    made = storage.moment_of(storage.new_id("run"))
    assert made is not None and before <= made <= datetime.now(UTC)
    for other in ("", "run_none", f"run_{'u' * 26}", f"run_{'z' * 26}", "run_" + "0" * 27):
        assert storage.moment_of(other) is None


@given(st.text())
def test_no_text_is_too_odd_to_be_asked_when_it_was_made(text: str) -> None:
    found = storage.moment_of(text)
    assert found is None or found.tzinfo is UTC
