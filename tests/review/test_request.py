"""Asking for a review, and the queue."""

import pytest
from tests.conftest import Acting
from tests.review.conftest import CODE_STAFF, ORDERS, SALARIES, Submitting

from handrail import review
from handrail.kernel import Instance, NotAllowed


def test_the_queue_shows_sensitive_first_then_handoff_then_the_longest_waiting(
    catalog: Instance, acting: Acting, version: Submitting
) -> None:
    versions = [
        version(app="personal", commit="a" * 40, tier="self-service"),
        version(app="shared-old", commit="b" * 40),
        version(app="shared-new", commit="c" * 40),
        version(1, ORDERS + SALARIES, CODE_STAFF, app="grave", commit="d" * 40),
    ]
    for one in versions:
        with acting("maker.sales") as ctx:
            review.request(ctx, one)
    with acting("reviewer.platform") as ctx:
        waiting = review.queue(ctx)
    assert [one.report.app for one in waiting] == ["grave", "shared-old", "shared-new", "personal"]
    assert [one.verdict.needed for one in waiting] == [2, 1, 1, 1]


def test_the_queue_holds_the_newest_version_of_an_app_and_what_is_decided_leaves_it(
    catalog: Instance, acting: Acting, version: Submitting
) -> None:
    for n in (1, 2):
        with acting("maker.sales") as ctx:
            review.request(ctx, version(n))
    with acting("reviewer.platform") as ctx:
        assert [one.report.n for one in review.queue(ctx)] == [2]
        review.approve(ctx, "weekly", version(2).commit)
        assert review.queue(ctx) == ()


def test_asking_twice_keeps_the_first_moment(catalog: Instance, acting: Acting, version: Submitting) -> None:
    with acting("maker.sales") as ctx:
        first = review.request(ctx, version())
    with acting("maker.sales") as ctx:
        second = review.request(ctx, version())
    assert second.requested_at == first.requested_at


def test_only_its_makers_ask_for_a_review(catalog: Instance, acting: Acting, version: Submitting) -> None:
    for person in ("reviewer.platform", "maker.ops", "viewer.emea"):
        with pytest.raises(NotAllowed), acting(person) as ctx:
            review.request(ctx, version())


def test_makers_see_their_own_apps_in_the_queue_and_viewers_nothing(
    catalog: Instance, acting: Acting, version: Submitting
) -> None:
    with acting("maker.sales") as ctx:
        review.request(ctx, version())
    for person, seen in (("maker.sales", 1), ("maker.ops", 0), ("viewer.emea", 0), ("compliance", 1)):
        with acting(person) as ctx:
            assert len(review.queue(ctx)) == seen
