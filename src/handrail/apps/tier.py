"""Which tier an app is in, `self-service` or `handoff` (engineering joins), with every reason."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from handrail.apps.models import Tier
from handrail.kernel import Schedule

COSTS = (
    "A reviewer who is not one of its makers reads each version before it goes to production.",
    "Every change waits for that again: an approval counts for exactly one version.",
    "Its owner stays its owner; a co-owner should be named who can answer when the owner is away.",
)


@dataclass(frozen=True)
class Reach:
    """What decides the tier: who opens the app, whether it runs by itself, and what about people it reads."""

    groups: Collection[str] = ()
    people: Collection[str] = ()  # beyond owner and co-owners
    schedule: Schedule | None = None
    classified: Mapping[str, str] | None = None  # "dataset.column" or "connector call" -> its class
    writes: Collection[str] = ()  # the connectors by which it changes something elsewhere


def tier(reach: Reach) -> Tier:
    """The tier; any one reason for handoff is enough, and all are given."""
    reasons = []
    if reach.groups:
        reasons.append(f"It is shared with {_and(reach.groups)}.")
    if reach.people:
        reasons.append(f"It is shared with {len(reach.people)} {_plural('person', 'people', reach.people)}.")
    if reach.schedule:
        reasons.append(f"It runs by itself ({reach.schedule.cron}, {reach.schedule.timezone}).")
    if reach.writes:
        reasons.append(f"It changes something in other systems: {_and(reach.writes)}.")
    for kind in ("sensitive", "personal"):
        columns = [column for column, label in (reach.classified or {}).items() if label == kind]
        if columns:
            reasons.append(f"It reads {kind} data: {_and(columns)}.")
    if reasons:
        return Tier("handoff", tuple(reasons))
    return Tier(
        "self-service",
        ("Only its owners open it.", "It does not run by itself.", "It reads nothing about persons."),
    )


def _and(names: Collection[str]) -> str:
    *first, last = sorted(names)
    if len(first) > 3:
        return f"{', '.join(first[:3])} and {len(first) - 2} more"
    return f"{', '.join(first)} and {last}" if first else last


def _plural(one: str, many: str, things: Collection[str]) -> str:
    return one if len(things) == 1 else many
