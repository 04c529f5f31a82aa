"""Refusals: answers that say what happened, why, and what to do next."""

from typing import Any, ClassVar

_LONGEST = 2_000  # characters of a sentence: what it quotes may be a megabyte that somebody handed in


class Refusal(Exception):
    """The root of every expected "no". Anything else that is raised is a bug and crashes.

    `message` says what happened and why, `next_step` what to do about it; `facts` are written to the trail
    and must hold no secret.
    """

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 400

    def __init__(self, message: str, *, next_step: str, **facts: Any) -> None:
        super().__init__(message)
        self.message = _sayable(message)
        self.next_step = _sayable(next_step)
        self.facts = facts

    def answer(self) -> dict[str, Any]:
        """The refusal as every face gives it to a machine."""
        return {"code": self.code, "message": self.message, "next_step": self.next_step}


def _sayable(sentence: str) -> str:
    """Without halves of characters, which JSON can spell and UTF-8 cannot, and not without end."""
    cut = sentence if len(sentence) <= _LONGEST else f"{sentence[:_LONGEST]} …"
    return cut.encode("utf-8", "replace").decode()


class NotFound(Refusal):
    """There is no such thing, or the caller may not know that there is."""

    code = "not_found"
    status = 404


class NotAllowed(Refusal):
    """A rule forbids it to this caller."""

    code = "not_allowed"
    status = 403


class NotReady(Refusal):
    """It could be done once something else has happened."""

    code = "not_ready"
    status = 409


class Conflict(Refusal):
    """It collides with what is already there."""

    code = "conflict"
    status = 409


class Invalid(Refusal):
    """What was handed in cannot be used as it is."""

    code = "invalid"
    status = 422


class LimitReached(Refusal):
    """A stated limit was reached."""

    code = "limit_reached"
    # Not 429: client libraries retry that by themselves, and a limit here does not pass in seconds.
    status = 403


class Upstream(Refusal):
    """Something that Handrail depends on did not answer."""

    code = "upstream"
    status = 502
