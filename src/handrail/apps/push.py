"""Keep a new version of an app: its files as a git commit with why and prompts, in one transaction."""

from collections.abc import Mapping, Sequence

from handrail import connectors, data, review, runtime
from handrail.apps import facts, paths, spoken, store
from handrail.apps.events import AppPushed
from handrail.apps.models import App, Prompt, Version
from handrail.apps.redact import redact
from handrail.apps.unpack import Limits
from handrail.kernel import Conflict, Context, Invalid, Manifest, access, git
from handrail.kernel.manifest import FILENAME, nearest

RESERVED = {"new"}
LONGEST_WHY = 4000  # characters


def push(ctx: Context, files: Mapping[str, bytes], why: str, prompts: str | Sequence[Prompt] = ()) -> Version:
    """Keep these files as the next version; the first one makes the caller the app's owner.

    `prompts` may be the text of a file of them; they and the why are kept without secrets. Packages that the
    files ask for are locked, and the lock is a file of the version. Refuses Invalid for unsafe names, a
    manifest that does not parse or that names an entrypoint, dataset, metric or purpose that does not exist;
    LimitReached above the settings; NotAllowed for those who are not makers or not owners; Conflict when
    nothing changed; and as `runtime.lock_packages` for packages.
    """
    limits(ctx).check(len(files), sum(map(len, files.values())))
    paths.check(files)
    manifest = declared(files)
    reason = explained(why)
    heard = spoken.read(prompts) if isinstance(prompts, str) else tuple(prompts)
    known = store.find_app(ctx, manifest.name)
    me = ctx.caller.person.id
    app = known or App(manifest.name, me, (), (), (), ctx.clock.now())
    access.require(ctx, "push", app.resource)
    check_exists(ctx, manifest)
    python = manifest.kind != "static"  # a bundle for browsers may hold a list that is none of ours
    added = runtime.lock_packages(ctx, manifest.layer, files) if python else None
    files = runtime.with_lock(files, added)
    kept, taken = spoken.cleaned(heard, ctx.settings.apps.prompts_kb * 1024)
    clean_why = redact(reason)
    totals = {kind: taken.get(kind, 0) + clean_why.taken.get(kind, 0) for kind in {*taken, *clean_why.taken}}
    if known is None:
        store.add_app(ctx, app.name, me, app.created)
        ctx.audit.note("app.registered", f"app:{app.name}", owner=me)
    version = _commit(ctx, files, manifest, clean_why.text, kept, totals)
    ctx.audit.note(
        "app.pushed",
        f"app:{app.name}",
        n=version.n,
        commit=version.commit,
        manifest=manifest.digest,
        why=version.why,
        prompts=version.prompts,
        redacted=totals,
    )
    owned = store.find_app(ctx, app.name) or app
    review.examine(ctx, facts.submission(ctx, owned, version))
    ctx.events.publish(AppPushed(app.name, version.n, version.commit, me))
    return version


def limits(ctx: Context) -> Limits:
    """The most that a version may hold on this instance."""
    return Limits(ctx.settings.apps.max_files, ctx.settings.apps.max_mb * 1024**2)


def declared(files: Mapping[str, bytes]) -> Manifest:
    """The manifest among these files; refuses Invalid as `manifest_of`, and when there is no entrypoint."""
    manifest = manifest_of(files)
    if manifest.name in RESERVED:
        raise Invalid(
            f"An app cannot be called {manifest.name!r}: that is an address of Handrail's own.",
            next_step="Give it a name that says what it does.",
        )
    if manifest.entrypoint not in files:
        raise Invalid(
            f"{FILENAME} names {manifest.entrypoint} as the entrypoint, and there is no such file.",
            next_step=nearest(manifest.entrypoint, [path for path in files if path != FILENAME]),
        )
    return manifest


