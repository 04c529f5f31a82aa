"""Work done two at a time comes back in order, and nothing of it goes on after its block."""

from __future__ import annotations

import threading

import pytest

from handrail.twins.abreast import ABREAST, abreast, in_turn


def test_results_come_in_the_order_of_the_things_whichever_is_done_first() -> None:
    later = threading.Event()

    def work(n: int) -> int:
        if n == 0:
            assert later.wait(120)
        else:
            later.set()
        return n * n

    with abreast(work, range(6)) as found:
        assert list(found) == [0, 1, 4, 9, 16, 25]


def test_what_work_raises_is_raised_where_it_is_read() -> None:
    with abreast(lambda n: 1 // n, [1, 0]) as found:
        assert next(found) == 1
        with pytest.raises(ZeroDivisionError):
            next(found)


def test_after_the_block_nothing_runs_and_what_had_not_begun_never_does() -> None:
    begun: list[int] = []
    release, busy = threading.Event(), threading.Barrier(ABREAST + 1)

    def work(n: int) -> None:
        begun.append(n)
        busy.wait(120)
        assert release.wait(120)

    with pytest.raises(InterruptedError), abreast(work, range(ABREAST + 5)):
        busy.wait(120)
        threading.Timer(0.05, release.set).start()
        raise InterruptedError
    assert sorted(begun) == list(range(ABREAST))
    assert not any(one.name.startswith("handrail-twins") for one in threading.enumerate())


def test_a_thing_begins_only_when_what_it_comes_after_has_ended() -> None:
    ended: list[str] = []
    slow = threading.Event()

    def work(one: str) -> None:
        if one == "first":
            assert slow.wait(120)
        if one == "free":
            slow.set()
        ended.append(one)

    in_turn(work, {"first": (), "second": ("first",), "free": (), "last": ("second", "free")})
    assert ended == ["free", "first", "second", "last"]


def test_what_one_of_them_raises_is_raised_and_nothing_after_it_begins() -> None:
    begun: list[str] = []

    def work(one: str) -> None:
        begun.append(one)
        if one == "first":
            raise InterruptedError

    with pytest.raises(InterruptedError):
        in_turn(work, {"first": (), "second": ("first",)})
    assert begun == ["first"]
