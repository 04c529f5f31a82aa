"""Look at one version with everything that is known about it, and keep what was found."""

from __future__ import annotations

from handrail import data
from handrail.kernel import Context, NotFound, access
from handrail.review import store
from handrail.review.changes import changes, newly
from handrail.review.check import check, ordered, parsed, reads
from handrail.review.lint import lint
from handrail.review.models import Finding, KnownData, Report, Submission
from handrail.review.rules.access import access_table


def examine(ctx: Context, subject: Submission) -> Report:
    """Check one version and keep the report in place of an earlier one; what was requested stays requested.

    Refuses all but the app's makers and those who review. Examining again is right whenever a fact changed:
    a run in the sandbox, the layer, a contract.
    """
    known = known_data(ctx, subject)
    earlier = store.find(ctx, subject.app, subject.commit)
    report = examined(ctx, subject, known, earlier)
    access.require(ctx, "examine", report.resource)
    if earlier is None or _content(earlier) != _content(report):
        store.keep(ctx, report)
        ctx.audit.note(
            "version.examined",
            f"app:{report.app}",
            n=report.n,
            commit=report.commit,
            layer=report.layer,
            blocks=sum(one.severity == "blocks" for one in report.findings),
            warns=sum(one.severity == "warns" for one in report.findings),
        )
        return report
    return earlier


def examined(ctx: Context, subject: Submission, known: KnownData, earlier: Report | None) -> Report:
    """The report on a version; nothing is kept."""
    manifest = subject.manifest
    program, _ = parsed(subject.files)
    found = reads(program, known)
    rows = access_table(manifest, found, subject.observed, known)
    unchecked = []
    if subject.packages is None:
        unchecked.append("Imports were not compared with the approved layer.")
    if subject.observed is None:
        unchecked.append("It has not run in the sandbox, so nothing is known about what it really reads.")
    return Report(
        app=subject.app,
        commit=subject.commit,
        n=subject.n,
        tree=subject.tree,
        manifest_digest=manifest.digest,
        layer=subject.layer,
        purpose=manifest.purpose,
        says=manifest.says,
        owner=subject.owner,
        maker=subject.maker,
        coowners=tuple(subject.coowners),
        tier=subject.tier,
        sensitive=any(row.classification == "sensitive" for row in rows),
        why=subject.why,
        prompts=subject.prompts,
        findings=ordered((*check(subject.files, manifest, subject.observed, known), *lint(subject.files))),
        access=rows,
        newly=newly(subject.previous_files, subject.files, manifest, known),
        changes=changes(subject.previous_files, subject.files),
        unchecked=tuple(unchecked),
        examined_at=ctx.clock.now(),
        requested_at=earlier.requested_at if earlier else None,
        requested_by=earlier.requested_by if earlier else "",
    )


def report(ctx: Context, app: str, commit: str) -> Report:
    """What was found in one version; NotFound when it was not examined or does not concern the caller."""
    found = store.find(ctx, app, commit)
    if found is None or not access.decide(ctx, "see-review", found.resource).allowed:
        raise _no_review(app)
    return found


def numbered(ctx: Context, app: str, n: int | None = None) -> Report:
    """The report on version `n`, or on the newest that has one; refuses like `report`."""
    found = store.find_number(ctx, app, n)
    if found is None or not access.decide(ctx, "see-review", found.resource).allowed:
        raise _no_review(app)
    return found


def findings(ctx: Context, app: str, commit: str) -> tuple[Finding, ...]:
    """The findings in one version, the gravest first; refuses like `report`: silence would say "none"."""
    return report(ctx, app, commit).findings


def known_data(ctx: Context, subject: Submission | None = None) -> KnownData:
    """What the catalog holds now, as the rules need it."""
    datasets = data.datasets(ctx)
    declared = subject.manifest.metrics if subject else ()
    by_metrics = {name: tuple(columns) for name, columns in subject.by_metrics.items()} if subject else {}
    return KnownData(
        datasets={one.name: tuple(column.name for column in one.contract.columns) for one in datasets},
        metrics={one.name: by_metrics if one.name in declared else {} for one in data.metrics(ctx)},
        packages=subject.packages if subject else None,
        classified={
            f"{one.name}.{column.name}": column.classification
            for one in datasets
            for column in one.contract.columns
            if column.classification
        },
    )


def _content(report: Report) -> tuple[object, ...]:
    return (
        report.layer, report.tier, report.sensitive, report.owner, report.maker, report.coowners,
        report.findings, report.access, report.newly, report.changes, report.unchecked,
    )  # fmt: skip


def _no_review(app: str) -> NotFound:
    return NotFound(
        f"There is no review of {app[:63]!r} for you to see.",
        next_step="A version is examined when it is pushed: `handrail push`.",
        subject=f"app:{app[:63]}",
    )
