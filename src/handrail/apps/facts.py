"""Gather, from the rooms below, the facts that gates and tier are computed from, at the moment of asking."""

from collections.abc import Collection, Mapping

from handrail import connectors, data, review, runtime
from handrail.apps import find, spoken, store
from handrail.apps.gates import ConnectorFact, DatasetFact, Facts, Signature, TrialState, gates
from handrail.apps.models import App, Gate, Tier, Version
from handrail.apps.tier import Reach
from handrail.apps.tier import tier as tier_by
from handrail.kernel import Context, Manifest, NotFound, git, identity

# Why a metric that names control totals carries no badge.
UNPROVEN = {
    "draft": "nobody has held it against its control totals.",
    "proposed": "it ties to its control totals, and a second steward has yet to say so.",
    "edited": "its definition was edited since.",
    "due": "the data is newer than its last reconciliation.",
    "missed": "it misses its control totals.",
}


def gates_of(ctx: Context, app: App, version: Version) -> tuple[Gate, ...]:
    """The gates of a version. Asks no rule: for other verbs."""
    return gates(of(ctx, app, version))


def tier_of(ctx: Context, app: App, manifest: Manifest | None = None) -> Tier:
    """The tier of an app by this manifest, or by that of the version in production, or of the newest."""
    if manifest is None:
        version = store.find_version(ctx, app.name, n=store.find_promoted(ctx, app.name))
        manifest = version.manifest if version else None
    others = set(app.people) - {app.owner, *app.coowners}
    if manifest is None:
        return tier_by(Reach(app.groups, others))
    classified = _classified(_catalog(ctx, manifest.datasets), manifest) | _answered(ctx, manifest)
    writes = [name for name, calls in manifest.connectors.items() if calls.writes]
    return tier_by(Reach(app.groups, others, manifest.schedule, classified, writes))


def signed(ctx: Context, app: App, version: Version) -> bool:
    """Whether the version needs no reviewer's yes, or has it. Asks no rule: for other verbs."""
    return not tier_of(ctx, app, version.manifest).handoff or _verdict(ctx, version).approved


def of(ctx: Context, app: App, version: Version) -> Facts:
    """Everything that the gates look at. Asks no rule: for other verbs."""
    manifest = version.manifest
    reads = by_metrics(ctx, manifest)
    needed = tuple(dict.fromkeys((*manifest.datasets, *reads)))
    catalog = _catalog(ctx, needed)
    metrics = {metric.name: metric for metric in data.metrics(ctx)} if manifest.metrics else {}
    trial, trial_says = _trial(ctx, version)
    verdict = _verdict(ctx, version)
    return Facts(
        app=app.name,
        n=version.n,
        manifest=manifest,
        owner=app.owner,
        owner_active=identity.found(ctx, app.owner).active,
        datasets=tuple(_dataset(name, catalog.get(name)) for name in needed),
        metrics_missing=tuple(name for name in manifest.metrics if name not in metrics),
        metrics_unproven={
            name: UNPROVEN[metrics[name].state]
            for name in manifest.metrics
            if name in metrics and metrics[name].ties_to and not metrics[name].certified
        },
        trial=trial,
        trial_says=trial_says,
        blocking=_blocking(ctx, app, version),
        observed=data.observed_reads(ctx, app.name, version.commit, "sandbox"),
        by_metrics=reads,
        tier=tier_of(ctx, app, manifest),
        signature=_signature(ctx, version, verdict),
        signature_says=verdict.because,
        signature_next=verdict.next_step,
        unapproved=runtime.no_longer_approved(ctx, lock_of(ctx, version)),
        connectors=tuple(_connector(ctx, name) for name in manifest.connectors),
        called=tuple(
            (use.connector, use.call, use.writes)
            for use in connectors.observed(ctx, app.name, version.commit, "sandbox")
        ),
    )


def layer_of(ctx: Context, version: Version) -> str:
    """The name of what a version runs on: its layer and the packages it adds. Asks no rule."""
    return runtime.layer_digest(ctx.settings, version.manifest.layer, lock_of(ctx, version))


