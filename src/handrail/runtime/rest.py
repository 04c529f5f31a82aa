"""How long an app that has ended by itself rests before it is woken again: longer each time in a row."""

import time

from handrail.kernel import NotReady
from handrail.runtime.seats import Seat

_BACK_OFF = (1, 2, 5, 10, 30, 60)  # seconds before an app that ended by itself is woken again
_STEADY = 60.0  # seconds after which an end is not counted with those before


class Rests:
    """Of one host's apps. Its verbs are for whoever holds that host's lock."""

    def __init__(self) -> None:
        self._ends: dict[Seat, list[float]] = {}

    def ended(self, seat: Seat, begun: float) -> None:
        """Note that an app ended by itself just now, which had `begun` then, by the monotonic clock."""
        now = time.monotonic()
        before = [] if now - begun > _STEADY else self._ends.get(seat, [])
        self._ends[seat] = [*before, now]

    def must_be_over(self, seat: Seat) -> None:
        """Refuse NotReady while an app rests."""
        if not (ends := self._ends.get(seat)):
            return
        pause = _BACK_OFF[min(len(ends), len(_BACK_OFF)) - 1]
        left = ends[-1] + pause - time.monotonic()
        if left > 0:
            raise NotReady(
                f"{seat.app} has ended by itself"
                + (f" {len(ends)} times in a row" if len(ends) > 1 else "")
                + f", and is woken again in {max(1, round(left))} seconds at the earliest.",
                next_step="Try again then; the log of its last run says why it ended.",
                subject=f"app:{seat.app}",
            )
