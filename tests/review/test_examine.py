"""Looking at a version and keeping what was found."""

import pytest
from tests.conftest import Acting
from tests.review.conftest import CODE, CODE_STAFF, ORDERS, SALARIES, Submitting

from handrail import review
from handrail.kernel import SYSTEM, Instance, Manifest, NotAllowed, NotFound, audit

KEY = b'\nAPI_KEY = "q8Zx7Wc3Vb9Lp2Yd5Rt1"\n'


def test_what_was_found_is_kept_and_read_back(catalog: Instance, acting: Acting, version: Submitting) -> None:
    subject = version(code=version().files["app.py"] + KEY)
    with acting("maker.sales") as ctx:
        made = review.examine(ctx, subject)
    with acting("reviewer.platform") as ctx:
        kept = review.report(ctx, "weekly", subject.commit)
        found = review.findings(ctx, "weekly", subject.commit)
    assert kept == made
    assert [one.rule for one in found] == ["credential-in-code"]
    assert kept.blocked
    assert {(row.column, row.judgement) for row in kept.access} == {
        ("region", "fits"),
        ("net_amount", "fits"),
    }


def test_no_secret_is_stored_anywhere_in_the_database(
    catalog: Instance, acting: Acting, version: Submitting
) -> None:
    subject = version(code=version().files["app.py"] + KEY)
    with acting("maker.sales") as ctx:
        review.request(ctx, subject)
    for file in catalog.settings.home.glob("handrail.db*"):
        assert b"q8Zx7Wc3Vb9Lp2Yd5Rt1" not in file.read_bytes()


def test_a_version_that_nobody_examined_has_no_findings_to_show(
    catalog: Instance, acting: Acting, version: Submitting
) -> None:
    with pytest.raises(NotFound), acting("reviewer.platform") as ctx:
        review.findings(ctx, "weekly", version().commit)


def test_those_whom_it_does_not_concern_are_told_that_there_is_nothing(
    catalog: Instance, acting: Acting, version: Submitting
) -> None:
    with acting("maker.sales") as ctx:
        review.examine(ctx, version())
    for person in ("viewer.emea", "maker.ops", "steward.sales"):
        with pytest.raises(NotFound), acting(person) as ctx:
            review.report(ctx, "weekly", version().commit)
        with pytest.raises(NotAllowed), acting(person) as ctx:
            review.examine(ctx, version())


def test_sensitive_columns_are_known_from_the_contract(
    catalog: Instance, acting: Acting, version: Submitting
) -> None:
    with acting("maker.sales") as ctx:
        plain = review.examine(ctx, version(1))
        grave = review.examine(ctx, version(2, ORDERS + SALARIES, CODE_STAFF))
    assert (plain.sensitive, plain.needed) == (False, 1)
    assert (grave.sensitive, grave.needed) == (True, 2)
    assert [row.classification for row in grave.access if row.column == "salary"] == ["sensitive"]


def test_examining_again_after_a_run_takes_up_what_it_read(
    catalog: Instance, acting: Acting, version: Submitting
) -> None:
    with acting("maker.sales") as ctx:
        before = review.request(ctx, version(observed=None))
        after = review.examine(ctx, version(observed={"orders": ("region", "net_amount", "note")}))
    assert "has not run in the sandbox" in before.unchecked[0]
    assert [one.rule for one in after.findings] == ["undeclared-columns"]
    assert after.requested_by == "maker.sales"


def test_examining_the_same_again_leaves_no_second_mark(
    catalog: Instance, acting: Acting, version: Submitting
) -> None:
    for _ in range(3):
        with acting("maker.sales") as ctx:
            review.examine(ctx, version())
    with catalog.context(SYSTEM) as ctx:
        marks = audit.recent(ctx.db, verb="version.examined")
    assert len(marks) == 1


def test_what_a_version_newly_can_do_is_told_beside_the_one_in_production(
    catalog: Instance, acting: Acting, version: Submitting
) -> None:
    first = version(1)
    later = version(
        2,
        ORDERS + SALARIES + '\n[schedule]\ncron = "0 6 * * MON"\ntimezone = "UTC"\n',
        b"import pandas\n" + CODE_STAFF,
        previous_files=first.files,
    )
    with acting("maker.sales") as ctx:
        report = review.examine(ctx, later)
    assert report.newly == (
        "Reads salary of staff (salary: sensitive).",
        "Runs by itself: 0 6 * * MON (UTC).",
        "Uses pandas.",
    )
    assert [change.file for change in report.changes] == ["app.py", "handrail.toml"]


def test_what_a_declared_metric_reads_needs_no_declaration_of_its_own(
    catalog: Instance, acting: Acting, version: Submitting
) -> None:
    manifest = Manifest.parse(version().manifest.text + '\n[metrics]\nuse = ["revenue"]\n')
    observed = {"orders": ("region", "net_amount", "note")}
    code = CODE + b"from handrail_sdk import metric\nmetric('revenue')\n"
    files = {"app.py": code}
    bare = review.check(files, manifest, observed, review.KnownData())
    known = review.KnownData(metrics={"revenue": {"orders": ("note",)}})
    assert [one.rule for one in bare] == ["undeclared-columns"]
    assert review.check(files, manifest, observed, known) == ()
