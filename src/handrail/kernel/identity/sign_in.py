"""Signing in, by password or one-time link, and the sessions that follow.

A session cookie holds an id, a secret and an HMAC over both. The secret is replaced every few minutes; the
one before it stays good until the next replacement, so that requests under way do not fail.
"""

import hashlib
import hmac
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache

import sqlalchemy as sa
from argon2.exceptions import InvalidHashError, VerificationError

from handrail.kernel import access
from handrail.kernel.access import Resource
from handrail.kernel.audit import log
from handrail.kernel.context import Context
from handrail.kernel.errors import LimitReached, NotAllowed
from handrail.kernel.identity import store
from handrail.kernel.identity.manage import HASHER, found, refuse_bound
from handrail.kernel.people import Caller, Person, Via
from handrail.kernel.storage import new_id

_WINDOW = timedelta(minutes=15)
# Checking a password takes 64 MB and a core on purpose; a crowd that guesses must not take all of both.
_AT_ONCE = 4
_PATIENCE = 10.0  # seconds
_checking = threading.BoundedSemaphore(_AT_ONCE)


def sign_in(ctx: Context, email: str, password: str) -> str:
    """Check a password and begin a session; returns the cookie.

    Refuses without saying whether the address or the password was wrong, after too many failures for the
    address, and when so many sign in at once that this one would have to wait long.
    """
    subject = f"email:{hashlib.sha256(email.strip().lower().encode()).hexdigest()[:16]}"
    failures = ctx.db.execute(
        sa.select(sa.func.count())
        .select_from(log.entries)
        .where(log.entries.c.verb == "request.refused")
        .where(log.entries.c.subject == subject)
        .where(log.entries.c.at > ctx.clock.now() - _WINDOW)
    ).scalar_one()
    if failures >= ctx.settings.identity.sign_in_attempts:
        raise LimitReached(
            "There were too many failed sign-ins for this address.",
            next_step="Wait a quarter of an hour, or ask an admin for a sign-in link.",
            subject=subject,
        )
    account = store.find_by_email(ctx, email)
    person, known = account or (None, None)
    with _turn():
        matches = _matches(known or _nobodys(), password)
    if not matches or person is None or known is None or not person.active:
        raise NotAllowed(
            "This address and password do not belong together.",
            next_step="Try again, or ask an admin for a sign-in link.",
            subject=subject,
        )
    return _begin(ctx, person, "password")


def issue_link(ctx: Context, person_id: str) -> str:
    """Make a one-time sign-in link for somebody; returns its token, which is kept nowhere."""
    access.require(ctx, "manage-people", Resource("Instance", "people"))
    refuse_bound(ctx)
    person = found(ctx, person_id)
    token = secrets.token_urlsafe(32)
    expires = ctx.clock.now() + timedelta(minutes=ctx.settings.identity.link_minutes)
    ctx.db.execute(store.links.insert().values(hash=_hash(token), person=person.id, expires=expires))
    ctx.audit.note("link.issued", f"person:{person.id}", expires=expires)
    return token


def use_link(ctx: Context, token: str) -> str:
    """Begin a session with a one-time link; returns the cookie. Refuses a used, expired or unknown one."""
    now = ctx.clock.now()
    row = ctx.db.execute(
        store.links.update()
        .where(store.links.c.hash == _hash(token), store.links.c.used.is_(None), store.links.c.expires > now)
        .values(used=now)
        .returning(store.links.c.person)
    ).one_or_none()
    person = found(ctx, row.person) if row else None
    if person is None or not person.active:
        raise NotAllowed(
            "This sign-in link was used before, has expired, or never existed.",
            next_step="Ask an admin for a new one.",
            subject="link",
        )
    return _begin(ctx, person, "link")


def session(ctx: Context, cookie: str, via: Via) -> tuple[Caller, str | None] | None:
    """Who holds this cookie, and the cookie to replace it with when it is time; None when it is not good."""
    opened = _opened(ctx, cookie)
    if opened is None:
        return None
    session_id, secret = opened
    row = ctx.db.execute(sa.select(store.sessions).where(store.sessions.c.id == session_id)).one_or_none()
    now = ctx.clock.now()
    if row is None or row.expires <= now or _hash(secret) not in (row.hash, row.previous):
        return None
    person = store.find(ctx, row.person)
    if person is None or not person.active:
        return None
    caller = Caller(person, via, proof=session_id)
    if _hash(secret) == row.previous:
        return caller, None
    due = row.rotated + timedelta(minutes=ctx.settings.identity.rotate_minutes) <= now
    return caller, _rotate(ctx, session_id, row.hash, now) if due else None


def sign_out(ctx: Context, cookie: str) -> None:
    """End a session. A cookie that is not good is ignored: there is nothing to end."""
    opened = _opened(ctx, cookie)
    if opened is not None:
        ctx.db.execute(store.sessions.delete().where(store.sessions.c.id == opened[0]))
        ctx.audit.note("session.ended", f"person:{ctx.caller.person.id}")


def _begin(ctx: Context, person: Person, how: str) -> str:
    now = ctx.clock.now()
    session_id, secret = new_id("session"), secrets.token_urlsafe(32)
    ctx.db.execute(store.sessions.delete().where(store.sessions.c.expires <= now))
    ctx.db.execute(
        store.sessions.insert().values(
            id=session_id,
            person=person.id,
            hash=_hash(secret),
            rotated=now,
            expires=now + timedelta(hours=ctx.settings.identity.session_hours),
        )
    )
    ctx.audit.note("session.begun", f"person:{person.id}", how=how)
    return _sealed(ctx, session_id, secret)


def _rotate(ctx: Context, session_id: str, old: str, now: datetime) -> str | None:
    secret = secrets.token_urlsafe(32)
    changed = ctx.db.execute(
        store.sessions.update()
        .where(store.sessions.c.id == session_id, store.sessions.c.hash == old)
        .values(hash=_hash(secret), previous=old, rotated=now)
    ).rowcount
    return _sealed(ctx, session_id, secret) if changed else None


def _sealed(ctx: Context, session_id: str, secret: str) -> str:
    return f"{session_id}.{secret}.{_seal(ctx, f'{session_id}.{secret}')}"


def _opened(ctx: Context, cookie: str) -> tuple[str, str] | None:
    parts = cookie.split(".")
    if len(parts) != 3 or not hmac.compare_digest(parts[2], _seal(ctx, f"{parts[0]}.{parts[1]}")):
        return None
    return parts[0], parts[1]


def _seal(ctx: Context, text: str) -> str:
    return hmac.new(ctx.instance.secret("session"), text.encode(), hashlib.sha256).hexdigest()


@cache
def _nobodys() -> str:
    """Verified when the address is unknown, so that the answer takes as long as for a known one."""
    return HASHER.hash(secrets.token_hex(16))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


@contextmanager
def _turn() -> Iterator[None]:
    if not _checking.acquire(timeout=_PATIENCE):
        raise LimitReached("Too many are signing in at this moment.", next_step="Try again in a minute.")
    try:
        yield
    finally:
        _checking.release()


def _matches(known: str, password: str) -> bool:
    try:
        return HASHER.verify(known, password)
    except (VerificationError, InvalidHashError):
        return False
