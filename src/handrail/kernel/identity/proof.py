"""Whether what proved who a caller is would prove it now, for work that goes on after it was looked at."""

import sqlalchemy as sa

from handrail.kernel.context import Context
from handrail.kernel.identity import store
from handrail.kernel.people import Caller


def still_proven(ctx: Context, caller: Caller) -> bool:
    """False once the session has ended or the token was revoked, or the time of either is over; true for who
    needed none, as somebody at the terminal of this machine.
    """
    if not caller.proof:
        return True
    now, sessions, tokens = ctx.clock.now(), store.sessions.c, store.tokens.c
    session = sa.exists().where(sessions.id == caller.proof, sessions.expires > now)
    token = sa.exists().where(tokens.id == caller.proof, tokens.revoked.is_(None), tokens.expires > now)
    return bool(ctx.db.scalar(sa.select(sa.or_(session, token))))
