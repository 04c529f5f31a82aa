"""Visit a hosted app: on an origin of its own, with a cookie of its own, that is good there and nowhere
else.
"""

import hashlib
import secrets
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from handrail import runtime, twins
from handrail.apps import find, visits_store
from handrail.apps.models import Version, Visit
from handrail.apps.run import in_use
from handrail.kernel import Caller, Context, Environment, Invalid, Person, access, git, identity, storage

_TICKET = timedelta(minutes=1)
HOSTED = ("web", "static")
_NO_BUILDS: Mapping[str, str] = MappingProxyType({})


def enter(
    ctx: Context, name: str, environment: Environment = "production", n: int | None = None, knock: str = ""
) -> str:
    """A ticket, good once and for a minute, with which the caller's browser begins a visit at the app's
    origin; good there only for the browser that keeps the secret `knock` at that origin, when one is named.

    Production shows the promoted version to whom it is shared with; the sandbox version `n` (the newest
    without one) to owners and reviewers. The visit ends with the caller's session or token. Refuses as `open`
    and `run` do, and Invalid for a job.
    """
    version = shown(ctx, name, environment, n)
    access.require_purpose(ctx, version.manifest.purpose, f"app:{name}")
    if version.manifest.kind not in HOSTED:
        raise Invalid(
            f"{name} is a job: it runs to an end and shows what it made.",
            next_step=f"Run it: /open/{name}",
            subject=f"app:{name}",
        )
    ticket = secrets.token_urlsafe(32)
    visit = Visit(
        storage.new_id("visit"),
        name,
        environment,
        ctx.caller.person.id,
        version.n if environment == "sandbox" else None,
        ctx.caller.proof,
    )
    visits_store.add(ctx, visit, _hash(f"{ticket}.{knock}"), ctx.clock.now() + _TICKET)
    ctx.audit.note("app.entered", f"app:{name}", environment=environment, n=version.n)
    return ticket


def begin(ctx: Context, name: str, environment: Environment, ticket: str, knock: str = "") -> str | None:
    """The cookie of a visit in exchange for its ticket; None for one that is used, late, another app's or
    another browser's.

    Asked by the app's origin, which knows nobody yet.
    """
    cookie = secrets.token_urlsafe(32)
    expires = ctx.clock.now() + timedelta(hours=ctx.settings.identity.session_hours)
    visit = visits_store.use(ctx, name, environment, _hash(f"{ticket}.{knock}"), _hash(cookie), expires)
    return cookie if visit else None


def visitor(ctx: Context, name: str, environment: Environment, cookie: str) -> tuple[Visit, Person] | None:
    """Whose visit a cookie belongs to, as that person is now; None when it is over, when the session or the
    token is that it was begun with, or when the account is closed.
    """
    visit = visits_store.find(ctx, name, environment, _hash(cookie))
    if visit is None:
        return None
    person = identity.found(ctx, visit.person)
    proven = identity.still_proven(ctx, Caller(person, "app", proof=visit.proof))
    return (visit, person) if person.active and proven else None


def leave(ctx: Context) -> None:
    """End every visit of the caller, as signing out does."""
    visits_store.end(ctx, ctx.caller.person.id)


def sessions_ended(ctx: Context, event: identity.SessionsEnded) -> None:
    """End every visit of somebody whose sessions were ended, as by a new password."""
    visits_store.end(ctx, event.person)


def shown(ctx: Context, name: str, environment: Environment, n: int | None = None) -> Version:
    """The version that the caller is shown there at this moment; refuses as `open` and `run` do."""
    if environment == "production":
        return in_use(ctx, name)
    find.reach(ctx, name, "run-sandbox")
    return find.chosen(ctx, name, n=n)


def whose(ctx: Context, version: Version, environment: Environment) -> str:
    """The class of viewers that the caller is answered in: empty where an app in production reads nothing, so
    that everybody is shown the same; otherwise the caller alone, whose rows and budget are nobody else's, and
    who may be answered by a system that answers not everybody. In the sandbox nobody has reviewed the code,
    and what somebody keeps awake there is to count as theirs.
    """
    shared = environment == "production" and version.manifest.shows_all_the_same
    return "" if shared else ctx.caller.person.id


def host(ctx: Context, version: Version, environment: Environment) -> runtime.Run:
    """Begin the run that answers visits to this version; refuses as its sandbox does."""
    shown(ctx, version.app, environment, version.n)
    variant, builds = "hostile", _NO_BUILDS
    if environment == "sandbox":
        variant, builds = twins.chosen(ctx, "")
    files = git.Repository(ctx.db, version.app).files(version.commit)
    app, manifest = version.app, version.manifest
    return runtime.host(ctx, app, version.commit, files, manifest, environment, variant, builds)


def bundle(ctx: Context, version: Version) -> dict[str, bytes]:
    """The files of a static app. Asks no rule: for its origin, which has asked who is there."""
    return find.code(ctx, version)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
