"""Look at apps and their versions, as far as each concerns the caller."""

from collections.abc import Collection

from handrail.apps import store
from handrail.apps.models import App, Promotion, Version
from handrail.kernel import Context, NotFound, NotReady, access, git


def app(ctx: Context, name: str) -> App:
    """One app; NotFound also for those whom it does not concern, so that names cannot be tried out."""
    return reach(ctx, name, "see-app")


def reach(ctx: Context, name: str, action: str) -> App:
    """The app, for a caller who may do `action` to it.

    Refuses NotAllowed with the rule to those who may know of the app, NotFound to all others.
    """
    found = store.find_app(ctx, name)
    if found is not None:
        decision = access.decide(ctx, action, found.resource)
        if decision.allowed:
            return found
        if action != "see-app" and access.decide(ctx, "see-app", found.resource).allowed:
            raise access.denial(decision, action, found.resource)
    raise NotFound(
        f"There is no app {name[:63]!r} that you may see.",
        next_step="Look at your apps, or ask its owner to share it with you.",
        subject=f"app:{name[:63]}",
    )


def apps(ctx: Context) -> tuple[App, ...]:
    """Every app that concerns the caller: their own, shared with them, or by their role; by name."""
    return tuple(
        found for found in store.find_apps(ctx) if access.decide(ctx, "see-app", found.resource).allowed
    )


def declaring(
    ctx: Context, about: Collection[str], names: Collection[str] | None = ()
) -> tuple[tuple[App, Version], ...]:
    """Of the apps that concern the caller those whose version that counts declares one of these datasets and
    metrics, and those of these names (None: all), each with that version. Rules are asked for these alone.
    """
    wanted = {
        version.app: version
        for version in store.find_counting(ctx, about, names)
        if names is None
        or version.app in names
        or not {*version.manifest.datasets, *version.manifest.metrics}.isdisjoint(about)
    }
    return tuple(
        (found, wanted[found.name])
        for found in store.find_apps(ctx, wanted)
        if access.decide(ctx, "see-app", found.resource).allowed
    )


def versions(ctx: Context, name: str) -> tuple[Version, ...]:
    """All versions with their why, newest first; refuses those who may not read the code."""
    reach(ctx, name, "clone")
    return store.find_versions(ctx, name)


def version(ctx: Context, name: str, commit: str | None = None, n: int | None = None) -> Version:
    """One version by its commit or number, or the newest; refuses those who may not read the code."""
    reach(ctx, name, "clone")
    return chosen(ctx, name, commit, n)


def chosen(ctx: Context, name: str, commit: str | None = None, n: int | None = None) -> Version:
    """The version asked for, or the newest; NotFound when there is none. Asks no rule: for other verbs."""
    found = store.find_version(ctx, name, commit=commit, n=n)
    if found is None:
        raise NotFound(f"{name} has no such version.", next_step="List its versions.", subject=f"app:{name}")
    return found


def in_production(ctx: Context, name: str) -> Version:
    """The version in production; NotReady when there is none. Asks no rule: for other verbs."""
    history = store.find_promotions(ctx, name)
    found = store.find_version(ctx, name, n=history[0].n) if history else None
    if found is None:
        raise NotReady(
            f"{name} is not in production yet.", next_step=f"Its owner promotes it: handrail promote {name}"
        )
    return found


def promotions(ctx: Context, name: str) -> tuple[Promotion, ...]:
    """What went to production, newest first; refuses those who may not read the code."""
    reach(ctx, name, "clone")
    return store.find_promotions(ctx, name)


def files(ctx: Context, name: str, commit: str | None = None) -> dict[str, bytes]:
    """The files of a version (the newest, without a commit), path to content; refuses as `versions` does."""
    return code(ctx, version(ctx, name, commit))


def code(ctx: Context, what: Version) -> dict[str, bytes]:
    """The files of a version. Asks no rule: for other verbs."""
    return git.Repository(ctx.db, what.app).files(what.commit)


def diff(ctx: Context, name: str, old: int | None, new: int) -> tuple[git.FileChange, ...]:
    """What changed from version `old` (None: from nothing) to `new`; refuses as `versions` does."""
    after = version(ctx, name, n=new)
    before = None if old is None else chosen(ctx, name, n=old).commit
    return git.Repository(ctx.db, name).diff(before, after.commit)
