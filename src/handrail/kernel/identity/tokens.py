"""Personal API tokens: shown once, kept as a hash, limited in time and to named actions."""

import hashlib
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from handrail.kernel import access
from handrail.kernel.access import Resource
from handrail.kernel.context import Context
from handrail.kernel.errors import Invalid, NotFound
from handrail.kernel.identity import store
from handrail.kernel.people import Caller, Via
from handrail.kernel.storage import new_id

PREFIX = "hr_"
BOUND = "purpose:"  # a scope that begins so binds the token to a purpose, where others name actions


@dataclass(frozen=True)
class Token:
    """A token without its secret. `scopes` names actions and, as `purpose:NAME`, what it may ask data for;
    where it names none of a kind, its person's rights are not narrowed in that.
    """

    id: str
    person: str
    name: str
    scopes: tuple[str, ...] | None
    created: datetime
    expires: datetime
    revoked: datetime | None


def issue_token(
    ctx: Context, name: str, scopes: Iterable[str] | None = None, days: int | None = None
) -> tuple[Token, str]:
    """Make a token for the caller; returns it with its secret, which is kept nowhere.

    Refuses more days than the settings allow, and a scope wider than that of the token it is made with.
    """
    person = ctx.caller.person.id
    access.require(ctx, "manage-tokens", Resource("Account", person, {"person": person}))
    longest = ctx.settings.identity.token_days
    days = longest if days is None else days
    if not 0 < days <= longest:
        raise Invalid(f"A token lasts from 1 to {longest} days.", next_step="Ask for fewer days.")
    if not name.strip():
        raise Invalid(
            "The token has no name.", next_step="Name what it is for, so that you can revoke it later."
        )
    kept = None if scopes is None else tuple(sorted(set(scopes)))
    if _is_wider(kept, ctx.caller.scopes, ctx.caller.purposes):
        raise Invalid("A token cannot make one that may do more.", next_step="Sign in to make it.")
    now = ctx.clock.now()
    secret = PREFIX + secrets.token_urlsafe(32)
    token = Token(new_id("token"), person, name.strip(), kept, now, now + timedelta(days=days), None)
    ctx.db.execute(
        store.tokens.insert().values(
            id=token.id,
            hash=_hash(secret),
            person=person,
            name=token.name,
            scopes=None if kept is None else list(kept),
            created=now,
            expires=token.expires,
        )
    )
    ctx.audit.note("token.issued", f"token:{token.id}", name=token.name, scopes=kept, expires=token.expires)
    return token, secret


def revoke_token(ctx: Context, token_id: str) -> None:
    """End one of the caller's tokens at once."""
    person = ctx.caller.person.id
    access.require(ctx, "manage-tokens", Resource("Account", person, {"person": person}))
    changed = ctx.db.execute(
        store.tokens.update()
        .where(
            store.tokens.c.id == token_id, store.tokens.c.person == person, store.tokens.c.revoked.is_(None)
        )
        .values(revoked=ctx.clock.now())
    ).rowcount
    if not changed:
        raise NotFound("You have no such token.", next_step="See your tokens on your page.")
    ctx.audit.note("token.revoked", f"token:{token_id}")


def tokens(ctx: Context) -> tuple[Token, ...]:
    """The caller's tokens, newest first."""
    rows = ctx.db.execute(
        sa.select(store.tokens)
        .where(store.tokens.c.person == ctx.caller.person.id)
        .order_by(store.tokens.c.created.desc())
    )
    return tuple(_token(row) for row in rows)


def by_token(ctx: Context, secret: str, via: Via) -> Caller | None:
    """Who holds this secret; None when it is unknown, expired, revoked, or its person has gone."""
    row = ctx.db.execute(sa.select(store.tokens).where(store.tokens.c.hash == _hash(secret))).one_or_none()
    if row is None or row.revoked is not None or row.expires <= ctx.clock.now():
        return None
    person = store.find(ctx, row.person)
    if person is None or not person.active:
        return None
    return Caller(person, via, _actions(row.scopes), purposes=_purposes(row.scopes or ()), proof=row.id)


def _is_wider(
    wanted: Collection[str] | None, actions: frozenset[str] | None, purposes: frozenset[str] | None
) -> bool:
    """Whether a token of these scopes could do more, or ask for more, than the one it is made with."""
    new_actions, new_purposes = _actions(wanted), _purposes(wanted or ())
    return (actions is not None and (new_actions is None or not new_actions <= actions)) or (
        purposes is not None and (new_purposes is None or not new_purposes <= purposes)
    )


def _actions(scopes: Collection[str] | None) -> frozenset[str] | None:
    """The actions that scopes allow; None: all. No scope at all allows none."""
    actions = frozenset(scope for scope in scopes or () if not scope.startswith(BOUND))
    return None if scopes is None or (scopes and not actions) else actions


def _purposes(scopes: Iterable[str]) -> frozenset[str] | None:
    return frozenset(scope[len(BOUND) :] for scope in scopes if scope.startswith(BOUND)) or None


def _token(row: Any) -> Token:
    scopes = None if row.scopes is None else tuple(row.scopes)
    return Token(row.id, row.person, row.name, scopes, row.created, row.expires, row.revoked)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
