"""Threads that work in rounds: at once while there is work, through what breaks, and until they are told to stop."""

import threading

from handrail.kernel.worker import Worker


def test_rounds_follow_each_other_while_there_is_work_and_a_broken_one_ends_nothing() -> None:
    left = [3]
    done = threading.Event()

    def work(_: threading.Event) -> bool:
        left[0] -= 1
        if left[0] == 1:
            raise RuntimeError("broken")
        if left[0] <= 0:
            done.set()
        return left[0] > 0

    worker = Worker("test", work, pause=0.01)
    worker.start()
    assert done.wait(30)
    worker.stop()


def test_stopping_tells_the_round_that_goes_on_and_waits_for_every_thread() -> None:
    begun = threading.Barrier(3)
    ended = []

    def work(shutdown: threading.Event) -> bool:
        begun.wait(30)
        assert shutdown.wait(30)
        ended.append(threading.current_thread().name)
        return True

    worker = Worker("test", work, pause=60, threads=2)
    worker.start()
    begun.wait(30)
    worker.stop()
    assert sorted(ended) == ["test 0", "test 1"]


def test_one_that_never_began_can_be_stopped() -> None:
    before = threading.enumerate()
    Worker("test", lambda _: False, pause=60).stop()
    assert threading.enumerate() == before
