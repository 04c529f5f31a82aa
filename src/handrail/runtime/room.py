"""How many web apps are awake on one host at a time: who gives way to one more, and whether anybody does.

The next version of an app takes the place of the one before, which answers on until it has woken: for that
while two of them are awake in one place. So that memory stays bounded, one app at a time does so where every
place is taken; the next version of another one waits, and the one before goes on.
"""

from collections.abc import Iterable, Sequence

from handrail.kernel import LimitReached
from handrail.runtime.seats import Hosted, Seat
from handrail.settings import RuntimeSettings

_OVERLAPS = 1  # versions that wake beside the one before, and need no place of their own


class Full(LimitReached):
    """Every place of this host is in use. Another one may have room."""


def is_left(awake: Sequence[Hosted], settings: RuntimeSettings) -> bool:
    """Whether one more may wake beside these: a place is free, or its app gives way."""
    return _taken(one.seat for one in awake) < settings.hosted or any(not one.requests for one in awake)


def make_room(awake: Sequence[Hosted], seat: Seat, settings: RuntimeSettings) -> None:
    """Have one of this person's give way where they have as many as one person may, else one of all.

    Refuses LimitReached where all that could give way are in use, Full where that is for the host's places.
    """
    own = [one for one in awake if seat.whose and one.seat.whose == seat.whose]
    if _taken((*(one.seat for one in own), seat)) > settings.hosted_each:
        if not _gives_way(own):
            raise LimitReached(
                f"{settings.hosted_each} apps are awake for you and in use, as many as one person may have "
                "here.",
                next_step="Close one of them, or ask an admin to raise runtime.hosted_each.",
            )
    elif _taken((*(one.seat for one in awake), seat)) > settings.hosted and not _gives_way(awake):
        raise Full(
            f"Every place for apps on this server is in use; it has {settings.hosted}.",
            next_step="Try again when somebody has left, or ask an admin to raise runtime.hosted.",
        )


def _taken(seats: Iterable[Seat]) -> int:
    """How many places these have."""
    each = [seat.across_versions for seat in seats]
    return len(each) - min(len(each) - len(set(each)), _OVERLAPS)


def _gives_way(awake: Sequence[Hosted]) -> bool:
    """Put to sleep what was used longest ago, never what is in use; whether there was any."""
    free = [one for one in awake if not one.requests]
    if free:
        min(free, key=lambda one: one.used).hosting.asleep.set()
    return bool(free)
