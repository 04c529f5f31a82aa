"""Statements that go straight to the driver say, write and refuse what SQLAlchemy's own would."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from handrail.kernel import storage
from handrail.kernel.ready import Ready

TABLE = sa.Table(
    "moments",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", storage.Instant),
)
ADD = Ready(TABLE.insert(), writes=True)
FIND = Ready(sa.select(TABLE.c.id).where(TABLE.c.id >= sa.bindparam("least")).limit(2), writes=False)


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    made = storage.open_engine(storage.sqlite_url(tmp_path / "one.db"))
    with made.begin() as db:
        TABLE.create(db)
    return made


def test_values_are_named_and_the_statement_keeps_its_own(engine: sa.Engine) -> None:
    with engine.begin() as db:
        ADD.run(db, [{"id": number, "at": None} for number in range(5)])
        assert FIND.rows(db, {"least": 1}) == [(1,), (2,)]


def test_what_is_written_lasts_only_once_it_is_committed(engine: sa.Engine) -> None:
    with engine.connect() as db:
        ADD.run(db, [{"id": 1, "at": None}])
        assert storage.is_writing(db)
        db.rollback()
        ADD.run(db, [{"id": 2, "at": None}])
        db.commit()
    with engine.connect() as db:
        assert FIND.rows(db, {"least": 0}) == [(2,)]


def test_an_error_is_the_one_that_sqlalchemy_raises(engine: sa.Engine) -> None:
    with engine.connect() as db, pytest.raises(sa.exc.IntegrityError):
        ADD.run(db, [{"id": 1, "at": None}, {"id": 1, "at": None}])
    with engine.begin() as db:
        TABLE.drop(db)
    with engine.connect() as db, pytest.raises(sa.exc.OperationalError):
        FIND.rows(db, {"least": 0})
