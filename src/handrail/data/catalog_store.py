"""The catalog as rows: what contract files say, and what was recorded of them, where SQL can find it.

The files count. A row is what was read from one, and names the file by its `stamp`; the state of a dataset
is not kept here but computed in SQL, as `state.standing` does, from the facts beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, TypeVar

import sqlalchemy as sa

from handrail.kernel import Context, storage
from handrail.kernel.kept import Kept

EXPIRING = timedelta(days=30)
_T = TypeVar("_T")
_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"
FACETS = ("state", "domain", "classification", "subject", "owner", "source")
catalog = sa.Table(
    "catalog",
    storage.metadata,
    sa.Column("dataset", sa.Text, primary_key=True),
    sa.Column("stamp", sa.Text, nullable=False),  # of the file that was read
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("problem", sa.Text),  # why the file cannot be read
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("domain", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("classification", sa.Text, nullable=False),  # "personal", "personal,sensitive", … or "none"
    sa.Column("schedules", sa.Text, nullable=False),  # cron lines of its rules, a line each
    sa.Column("proposed", sa.Text),  # digest of the newest proposal
    sa.Column("proposed_at", storage.Instant),
    sa.Column("renews", sa.Boolean, nullable=False, default=False),
    sa.Column("certified", sa.Text),  # digest of the newest certification
    sa.Column("certified_at", storage.Instant),
    sa.Column("until", sa.Date),
    sa.Column("revoked", sa.Boolean, nullable=False, default=False),
    sa.Column("quality", sa.Text, nullable=False, default=""),  # outcome of the newest check
    sa.Column("checked_at", storage.Instant),
)
catalog_words = sa.Table(
    "catalog_words",
    storage.metadata,
    sa.Column("word", sa.Text, primary_key=True),
    sa.Column("dataset", sa.Text, primary_key=True, index=True),
    sa.Column("weight", sa.Integer, nullable=False),
)
catalog_purposes = sa.Table(
    "catalog_purposes",
    storage.metadata,
    sa.Column("purpose", sa.Text, primary_key=True),
    sa.Column("dataset", sa.Text, primary_key=True, index=True),
)
catalog_folder = sa.Table(
    "catalog_folder",
    storage.metadata,
    sa.Column("folder", sa.Text, primary_key=True),
    sa.Column("stamp", sa.Text, nullable=False),  # of the folder when all its files were read
)
_ROWS = ""  # the folder under which the stamp of the rows themselves stands, which changes with any of them
_counted: Kept[tuple[Any, ...], Any] = Kept(512)  # what was counted over all rows, by their stamp


@dataclass(frozen=True)
class Entry:
    """What one contract file says, as far as the catalog looks for it; `words` with their weight."""

    dataset: str
    stamp: str
    digest: str = ""
    problem: str | None = None
    owner: str = ""
    domain: str = ""
    subject: str = ""
    source: str = ""
    classification: str = "none"
    schedules: str = ""
    words: Mapping[str, int] = field(default_factory=dict)
    purposes: tuple[str, ...] = ()


def state(today: date) -> sa.ColumnElement[str]:
    """The state of a row's dataset, as `state.standing` computes it."""
    c = catalog.c
    mine = sa.and_(c.proposed == c.digest, c.renews.is_(False))
    newer = sa.or_(c.certified_at.is_(None), c.certified_at < c.proposed_at)
    return sa.case(
        (sa.and_(mine, newer), "proposed"),
        (c.certified.is_(None), "draft"),
        (sa.and_(c.revoked, c.certified == c.digest), "revoked"),
        (c.revoked, "draft"),
        (c.certified != c.digest, "edited"),
        (c.until < today, "expired"),
        (c.until < today + EXPIRING, "expiring"),
        else_="certified",
    )


def renewing() -> sa.ColumnElement[bool]:
    """Whether a row's certified dataset waits to be renewed."""
    c = catalog.c
    asked = sa.and_(c.proposed == c.digest, c.renews, c.proposed_at > c.certified_at)
    return sa.and_(asked, c.certified == c.digest, c.revoked.is_(False))


def folder_stamp(ctx: Context, folder: str) -> str | None:
    """The stamp of a folder when all its files were last read."""
    query = sa.select(catalog_folder.c.stamp).where(catalog_folder.c.folder == folder)
    return ctx.db.execute(query).scalar()


