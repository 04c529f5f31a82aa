"""PostgreSQL's errors in our own words: its texts quote values and addresses, so they are kept here."""

from __future__ import annotations

import psycopg
import structlog

from handrail.adapters.engines.duckdb_words import MISFIT, VALUE
from handrail.adapters.engines.ended import too_late
from handrail.kernel import Invalid, LimitReached, NotReady, Refusal, Upstream

_log = structlog.get_logger(__name__)


def told(error: psycopg.Error, where: str, seconds: float) -> Refusal:
    """What a failed statement is told as, by the class of its SQLSTATE."""
    state = error.sqlstate or ""
    _log.info("engine_error", engine="postgres", state=state, kind=type(error).__name__)
    if state == "57014":
        return too_late(seconds)
    if state == "42501":
        return NotReady(
            f"The role of Handrail at {where} may not read one of the tables, or use a function on it.",
            next_step="The database's administrator grants it SELECT; see docs/operate/engines.md.",
        )
    if state.startswith(("22", "21")) or isinstance(error, psycopg.DataError):
        return Invalid(VALUE[0], next_step=VALUE[1])
    if state.startswith(("42", "0A", "54", "25", "2B")):
        return Invalid(MISFIT[0], next_step=MISFIT[1])
    if state.startswith("53"):
        return LimitReached(
            f"The database at {where} had not enough memory, disk or connections for this.",
            next_step="Try it again later, with a smaller question; tell the database's administrator.",
        )
    if state.startswith("40"):
        return Upstream(
            f"The database at {where} stopped the query for another one.", next_step="Try it again."
        )
    return Upstream(
        f"The database at {where} stopped answering.",
        next_step="Try it again in a moment; an admin checks that it runs. Nothing else depends on it.",
    )


def unreachable(error: psycopg.Error, name: str, where: str) -> Upstream:
    """Why there is no connection."""
    text, state = str(error).lower(), error.sqlstate or ""
    _log.info("engine_unreachable", engine=name, state=state, kind=type(error).__name__)
    if state.startswith("28") or "password" in text or "authentication" in text or "pg_hba" in text:
        return Upstream(
            f"The database at {where} did not accept Handrail's user and password.",
            next_step=f"An admin corrects them where engines.{name} in handrail.toml says they are.",
            subject=f"engine:{name}",
        )
    if state == "3D000" or ("database" in text and "does not exist" in text):
        return Upstream(
            f"There is no such database at {where}.",
            next_step=f"An admin corrects the address of engines.{name}.",
            subject=f"engine:{name}",
        )
    return Upstream(
        f"No PostgreSQL server answers at {where}.",
        next_step="An admin checks that it runs and that this machine may reach it, and asks again.",
        subject=f"engine:{name}",
    )
