"""Identity: people, signing in, sessions and personal API tokens.

Of every password, link, session and token only a hash is kept; a caller is somebody who proved one of them.
"""

from handrail.kernel.identity.manage import (
    SessionsEnded,
    add_person,
    change_person,
    first_admin,
    found,
    members,
    people,
    set_password,
)
from handrail.kernel.identity.proof import still_proven
from handrail.kernel.identity.sign_in import issue_link, session, sign_in, sign_out, use_link
from handrail.kernel.identity.tokens import Token, by_token, issue_token, revoke_token, tokens

__all__ = [
    "SessionsEnded",
    "Token",
    "add_person",
    "by_token",
    "change_person",
    "first_admin",
    "found",
    "issue_link",
    "issue_token",
    "members",
    "people",
    "revoke_token",
    "session",
    "set_password",
    "sign_in",
    "sign_out",
    "still_proven",
    "tokens",
    "use_link",
]
