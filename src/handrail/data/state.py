"""Compute the state of a dataset's certification from what was recorded; a state is never stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from handrail.data.filters import check_filter
from handrail.data.models import Certification, Contract, Proposal, RowFilter, State
from handrail.kernel import Refusal

EXPIRING = timedelta(days=30)


@dataclass(frozen=True)
class Standing:
    """The state, and the proposal or certification that it rests on."""

    state: State
    proposal: Proposal | None = None
    certification: Certification | None = None
    renewal: Proposal | None = None  # one that waits; meanwhile the certification holds


def standing(
    digest: str,
    proposals: Sequence[Proposal],
    certifications: Sequence[Certification],
    today: date,
) -> Standing:
    """Where the contract with this digest stands; both sequences are newest first.

    A proposal or certification counts only for exactly the content it names.
    """
    proposal = next(iter(proposals), None)
    proposal = proposal if proposal and proposal.digest == digest else None
    newest = next(iter(certifications), None)
    renewal = proposal if proposal and proposal.until else None
    if proposal and not renewal and (newest is None or newest.at < proposal.at):
        return Standing("proposed", proposal)
    if newest is None:
        return Standing("draft")
    if newest.revoked_at is not None:
        return Standing("revoked" if newest.digest == digest else "draft", certification=newest)
    if newest.digest != digest:
        return Standing("edited", certification=newest)
    waits = renewal if renewal and renewal.at > newest.at else None
    return Standing(_by_date(newest.until, today), proposal, newest, waits)


def _by_date(until: date, today: date) -> State:
    if today > until:
        return "expired"
    return "expiring" if today > until - EXPIRING else "certified"


def lacks(
    contract: Contract,
    purposes: Mapping[str, str],
    today: date,
    is_active: Callable[[str], bool] | None = None,
) -> tuple[str, ...]:
    """What a contract still needs before it can be certified, in words; empty when it is complete.

    `is_active` says whether an account exists and is active; without it people are not looked up.
    """
    return (
        *_people(contract, is_active),
        *_use(contract, purposes),
        *_filters(contract),
        *_dates(contract.expires, today),
    )


def _people(contract: Contract, is_active: Callable[[str], bool] | None) -> list[str]:
    found = []
    for role, person in (("owner", contract.owner), ("deputy", contract.deputy)):
        if not person:
            found.append(f"It has no {role}.")
        elif is_active and not is_active(person):
            found.append(f"Its {role} {person} has no active account.")
    if contract.owner and contract.owner == contract.deputy:
        found.append("Owner and deputy are the same person.")
    return found


def _use(contract: Contract, purposes: Mapping[str, str]) -> list[str]:
    found = [] if contract.purposes else ["No purpose is allowed yet."]
    found += [
        f"The purpose {p} is not declared in purposes.yaml." for p in contract.purposes if p not in purposes
    ]
    return found if contract.readers else [*found, "No group may read it yet."]


def unreachable(rules: Sequence[RowFilter]) -> bool:
    """Whether a filter comes after one for everybody, which always wins: that one would never apply."""
    return any(not rule.groups for rule in rules[:-1])


def _filters(contract: Contract) -> list[str]:
    found = ["A row filter for everybody must be the last one."] if unreachable(contract.row_filters) else []
    for rule in contract.row_filters:
        try:
            check_filter(rule.sql, contract)
        except Refusal as refusal:
            found.append(refusal.message)
    return found


def _dates(expires: date | None, today: date) -> list[str]:
    if expires is None:
        return ["It has no expiry date."]
    return ["Its expiry date is past."] if expires < today else []
