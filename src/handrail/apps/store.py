"""The apps room's tables, and the only SQL on them."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from handrail.apps.models import App, Promotion, Version
from handrail.kernel import Conflict, Context, Manifest
from handrail.kernel.storage import Instant, metadata

_manifest = lru_cache(maxsize=4096)(Manifest.parse)  # it is frozen, and every page of apps reads many

apps = sa.Table(
    "apps",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False, index=True),
    sa.Column("created", Instant, nullable=False),
)
coowners = sa.Table(
    "app_coowners",
    metadata,
    sa.Column("app", sa.Text, sa.ForeignKey("apps.name"), primary_key=True),
    sa.Column("person", sa.Text, primary_key=True),
)
versions = sa.Table(
    "app_versions",
    metadata,
    sa.Column("app", sa.Text, sa.ForeignKey("apps.name"), primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("commit", sa.Text, nullable=False),
    sa.Column("tree", sa.Text, nullable=False),
    sa.Column("manifest", sa.Text, nullable=False),
    sa.Column("manifest_digest", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("prompts", sa.Integer, nullable=False),
    sa.Column("redacted", sa.JSON, nullable=False),
    sa.UniqueConstraint("app", "commit"),
)
promotions = sa.Table(
    "app_promotions",
    metadata,
    sa.Column("app", sa.Text, sa.ForeignKey("apps.name"), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("commit", sa.Text, nullable=False),
    sa.Column("tree", sa.Text, nullable=False),
    sa.Column("manifest_digest", sa.Text, nullable=False),
    sa.Column("layer", sa.Text, nullable=False),
    sa.Column("tier", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
)
shares = sa.Table(
    "app_shares",
    metadata,
    sa.Column("app", sa.Text, sa.ForeignKey("apps.name"), primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),  # group or person
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
)


def find_app(ctx: Context, name: str) -> App | None:
    """The app of that name, or None."""
    return next(iter(find_apps(ctx, [name])), None)


def find_apps(ctx: Context, names: Iterable[str] | None = None) -> tuple[App, ...]:
    """These apps, or all, by name."""
    wanted = None if names is None else list(names)

    def rows(source: sa.FromClause, name: str) -> Iterable[Any]:
        query = sa.select(source).order_by(source.c[name])
        return ctx.db.execute(query if wanted is None else query.where(source.c[name].in_(wanted)))

    newest = {row.app: row for row in rows(_latest(versions, "n"), "app")}
    promoted = {row.app: row.n for row in rows(_latest(promotions, "seq"), "app")}
    owners: dict[str, list[str]] = {}
    for row in rows(coowners, "app"):
        owners.setdefault(row.app, []).append(row.person)
    shared: dict[tuple[str, str], list[str]] = {}
    for row in rows(shares, "app"):
        shared.setdefault((row.app, row.kind), []).append(row.name)
    return tuple(
        App(
            name=row.name,
            owner=row.owner,
            coowners=tuple(sorted(owners.get(row.name, ()))),
            groups=tuple(sorted(shared.get((row.name, "group"), ()))),
            people=tuple(sorted(shared.get((row.name, "person"), ()))),
            created=row.created,
            says=_manifest(newest[row.name].manifest).says if row.name in newest else "",
            versions=newest[row.name].n if row.name in newest else 0,
            promoted=promoted.get(row.name),
        )
        for row in rows(apps, "name")
    )


def _latest(table: sa.Table, number: str) -> sa.FromClause:
    """The row with the highest number of each app."""
    last = sa.select(table.c.app, sa.func.max(table.c[number]).label("last")).group_by(table.c.app).subquery()
    both = (table.c.app == last.c.app) & (table.c[number] == last.c.last)
    return sa.select(table).join(last, both).subquery()


def add_app(ctx: Context, name: str, owner: str, now: datetime) -> None:
    """Register an app; refuses Conflict when another transaction took the name first."""
    _insert(ctx, apps, name=name, owner=owner, created=now)


def add_coowner(ctx: Context, app: str, person: str) -> None:
    """Make somebody co-owner; refuses Conflict when they just became one."""
    _insert(ctx, coowners, app=app, person=person)


def set_owner(ctx: Context, app: str, before: str, owner: str) -> None:
    """Change the owner; the one before becomes co-owner. Refuses Conflict when somebody else did just now."""
    changed = ctx.db.execute(
        sa.update(apps).where(apps.c.name == app, apps.c.owner == before).values(owner=owner)
    ).rowcount
    if changed != 1:
        raise _at_once()
    ctx.db.execute(sa.delete(coowners).where(coowners.c.app == app, coowners.c.person == owner))
    _insert(ctx, coowners, app=app, person=before)


def add_version(ctx: Context, version: Version) -> None:
    """Keep a version; refuses Conflict when another took its number first."""
    _insert(
        ctx,
        versions,
        app=version.app,
        n=version.n,
        commit=version.commit,
        tree=version.tree,
        manifest=version.manifest.text,
        manifest_digest=version.manifest.digest,
        why=version.why,
        by=version.by,
        at=version.at,
        prompts=version.prompts,
        redacted=dict(version.redacted),
    )


def find_versions(ctx: Context, app: str) -> tuple[Version, ...]:
    """All versions of an app, newest first."""
    query = sa.select(versions).where(versions.c.app == app).order_by(versions.c.n.desc())
    return tuple(_version(row) for row in ctx.db.execute(query))


def find_version(
    ctx: Context, app: str, *, commit: str | None = None, n: int | None = None
) -> Version | None:
    """The version of this commit or number, or the newest; None when there is none."""
    query = sa.select(versions).where(versions.c.app == app).order_by(versions.c.n.desc()).limit(1)
    if commit is not None:
        query = query.where(versions.c.commit == commit)
    if n is not None:
        query = query.where(versions.c.n == n)
    row = ctx.db.execute(query).first()
    return _version(row) if row else None


def find_counting(ctx: Context, about: Collection[str], names: Collection[str] | None) -> tuple[Version, ...]:
    """Of each app the version that counts: the one in production, or else the newest.

    Only of the apps of these names (None: all), and of those whose manifest names one of `about` anywhere.
    """
    now = _latest(promotions, "seq")
    newest = (
        sa.select(versions.c.app, sa.func.max(versions.c.n).label("n")).group_by(versions.c.app).subquery()
    )
    counts = (versions.c.app == newest.c.app) & (versions.c.n == sa.func.coalesce(now.c.n, newest.c.n))
    query = (
        sa.select(versions)
        .select_from(newest.outerjoin(now, now.c.app == newest.c.app).join(versions, counts))
        .order_by(versions.c.app)
    )
    if names is not None:
        mentions = [versions.c.manifest.contains(name, autoescape=True) for name in about]
        query = query.where(sa.or_(versions.c.app.in_(list(names)), *mentions))
    return tuple(_version(row) for row in ctx.db.execute(query))


def add_promotion(ctx: Context, promotion: Promotion) -> None:
    """Put a version into production; refuses Conflict when another promotion came first."""
    last = sa.select(sa.func.max(promotions.c.seq)).where(promotions.c.app == promotion.app)
    columns = {column.name for column in promotions.c} - {"seq"}
    values = {column: getattr(promotion, column) for column in columns}
    _insert(ctx, promotions, seq=(ctx.db.scalar(last) or 0) + 1, **values)


def find_promotions(ctx: Context, app: str) -> tuple[Promotion, ...]:
    """What went to production, newest first: the first one is what runs now."""
    query = sa.select(promotions).where(promotions.c.app == app).order_by(promotions.c.seq.desc())
    return tuple(
        Promotion(**{name: value for name, value in row._mapping.items() if name != "seq"})
        for row in ctx.db.execute(query)
    )


def find_promoted(ctx: Context, app: str) -> int | None:
    """The number of the version in production, or None."""
    query = sa.select(promotions.c.n).where(promotions.c.app == app).order_by(promotions.c.seq.desc())
    return ctx.db.scalar(query.limit(1))


def add_shares(ctx: Context, app: str, added: Mapping[str, Iterable[str]], by: str, at: datetime) -> None:
    """Share with these (`group` and `person` to names) who did not have it yet."""
    for kind, names in added.items():
        for name in names:
            _insert(ctx, shares, app=app, kind=kind, name=name, by=by, at=at)


def remove_shares(ctx: Context, app: str, removed: Mapping[str, Iterable[str]]) -> None:
    """Take the app back from these."""
    for kind, names in removed.items():
        ctx.db.execute(
            sa.delete(shares).where(
                shares.c.app == app, shares.c.kind == kind, shares.c.name.in_(list(names))
            )
        )


def _insert(ctx: Context, table: sa.Table, **values: Any) -> None:
    try:
        ctx.db.execute(sa.insert(table).values(**values))
    except IntegrityError as error:
        raise _at_once() from error


def _at_once() -> Conflict:
    return Conflict(
        "Somebody else changed this app at the same moment.", next_step="Look at it, then try again."
    )


def _version(row: Any) -> Version:
    return Version(
        app=row.app,
        n=row.n,
        commit=row.commit,
        tree=row.tree,
        manifest=_manifest(row.manifest),
        why=row.why,
        by=row.by,
        at=row.at,
        prompts=row.prompts,
        redacted=row.redacted,
    )