def set_folder_stamp(ctx: Context, folder: str, stamp: str) -> None:
    """Note that all files of a folder have been read as they are at this stamp."""
    _upsert(ctx, catalog_folder, [{"folder": folder, "stamp": stamp}], ("stamp",))


def stamps(ctx: Context) -> dict[str, str]:
    """By dataset, the stamp of the file that its row was read from."""
    return {row.dataset: row.stamp for row in ctx.db.execute(sa.select(catalog.c.dataset, catalog.c.stamp))}


def put(ctx: Context, entries: Sequence[Entry], facts: Mapping[str, Mapping[str, Any]]) -> None:
    """Replace the rows of these datasets by what their files say; `facts` are for rows that are new."""
    names = [one.dataset for one in entries]
    for start in range(0, len(names), 500):
        for table in (catalog_words, catalog_purposes):
            ctx.db.execute(table.delete().where(table.c.dataset.in_(names[start : start + 500])))
    words = [
        {"word": word, "dataset": one.dataset, "weight": weight}
        for one in entries
        for word, weight in one.words.items()
    ]
    _upsert(ctx, catalog_words, words, ("weight",))
    purposes = [{"purpose": p, "dataset": one.dataset} for one in entries for p in one.purposes]
    _upsert(ctx, catalog_purposes, purposes, ("dataset",))
    none: dict[str, Any] = {
        column.name: None for column in catalog.c if column.name not in Entry.__dataclass_fields__
    }
    none |= {"renews": False, "revoked": False, "quality": ""}
    said = [
        {key: value for key, value in vars(one).items() if key not in ("words", "purposes")}
        for one in entries
    ]
    rows = [{**one, **none, **facts.get(one["dataset"], {})} for one in said]
    _upsert(ctx, catalog, rows, [key for key in said[0] if key != "dataset"] if said else ())
    set_folder_stamp(ctx, _ROWS, storage.new_id("rows"))


def note(ctx: Context, dataset: str, **facts: Any) -> None:
    """Keep facts beside a row: a proposal, a certification or its end, a check; nothing without a row."""
    ctx.db.execute(catalog.update().where(catalog.c.dataset == dataset).values(facts))
    if not facts.keys() <= {"quality", "checked_at"}:
        set_folder_stamp(ctx, _ROWS, storage.new_id("rows"))


def combinations(ctx: Context, words: Sequence[str], today: date) -> list[tuple[tuple[str, ...], int]]:
    """Every combination of facets, in the order of `FACETS`, among datasets with these words, counted."""
    return _once(ctx, ("combinations", *words, today), lambda: _combinations(ctx, words, today))


def _combinations(ctx: Context, words: Sequence[str], today: date) -> list[tuple[tuple[str, ...], int]]:
    said = [state(today) if name == "state" else catalog.c[name] for name in FACETS]
    columns = [column.label(f"f{place}") for place, column in enumerate(said)]
    source, _ = _having(words)
    query = sa.select(*columns, sa.func.count()).select_from(source).where(catalog.c.problem.is_(None))
    query = query.group_by(*(sa.text(f"f{place}") for place in range(len(said))))
    return [(tuple(row[:-1]), row[-1]) for row in ctx.db.execute(query)]


def find(
    ctx: Context,
    words: Sequence[str],
    chosen: Mapping[str, str],
    today: date,
    offset: int,
    limit: int,
) -> list[tuple[str, str]]:
    """Name and digest of the datasets that fit: by how well the words fit, then by name."""
    c = catalog.c
    source, weight = _having(words)
    where = [_is(key, value, today) for key, value in chosen.items()]
    query = sa.select(c.dataset, c.digest).select_from(source).where(c.problem.is_(None), *where)
    if words:
        query = query.order_by(weight.desc())
    rows = ctx.db.execute(query.order_by(c.dataset).offset(offset).limit(limit))
    return [(row.dataset, row.digest) for row in rows]


def waiting(ctx: Context, today: date, limit: int) -> tuple[list[str], int]:
    """The first datasets that wait for a steward, and how many there are."""
    return _once(ctx, ("waiting", limit, today), lambda: _waiting(ctx, today, limit))


def _waiting(ctx: Context, today: date, limit: int) -> tuple[list[str], int]:
    c = catalog.c
    waits = sa.and_(c.problem.is_(None), sa.or_(state(today) != "certified", renewing()))
    query = sa.select(c.dataset).where(waits).order_by(c.dataset).limit(limit)
    count = ctx.db.execute(sa.select(sa.func.count()).where(waits)).scalar() or 0
    return [row.dataset for row in ctx.db.execute(query)], count