def submission(ctx: Context, app: App, version: Version) -> review.Submission:
    """A version as the review room takes it: with what the sandbox saw and what production runs now."""
    promoted = store.find_version(ctx, app.name, n=app.promoted) if app.promoted else None
    said = spoken.of(ctx, app.name, version.commit)
    ran = _trial(ctx, version)[0] != "never"
    added = runtime.of_lock(ctx, lock_of(ctx, version))
    return review.Submission(
        app=app.name,
        commit=version.commit,
        n=version.n,
        tree=version.tree,
        manifest=version.manifest,
        layer=layer_of(ctx, version),
        files=find.code(ctx, version),
        owner=app.owner,
        maker=version.by,
        coowners=app.coowners,
        previous_files=git.Repository(ctx.db, app.name).files(promoted.commit) if promoted else None,
        why=version.why,
        prompts="\n\n".join(f"{prompt.role}: {prompt.text}" for prompt in said),
        observed=data.observed_reads(ctx, app.name, version.commit, "sandbox") if ran else None,
        packages=runtime.importable(version.manifest.layer, added.modules if added else ()),
        by_metrics=by_metrics(ctx, version.manifest),
        tier=tier_of(ctx, app, version.manifest).name,
    )


def by_metrics(ctx: Context, manifest: Manifest) -> Mapping[str, frozenset[str]]:
    """What the declared metrics read by their definition, dataset to columns."""
    reads: dict[str, frozenset[str]] = {}
    for metric in data.metrics(ctx) if manifest.metrics else ():
        if metric.name in manifest.metrics:
            for dataset, columns in metric.reads.items():
                reads[dataset] = reads.get(dataset, frozenset()) | frozenset(columns)
    return reads


def lock_of(ctx: Context, version: Version) -> str:
    """What a version adds to its layer, as it was locked; "" where that is nothing. Asks no rule."""
    content = git.Repository(ctx.db, version.app).file(version.commit, runtime.LOCK)
    return runtime.locked({runtime.LOCK: content} if content else {})


def _catalog(ctx: Context, names: Collection[str]) -> Mapping[str, data.Dataset]:
    every = data.datasets(ctx) if names else ()
    return {dataset.name: dataset for dataset in every if dataset.name in names}


def _classified(catalog: Mapping[str, data.Dataset], manifest: Manifest) -> dict[str, str]:
    return {
        f"{name}.{column.name}": column.classification
        for name, dataset in catalog.items()
        for column in dataset.contract.columns
        if column.classification and column.name in (manifest.datasets[name] or (column.name,))
    }


def _answered(ctx: Context, manifest: Manifest) -> dict[str, str]:
    """The classes of what other systems answer, by the calls that are declared."""
    return {
        f"{name} {call}": known
        for name, declared in manifest.connectors.items()
        for call, known in connectors.classes(ctx, name).items()
        if known in ("personal", "sensitive") and call in declared.reading | declared.writing
    }


def _dataset(name: str, found: data.Dataset | None) -> DatasetFact:
    if found is None:
        return DatasetFact(name, False, "no longer in the catalog", (), None)
    return DatasetFact(name, found.certified, found.state, found.contract.purposes, found.contract.owner)


def _connector(ctx: Context, name: str) -> ConnectorFact:
    found = connectors.stated(ctx, name)
    if found is None:
        return ConnectorFact(name, "", (), {})
    calls = {one.pattern.key: one.writes for one in found.calls}
    return ConnectorFact(name, found.owner, found.purposes, calls)


def _trial(ctx: Context, version: Version) -> tuple[TrialState, str]:
    """How the newest sandbox run of this version ended; a success counts before a later failure."""
    tried = runtime.tried(ctx, version.app, version.commit)
    states = {run.state for run in tried}
    if "succeeded" in states:
        return "succeeded", ""
    if not tried:
        return "never", ""
    return ("failed", tried[0].reason) if tried[0].over else ("going", "")


def _blocking(ctx: Context, app: App, version: Version) -> tuple[str, ...]:
    subject = submission(ctx, app, version)
    found = review.check(subject.files, version.manifest, None, review.known_data(ctx, subject))
    return tuple(
        f"{finding.title} ({finding.file}, line {finding.line})"
        for finding in found
        if finding.severity == "blocks"
    )


def _verdict(ctx: Context, version: Version) -> review.Verdict:
    digest = version.manifest.digest
    return review.verdict(ctx, version.app, version.commit, digest, layer_of(ctx, version))


def _signature(ctx: Context, version: Version, verdict: review.Verdict) -> Signature:
    if verdict.state != "waiting" or verdict.by:
        return verdict.state
    try:
        asked = review.report(ctx, version.app, version.commit).requested_at is not None
    except NotFound:
        asked = False
    return "waiting" if asked else "none"
