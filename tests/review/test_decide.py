"""Approving, refusing and taking it back: exactly one version, and never one's own."""

from dataclasses import replace

import pytest
from tests.conftest import Acting
from tests.review.conftest import CODE, CODE_STAFF, ORDERS, SALARIES, Submitting

from handrail import review
from handrail.kernel import SYSTEM, Conflict, Instance, Invalid, NotAllowed, NotReady, Via, audit
from handrail.review import Submission

REASON = "Select only region and net_amount instead of everything."


@pytest.fixture
def asked(catalog: Instance, acting: Acting, version: Submitting) -> Submission:
    subject = version(7)
    with acting("maker.sales") as ctx:
        review.request(ctx, subject)
    return subject


def stands(acting: Acting, subject: Submission, person: str = "viewer.emea", **other: str) -> review.Verdict:
    triple = {
        "commit": subject.commit,
        "manifest_digest": subject.manifest.digest,
        "layer": subject.layer,
    } | other
    with acting(person) as ctx:
        return review.verdict(ctx, subject.app, **triple)


def test_an_approval_stands_for_exactly_this_commit_manifest_and_layer(
    asked: Submission, acting: Acting
) -> None:
    assert stands(acting, asked).state == "waiting"
    with acting("reviewer.platform") as ctx:
        assert review.approve(ctx, "weekly", asked.commit).approved
    assert stands(acting, asked).approved
    assert stands(acting, asked).by == ("reviewer.platform",)
    assert not stands(acting, asked, commit="f" * 40).approved
    assert not stands(acting, asked, manifest_digest="sha256:other").approved
    assert not stands(acting, asked, layer="sha256:layer-two").approved


def test_version_eight_is_not_approved_by_approving_seven(
    asked: Submission, acting: Acting, version: Submitting
) -> None:
    with acting("reviewer.platform") as ctx:
        review.approve(ctx, "weekly", asked.commit)
    with acting("maker.sales") as ctx:
        review.request(ctx, version(8))
    assert stands(acting, version(8)).state == "waiting"


def test_nobody_decides_about_an_app_of_their_own_by_any_face(
    catalog: Instance, acting: Acting, version: Submitting
) -> None:
    me = "reviewer.platform"
    own = (version(1, owner=me), version(2, maker=me), version(3, coowners=(me,)))
    faces: tuple[Via, ...] = ("web", "rest", "cli", "mcp")
    for subject in own:
        with acting(me if subject.owner == me else "maker.sales") as ctx:
            review.request(ctx, subject)
        for via in faces:
            with (
                pytest.raises(NotAllowed, match="nobody decides about an app of their own"),
                acting(me, via=via) as ctx,
            ):
                review.approve(ctx, "weekly", subject.commit)
            with pytest.raises(NotAllowed), acting(me, via=via) as ctx:
                review.refuse(ctx, "weekly", subject.commit, REASON)
        assert stands(acting, subject).state == "waiting"


def test_only_reviewers_decide(asked: Submission, acting: Acting) -> None:
    for person in ("maker.sales", "compliance", "support.oncall"):
        with pytest.raises(NotAllowed, match="Only reviewers"), acting(person) as ctx:
            review.approve(ctx, "weekly", asked.commit)


def test_sensitive_data_takes_two_different_people(
    catalog: Instance, acting: Acting, version: Submitting
) -> None:
    subject = version(1, ORDERS + SALARIES, CODE_STAFF)
    with acting("maker.sales") as ctx:
        review.request(ctx, subject)
    with acting("reviewer.platform") as ctx:
        first = review.approve(ctx, "weekly", subject.commit)
    assert (first.state, first.needed) == ("waiting", 2)
    assert not stands(acting, subject).approved
    with pytest.raises(Conflict, match="already decided"), acting("reviewer.platform") as ctx:
        review.approve(ctx, "weekly", subject.commit)
    assert not stands(acting, subject).approved
    with acting("reviewer.privacy") as ctx:
        assert review.approve(ctx, "weekly", subject.commit).approved
    assert stands(acting, subject).by == ("reviewer.platform", "reviewer.privacy")


