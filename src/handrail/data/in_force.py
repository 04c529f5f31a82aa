"""What is in force: the access rules with their reasons, and the purposes with what they are used for."""

from __future__ import annotations

from dataclasses import dataclass

from handrail.data import catalog_store
from handrail.data.catalog import CATALOG, PURPOSES_FILE, declared_purposes
from handrail.data.index import index
from handrail.kernel import Context, Refusal, access, definitions
from handrail.kernel.access import Policies, Rule
from handrail.kernel.definitions import Edit

_LISTED = 20  # datasets of a purpose


@dataclass(frozen=True)
class InForce:
    """The access rules by which the server decides now, under the version that every decision names."""

    version: str
    rules: tuple[Rule, ...]
    waiting: str  # what the next start would make of files that were edited since; "" when none were


@dataclass(frozen=True)
class Purpose:
    """What data may be used for: its meaning, the first datasets it is allowed for, and the apps with it."""

    name: str
    meaning: str
    datasets: tuple[str, ...]
    datasets_in_all: int
    apps: tuple[str, ...]


def policies(ctx: Context) -> InForce:
    """The access rules in force. Refuses those who do not look after data, people or proofs."""
    access.require(ctx, "see-policies", CATALOG)
    now = ctx.instance.policies
    return InForce(now.version, now.listed, _waiting(ctx, now.version))


def purposes_in_use(ctx: Context) -> tuple[Purpose, ...]:
    """Every declared purpose, with the datasets that allow it and the apps, of those the caller knows."""
    access.require(ctx, "see-datasets", CATALOG)
    index(ctx)
    apps = ctx.ports.apps.known(ctx)
    found = []
    for name, meaning in declared_purposes(ctx).items():
        datasets, count = catalog_store.used_for(ctx, name, _LISTED)
        with_it = tuple(app.name for app in apps if app.manifest.purpose == name)
        found.append(Purpose(name, meaning, tuple(datasets), count, with_it))
    return tuple(found)


def purpose_edits(ctx: Context) -> tuple[Edit, ...]:
    """Who declared purposes, newest first; for those who may see the access rules."""
    access.require(ctx, "see-policies", CATALOG)
    return definitions.history(ctx, PURPOSES_FILE)


def _waiting(ctx: Context, version: str) -> str:
    """What has become of the instance's own rule files since they were read."""
    try:
        fresh = Policies.load(ctx.instance.rooms, ctx.instance.own_rules())
    except Refusal as refusal:
        return f"{refusal.message} The server would not start with them."
    if fresh.version == version:
        return ""
    return f"Files under policies/ were edited; from the next start on version {fresh.version} is in force."
