"""Which awkward values a failure needs: found by trying with fewer, never more tries than there are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from handrail.apps.blame import Found, Group, Spent, blame, smallest
from handrail.apps.find_cause import likely


def groups(*sizes: int) -> list[Group]:
    made, first = [], 0
    for number, size in enumerate(sizes):
        made.append(Group("orders", f"c{number}", "null", tuple(range(first, first + size))))
        first += size
    return made


class Tries:
    """Fails as told by the cells that are there, and counts."""

    def __init__(self, *needs: frozenset[int], most: int = 1000) -> None:
        self.needs, self.most, self.count = needs, most, 0

    def __call__(self, cells: frozenset[int]) -> str:
        if self.count == self.most:
            raise Spent
        self.count += 1
        return next((f"failure {n}" for n, need in enumerate(self.needs) if need <= cells), "")


def test_a_single_row_is_named() -> None:
    found = blame(groups(3, 3, 3, 3), Tries(frozenset({7})))
    (one,) = found.blamed
    assert (one.groups[0].column, one.enough, found.complete) == ("c2", (7,), True)


def test_the_likeliest_is_tried_alone_first() -> None:
    tries = Tries(frozenset({0}))
    blame(groups(1, *[1] * 400), tries)
    assert tries.count <= 4


def test_two_values_that_only_fail_together_are_both_named() -> None:
    (one,) = blame(groups(2, 2, 2, 2), Tries(frozenset({1, 6}))).blamed
    assert {group.column for group in one.groups} == {"c0", "c3"}
    assert set(one.enough) == {1, 6}


def test_the_second_failure_is_found_behind_the_first() -> None:
    found = blame(groups(1, 1, 1), Tries(frozenset({0}), frozenset({2})))
    assert [one.failure for one in found.blamed] == ["failure 0", "failure 1"]


def test_what_fails_on_the_plain_twin_too_blames_nobody() -> None:
    assert blame(groups(1), Tries(frozenset())) == Found(plain="failure 0")


def test_what_does_not_fail_again_blames_nobody() -> None:
    assert blame(groups(1), Tries()) == Found(steady=False)


@given(st.integers(1, 60), st.integers(0, 12))
def test_tries_that_run_out_leave_what_was_found(size: int, most: int) -> None:
    tries = Tries(frozenset({size - 1}), most=most)
    found = blame(groups(*[1] * size), tries)
    assert tries.count <= most
    assert found.complete or not found.blamed or found.blamed[0].enough


@given(st.sets(st.integers(0, 80), min_size=1, max_size=3), st.integers(81, 90))
def test_what_is_left_fails_and_fails_no_more_without_any_of_it(need: set[int], size: int) -> None:
    left = smallest(range(size), lambda chosen: need <= set(chosen))
    assert set(left) == need


def test_what_the_log_speaks_of_is_tried_first() -> None:
    log = 'File "/app/app.py", line 3\n  x = int(row["price"])\nValueError: invalid literal: \'1.234,56\''
    price, other = (Group("orders", column, "text.number", (0,)) for column in ("price", "size"))
    assert likely(price, "1.234,56", log) > likely(other, "1.234,56", log) > likely(other, "00042", log)
    gap = Group("orders", "size", "null", (1,))
    assert likely(gap, "", "TypeError: 'float' object is not iterable") > likely(gap, "", "ImportError: x")
