"""The conditions between a version and production, in the order people meet them: facts in, gates out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from handrail.apps.models import Gate, GateState, Tier
from handrail.kernel import Manifest

TrialState = Literal["never", "going", "succeeded", "failed"]
Signature = Literal["none", "waiting", "approved", "refused"]
_AWAKE = "Close it, and it sleeps after a while; or press Stop on the page of its run."
SHOWN = 3  # names in a sentence; the rest is counted


@dataclass(frozen=True)
class DatasetFact:
    """A declared dataset as the catalog has it now."""

    name: str
    certified: bool
    state: str  # in the catalog's words
    purposes: tuple[str, ...]
    owner: str | None


@dataclass(frozen=True)
class ConnectorFact:
    """A declared connector as its definition states it now; without an owner when there is no such one."""

    name: str
    owner: str
    purposes: tuple[str, ...]
    calls: Mapping[str, bool]  # by key, whether a call writes


@dataclass(frozen=True)
class Facts:
    """Everything that the gates look at, as values, for one version of one app."""

    app: str
    n: int
    manifest: Manifest
    owner: str
    owner_active: bool
    datasets: tuple[DatasetFact, ...]
    metrics_missing: tuple[str, ...]
    metrics_unproven: Mapping[str, str]  # by name, why a metric does not carry the badge it names totals for
    trial: TrialState
    trial_says: str  # why the last sandbox run failed
    blocking: tuple[str, ...]  # findings that block: title, file and line
    observed: Mapping[str, frozenset[str]]
    by_metrics: Mapping[str, frozenset[str]]  # what the declared metrics read for the app
    tier: Tier
    signature: Signature
    signature_says: str
    signature_next: str
    connectors: tuple[ConnectorFact, ...] = ()
    called: tuple[tuple[str, str, bool], ...] = ()  # in the sandbox: connector, call, whether it writes
    unapproved: tuple[str, ...] = ()  # packages that it adds to its layer and that are off the list by now


def gates(facts: Facts) -> tuple[Gate, ...]:
    """Every gate; production is reached when all are open."""
    return (
        _ownership(facts),
        _data(facts),
        *((_packages(facts),) if facts.unapproved else ()),
        _trial(facts),
        _findings(facts),
        _observed(facts),
        *((_calls(facts),) if facts.manifest.connectors else ()),
        _signature(facts),
    )


def undeclared(facts: Facts) -> tuple[str, ...]:
    """What was read and neither declared nor read by a declared metric: `dataset.column`, sorted."""
    extra = []
    for dataset, columns in facts.observed.items():
        by_metric = facts.by_metrics.get(dataset, frozenset())
        if dataset not in facts.manifest.datasets:
            extra += [f"{dataset}.{column}" for column in columns - by_metric]
        elif declared := facts.manifest.datasets[dataset]:
            extra += [f"{dataset}.{column}" for column in columns - by_metric - set(declared)]
    return tuple(sorted(extra))


def undeclared_calls(facts: Facts) -> tuple[str, ...]:
    """What was called in the sandbox and not declared, or declared as reading: `connector: call`, sorted."""
    extra = set()
    for connector, call, writes in facts.called:
        declared = facts.manifest.connectors.get(connector)
        reading = declared.reading if declared and not writes else frozenset[str]()
        if declared is None or call not in reading | declared.writing:
            extra.add(f"{connector}: {call}")
    return tuple(sorted(extra))


def unused(facts: Facts) -> tuple[str, ...]:
    """What was declared column by column and never read, sorted."""
    return tuple(
        sorted(
            f"{dataset}.{column}"
            for dataset, columns in facts.manifest.datasets.items()
            for column in set(columns) - facts.observed.get(dataset, frozenset())
        )
    )


def _ownership(facts: Facts) -> Gate:
    if facts.owner_active:
        return Gate("ownership", "Somebody owns it", "open", f"{facts.owner} answers for it.")
    return Gate(
        "ownership",
        "Somebody owns it",
        "shut",
        f"{facts.owner} is no longer active, so nobody answers for it.",
        "A co-owner or an admin hands it over to somebody who is: the app's page, Sharing.",
        "admin",
    )


def _data(facts: Facts) -> Gate:
    key, title, purpose = "data", "Its data is certified", facts.manifest.purpose
    for dataset in facts.datasets:
        steward = dataset.owner or "a steward"
        if not dataset.certified:
            because = f"{dataset.name} is {dataset.state}, not certified."
            return Gate(key, title, "shut", because, f"Ask {steward} to certify it.", steward)
        if purpose not in dataset.purposes:
            because = f"{dataset.name} may not be used for {purpose}."
            allowed = f"It may be for {_some(dataset.purposes)}." if dataset.purposes else ""
            next_step = f"{allowed} Ask {steward}, or change the purpose.".strip()
            return Gate(key, title, "shut", because, next_step, steward)
    if facts.metrics_missing:
        because = f"There is no metric {_some(facts.metrics_missing)} any more."
        return Gate(key, title, "shut", because, "Use one from the catalog.", facts.owner)
    if facts.metrics_unproven:
        metric, why = next(iter(facts.metrics_unproven.items()))
        because = f"The metric {metric} is not certified: {why}"
        next_step = f"Stewards reconcile and certify it: handrail reconcile {metric}"
        return Gate(key, title, "shut", because, next_step, "a steward")
    names = [*facts.manifest.datasets, *facts.manifest.metrics]
    return Gate(key, title, "open", f"{_some(names)}, for {purpose}." if names else "It declares none.")


def _packages(facts: Facts) -> Gate:
    because = f"It adds packages that are no longer approved: {_some(facts.unapproved)}."
    step = "Do without them, or ask for them on the page Packages; then push again."
    return Gate("packages", "Its packages are approved", "shut", because, step, facts.owner)


def _trial(facts: Facts) -> Gate:
    key, title = "sandbox", "It ran in the sandbox"
    again = _run_it(facts)
    match facts.trial:
        case "succeeded":
            return Gate(key, title, "open", f"Version {facts.n} ran to its end on synthetic data.")
        case "going":
            wait = "Wait for it to end." if facts.manifest.kind == "job" else _AWAKE
            return Gate(key, title, "waiting", "It is running now.", wait, "")
        case "failed":
            because = f"Its last run failed: {facts.trial_says}"
            mend = f"Its log says where. Mend it and push it. {again}"
            return Gate(key, title, "shut", because, mend, facts.owner)
    return Gate(key, title, "shut", f"Version {facts.n} has not run yet.", again, facts.owner)


def _run_it(facts: Facts) -> str:
    if facts.manifest.kind == "job":
        return f"Run it: handrail run {facts.app}"
    return "Open it with “Try it in the sandbox”, and look at what it shows."


def _findings(facts: Facts) -> Gate:
    key, title = "findings", "Nothing found that blocks"
    if facts.blocking:
        count = len(facts.blocking)
        because = f"{count} {'finding blocks' if count == 1 else 'findings block'}: {_some(facts.blocking)}."
        return Gate(
            key,
            title,
            "shut",
            because,
            "Fix that and push again; `handrail review` checks the folder before.",
            facts.owner,
        )
    return Gate(key, title, "open", "The automatic checks found nothing that blocks.")


def _observed(facts: Facts) -> Gate:
    key, title = "declared", "It reads what it declares"
    if facts.trial == "never":
        because = "What it really reads is known once it ran."
        return Gate(key, title, "waiting", because, _run_it(facts), facts.owner)
    if extra := undeclared(facts):
        because = (
            f"It read {len(extra)} {'column' if len(extra) == 1 else 'columns'} that it does not declare: "
        )
        next_step = "Declare them in handrail.toml if the purpose needs them, or read less; then push again."
        return Gate(key, title, "shut", because + _some(extra) + ".", next_step, facts.owner)
    spare = unused(facts)
    because = f"Declared but not read: {_some(spare)}." if spare else "What it read is what it declares."
    return Gate(key, title, "open", because, "You could declare less." if spare else "")


def _calls(facts: Facts) -> Gate:
    key, title = "calls", "It calls what it declares"
    for connector in facts.connectors:
        if (wrong := _misdeclared(facts, connector)) is not None:
            because, step, who = wrong
            return Gate(key, title, "shut", because, step, who)
    if extra := undeclared_calls(facts):
        because = f"It made {len(extra)} {'call' if len(extra) == 1 else 'calls'} that it does not declare: "
        step = "Declare them in handrail.toml if the purpose needs them, or leave them; then push again."
        return Gate(key, title, "shut", because + _some(extra) + ".", step, facts.owner)
    declared = facts.manifest.connectors.items()
    named = [f"{name}: {_some((*calls.reads, *calls.writes))}" for name, calls in declared]
    return Gate(key, title, "open", f"{'; '.join(named)}.")


def _misdeclared(facts: Facts, connector: ConnectorFact) -> tuple[str, str, str] | None:
    """What is wrong with what is declared of a connector: why, what to do, and who does it."""
    name, declared = connector.name, facts.manifest.connectors[connector.name]
    if not connector.owner:
        because = f"There is no connector {name}, or its definition cannot be read."
        return because, "Use one from the page Connectors.", facts.owner
    if facts.manifest.purpose not in connector.purposes:
        step = f"Ask {connector.owner}, who answers for it, or change the purpose."
        return f"{name} may not be called for {facts.manifest.purpose}.", step, connector.owner
    if lost := sorted((declared.reading | declared.writing) - set(connector.calls)):
        return f"{name} has no call {_some(lost)}.", "Its page shows the calls that it has.", facts.owner
    if wrong := sorted(one for one in declared.reading if connector.calls[one]):
        step = f"Move it to writes under [connectors.{name}] in handrail.toml; then push again."
        return f"{_some(wrong)} changes something at {name}, and is declared as reading.", step, facts.owner
    return None


def _signature(facts: Facts) -> Gate:
    key = "sign-off"
    if not facts.tier.handoff:
        because = "Self-service: automatic checks only, no other person has read this code."
        return Gate(key, "Self-service: no sign-off", "open", because)
    title = "Handoff: a reviewer said yes"
    states: dict[Signature, GateState] = {"approved": "open", "refused": "shut", "waiting": "waiting"}
    says = facts.signature_says or f"Version {facts.n} has not been put before a reviewer."
    because = f"{says} It is handoff because: {' '.join(facts.tier.reasons)}"
    step = facts.signature_next or f"handrail promote {facts.app} asks for it."
    approved = facts.signature == "approved"
    who = "" if approved else "a reviewer" if facts.signature == "waiting" else facts.owner
    state = states.get(facts.signature, "waiting")
    return Gate(key, title, state, because, "" if approved else step, who, ask=facts.signature == "none")


def _some(names: Iterable[str]) -> str:
    every = list(names)
    more = len(every) - SHOWN
    return ", ".join(every[:SHOWN]) + (f" and {more} more" if more > 0 else "")
