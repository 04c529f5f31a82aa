"""Measure two things side by side on a machine that does other work as well.

Ours and the peer take turns, and of each the fastest turn counts: other work only ever makes a turn slower,
so the fastest is the nearest to what the code costs. Both get as many turns, in the same minutes.
"""

import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Pair:
    """The fastest turn of each, in milliseconds of the clock and of this process's processors."""

    ours_ms: float
    peer_ms: float
    ours_cpu_ms: float
    peer_cpu_ms: float

    @property
    def ratio(self) -> float:
        """How many times as long ours takes."""
        return self.ours_ms / self.peer_ms

    @property
    def cpu_ratio(self) -> float:
        """How many times as much work ours is; other programs hardly change it."""
        return self.ours_cpu_ms / self.peer_cpu_ms

    @property
    def told(self) -> list[float]:
        """Ours, the peer's and the ratio by the clock, then the same in processor time."""
        clock = (self.ours_ms, self.peer_ms, self.ratio)
        return [round(one, 3) for one in (*clock, self.ours_cpu_ms, self.peer_cpu_ms, self.cpu_ratio)]


def in_turn(
    ours: Callable[[], object], peer: Callable[[], object], turns: int, between: Callable[[], object]
) -> Pair:
    """Let both run once to warm up, then in turn; `between` ends what a turn left behind, untimed.

    At least so many turns, and up to four times as many while either still finds a faster one.
    """
    for one in (ours, peer):
        one()
        between()
    best, cpu = [math.inf, math.inf], [math.inf, math.inf]
    turn, last = 0, 0
    while turn < turns or (turn < 4 * turns and turn - last < turns):
        turn += 1
        for place, one in enumerate((ours, peer)):
            began = time.process_time()
            took = timed(one)
            cpu[place] = min(cpu[place], (time.process_time() - began) * 1000)
            between()
            if took < best[place] * 0.98:
                last = turn
            best[place] = min(best[place], took)
    return Pair(best[0], best[1], cpu[0], cpu[1])


def timed(one: Callable[[], object]) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    one()
    return (time.perf_counter() - began) * 1000


def fastest(one: Callable[[], object], turns: int) -> float:
    """Milliseconds of the fastest of so many turns, after one that is not counted."""
    return min([timed(one) for _ in range(turns + 1)][1:])


def throughput(workers: Sequence[Callable[[], object]], seconds: float) -> float:
    """How often a second all workers together get done, each in a thread of its own."""
    done, until = [0] * len(workers), time.perf_counter() + seconds

    def work(place: int) -> None:
        while time.perf_counter() < until:
            workers[place]()
            done[place] += 1

    threads = [threading.Thread(target=work, args=(place,)) for place in range(len(workers))]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - began)


def geomean(values: Iterable[float]) -> float:
    """The geometric mean."""
    found = list(values)
    return math.exp(sum(map(math.log, found)) / len(found))


def median(values: Iterable[float]) -> float:
    """The middle one, of an even number the lower of the two."""
    found = sorted(values)
    return found[(len(found) - 1) // 2]