def test_data_that_becomes_sensitive_later_does_not_loosen_an_approval_that_needed_two(
    catalog: Instance, acting: Acting, version: Submitting
) -> None:
    subject = version(1, ORDERS + SALARIES, CODE_STAFF)
    with acting("maker.sales") as ctx:
        review.request(ctx, subject)
    with acting("reviewer.platform") as ctx:
        review.approve(ctx, "weekly", subject.commit)
    with acting("maker.sales") as ctx:
        review.examine(ctx, version(1))  # the same commit, handed over without the salaries
    assert stands(acting, subject).state == "waiting"


def test_refusing_needs_a_reason_that_its_maker_can_act_on(asked: Submission, acting: Acting) -> None:
    for reason in ("", "no", "   ", "not good enough, sorry", "x" * 5000):
        with pytest.raises(Invalid), acting("reviewer.platform") as ctx:
            review.refuse(ctx, "weekly", asked.commit, reason)
    assert stands(acting, asked).state == "waiting"


def test_a_refusal_stands_against_approvals_and_new_requests(asked: Submission, acting: Acting) -> None:
    with acting("reviewer.platform") as ctx:
        assert review.refuse(ctx, "weekly", asked.commit, REASON).state == "refused"
    assert stands(acting, asked).reason == REASON
    with pytest.raises(Conflict, match="refused"), acting("reviewer.privacy") as ctx:
        review.approve(ctx, "weekly", asked.commit)
    with pytest.raises(Conflict, match="was refused"), acting("maker.sales") as ctx:
        review.request(ctx, asked)


def test_a_withdrawn_approval_no_longer_stands_and_can_be_given_again(
    asked: Submission, acting: Acting
) -> None:
    with acting("reviewer.platform") as ctx:
        review.approve(ctx, "weekly", asked.commit)
    with pytest.raises(NotAllowed, match=r"Reviewer\.platform gave"), acting("reviewer.privacy") as ctx:
        review.withdraw(ctx, "weekly", asked.commit)
    with acting("reviewer.platform") as ctx:
        assert review.withdraw(ctx, "weekly", asked.commit).state == "waiting"
    assert stands(acting, asked).state == "waiting"
    with pytest.raises(NotReady), acting("reviewer.platform") as ctx:
        review.withdraw(ctx, "weekly", asked.commit)
    with acting("reviewer.platform") as ctx:
        assert review.approve(ctx, "weekly", asked.commit).approved


def test_what_a_finding_blocks_cannot_be_approved_and_nobody_approves_unasked(
    catalog: Instance, acting: Acting, version: Submitting
) -> None:
    subject = version(code=CODE + b"eval(input())\n")
    with acting("maker.sales") as ctx:
        review.examine(ctx, subject)
    with pytest.raises(NotReady, match="Nobody asked"), acting("reviewer.platform") as ctx:
        review.approve(ctx, "weekly", subject.commit)
    with acting("maker.sales") as ctx:
        review.request(ctx, subject)
    with pytest.raises(NotReady, match="block it"), acting("reviewer.platform") as ctx:
        review.approve(ctx, "weekly", subject.commit)


def test_approving_what_changed_while_one_was_looking_is_refused(asked: Submission, acting: Acting) -> None:
    with acting("maker.sales") as ctx:
        review.examine(ctx, replace(asked, layer="sha256:layer-two"))
    with pytest.raises(Conflict, match="changed while you were looking"), acting("reviewer.platform") as ctx:
        review.approve(ctx, "weekly", asked.commit, layer=asked.layer)


def test_every_decision_and_every_denial_stands_on_the_trail(asked: Submission, acting: Acting) -> None:
    with pytest.raises(NotAllowed), acting("maker.sales") as ctx:
        review.approve(ctx, "weekly", asked.commit)
    with acting("reviewer.platform") as ctx:
        review.approve(ctx, "weekly", asked.commit)
    with acting("reviewer.platform") as ctx:
        review.withdraw(ctx, "weekly", asked.commit)
    with acting("reviewer.platform") as ctx:
        review.refuse(ctx, "weekly", asked.commit, REASON)
    with ctx.instance.context(SYSTEM) as ctx:
        trail = [(one.verb, one.person) for one in audit.recent(ctx.db, limit=5)]
    assert trail == [
        ("review.refused", "reviewer.platform"),
        ("review.withdrawn", "reviewer.platform"),
        ("review.approved", "reviewer.platform"),
        ("request.refused", "maker.sales"),
        ("review.requested", "maker.sales"),
    ]
