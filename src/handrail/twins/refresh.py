"""Refresh twins by themselves: when what they were made of has changed, or when a schedule says so.

A dataset without a word of its own goes by `twins.refresh` in the settings. All datasets that were built
together are refreshed together, so that their keys fit each other. What has not changed is left alone: the
same data and seed give the same bytes. A column that was renamed, dropped or retyped first needs a contract
that somebody certifies; the twin follows then.
"""

from __future__ import annotations

from handrail import data
from handrail.kernel import SYSTEM, Context, Instance, Invalid, Refusal, Resource, Schedule, access
from handrail.kernel.schedule import wrong_with_cron
from handrail.twins import files, store
from handrail.twins.build import may_build
from handrail.twins.life import CHANGED, CONTRACT, DATA, NEVER, SCHEDULE, Build, Refreshed
from handrail.twins.start import queue


def refreshed(ctx: Context, dataset: str) -> Refreshed:
    """When the twin of a dataset is refreshed. Refuses as `report` does."""
    access.require(ctx, "see-twin", Resource("Dataset", dataset))
    data.contract(ctx, dataset)
    return Refreshed(dataset, _rule(ctx, dataset), store.refresh_rule(ctx, dataset) is not None)


def set_rule(ctx: Context, dataset: str, rule: str) -> Refreshed:
    """Say when the twin of a dataset is refreshed, and those built together with it; "" follows the settings.

    Refuses Invalid what is neither `changed` nor `never` nor a cron line.
    """
    together = _together(ctx, dataset) or (dataset,)
    data.contract(ctx, dataset)
    may_build(ctx, together)
    words = " ".join(rule.split())
    if words not in ("", CHANGED, NEVER) and (because := wrong_with_cron(words)):
        raise Invalid(
            f"“{words[:60]}” does not say when a twin is refreshed: {because}.",
            next_step='Say "changed", "never", or a cron line in UTC, as "0 3 * * MON".',
            subject=f"dataset:{dataset}",
        )
    store.put_refresh_rule(ctx, together, words or None)
    ctx.audit.note("twin.scheduled", f"dataset:{dataset}", rule=words, datasets=list(together))
    return refreshed(ctx, dataset)


def on_refreshed(ctx: Context, event: data.DataRefreshed) -> None:
    """Queue a refresh where the data is new."""
    if _rule(ctx, event.dataset) == CHANGED:
        _refresh(ctx, event.dataset, DATA)


def on_certified(ctx: Context, event: data.DatasetCertified) -> None:
    """Queue a refresh where the contract is another than the twin was made by."""
    twin = data.rendition(ctx, event.dataset)
    if twin and twin.contract_digest != event.digest and _rule(ctx, event.dataset) == CHANGED:
        _refresh(ctx, event.dataset, CONTRACT)


def refresh_what_is_due(instance: Instance) -> tuple[Build, ...]:
    """Queue every refresh that a schedule asks for and no other server has queued."""
    with instance.context(SYSTEM) as ctx:
        now, found = ctx.clock.now(), []
        for dataset in store.published(ctx):
            rule, twin = _rule(ctx, dataset), data.rendition(ctx, dataset)
            if twin is None or rule in (CHANGED, NEVER):
                continue
            moment = Schedule.parse(rule, "UTC").latest(now)
            if moment is None or moment <= twin.built_at or not store.take_moment(ctx, dataset, moment):
                continue
            if _outdated(ctx, dataset) and (made := _refresh(ctx, dataset, SCHEDULE)):
                found.append(made)
    return tuple(found)


def _rule(ctx: Context, dataset: str) -> str:
    return store.refresh_rule(ctx, dataset) or ctx.settings.twins.refresh


def _refresh(ctx: Context, dataset: str, why: str) -> Build | None:
    """Queue a build of all that was built together with this; None where one waits or there is no twin."""
    twin, together = data.rendition(ctx, dataset), _together(ctx, dataset)
    if twin is None or not together:
        return None
    if any(dataset in one.datasets for one in store.in_state(ctx, "queued")):
        return None
    wanted = [name for name in together if name == dataset or _certified(ctx, name)]
    seed = twin.facts.get("seed", 0)
    assert isinstance(seed, int)
    return queue(ctx, wanted, seed, why, SYSTEM)


def _together(ctx: Context, dataset: str) -> tuple[str, ...]:
    """The datasets whose twins of today were built together with this one's, itself included."""
    twin = data.rendition(ctx, dataset)
    build = str(twin.facts.get("build", "")) if twin else ""
    return tuple(name for name in store.datasets_of(ctx, build) if _is_current(ctx, name, build))


def _is_current(ctx: Context, dataset: str, build: str) -> bool:
    twin = data.rendition(ctx, dataset)
    return twin is not None and twin.facts.get("build") == build


def _certified(ctx: Context, dataset: str) -> bool:
    try:
        return data.dataset(ctx, dataset).certified
    except Refusal:  # its contract cannot be read; the others are refreshed all the same
        return False


def _outdated(ctx: Context, dataset: str) -> bool:
    """Whether data or contract is another than the twin was made of; what stays at its source always is."""
    twin = data.rendition(ctx, dataset)
    try:
        now = data.dataset(ctx, dataset)
        made = files.manifest_of(ctx.settings.home, str(twin.facts["build"])) if twin else None
    except (Refusal, FileNotFoundError):
        return True  # the build says why not
    if now.contract.engine or made is None:
        return True
    return (now.hash, now.as_of) not in {(one.contract, one.extract) for one in made.sources}


subscriptions = (
    (data.DataRefreshed, on_refreshed),
    (data.DatasetCertified, on_certified),
)
