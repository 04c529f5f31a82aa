"""Until when a run and what it left are kept: by settings, manifest and contracts, and by what needs it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from handrail import data
from handrail.kernel import Context, Manifest, Resource, access
from handrail.kernel.manifest import MOST_DAYS
from handrail.runtime import look, retention_store
from handrail.runtime.keeping import Keep, Limit, Need, Part, Terms, keeping
from handrail.runtime.models import Run
from handrail.runtime.retention_store import Hold, Left

RETENTION = Resource("Retention", "all", {})
_COMPARED = 2  # runs of a person: the newest, and the one that it is held against


@dataclass(frozen=True)
class Rules:
    """What says how long runs are kept, beside the runs themselves: settings, and datasets' contracts."""

    terms: Terms
    retentions: Mapping[str, timedelta]

    def shortest(self, part: Part) -> timedelta | None:
        """The youngest age at which this part of a run may be due, whatever its manifest says."""
        days = [timedelta(one) for one in (getattr(self.terms, part), self.terms.record) if one]
        return min((*days, *(self.retentions.values() if part == "outputs" else ())), default=None)

    def usual(self, part: Part) -> timedelta:
        """The age at which this part of a run that nothing needs is due, as the settings say."""
        return timedelta(getattr(self.terms, part) or MOST_DAYS)


@dataclass(frozen=True)
class Kept:
    """How long a run is kept; no `parts` while it goes on. What was deleted of it already says since when."""

    run: str
    parts: tuple[Keep, ...]
    outputs_swept: datetime | None
    inputs_swept: datetime | None
    hold: Hold | None

    def of(self, part: Part) -> Keep | None:
        """Until when this part is kept; None while the run goes on."""
        return next((one for one in self.parts if one.part == part), None)


def kept(ctx: Context, run_id: str) -> Kept:
    """Until when a run and what it left are kept, and why: for its person, the app's owners and support.

    Of a hold only who runs the house learns by whom and what for: it may be about the others.
    """
    run = look.run(ctx, run_id)
    hold = next(iter(retention_store.held(ctx, [run.id])), None)
    parts: tuple[Keep, ...] = keeps(ctx, rules(ctx), [_left(run)])[run.id] if run.over else ()
    if hold and not access.decide(ctx, "see-retention", RETENTION).allowed:
        said = "support or compliance keeps it"
        hold, parts = None, tuple(replace(one, because=said, needed=said) for one in parts)
    return Kept(run.id, parts, run.outputs_swept, run.inputs_swept, hold)


def usual(ctx: Context, manifest: Manifest) -> tuple[Terms, Mapping[str, int]]:
    """How many days what runs of this manifest leave is usually kept, and by which contracts of the datasets
    that it declares it is fewer. Asks no rule: for the page of an app.
    """
    known = rules(ctx)
    days = [one for one in (known.terms.record, manifest.keep_days) if one]
    outputs, inputs = (
        min((one for one in (term, *days) if one), default=0)
        for term in (known.terms.outputs, known.terms.inputs)
    )
    shorter = {
        name: age.days
        for name, age in known.retentions.items()
        if name in manifest.datasets and (not outputs or age.days < outputs)
    }
    return Terms(outputs, inputs, known.terms.record), shorter


def rules(ctx: Context) -> Rules:
    """What says now how long runs are kept. Asks no rule: for who deletes, and for who tells."""
    chosen = ctx.settings.retention
    days = (chosen.outputs_days, chosen.inputs_days, chosen.records_days)
    terms = Terms(*(min(one, MOST_DAYS) for one in days))
    longest = timedelta(MOST_DAYS)
    return Rules(terms, {name: min(age, longest) for name, age in data.retentions(ctx).items()})


def keeps(ctx: Context, known: Rules, found: Sequence[Left]) -> Mapping[str, tuple[Keep, Keep, Keep]]:
    """Until when each of these runs that are over is kept. Asks no rule: as `rules`."""
    read = data.read_by(ctx, [one.run for one in found]) if known.retentions else {}
    needed = _needs(ctx, found)
    return {
        one.run: keeping(
            one.began,
            one.ended,
            known.terms,
            one.keep_days,
            [
                Limit(age, f"the contract of {name} lets what it holds be kept for {age.days:,} days")
                for name, age in known.retentions.items()
                if name in read.get(one.run, ())
            ],
            needed[one.run],
        )
        for one in found
    }


def _needs(ctx: Context, found: Sequence[Left]) -> Mapping[str, list[Need]]:
    """What needs each of these runs, as far as this room and those above know."""
    needs: dict[str, list[Need]] = {one.run: [] for one in found}
    for hold in retention_store.held(ctx, list(needs)):
        needs[hold.run].append(Need("hold", f"{hold.by} keeps it: {hold.reason.rstrip('.')}"))
    for app, environment, person in dict.fromkeys((one.app, one.environment, one.person) for one in found):
        of = f"of {app} for {person} in {'the sandbox' if environment == 'sandbox' else environment}"
        if good := retention_store.newest_good(ctx, app, environment, person):
            _add(needs, good, Need("outputs", f"it is the last run {of} that went well"))
        for one in retention_store.newest(ctx, app, environment, person, _COMPARED):
            _add(needs, one, Need("outputs", f"it is one of the last two runs {of}, which are compared"))
    for app, commit in dict.fromkeys((one.app, one.commit) for one in found if one.environment == "sandbox"):
        if trial := retention_store.newest_trial(ctx, app, commit):
            said = f"by it version {commit[:8]} of {app} is known to have run in the sandbox"
            _add(needs, trial, Need("record", said))
    versions = {one.run: (one.app, one.commit, one.environment) for one in found}
    for run, because in ctx.ports.apps.needed(ctx, versions).items():
        _add(needs, run, Need("outputs", because))
    return needs


def _add(needs: Mapping[str, list[Need]], run: str, need: Need) -> None:
    if run in needs:
        needs[run].append(need)


def _left(run: Run) -> Left:
    began, ended = run.started or run.queued, run.finished or run.queued
    return Left(
        run.id, run.app, run.commit, run.environment, run.person, began, ended, run.manifest.keep_days
    )