def manifest_of(files: Mapping[str, bytes]) -> Manifest:
    """The manifest among these files; refuses Invalid when it is absent or does not parse."""
    if FILENAME not in files:
        raise Invalid(
            f"There is no {FILENAME} among the {len(files)} files.",
            next_step="`handrail new DIR` makes one; push the folder that holds it.",
        )
    try:
        text = files[FILENAME].decode("utf-8")
    except UnicodeDecodeError as error:
        raise Invalid(f"{FILENAME} is not UTF-8 text.", next_step="Save it as UTF-8.") from error
    return Manifest.parse(text)


def explained(why: str) -> str:
    """The why as it may stand in a commit; refuses Invalid when there is none or it is a book."""
    plain = "".join(
        letter for letter in why.replace("\r\n", "\n") if letter.isprintable() or letter == "\n"
    ).strip()
    if not plain:
        raise Invalid(
            "Nobody will know why this version exists.", next_step='Say it in a sentence: --why "…".'
        )
    if len(plain) > LONGEST_WHY:
        raise Invalid(
            f"The why has {len(plain):,} characters; {LONGEST_WHY:,} are the most.",
            next_step="Give the reason, and hand the rest over as prompts.",
        )
    return plain


def check_exists(ctx: Context, manifest: Manifest) -> None:
    """Refuse Invalid when the manifest names a purpose, dataset, column or metric that does not exist."""
    purposes = data.purposes(ctx)
    if manifest.purpose not in purposes:
        raise Invalid(
            f"{FILENAME}: '{manifest.purpose}' is not a purpose that this organisation declared.",
            next_step=nearest(manifest.purpose, purposes),
        )
    catalog = {dataset.name: dataset for dataset in data.datasets(ctx)} if manifest.datasets else {}
    for name, columns in manifest.datasets.items():
        if name not in catalog:
            raise Invalid(
                f"{FILENAME}: there is no dataset '{name}' in the catalog.", next_step=nearest(name, catalog)
            )
        there = [column.name for column in catalog[name].contract.columns]
        for column in columns:
            if column not in there:
                raise Invalid(
                    f"{FILENAME}: {name} has no column '{column}'.", next_step=nearest(column, there)
                )
    metrics = {metric.name for metric in data.metrics(ctx)} if manifest.metrics else set()
    for metric in manifest.metrics:
        if metric not in metrics:
            raise Invalid(
                f"{FILENAME}: there is no metric '{metric}'.", next_step=nearest(metric, sorted(metrics))
            )
    _check_calls(ctx, manifest)


def _check_calls(ctx: Context, manifest: Manifest) -> None:
    """Refuse a connector, or a call of one, that there is not."""
    found = connectors.connectors(ctx) if manifest.connectors else ()
    known = {one.connector.name: one.connector for one in found}
    for name, declared in manifest.connectors.items():
        if name not in known:
            raise Invalid(f"{FILENAME}: there is no connector '{name}'.", next_step=nearest(name, known))
        there = {one.pattern.key: str(one.pattern) for one in known[name].calls}
        for key in sorted(declared.reading | declared.writing):
            if key not in there:
                raise Invalid(
                    f"{FILENAME}: {name} has no call '{key}'.", next_step=nearest(key, there.values())
                )


def _commit(
    ctx: Context,
    files: Mapping[str, bytes],
    manifest: Manifest,
    why: str,
    said: Sequence[Prompt],
    redacted: Mapping[str, int],
) -> Version:
    repository = git.Repository(ctx.db, manifest.name)
    tree = repository.write_tree(files)
    last = store.find_version(ctx, manifest.name)
    if last is not None and last.tree == tree:
        raise Conflict(
            f"Nothing changed since version {last.n}.", next_step="Change a file, or run that version."
        )
    person, now = ctx.caller.person, ctx.clock.now()
    author = git.Author(person.name, person.email or person.id)
    commit = repository.commit(tree, author, why, now)
    n = last.n + 1 if last else 1
    repository.move(f"refs/tags/v{n}", None, commit)
    if said:
        repository.annotate(spoken.NOTES, commit, spoken.written(said), author, now)
    version = Version(manifest.name, n, commit, tree, manifest, why, person.id, now, len(said), redacted)
    store.add_version(ctx, version)
    return version