def total(ctx: Context) -> int:
    """How many datasets there are."""
    query = sa.select(sa.func.count()).where(catalog.c.problem.is_(None))
    return _once(ctx, ("total",), lambda: ctx.db.execute(query).scalar() or 0)


def unreadable(ctx: Context) -> dict[str, str]:
    """Datasets whose contract cannot be read, with the reason."""
    query = sa.select(catalog.c.dataset, catalog.c.problem).where(catalog.c.problem.is_not(None))
    query = query.order_by(catalog.c.dataset)
    return _once(ctx, ("unreadable",), lambda: {one.dataset: one.problem for one in ctx.db.execute(query)})


def used_for(ctx: Context, purpose: str, limit: int) -> tuple[list[str], int]:
    """The first datasets that may be used for a purpose, and how many there are."""
    table = catalog_purposes
    query = sa.select(table.c.dataset).where(table.c.purpose == purpose).order_by(table.c.dataset)
    count = sa.select(sa.func.count()).select_from(table).where(table.c.purpose == purpose)
    return [row.dataset for row in ctx.db.execute(query.limit(limit))], ctx.db.execute(count).scalar() or 0


def in_state(ctx: Context, today: date, *states: str) -> list[tuple[str, str, date]]:
    """Name, certified digest and last day of the datasets in one of these states."""
    c = catalog.c
    query = sa.select(c.dataset, c.certified, c.until).where(c.problem.is_(None), state(today).in_(states))
    return [(row.dataset, row.certified, row.until) for row in ctx.db.execute(query.order_by(c.dataset))]


def schedules(ctx: Context) -> list[str]:
    """Every set of cron lines that some dataset has."""
    query = sa.select(catalog.c.schedules).distinct()
    return [row.schedules for row in ctx.db.execute(query)]


def qualities(ctx: Context, datasets: Iterable[str]) -> dict[str, str]:
    """The outcome of the newest check of each of these datasets that was ever checked."""
    query = sa.select(catalog.c.dataset, catalog.c.quality).where(catalog.c.dataset.in_(list(datasets)))
    return {row.dataset: row.quality for row in ctx.db.execute(query) if row.quality}


def _upsert(ctx: Context, table: sa.Table, rows: Sequence[Mapping[str, Any]], change: Sequence[str]) -> None:
    """Insert rows, and where one is there already change these columns; right however many do so at once."""
    if rows:
        insert = storage.insert_of(ctx.db.dialect.name)
        made = insert(table)
        set_ = {name: made.excluded[name] for name in change}
        keys = list(table.primary_key.columns)
        ctx.db.execute(made.on_conflict_do_update(index_elements=keys, set_=set_), list(rows))


def _once(ctx: Context, what: tuple[Any, ...], make: Callable[[], _T]) -> _T:
    """What was counted over the rows as they are, so that many who look at the same make it once."""
    rows = folder_stamp(ctx, _ROWS)
    found: _T = _counted.made((ctx.settings.home, rows, *what), make) if rows else make()
    return found


def _is(facet: str, value: str, today: date) -> sa.ColumnElement[bool]:
    if facet == "classification":  # several may stand there
        return catalog.c.classification.contains(value, autoescape=True)
    return (state(today) if facet == "state" else catalog.c[facet]) == value


def _begins(word: str) -> sa.ColumnElement[bool]:
    """Words that begin so, as a range for the index; words are of a-z and 0-9, which sort alike."""
    begins = catalog_words.c.word >= word
    stem = word.rstrip("z")
    if not stem:
        return begins
    after = stem[:-1] + _LETTERS[_LETTERS.index(stem[-1]) + 1]
    return sa.and_(begins, catalog_words.c.word < after)


def _having(words: Sequence[str]) -> tuple[sa.FromClause, sa.ColumnElement[int]]:
    """The rows of datasets that have all these words, and how much the words weigh in each."""
    source: sa.FromClause = catalog
    weight: sa.ColumnElement[int] = sa.literal(0)
    for place, word in enumerate(words):
        most = sa.func.max(catalog_words.c.weight).label("weight")
        hits = sa.select(catalog_words.c.dataset, most).where(_begins(word)).group_by(catalog_words.c.dataset)
        found = hits.subquery(f"w{place}")
        source = source.join(found, found.c.dataset == catalog.c.dataset)
        weight = weight + found.c.weight
    return source, weight
